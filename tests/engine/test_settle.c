/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Settling what was settled, what is no delivery, and what there is no room for; and an engine that
 * is told of the end twice. */

#include "../unit.h"
#include "stage.h"

static lev_delivery handle(uint64_t tag) { return (lev_delivery){1, 1, tag}; }

/* Four deliveries on channel 1, none of them settled. */
static void open_with_deliveries(stage *s, const lev_engine_options *options) {
    stage_open_channel(s, options);
    lev_basic_consume c = {.consumer_tag = sp("c"), .nowait = true};
    EXPECT_EQ(lev_engine_basic_consume(s->e, 1, &c, NULL), LEV_OK);
    for (uint64_t tag = 1; tag <= 4; tag++) {
        stage_says(s, 1, LEV_BASIC_DELIVER,
                   &(lev_basic_deliver){.consumer_tag = sp("c"), .delivery_tag = tag});
        stage_says_body(s, 1, NULL, sp("b"), 4096);
    }
    stage_deliver(s);
    stage_flush(s);
    s->sent_read = s->sent_len;
}

/* The broker knows best that it is one too many: it gets what the program said, and says 406. */
static void sends_a_second_ack_of_a_delivery(void) {
    stage s = {0};
    lev_method m;
    open_with_deliveries(&s, NULL);
    EXPECT_EQ(lev_engine_ack(s.e, handle(3), true), LEV_OK);
    stage_flush(&s);
    EXPECT_EQ(lev_engine_ack(s.e, handle(2), false), LEV_OK);
    stage_flush(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_ACK, &m));
    EXPECT(m.as.basic_ack.delivery_tag == 3 && m.as.basic_ack.multiple);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_ACK, &m));
    EXPECT(m.as.basic_ack.delivery_tag == 2 && !m.as.basic_ack.multiple);
    stage_deinit(&s);
}

static void refuses_what_is_no_delivery(void) {
    stage s = {0};
    open_with_deliveries(&s, NULL);
    EXPECT_EQ(lev_engine_ack(s.e, (lev_delivery){0}, false), LEV_ERR_STALE);
    EXPECT_EQ(lev_engine_ack(s.e, (lev_delivery){.channel = 1, .tag = 1}, false), LEV_ERR_STALE);
    EXPECT_EQ(lev_engine_nack(s.e, (lev_delivery){1, 2, 1}, false, true), LEV_ERR_STALE);
    EXPECT_EQ(lev_engine_reject(s.e, (lev_delivery){2, 1, 1}, true), LEV_ERR_STALE);
    EXPECT_EQ(lev_engine_reject(s.e, handle(0), true), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_deinit(&s);
}

/* A peer that does not read: what was not taken is still the program's to settle. */
static void settles_only_what_there_was_room_for(void) {
    stage s = {0};
    lev_status status = LEV_OK;
    lev_method m;
    open_with_deliveries(&s, NULL);
    for (long n = 0; status == LEV_OK; n++) {
        EXPECT(n < 10000000);
        status = lev_engine_reject(s.e, handle(1), false);
    }
    EXPECT_EQ(status, LEV_AGAIN);
    size_t queued = lev_engine_queued(s.e);
    EXPECT_EQ(lev_engine_nack(s.e, handle(2), false, false), LEV_AGAIN);
    EXPECT_EQ(lev_engine_reject(s.e, handle(2), false), LEV_AGAIN);
    EXPECT_EQ(lev_engine_queued(s.e), queued);

    stage_flush(&s);
    s.sent_read = s.sent_len;
    EXPECT_EQ(lev_engine_ack(s.e, handle(3), false), LEV_OK);
    EXPECT_EQ(lev_engine_ack(s.e, handle(4), false),
              LEV_OK); /* one ack of both would take 2 along */
    stage_flush(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_ACK, &m));
    EXPECT(m.as.basic_ack.delivery_tag == 3 && !m.as.basic_ack.multiple);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_ACK, &m));
    EXPECT(m.as.basic_ack.delivery_tag == 4 && !m.as.basic_ack.multiple);
    stage_deinit(&s);
}

static void counts_unread_bytes_as_a_sign_of_life(void) {
    stage s = {0};
    stage_open(&s, &(lev_engine_options){.heartbeat = 4});
    stage_wait(&s, 7000);
    lev_engine_heard(s.e, s.now);
    stage_wait(&s, 7000);
    EXPECT(!stage_logged(&s, "failed"));
    stage_wait(&s, 1500);
    EXPECT(s.over);
    stage_deinit(&s);
}

static void keeps_the_first_end_that_it_is_told_of(void) {
    stage s = {0};
    size_t room = 1;
    lev_event event;
    stage_open_channel(&s, NULL);
    lev_engine_lost(s.e, LEV_ERR_LOST, "first");
    lev_engine_lost(s.e, LEV_ERR_TIMEOUT, "second");
    EXPECT(lev_engine_recv_space(s.e, &room) == NULL);
    EXPECT_EQ(room, 0);
    do {
        EXPECT(lev_engine_next(s.e, &event));
    } while (event.type != LEV_EVENT_FAILED);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_LOST);
    EXPECT(strstr(lev_engine_error(s.e)->text, "first") != NULL);
    EXPECT_EQ(lev_engine_unsettled(s.e, 9), 0); /* a channel that never was */
    stage_deinit(&s);
}

UNIT_MAIN("settle", CASE(sends_a_second_ack_of_a_delivery), CASE(refuses_what_is_no_delivery),
          CASE(settles_only_what_there_was_room_for), CASE(counts_unread_bytes_as_a_sign_of_life),
          CASE(keeps_the_first_end_that_it_is_told_of))
