/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing: the bytes, the high-water mark, the window, loans, confirms and returns. */

#include "../unit.h"
#include "stage.h"

static lev_status publish(stage *s, const char *key, const char *body, bool mandatory) {
    return lev_engine_publish(
        s->e, 1,
        &(lev_publication){
            .exchange = sp("x"), .routing_key = sp(key), .body = sp(body), .mandatory = mandatory},
        NULL);
}

static void open_confirms(stage *s, const lev_engine_options *options) {
    lev_confirm_select_ok ok = {0};
    stage_open_channel(s, options);
    EXPECT_EQ(lev_engine_confirm_select(s->e, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    stage_says(s, 1, LEV_CONFIRM_SELECT_OK, &ok);
    stage_deliver(s);
    EXPECT(stage_sent_is(s, 1, LEV_CONFIRM_SELECT, NULL));
    stage_log_clear(s);
}

static void broker_acks(stage *s, uint64_t tag, bool multiple) {
    lev_basic_ack ack = {.delivery_tag = tag, .multiple = multiple};
    stage_says(s, 1, LEV_BASIC_ACK, &ack);
    stage_deliver(s);
}

static void writes_method_header_and_body_frames(void) {
    stage s = {0};
    lev_frame frame;
    lev_method m;
    lev_header header;
    lev_properties p = {.present = LEV_HAS_DELIVERY_MODE, .delivery_mode = 2};
    lev_publication pub = {.exchange = sp("ex"),
                           .routing_key = sp("key"),
                           .body = sp("hello"),
                           .mandatory = true,
                           .properties = &p};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_PUBLISH, &m));
    EXPECT_BYTES(m.as.basic_publish.exchange.ptr, m.as.basic_publish.exchange.len, "ex", 2);
    EXPECT(m.as.basic_publish.mandatory);
    EXPECT(stage_sent(&s, &frame, &m));
    EXPECT_EQ(lev_header_decode(frame.payload, &header), LEV_OK);
    EXPECT_EQ(header.body_size, 5);
    EXPECT(lev_properties_equal(&header.properties, &p));
    EXPECT(stage_sent(&s, &frame, &m));
    EXPECT_EQ(frame.type, LEV_FRAME_BODY);
    EXPECT_BYTES(frame.payload.ptr, frame.payload.len, "hello", 5);
    EXPECT(!stage_sent(&s, &frame, &m));
    stage_deinit(&s);
}

/* The body frames of a message of `len` bytes, lent or copied, as one number a frame. */
static void splits(size_t len, bool lend, size_t frames) {
    stage s = {0};
    lev_frame frame;
    lev_method m;
    uint8_t *body = calloc(1, len + 1);
    for (size_t i = 0; i < len; i++) {
        body[i] = (uint8_t)(i * 7);
    }
    stage_open_channel(&s, &(lev_engine_options){.frame_max = 8192});
    lev_publication pub = {.body = {body, len}, .lend = lend, .token = body};
    EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_PUBLISH, NULL));
    EXPECT(stage_sent(&s, &frame, &m));
    size_t at = 0;
    size_t count = 0;
    while (stage_sent(&s, &frame, &m)) {
        EXPECT(frame.payload.len <= 8184);
        EXPECT_BYTES(frame.payload.ptr, frame.payload.len, body + at, frame.payload.len);
        at += frame.payload.len;
        count++;
    }
    EXPECT_EQ(at, len);
    EXPECT_EQ(count, frames);
    stage_events(&s);
    EXPECT_EQ(stage_logged(&s, "released"), lend);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
    free(body);
}

static void splits_bodies_at_the_frame_size_and_sends_no_empty_frame(void) {
    for (int lend = 0; lend < 2; lend++) {
        splits(0, lend != 0, 0);
        splits(1, lend != 0, 1);
        splits(8183, lend != 0, 1);
        splits(8184, lend != 0, 1);
        splits(8185, lend != 0, 2);
        splits(2 * 8184, lend != 0, 2);
        splits(100000, lend != 0, 13);
    }
}

