/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Corners, where two things happen at once: an answer that cannot be queued, a close that crosses a
 * message, a clock that ends what an event still points to. */

#include "../unit.h"
#include "stage.h"

/* The broker asks for answers and does not read them, until one more is too much. */
static void broker_uses_up_the_reserve(stage *s) {
    lev_channel_flow flow = {.active = true};
    for (int i = 0; i < 1 + LEV_RESERVE / 13 + 1; i++) {
        stage_says(s, 1, LEV_CHANNEL_FLOW, &flow);
    }
    stage_deliver(s);
    EXPECT_EQ(lev_engine_error(s->e)->status, LEV_OK);
    stage_log_clear(s);
}

static void consume(stage *s, bool stream) {
    lev_basic_consume fields = {.consumer_tag = sp("c"), .nowait = true};
    lev_status status = stream ? lev_engine_consume_stream(s->e, 1, &fields, NULL)
                               : lev_engine_basic_consume(s->e, 1, &fields, NULL);
    EXPECT_EQ(status, LEV_OK);
    stage_flush(s);
}

static void publish_mandatory(stage *s, lev_span body) {
    lev_confirm_select_ok ok = {0};
    EXPECT_EQ(lev_engine_confirm_select(s->e, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    stage_says(s, 1, LEV_CONFIRM_SELECT_OK, &ok);
    stage_deliver(s);
    lev_publication p = {.exchange = sp("x"), .body = body, .mandatory = true};
    EXPECT_EQ(lev_engine_publish(s->e, 1, &p, NULL), LEV_OK);
    stage_flush(s);
    stage_log_clear(s);
    s->sent_read = s->sent_len;
}

/* What the broker returns is told apart from what it confirms. */
static void knows_its_return(const lev_properties *published, const lev_properties *returned) {
    stage s = {0};
    lev_confirm_select_ok ok = {0};
    lev_basic_return ret = {.reply_code = 312, .exchange = sp("x")};
    lev_basic_ack ack = {.delivery_tag = 1};
    lev_publication p = {
        .exchange = sp("x"), .body = sp("b"), .mandatory = true, .properties = published};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_confirm_select(s.e, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_CONFIRM_SELECT_OK, &ok);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(&s, 1, returned, sp("b"), 9);
    stage_says(&s, 1, LEV_BASIC_ACK, &ack);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "of=1"));
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 returned"));
    stage_deinit(&s);
}

/* What is set but not marked as present does not travel; RabbitMQ completes the address of a direct
 * reply. */
static void knows_a_returned_message_by_what_travels(void) {
    lev_properties unmarked = {.present = LEV_HAS_MESSAGE_ID,
                               .message_id = sp("m"),
                               .type = sp("t"),
                               .priority = 3,
                               .timestamp = 7,
                               .headers = {(const uint8_t *)"\1kV", 3}};
    lev_properties marked = {.present = LEV_HAS_MESSAGE_ID, .message_id = sp("m")};
    lev_properties asked = {.present = LEV_HAS_REPLY_TO, .reply_to = sp("amq.rabbitmq.reply-to")};
    lev_properties told = asked;
    told.reply_to = sp("amq.rabbitmq.reply-to.g1h2AA5yZXBseUAxMDI.w==");
    knows_its_return(&unmarked, &marked);
    knows_its_return(&asked, &told);
}

