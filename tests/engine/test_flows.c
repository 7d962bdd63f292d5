/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing has a short way, for a small message with nothing in its way, and a general one. Here
 * each single thing that can be in its way, in an engine that would have had the room: both ways
 * must say the same, and what they queue must be the same bytes. A lent body always takes the
 * general way, and is the measure. */

#include "../unit.h"
#include "stage.h"

static lev_status publish(stage *s, uint16_t channel, bool lend) {
    lev_publication p = {.routing_key = sp("k"), .body = sp("body"), .lend = lend};
    return lev_engine_publish(s->e, channel, &p, NULL);
}

/* An engine that has published much, so that there is room and the short way is open. */
static void open_flowing(stage *s, const lev_engine_options *options) {
    static const uint8_t large[50000];
    stage_open_channel(s, options);
    lev_publication p = {.body = {large, sizeof large}};
    EXPECT_EQ(lev_engine_publish(s->e, 1, &p, NULL), LEV_OK);
    stage_flush(s);
    stage_events(s);
    EXPECT_EQ(publish(s, 1, false), LEV_OK);
    stage_flush(s);
}

/* Both ways refuse with that status, and nothing is queued. */
static void expect_refused(stage *s, uint16_t channel, lev_status status) {
    size_t queued = lev_engine_queued(s->e);
    EXPECT_EQ(publish(s, channel, true), status);
    EXPECT_EQ(publish(s, channel, false), status);
    EXPECT_EQ(lev_engine_queued(s->e), queued);
}

static void on_channels_that_are_not_open(void) {
    stage s = {0};
    open_flowing(&s, NULL);
    expect_refused(&s, 0, LEV_ERR_MISUSE);
    expect_refused(&s, 2, LEV_ERR_MISUSE);
    expect_refused(&s, 65535, LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_channel_close(s.e, 1, &(lev_channel_close){.reply_code = 200}, NULL),
              LEV_OK);
    expect_refused(&s, 1, LEV_ERR_MISUSE);
    stage_deinit(&s);
}