static void stops_at_the_high_water_mark_and_says_when_there_is_room(void) {
    stage s = {0};
    stage_open_channel(&s, &(lev_engine_options){.high_water = 1000});
    int queued = 0;
    while (publish(&s, "k", "0123456789", false) == LEV_OK) {
        queued++;
    }
    EXPECT(queued > 10 && queued < 100);
    EXPECT_EQ(publish(&s, "k", "0123456789", false), LEV_AGAIN);
    stage_events(&s);
    EXPECT_STR(s.log, "");
    stage_flush(&s);
    stage_events(&s);
    EXPECT_STR(s.log, "writable ch=0\n");
    EXPECT_EQ(publish(&s, "k", "0123456789", false), LEV_OK);
    stage_deinit(&s);
}

static void counts_lent_bytes_towards_the_mark(void) {
    stage s = {0};
    static const uint8_t body[5000];
    stage_open_channel(&s, &(lev_engine_options){.high_water = 1000});
    lev_publication pub = {.body = {body, sizeof body}, .lend = true};
    EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_AGAIN);
    stage_deinit(&s);
}

static void stops_at_the_window_until_a_quarter_is_free(void) {
    stage s = {0};
    open_confirms(&s, &(lev_engine_options){.window = 8});
    for (int i = 0; i < 8; i++) {
        EXPECT_EQ(publish(&s, "k", "b", false), LEV_OK);
    }
    EXPECT_EQ(publish(&s, "k", "b", false), LEV_AGAIN);
    stage_flush(&s);
    broker_acks(&s, 1, false);
    EXPECT_STR(s.log, "outcome ch=1 1-1 confirmed\n");
    broker_acks(&s, 2, false);
    EXPECT(stage_logged(&s, "writable ch=1"));
    EXPECT_EQ(publish(&s, "k", "b", false), LEV_OK);
    stage_deinit(&s);
}

static void obeys_channel_flow_and_answers_it(void) {
    stage s = {0};
    lev_channel_flow stop = {.active = false};
    lev_channel_flow go = {.active = true};
    stage_open_channel(&s, NULL);
    stage_says(&s, 1, LEV_CHANNEL_FLOW, &stop);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_FLOW_OK, NULL));
    EXPECT_EQ(publish(&s, "k", "b", false), LEV_AGAIN);
    stage_says(&s, 1, LEV_CHANNEL_FLOW, &go);
    stage_deliver(&s);
    EXPECT_STR(s.log, "flow ch=1 channel.flow\nflow ch=1 channel.flow\nwritable ch=1\n");
    EXPECT_EQ(publish(&s, "k", "b", false), LEV_OK);
    stage_deinit(&s);
}

static void numbers_publishes_and_tells_each_outcome_once(void) {
    stage s = {0};
    lev_basic_nack nack = {.delivery_tag = 2, .requeue = true};
    uint64_t number = 0;
    open_confirms(&s, NULL);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(publish(&s, "k", "b", false), LEV_OK);
    }
    EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){0}, &number), LEV_OK);
    EXPECT_EQ(number, 6);
    EXPECT_EQ(lev_engine_unsettled(s.e, 1), 6);
    stage_says(&s, 1, LEV_BASIC_NACK, &nack);
    stage_deliver(&s);
    broker_acks(&s, 5, true);
    broker_acks(&s, 0, true);
    EXPECT_STR(s.log, "outcome ch=1 2-2 nacked\noutcome ch=1 1-1 confirmed\n"
                      "outcome ch=1 3-5 confirmed\noutcome ch=1 6-6 confirmed\n");
    EXPECT_EQ(lev_engine_unsettled(s.e, 1), 0);
    stage_deinit(&s);
}