static void broker_returns(stage *s, lev_span body) {
    lev_basic_return ret = {.reply_code = 312, .exchange = sp("x")};
    stage_says(s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(s, 1, NULL, body, 131064);
}

static void forgets_a_cancelled_consumer_whose_cancel_ok_cannot_be_queued(void) {
    stage s = {0};
    lev_basic_cancel cancel = {.consumer_tag = sp("c")};
    stage_open_channel(&s, &(lev_engine_options){.high_water = 1});
    consume(&s, false);
    broker_uses_up_the_reserve(&s);
    stage_says(&s, 1, LEV_BASIC_CANCEL, &cancel);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_RESOURCE_ERROR);
    EXPECT(stage_logged(&s, "cancelled"));
    EXPECT(stage_logged(&s, "failed"));
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void makes_up_no_message_where_its_refusal_cannot_be_queued(void) {
    static const uint8_t body[100];
    stage s = {0};
    lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = 1};
    stage_open_channel(&s, &(lev_engine_options){.high_water = 1, .message_max = 99});
    consume(&s, false);
    broker_uses_up_the_reserve(&s);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(&s, 1, NULL, (lev_span){body, sizeof body}, 131064);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_RESOURCE_ERROR);
    EXPECT(!stage_logged(&s, "deliver"));
    EXPECT(!stage_logged(&s, "return"));
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* An ack for three of which the second was returned makes three events; the clock ends the
 * connection behind the first. */
static void tells_all_that_was_confirmed_before_the_clock_ended_the_connection(void) {
    stage s = {0};
    lev_event event;
    size_t room;
    lev_basic_ack ack = {.delivery_tag = 3, .multiple = true};
    lev_publication p = {.exchange = sp("x"), .body = sp("other"), .mandatory = true};
    stage_open_channel(&s, NULL);
    publish_mandatory(&s, sp("one"));
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    p.body = sp("one");
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    broker_returns(&s, sp("other"));
    stage_deliver(&s);
    stage_log_clear(&s);
    stage_says(&s, 1, LEV_BASIC_ACK, &ack);
    memcpy(lev_engine_recv_space(s.e, &room), s.wire, s.broker.len);
    lev_engine_received(s.e, s.broker.len, s.now);
    EXPECT(lev_engine_next(s.e, &event));
    EXPECT(event.first == 1 && event.last == 1 && event.outcome == LEV_CONFIRMED);
    lev_engine_tick(s.e, s.now + 1000000);
    stage_events(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 2-2 returned\noutcome ch=1 3-3 confirmed\n"
                            "outcome ch=1 4-4 not-sent\nfailed"));
    stage_deinit(&s);
}

static void closes_a_channel_once_where_a_large_return_crosses_the_close(void) {
    static const uint8_t body[100];
    stage s = {0};
    lev_frame frame;
    lev_method m;
    lev_basic_ack ack = {.delivery_tag = 1};
    lev_channel_close_ok ok = {0};
    uint32_t call;
    stage_open_channel(&s, &(lev_engine_options){.message_max = 99});
    publish_mandatory(&s, (lev_span){body, sizeof body});
    EXPECT_EQ(lev_engine_channel_close(s.e, 1, &(lev_channel_close){0}, &call), LEV_OK);
    broker_returns(&s, (lev_span){body, sizeof body});
    stage_says(&s, 1, LEV_BASIC_ACK, &ack);
    stage_deliver(&s);
    EXPECT_STR(s.log, "");
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE, NULL));
    EXPECT(!stage_sent(&s, &frame, &m));
    stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 in-doubt\nreply ch=1 channel.close-ok"));
    EXPECT_EQ(s.last_call, call);
    stage_deinit(&s);
}

static void closes_no_channel_where_a_large_return_crosses_the_end(void) {
    static const uint8_t body[100];
    stage s = {0};
    lev_frame frame;
    lev_method m;
    lev_basic_ack ack = {.delivery_tag = 1};
    lev_connection_close_ok ok = {0};
    stage_open_channel(&s, &(lev_engine_options){.message_max = 99});
    publish_mandatory(&s, (lev_span){body, sizeof body});
    EXPECT_EQ(lev_engine_close(s.e, 200, ""), LEV_OK);
    broker_returns(&s, (lev_span){body, sizeof body});
    stage_says(&s, 1, LEV_BASIC_ACK, &ack);
    stage_deliver(&s);
    EXPECT_STR(s.log, "");
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, NULL));
    EXPECT(!stage_sent(&s, &frame, &m));
    stage_says(&s, 0, LEV_CONNECTION_CLOSE_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 in-doubt\nclosed"));
    stage_deinit(&s);
}

