/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Every allocation failed in turn, once and for good: no crash, no leak, a typed status, and the
 * next call works where the failure was the caller's own. */

#include "../unit.h"
#include "stage.h"

typedef void scenario(stage *s);

static void open_and_close(stage *s) {
    lev_connection_close_ok ok = {0};
    (void)lev_engine_close(s->e, 200, "");
    stage_says(s, 0, LEV_CONNECTION_CLOSE_OK, &ok);
    stage_deliver(s);
}

static void call_many(stage *s) {
    lev_queue_declare_ok ok = {.queue = sp("q")};
    for (int i = 0; i < 9; i++) {
        lev_status status = lev_engine_queue_declare(s->e, 1, &(lev_queue_declare){0}, NULL);
        EXPECT(status == LEV_OK || status == LEV_ERR_MEMORY || status == LEV_ERR_MISUSE);
        if (status == LEV_OK) {
            stage_says(s, 1, LEV_QUEUE_DECLARE_OK, &ok);
        }
    }
    stage_deliver(s);
}

static void publish_with_confirms(stage *s) {
    static const uint8_t body[20000];
    lev_confirm_select_ok ok = {0};
    lev_publication p = {.exchange = sp("x"), .body = {body, sizeof body}, .mandatory = true};
    if (lev_engine_confirm_select(s->e, 1, &(lev_confirm_select){0}, NULL) != LEV_OK) {
        return;
    }
    stage_says(s, 1, LEV_CONFIRM_SELECT_OK, &ok);
    stage_deliver(s);
    uint64_t last = 0;
    for (int i = 0; i < 12; i++) {
        p.lend = i % 2 == 0;
        uint64_t number;
        lev_status status = lev_engine_publish(s->e, 1, &p, &number);
        EXPECT(status == LEV_OK || status < 0);
        EXPECT_EQ(number, status == LEV_OK ? last + 1 : 0);
        last += status == LEV_OK;
    }
    stage_flush(s);
    lev_basic_ack ack = {.delivery_tag = last, .multiple = true};
    if (last > 0) {
        stage_says(s, 1, LEV_BASIC_ACK, &ack);
    }
    stage_deliver(s);
    EXPECT(lev_engine_error(s->e)->status != LEV_OK || lev_engine_unsettled(s->e, 1) == 0);
}

static void consume_large(stage *s) {
    static const uint8_t body[300000];
    lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
    lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = 1};
    if (lev_engine_basic_consume(s->e, 1, &consume, NULL) != LEV_OK) {
        return;
    }
    stage_says(s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(s, 1, NULL, (lev_span){body, sizeof body}, 131064);
    stage_deliver(s);
    if (lev_engine_error(s->e)->status == LEV_OK) {
        EXPECT(stage_logged(s, "deliver"));
    }
}

static void run(scenario *play, bool from_then_on) {
    for (unsigned long n = 1;; n++) {
        stage s = {.fail_at = n, .fail_on = from_then_on};
        stage_open_channel(&s, NULL);
        if (s.e != NULL) {
            play(&s);
        }
        bool fired = s.allocations >= n;
        if (s.e != NULL && lev_engine_error(s.e)->status != LEV_OK && fired) {
            EXPECT(lev_engine_error(s.e)->status == LEV_ERR_MEMORY ||
                   lev_engine_error(s.e)->status == LEV_ERR_CLOSED ||
                   lev_engine_error(s.e)->status == LEV_ERR_PROTOCOL);
        }
        stage_deinit(&s);
        EXPECT_EQ(s.balance, 0);
        if (!fired) {
            EXPECT(n > 3);
            return;
        }
    }
}

static void survives_each_failure_of_open_and_close(void) {
    run(open_and_close, false);
    run(open_and_close, true);
}

static void survives_each_failure_of_calls(void) {
    run(call_many, false);
    run(call_many, true);
}

static void survives_each_failure_of_publishing(void) {
    run(publish_with_confirms, false);
    run(publish_with_confirms, true);
}

static void survives_each_failure_of_consuming(void) {
    run(consume_large, false);
    run(consume_large, true);
}

UNIT_MAIN("allocation", CASE(survives_each_failure_of_open_and_close),
          CASE(survives_each_failure_of_calls), CASE(survives_each_failure_of_publishing),
          CASE(survives_each_failure_of_consuming))