static void ties_a_return_to_its_publish(void) {
    stage s = {0};
    lev_basic_return ret = {.reply_code = 312,
                            .reply_text = sp("NO_ROUTE"),
                            .exchange = sp("x"),
                            .routing_key = sp("b")};
    open_confirms(&s, NULL);
    (void)publish(&s, "a", "one", true);
    (void)publish(&s, "b", "two", true);
    stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(&s, 1, NULL, sp("two"), 4096);
    stage_deliver(&s);
    broker_acks(&s, 2, true);
    EXPECT_STR(s.log, "return ch=1 of=2 tag=0 key=b body=two\noutcome ch=1 1-1 confirmed\n"
                      "outcome ch=1 2-2 returned\n");
    stage_log_clear(&s);
    stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(&s, 1, NULL, sp("other"), 4096);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "of=0"));
    stage_deinit(&s);
}

/* No broker in use takes `immediate` any more, which this code answered. */
static void tells_why_a_message_was_returned(void) {
    stage s = {0};
    lev_event event;
    size_t room;
    lev_basic_return ret = {.reply_code = LEV_NO_CONSUMERS,
                            .reply_text = sp("NO_CONSUMERS"),
                            .exchange = sp("x"),
                            .routing_key = sp("a")};
    open_confirms(&s, NULL);
    (void)publish(&s, "a", "one", true);
    stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(&s, 1, NULL, sp("one"), 4096);
    lev_span said = lev_writer_span(&s.broker);
    uint8_t *into = lev_engine_recv_space(s.e, &room);
    EXPECT(room >= said.len);
    memcpy(into, said.ptr, said.len);
    lev_engine_received(s.e, said.len, s.now);
    EXPECT(lev_engine_next(s.e, &event));
    EXPECT_EQ(event.type, LEV_EVENT_RETURN);
    EXPECT_EQ(event.first, 1);
    EXPECT_EQ(event.message->reply_code, 313);
    EXPECT(lev_span_equal(event.message->reply_text, ret.reply_text));
    stage_deinit(&s);
}

static void tells_returns_apart_by_their_properties(void) {
    stage s = {0};
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_table_put_string(&w, "colour", "red");
    lev_properties red = {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)};
    lev_properties named = {.present = LEV_HAS_MESSAGE_ID, .message_id = sp("m2")};
    lev_properties urgent = {.present = LEV_HAS_PRIORITY, .priority = 9};
    const lev_properties *all[] = {NULL, &red, &named, &urgent};
    lev_basic_return ret = {.reply_code = 312, .exchange = sp("x"), .routing_key = sp("k")};
    open_confirms(&s, NULL);
    for (size_t i = 0; i < 4; i++) {
        lev_publication p = {.exchange = sp("x"),
                             .routing_key = sp("k"),
                             .properties = all[i],
                             .body = sp("same"),
                             .mandatory = true};
        EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    }
    for (size_t i = 4; i-- > 0;) {
        char expected[64];
        snprintf(expected, sizeof expected, "return ch=1 of=%zu", i + 1);
        stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
        stage_says_body(&s, 1, all[i], sp("same"), 4096);
        stage_deliver(&s);
        EXPECT(stage_logged(&s, expected));
    }
    stage_deinit(&s);
}

static void believes_a_return_while_it_closes_the_channel(void) {
    stage s = {0};
    lev_basic_return ret = {.reply_code = 312, .exchange = sp("x"), .routing_key = sp("k")};
    lev_channel_close_ok closed = {0};
    open_confirms(&s, NULL);
    (void)publish(&s, "k", "b", true);
    EXPECT_EQ(lev_engine_channel_close(s.e, 1, &(lev_channel_close){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(&s, 1, NULL, sp("b"), 9);
    broker_acks(&s, 1, false);
    stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &closed);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "of=1"));
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 returned\nreply ch=1 channel.close-ok"));
    stage_deinit(&s);
}

static void confirms_nothing_when_a_return_was_too_large_to_read(void) {
    stage s = {0};
    static uint8_t body[2000];
    lev_basic_return ret = {.reply_code = 312, .exchange = sp("x"), .routing_key = sp("k")};
    lev_channel_close_ok closed = {0};
    open_confirms(&s, &(lev_engine_options){.message_max = 1000});
    (void)lev_engine_publish(s.e, 1, &(lev_publication){.mandatory = true, .body = {body, 2000}},
                             NULL);
    stage_flush(&s);
    stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(&s, 1, NULL, (lev_span){body, 2000}, 700);
    broker_acks(&s, 1, false);
    stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &closed);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 in-doubt\nchannel-closed ch=1 LEV_ERR_LIMIT"));
    stage_deinit(&s);
}