/* Sends a message in two pieces of which the first is here, and lets the peer fall silent: what the
 * event points to lives on. */
static void keeps_a_piece_until_the_next_event_though_the_clock_ended_the_connection(void) {
    static uint8_t content[80000];
    stage s = {0};
    lev_event event;
    size_t room;
    lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = 1};
    lev_writer w = lev_writer_init(content, sizeof content);
    static const uint8_t value[70000];
    lev_value large = {.type = 'x', .as.bytes = {value, sizeof value}};
    lev_table_put(&w, "large", &large);
    lev_properties p = {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)};
    stage_open_channel(&s, NULL);
    consume(&s, true);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(&s, 1, &p, (lev_span){value, 20000}, 10000);
    size_t left = s.broker.len - 10008;
    for (size_t at = 0; left > 0; at += room) {
        uint8_t *space = lev_engine_recv_space(s.e, &room);
        room = left < room ? left : room;
        memcpy(space, s.wire + at, room);
        lev_engine_received(s.e, room, s.now);
        left -= room;
        if (left > 0) {
            EXPECT(!lev_engine_next(s.e, &event));
        }
    }
    EXPECT(lev_engine_next(s.e, &event));
    EXPECT_EQ(event.type, LEV_EVENT_DELIVER);
    lev_engine_tick(s.e, s.now + 1000000);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_HEARTBEAT);
    EXPECT_EQ(lev_table_check(event.message->properties.headers), LEV_OK);
    EXPECT_BYTES(event.message->consumer_tag.ptr, event.message->consumer_tag.len, "c", 1);
    stage_events(&s);
    EXPECT(stage_logged(&s, "failed"));
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* The room for the heads of the lent body's frames is exactly a power of two with 1024 bytes, but
 * the properties need more. */
static void lends_a_body_of_many_frames_with_long_properties(void) {
    stage s = {0};
    lev_frame frame;
    lev_method m;
    uint8_t content[3000];
    uint8_t value[2500] = {0};
    size_t len = (size_t)(4096 - 1024) / LEV_FRAME_OVERHEAD * 8184;
    uint8_t *body = calloc(1, len);
    lev_writer w = lev_writer_init(content, sizeof content);
    lev_value bytes = {.type = 'x', .as.bytes = {value, sizeof value}};
    lev_table_put(&w, "bytes", &bytes);
    lev_properties p = {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)};
    lev_publication pub = {.body = {body, len}, .properties = &p, .lend = true, .token = body};
    stage_open_channel(&s, &(lev_engine_options){.frame_max = 8192});
    EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_PUBLISH, NULL));
    EXPECT(stage_sent(&s, &frame, &m));
    EXPECT_EQ(frame.type, LEV_FRAME_HEADER);
    for (size_t at = 0; at < len; at += 8184) {
        EXPECT(stage_sent(&s, &frame, &m));
        EXPECT_EQ(frame.type, LEV_FRAME_BODY);
        EXPECT_EQ(frame.payload.len, 8184);
    }
    EXPECT(!stage_sent(&s, &frame, &m));
    stage_deinit(&s);
    free(body);
}

/* A writer that works beside the engine tells of bytes that the engine has dropped meanwhile. */
static void takes_word_of_bytes_written_after_they_were_dropped(void) {
    stage s = {0};
    lev_event event;
    lev_span span;
    lev_publication pub = {.exchange = sp("x"), .body = sp("b")};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_pending(s.e, &span, 1), 1);
    lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
    lev_engine_sent(s.e, span.len, s.now);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    EXPECT(lev_engine_next(s.e, &event));
    EXPECT_EQ(event.type, LEV_EVENT_FAILED);
    stage_deinit(&s);
}

