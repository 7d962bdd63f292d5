/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the engine counts, against what the test did and the bytes that went. */

#include "../unit.h"
#include "stage.h"

static void counts_messages_and_bytes(void) {
    stage s = {.step = 0};
    stage_open_channel(&s, NULL);
    lev_counters before = lev_engine_counters(s.e);
    EXPECT_EQ(before.published, 0);
    EXPECT_EQ(before.bytes_sent, s.sent_len);
    EXPECT_EQ(before.queued, 0);
    lev_confirm_select_ok ok = {0};
    lev_publication p = {.exchange = sp("x"), .body = sp("hello"), .mandatory = true};
    lev_publication half = {.exchange = sp("x")};
    lev_engine_confirm_select(s.e, 1, &(lev_confirm_select){0}, NULL);
    stage_says(&s, 1, LEV_CONFIRM_SELECT_OK, &ok);
    stage_deliver(&s);
    stage_flush(&s);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    }
    EXPECT_EQ(lev_engine_publish(s.e, 9, &p, NULL), LEV_ERR_MISUSE); /* refused ones don't count */
    EXPECT_EQ(lev_engine_publish_begin(s.e, 1, &half, 5, NULL), LEV_OK);
    lev_counters c = lev_engine_counters(s.e);
    EXPECT_EQ(c.published, 4);
    EXPECT_EQ(c.unconfirmed, 4);
    EXPECT_EQ(c.queued, lev_engine_queued(s.e));
    EXPECT(c.queued > 100);
    EXPECT_EQ(lev_engine_publish_body(s.e, 1, sp("hello"), false, NULL), LEV_OK);
    stage_flush(&s);
    lev_basic_return back = {.reply_code = 312, .exchange = sp("x")};
    lev_basic_ack ack = {.delivery_tag = 3, .multiple = true};
    stage_says(&s, 1, LEV_BASIC_RETURN, &back);
    stage_says_body(&s, 1, NULL, sp("hello"), 1000);
    stage_says(&s, 1, LEV_BASIC_ACK, &ack);
    uint64_t said = s.broker.len;
    uint64_t received = lev_engine_counters(s.e).bytes_received;
    stage_deliver(&s);
    c = lev_engine_counters(s.e);
    EXPECT_EQ(c.returned, 1);
    EXPECT_EQ(c.unconfirmed, 1);
    EXPECT_EQ(c.queued, 0);
    EXPECT_EQ(c.bytes_sent, s.sent_len);
    EXPECT_EQ(c.bytes_received, received + said);
    EXPECT_EQ(c.delivered, 0); /* a returned one is none */
    EXPECT_EQ(c.reconnects, 0);
    stage_deinit(&s);
}

/* At once, out of pieces, streamed, got: each is one. */
static void counts_each_delivery_once(void) {
    static const uint8_t body[3000];
    lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
    lev_basic_consume stream = {.consumer_tag = sp("s"), .nowait = true};
    lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = 1};
    for (size_t step = 0; step < 2; step++) {
        stage s = {.step = 0};
        stage_open_channel(&s, NULL);
        s.step = step;
        lev_engine_basic_consume(s.e, 1, &consume, NULL);
        lev_engine_consume_stream(s.e, 1, &stream, NULL);
        lev_engine_basic_get(s.e, 1, &(lev_basic_get){0}, NULL);
        for (uint64_t i = 1; i <= 4; i++) {
            deliver.delivery_tag = i;
            deliver.consumer_tag = i < 4 ? sp("c") : sp("s");
            stage_says(&s, 1, LEV_BASIC_DELIVER, &deliver);
            stage_says_body(&s, 1, NULL, (lev_span){body, i == 1 ? 0 : sizeof body},
                            i == 2 ? 5000 : 1000);
        }
        lev_basic_get_ok got = {.delivery_tag = 5};
        stage_says(&s, 1, LEV_BASIC_GET_OK, &got);
        stage_says_body(&s, 1, NULL, sp("x"), 1000);
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_counters(s.e).delivered, 5);
        stage_deinit(&s);
    }
}

static void knows_what_has_not_come_whole(void) {
    static const uint8_t body[1000];
    lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
    lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = 1};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = 2000};
    stage s = {.step = 0};
    stage_open_channel(&s, NULL);
    lev_engine_basic_consume(s.e, 1, &consume, NULL);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &deliver);
    size_t place = lev_frame_begin(&s.broker, LEV_FRAME_HEADER, 1);
    lev_header_encode(&s.broker, &header);
    lev_frame_end(&s.broker, place);
    stage_says_frame(&s, LEV_FRAME_BODY, 1, (lev_span){body, sizeof body});
    stage_says_bytes(&s, "\x3\0\1", 3);
    stage_deliver(&s);
    lev_counters c = lev_engine_counters(s.e);
    EXPECT(c.assembled >= sizeof body && c.assembled < sizeof body + 100);
    EXPECT_EQ(c.unread, 3);
    EXPECT_EQ(c.delivered, 0);
    stage_deinit(&s);
}

static void counts_how_long_it_was_blocked(void) {
    lev_connection_blocked blocked = {.reason = sp("memory")};
    lev_connection_unblocked unblocked = {0};
    stage s = {.step = 0};
    stage_open(&s, NULL);
    stage_wait(&s, 1000);
    stage_says(&s, 0, LEV_CONNECTION_BLOCKED, &blocked);
    stage_deliver(&s);
    s.now += 700;
    stage_says(&s, 0, LEV_CONNECTION_BLOCKED, &blocked); /* again: it still is */
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_counters(s.e).blocked_ms, 700);
    s.now += 300;
    stage_says(&s, 0, LEV_CONNECTION_UNBLOCKED, &unblocked);
    stage_deliver(&s);
    s.now += 50;
    lev_engine_tick(s.e, s.now);
    EXPECT_EQ(lev_engine_counters(s.e).blocked_ms, 1000);
    stage_says(&s, 0, LEV_CONNECTION_BLOCKED, &blocked);
    stage_deliver(&s);
    s.now += 5;
    lev_engine_tick(s.e, s.now);
    lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
    stage_events(&s);
    s.now += 1000;
    lev_engine_tick(s.e, s.now);
    EXPECT_EQ(lev_engine_counters(s.e).blocked_ms, 1005); /* nobody blocks what is over */
    stage_deinit(&s);
}

UNIT_MAIN("counters", CASE(counts_messages_and_bytes), CASE(counts_each_delivery_once),
          CASE(knows_what_has_not_come_whole), CASE(counts_how_long_it_was_blocked))