static void while_a_broken_channel_is_told_of(void) {
    stage s = {0};
    lev_event event;
    open_flowing(&s, NULL);
    EXPECT_EQ(lev_engine_confirm_select(s.e, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
    stage_deliver(&s);
    EXPECT_EQ(publish(&s, 1, false), LEV_OK);
    stage_says(&s, 1, LEV_CHANNEL_CLOSE, &(lev_channel_close){.reply_code = 404});
    size_t room;
    uint8_t *into = lev_engine_recv_space(s.e, &room);
    memcpy(into, s.wire, s.broker.len);
    lev_engine_received(s.e, s.broker.len, s.now);
    s.broker.len = 0;
    EXPECT(lev_engine_next(s.e, &event)); /* the outcome; the end of the channel is still to come */
    EXPECT_EQ(event.type, LEV_EVENT_OUTCOME);
    expect_refused(&s, 1, LEV_ERR_MISUSE);
    stage_deinit(&s);
}

static void amid_other_work(void) {
    stage s = {0};
    lev_publication half = {.routing_key = sp("k")};
    open_flowing(&s, NULL);
    EXPECT_EQ(lev_engine_publish_begin(s.e, 1, &half, 2, NULL), LEV_OK);
    expect_refused(&s, 1, LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_publish_body(s.e, 1, sp("ab"), false, NULL), LEV_OK);
    EXPECT_EQ(publish(&s, 1, false), LEV_OK);
    EXPECT_EQ(lev_engine_tx_select(s.e, 1, &(lev_tx_select){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_TX_SELECT_OK, &(lev_tx_select_ok){0});
    stage_deliver(&s);
    EXPECT_EQ(publish(&s, 1, false), LEV_OK);
    EXPECT_EQ(lev_engine_tx_commit(s.e, 1, &(lev_tx_commit){0}, NULL), LEV_OK);
    expect_refused(&s, 1, LEV_ERR_MISUSE);
    stage_deinit(&s);
}

static void where_the_broker_or_a_limit_stops_it(void) {
    stage s = {0};
    open_flowing(&s, &(lev_engine_options){.high_water = 100, .window = 2});
    stage_says(&s, 1, LEV_CHANNEL_FLOW, &(lev_channel_flow){.active = false});
    stage_deliver(&s);
    stage_flush(&s);
    expect_refused(&s, 1, LEV_AGAIN);
    stage_says(&s, 1, LEV_CHANNEL_FLOW, &(lev_channel_flow){.active = true});
    stage_deliver(&s);
    stage_flush(&s);
    EXPECT_EQ(publish(&s, 1, false), LEV_OK);
    EXPECT_EQ(publish(&s, 1, false), LEV_OK);
    expect_refused(&s, 1, LEV_AGAIN); /* the mark */
    stage_flush(&s);
    EXPECT_EQ(lev_engine_confirm_select(s.e, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
    stage_deliver(&s);
    stage_flush(&s);
    EXPECT_EQ(publish(&s, 1, false), LEV_OK);
    EXPECT_EQ(publish(&s, 1, false), LEV_OK);
    stage_flush(&s);
    expect_refused(&s, 1, LEV_AGAIN); /* the window */
    stage_deinit(&s);
}

static void behind_the_end_of_the_connection(void) {
    stage s = {0};
    open_flowing(&s, NULL);
    EXPECT_EQ(lev_engine_close(s.e, 200, "bye"), LEV_OK);
    expect_refused(&s, 1, LEV_ERR_MISUSE);
    stage_deinit(&s);
    s = (stage){0};
    open_flowing(&s, NULL);
    lev_engine_lost(s.e, LEV_ERR_LOST, "cut");
    stage_events(&s);
    expect_refused(&s, 1, LEV_ERR_LOST);
    stage_deinit(&s);
}

/* What the engine has queued, in one piece. */
static size_t queued(const stage *s, uint8_t *into) {
    lev_span spans[64];
    size_t len = 0;
    size_t count = lev_engine_pending(s->e, spans, 64);
    for (size_t i = 0; i < count; i++) {
        memcpy(into + len, spans[i].ptr, spans[i].len);
        len += spans[i].len;
    }
    return len;
}

/* Publishes it both ways; the statuses and the bytes must be the same. */
static void expect_same(const lev_publication *publication) {
    static uint8_t quick[60000];
    static uint8_t general[60000];
    stage s = {0};
    lev_publication p = *publication;
    open_flowing(&s, &(lev_engine_options){.frame_max = 8192});
    p.lend = false;
    lev_status status = lev_engine_publish(s.e, 1, &p, NULL);
    size_t len = queued(&s, quick);
    stage_flush(&s);
    p.lend = true;
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), status);
    EXPECT_BYTES(quick, len, general, queued(&s, general));
    stage_deinit(&s);
}

static void the_same_bytes_of_whatever_is_published(void) {
    static uint8_t text[40000];
    static uint8_t refused[64];
    static const size_t bodies[] = {0, 1, 16, 900, 8183, 8184, 8185, 40000};
    lev_writer w = lev_writer_init(refused, sizeof refused);
    lev_table_put(&w, "nan", &(lev_value){.type = 'd', .as.u = UINT64_C(0x7FF8000000000000)});
    lev_properties list[] = {
        {.present = 0},
        {.present = LEV_HAS_DELIVERY_MODE, .delivery_mode = 2},
        {.present = LEV_HAS_CONTENT_TYPE | LEV_HAS_TIMESTAMP, .content_type = sp("text/plain")},
        {.present = LEV_HAS_TYPE, .type = {text, 256}},
        {.present = LEV_HAS_HEADERS, .headers = {NULL, 0}},
        {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)},
        {.present = LEV_HAS_HEADERS, .headers = {text, 9000}},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        for (size_t k = 0; k < sizeof list / sizeof list[0]; k++) {
            lev_publication p = {.exchange = {text, k * 36}, /* the last one: under 256 */
                                 .routing_key = {text, i * 40},
                                 .properties = k == 0 && i == 0 ? NULL : &list[k],
                                 .body = {text, bodies[i]},
                                 .mandatory = (i + k) % 2 != 0};
            expect_same(&p);
        }
    }
    expect_same(&(lev_publication){.exchange = {text, 256}, .body = sp("b")});
    expect_same(&(lev_publication){.routing_key = {text, 256}, .body = sp("b")});
}

UNIT_MAIN("flows", CASE(on_channels_that_are_not_open), CASE(while_a_broken_channel_is_told_of),
          CASE(amid_other_work), CASE(where_the_broker_or_a_limit_stops_it),
          CASE(behind_the_end_of_the_connection), CASE(the_same_bytes_of_whatever_is_published))