/* Small lent bodies are copied, so their messages stand together and leave in one span. */
static void writes_small_lent_messages_as_one_span(void) {
    stage s = {0};
    lev_event event;
    lev_span spans[4];
    size_t released = 0;
    lev_publication pub = {.exchange = sp("x"), .body = sp("b"), .lend = true, .token = &s};
    stage_open_channel(&s, NULL);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    }
    EXPECT_EQ(lev_engine_pending(s.e, spans, 4), 1);
    EXPECT_EQ(spans[0].len, lev_engine_queued(s.e));
    lev_engine_sent(s.e, spans[0].len / 2, s.now);
    for (; lev_engine_next(s.e, &event); released++) {
        EXPECT_EQ(event.type, LEV_EVENT_RELEASED);
        EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    }
    EXPECT_EQ(released, 10);
    EXPECT_EQ(lev_engine_pending(s.e, spans, 4), 1);
    lev_engine_sent(s.e, spans[0].len, s.now);
    for (; lev_engine_next(s.e, &event); released++) {
        EXPECT_EQ(event.type, LEV_EVENT_RELEASED);
    }
    EXPECT_EQ(released, 30);
    pub.token = NULL; /* asks for no event */
    EXPECT_EQ(lev_engine_publish(s.e, 1, &pub, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_pending(s.e, spans, 4), 1);
    lev_engine_sent(s.e, spans[0].len, s.now);
    EXPECT(!lev_engine_next(s.e, &event));
    stage_deinit(&s);
}

static void a_half_sent_message_cannot_begin_behind_a_failure(void) {
    stage s = {0};
    stage_open_channel(&s, NULL);
    lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
    stage_events(&s);
    s.fail_at = s.allocations + 1;
    EXPECT_EQ(lev_engine_publish_begin(s.e, 1, &(lev_publication){.lend = false}, 9, NULL),
              LEV_ERR_LOST);
    stage_deinit(&s);
}

/* Whatever stood in the caller's event: a delivery, taken the short way, has only what is its own.
 */
static void leaves_nothing_of_an_earlier_event(void) {
    stage s = {0};
    lev_event event;
    lev_basic_consume consume = {.consumer_tag = sp("c"), .no_ack = true};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &consume, NULL), LEV_OK);
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &(lev_basic_consume_ok){.consumer_tag = sp("c")});
    stage_deliver(&s);
    stage_says(&s, 1, LEV_BASIC_DELIVER,
               &(lev_basic_deliver){.consumer_tag = sp("c"), .delivery_tag = 1});
    stage_says_body(&s, 1, NULL, sp("body"), 4096);
    size_t room;
    memcpy(lev_engine_recv_space(s.e, &room), s.wire, s.broker.len);
    lev_engine_received(s.e, s.broker.len, s.now);
    memset(&event, 0x5A, sizeof event);
    EXPECT(lev_engine_next(s.e, &event));
    EXPECT_EQ(event.type, LEV_EVENT_DELIVER);
    EXPECT_EQ(event.channel, 1);
    EXPECT(event.call == 0 && event.first == 0 && event.last == 0 && event.outcome == 0);
    EXPECT(event.method == NULL && event.token == NULL && event.error == NULL);
    EXPECT_BYTES(event.body.ptr, event.body.len, "body", 4);
    EXPECT(event.message->body.ptr == event.body.ptr);
    stage_deinit(&s);
}

UNIT_MAIN("corners", CASE(leaves_nothing_of_an_earlier_event),
          CASE(a_half_sent_message_cannot_begin_behind_a_failure),
          CASE(knows_a_returned_message_by_what_travels),
          CASE(forgets_a_cancelled_consumer_whose_cancel_ok_cannot_be_queued),
          CASE(makes_up_no_message_where_its_refusal_cannot_be_queued),
          CASE(tells_all_that_was_confirmed_before_the_clock_ended_the_connection),
          CASE(closes_a_channel_once_where_a_large_return_crosses_the_close),
          CASE(closes_no_channel_where_a_large_return_crosses_the_end),
          CASE(keeps_a_piece_until_the_next_event_though_the_clock_ended_the_connection),
          CASE(lends_a_body_of_many_frames_with_long_properties),
          CASE(writes_small_lent_messages_as_one_span),
          CASE(takes_word_of_bytes_written_after_they_were_dropped))