static void refuses_confirms_of_what_was_never_published(void) {
    static const uint64_t tags[] = {0, 2, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        stage s = {0};
        open_confirms(&s, NULL);
        (void)publish(&s, "k", "b", false);
        stage_flush(&s);
        broker_acks(&s, tags[i], false);
        EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_PROTOCOL);
        EXPECT(stage_logged(&s, "outcome ch=1 1-1 in-doubt\nfailed"));
        stage_deinit(&s);
    }
}

static void splits_what_left_from_what_did_not_when_the_connection_is_lost(void) {
    stage s = {0};
    lev_span span;
    open_confirms(&s, NULL);
    (void)publish(&s, "k", "first", false);
    stage_flush(&s);
    (void)publish(&s, "k", "second", false);
    EXPECT_EQ(lev_engine_pending(s.e, &span, 1), 1);
    lev_engine_sent(s.e, span.len - 1, s.now);
    lev_engine_lost(s.e, LEV_ERR_LOST, "reset by peer");
    stage_events(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 in-doubt\noutcome ch=1 2-2 not-sent\n"
                            "failed ch=0 LEV_ERR_LOST 0 reset by peer\n"));
    EXPECT_EQ(publish(&s, "k", "third", false), LEV_ERR_LOST);
    stage_deinit(&s);
}

static void I_refuses_what_does_not_fit_before_a_byte_is_queued(void) {
    static const size_t lengths[] = {254, 255, 256, 65535, 65536};
    static char text[65537];
    memset(text, 'a', sizeof text - 1);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        stage s = {0};
        stage_open_channel(&s, NULL);
        lev_span name = {(const uint8_t *)text, lengths[i]};
        lev_status expected = lengths[i] <= 255 ? LEV_OK : LEV_ERR_LIMIT;
        lev_properties p = {.present = LEV_HAS_MESSAGE_ID, .message_id = name};
        EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){.exchange = name}, NULL), expected);
        EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){.routing_key = name}, NULL),
                  expected);
        EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){.properties = &p}, NULL), expected);
        EXPECT_EQ(lev_engine_queued(s.e) > 0, expected == LEV_OK);
        stage_deinit(&s);
    }
}

static void refuses_a_header_table_that_a_broker_would_drop_the_connection_for(void) {
    stage s = {0};
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_table_put(&w, "nan", &(lev_value){.type = 'd', .as.u = UINT64_C(0x7FF8000000000000)});
    lev_properties p = {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){.properties = &p}, NULL),
              LEV_ERR_LIMIT);
    p.headers = sp("garbage");
    EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){.properties = &p}, NULL),
              LEV_ERR_SYNTAX);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_deinit(&s);
}

UNIT_MAIN("publish", CASE(writes_method_header_and_body_frames),
          CASE(splits_bodies_at_the_frame_size_and_sends_no_empty_frame),
          CASE(stops_at_the_high_water_mark_and_says_when_there_is_room),
          CASE(counts_lent_bytes_towards_the_mark),
          CASE(stops_at_the_window_until_a_quarter_is_free),
          CASE(obeys_channel_flow_and_answers_it),
          CASE(numbers_publishes_and_tells_each_outcome_once), CASE(ties_a_return_to_its_publish),
          CASE(tells_why_a_message_was_returned), CASE(tells_returns_apart_by_their_properties),
          CASE(believes_a_return_while_it_closes_the_channel),
          CASE(confirms_nothing_when_a_return_was_too_large_to_read),
          CASE(refuses_confirms_of_what_was_never_published),
          CASE(splits_what_left_from_what_did_not_when_the_connection_is_lost),
          CASE(I_refuses_what_does_not_fit_before_a_byte_is_queued),
          CASE(refuses_a_header_table_that_a_broker_would_drop_the_connection_for))
