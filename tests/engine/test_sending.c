/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Bodies in pieces: the frames, what may go between them, and what becomes of half a message. */

#include "../unit.h"
#include "stage.h"

enum { FRAME = 8192 - 8, BODY = 100000 };

static uint8_t bytes[BODY];

static void fill(void) {
    for (size_t i = 0; i < BODY; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
}

static void open_channel(stage *s, bool confirm) {
    fill();
    stage_open_channel(s, &(lev_engine_options){.frame_max = 8192});
    if (confirm) {
        EXPECT_EQ(lev_engine_confirm_select(s->e, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
        stage_says(s, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
        stage_deliver(s);
        EXPECT(stage_sent_is(s, 1, LEV_CONFIRM_SELECT, NULL));
    }
    stage_log_clear(s);
}

static lev_publication message(void) {
    return (lev_publication){.exchange = sp("x"), .routing_key = sp("k"), .mandatory = true};
}

static lev_status begin(stage *s, uint64_t size) {
    lev_publication p = message();
    return lev_engine_publish_begin(s->e, 1, &p, size, NULL);
}

static lev_status body(stage *s, size_t at, size_t len) {
    return lev_engine_publish_body(s->e, 1, (lev_span){bytes + at, len}, false, NULL);
}

/* The next two frames begin a message of that size. */
static void expect_head(stage *s, uint64_t size) {
    lev_frame frame;
    lev_method m;
    lev_header header;
    EXPECT(stage_sent_is(s, 1, LEV_BASIC_PUBLISH, NULL));
    EXPECT(stage_sent(s, &frame, &m));
    EXPECT_EQ(frame.type, LEV_FRAME_HEADER);
    EXPECT_EQ(lev_header_decode(frame.payload, &header), LEV_OK);
    EXPECT_EQ(header.body_size, size);
}

/* The next `len` body bytes are those from `at` on; they must end with a frame. */
static void expect_body(stage *s, size_t at, size_t len) {
    lev_frame frame;
    lev_method m;
    for (size_t done = 0; done < len; done += frame.payload.len) {
        EXPECT(stage_sent(s, &frame, &m));
        EXPECT_EQ(frame.type, LEV_FRAME_BODY);
        EXPECT_EQ(frame.channel, 1);
        EXPECT(frame.payload.len > 0 && frame.payload.len <= FRAME);
        EXPECT(frame.payload.len <= len - done);
        EXPECT_BYTES(frame.payload.ptr, frame.payload.len, bytes + at + done, frame.payload.len);
    }
}

static void expect_nothing(stage *s) {
    lev_frame frame;
    lev_method m;
    EXPECT(!stage_sent(s, &frame, &m));
}

/* A message of `size` in pieces of `step`. */
static void sends(size_t size, size_t step, bool lend) {
    stage s = {0};
    open_channel(&s, false);
    EXPECT_EQ(begin(&s, size), LEV_OK);
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        EXPECT_EQ(lev_engine_publish_left(s.e, 1), size - at);
        lev_span piece = {bytes + at, n};
        EXPECT_EQ(lev_engine_publish_body(s.e, 1, piece, lend, bytes + at), LEV_OK);
    }
    EXPECT_EQ(lev_engine_publish_left(s.e, 1), 0);
    expect_head(&s, size);
    expect_body(&s, 0, size);
    expect_nothing(&s);
    stage_events(&s);
    size_t released = 0;
    for (const char *at = s.log; (at = strstr(at, "released")) != NULL; at++) {
        released++;
    }
    EXPECT_EQ(released, lend ? (size + step - 1) / step : 0);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void pieces_of_any_size_become_frames(void) {
    static const size_t sizes[] = {0,         1,         FRAME - 1,     FRAME,
                                   FRAME + 1, 2 * FRAME, 2 * FRAME + 1, 3 * FRAME + 777};
    static const size_t steps[] = {61, 777, 4096, FRAME - 1, FRAME, FRAME + 1, BODY};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
            sends(sizes[i], steps[k], false);
            sends(sizes[i], steps[k], true);
        }
    }
}

static void more_than_announced_is_refused(void) {
    stage s = {0};
    open_channel(&s, false);
    EXPECT_EQ(body(&s, 0, 1), LEV_ERR_MISUSE);
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    EXPECT_EQ(body(&s, 0, 11), LEV_ERR_LIMIT);
    EXPECT_EQ(body(&s, 0, 9), LEV_OK);
    EXPECT_EQ(body(&s, 9, 2), LEV_ERR_LIMIT);
    EXPECT_EQ(body(&s, 9, 0), LEV_OK);
    EXPECT_EQ(body(&s, 9, 1), LEV_OK);
    EXPECT_EQ(body(&s, 10, 0), LEV_ERR_MISUSE);
    expect_head(&s, 10);
    expect_body(&s, 0, 9);
    expect_body(&s, 9, 1);
    expect_nothing(&s);
    lev_publication p = message();
    p.body = sp("b");
    EXPECT_EQ(lev_engine_publish_begin(s.e, 1, &p, 10, NULL), LEV_ERR_MISUSE);
    stage_deinit(&s);
}

static void stops_at_the_high_water_mark(void) {
    stage s = {0};
    fill();
    stage_open_channel(&s, &(lev_engine_options){.frame_max = 8192, .high_water = 20000});
    EXPECT_EQ(begin(&s, BODY), LEV_OK);
    EXPECT_EQ(body(&s, 0, 30000), LEV_OK);
    EXPECT_EQ(body(&s, 30000, 1), LEV_AGAIN);
    expect_head(&s, BODY);
    expect_body(&s, 0, 30000);
    stage_events(&s);
    EXPECT_STR(s.log, "writable ch=0\n");
    EXPECT_EQ(body(&s, 30000, BODY - 30000), LEV_OK);
    expect_body(&s, 30000, BODY - 30000);
    stage_deinit(&s);
}

/* ---- what may not go between, and what may ---- */

static void no_other_work_on_the_channel_goes_in_between(void) {
    stage s = {0};
    lev_publication p = message();
    open_channel(&s, false);
    lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
    lev_basic_deliver d = {.consumer_tag = sp("c"), .delivery_tag = 1};
    EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &consume, NULL), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, NULL));
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &d);
    stage_says_body(&s, 1, NULL, sp("b"), 4096);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "deliver ch=1 tag=1"));
    EXPECT_EQ(lev_engine_ack(s.e, s.delivery, false), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_nack(s.e, s.delivery, false, true), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_reject(s.e, s.delivery, true), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(begin(&s, 10), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){0}, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_channel_close(s.e, 1, &(lev_channel_close){0}, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_consume_stream(s.e, 1, &consume, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(body(&s, 0, 10), LEV_OK);
    EXPECT_EQ(lev_engine_ack(s.e, s.delivery, false), LEV_OK);
    expect_head(&s, 10);
    expect_body(&s, 0, 10);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_ACK, NULL));
    expect_nothing(&s);
    stage_deinit(&s);
}

static void other_channels_and_heartbeats_go_on(void) {
    stage s = {0};
    lev_frame frame;
    lev_method m;
    open_channel(&s, false);
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    EXPECT_EQ(body(&s, 0, 4), LEV_OK);
    EXPECT_EQ(lev_engine_channel_open(s.e, 2, &(lev_channel_open){0}, NULL), LEV_OK);
    expect_head(&s, 10);
    expect_body(&s, 0, 4);
    EXPECT(stage_sent_is(&s, 2, LEV_CHANNEL_OPEN, NULL));
    stage_wait(&s, 16000);
    EXPECT(stage_sent(&s, &frame, &m));
    EXPECT_EQ(frame.type, LEV_FRAME_HEARTBEAT);
    EXPECT_EQ(body(&s, 4, 6), LEV_OK);
    expect_body(&s, 4, 6);
    stage_deinit(&s);
}

static void answers_wait_for_the_end_of_the_body(void) {
    stage s = {0};
    open_channel(&s, false);
    lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
    lev_basic_cancel cancel = {.consumer_tag = sp("c")};
    lev_channel_flow stop = {.active = false};
    EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &consume, NULL), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, NULL));
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    EXPECT_EQ(body(&s, 0, 4), LEV_OK);
    stage_says(&s, 1, LEV_CHANNEL_FLOW, &stop);
    stage_says(&s, 1, LEV_BASIC_CANCEL, &cancel);
    stage_deliver(&s);
    EXPECT_EQ(body(&s, 4, 6), LEV_OK); /* a begun message is finished before the flow stops */
    expect_head(&s, 10);
    expect_body(&s, 0, 4);
    expect_body(&s, 4, 6);
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_FLOW_OK, NULL));
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CANCEL_OK, NULL));
    expect_nothing(&s);
    EXPECT_EQ(begin(&s, 10), LEV_AGAIN);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void many_answers_wait_and_none_is_lost(void) {
    stage s = {0};
    open_channel(&s, false);
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    for (int i = 0; i < 3000; i++) {
        stage_says(&s, 1, LEV_CHANNEL_FLOW, &(lev_channel_flow){.active = true});
    }
    stage_deliver(&s);
    expect_head(&s, 10);
    expect_nothing(&s);
    EXPECT_EQ(body(&s, 0, 10), LEV_OK);
    expect_body(&s, 0, 10);
    for (int i = 0; i < 3000; i++) {
        EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_FLOW_OK, NULL));
    }
    expect_nothing(&s);
    stage_deinit(&s);
}

static void a_cancel_that_waited_for_its_consumer_waits_for_the_body_too(void) {
    stage s = {0};
    open_channel(&s, false);
    lev_basic_consume consume = {.consumer_tag = sp("c")};
    lev_basic_cancel cancel = {.consumer_tag = sp("c")};
    lev_basic_consume_ok ok = {.consumer_tag = sp("c")};
    EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &consume, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_basic_cancel(s.e, 1, &cancel, NULL), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, NULL));
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &ok);
    stage_deliver(&s);
    EXPECT_EQ(body(&s, 0, 10), LEV_OK);
    expect_head(&s, 10);
    expect_body(&s, 0, 10);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CANCEL, NULL));
    stage_deinit(&s);
}

static void a_peer_that_asks_for_ever_is_stopped(void) {
    stage s = {0};
    lev_channel_flow go = {.active = true};
    open_channel(&s, false);
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    for (int i = 0; i < 10000; i++) {
        stage_says(&s, 1, LEV_CHANNEL_FLOW, &go);
    }
    stage_deliver(&s);
    EXPECT(s.over);
    EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_RESOURCE_ERROR);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* ---- confirms ---- */

static void broker_returns(stage *s, size_t size) {
    lev_basic_return ret = {.reply_code = 312,
                            .reply_text = sp("NO_ROUTE"),
                            .exchange = sp("x"),
                            .routing_key = sp("k")};
    stage_says(s, 1, LEV_BASIC_RETURN, &ret);
    stage_says_body(s, 1, NULL, (lev_span){bytes, size}, 4096);
    stage_deliver(s);
}

static void has_a_number_and_is_recognised_when_it_comes_back(void) {
    static const size_t steps[] = {1, 63, 1023, 1024, 1025, 5000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        stage s = {0};
        uint64_t number = 0;
        lev_publication p = message();
        open_channel(&s, true);
        p.body = sp("another");
        EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
        p.body = sp("");
        EXPECT_EQ(lev_engine_publish_begin(s.e, 1, &p, 5000, &number), LEV_OK);
        EXPECT_EQ(number, 2);
        EXPECT_EQ(lev_engine_unsettled(s.e, 1), 2);
        for (size_t at = 0; at < 5000; at += steps[i]) {
            EXPECT_EQ(body(&s, at, 5000 - at < steps[i] ? 5000 - at : steps[i]), LEV_OK);
        }
        EXPECT_EQ(lev_engine_unsettled(s.e, 1), 2);
        stage_flush(&s);
        broker_returns(&s, 5000);
        EXPECT(stage_logged(&s, "return ch=1 of=2"));
        stage_says(&s, 1, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = 2, .multiple = true});
        stage_deliver(&s);
        EXPECT(stage_logged(&s, "outcome ch=1 1-1 confirmed\noutcome ch=1 2-2 returned\n"));
        stage_deinit(&s);
    }
}

/* A digest of the whole message equals that of its pieces, so the older of two equal ones counts.
 */
static void pieces_and_one_shot_look_the_same_when_they_come_back(void) {
    stage s = {0};
    lev_publication p = message();
    open_channel(&s, true);
    EXPECT_EQ(begin(&s, 3000), LEV_OK);
    EXPECT_EQ(body(&s, 0, 1999), LEV_OK);
    EXPECT_EQ(body(&s, 1999, 1001), LEV_OK);
    p.body = (lev_span){bytes, 3000};
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    broker_returns(&s, 3000);
    broker_returns(&s, 3000);
    broker_returns(&s, 2999);
    EXPECT(stage_logged(&s, "of=1"));
    EXPECT(stage_logged(&s, "of=2"));
    EXPECT(stage_logged(&s, "of=0"));
    stage_deinit(&s);
}

static void a_confirm_before_the_end_is_a_violation(void) {
    stage s = {0};
    open_channel(&s, true);
    EXPECT_EQ(begin(&s, 10), LEV_OK);
    EXPECT_EQ(body(&s, 0, 9), LEV_OK);
    stage_says(&s, 1, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = 1});
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 not-sent\nfailed"));
    EXPECT(stage_logged(&s, "LEV_ERR_PROTOCOL"));
    stage_deinit(&s);
}

/* ---- how half a message ends ---- */

static void half_of(stage *s, uint64_t size) {
    lev_publication p = message();
    open_channel(s, true);
    p.body = sp("whole");
    EXPECT_EQ(lev_engine_publish(s->e, 1, &p, NULL), LEV_OK);
    EXPECT_EQ(begin(s, size), LEV_OK);
    EXPECT_EQ(body(s, 0, 9), LEV_OK);
    stage_flush(s);
    s->sent_read = s->sent_len;
}

static void half(stage *s) { half_of(s, 10); }

/* The next `left` body bytes are zeros, in frames that fit any frame-max. */
static void expect_zeros(stage *s, uint64_t left) {
    lev_frame frame;
    lev_method m;
    while (left > 0) {
        EXPECT(stage_sent(s, &frame, &m));
        EXPECT_EQ(frame.type, LEV_FRAME_BODY);
        EXPECT(frame.payload.len > 0 && frame.payload.len <= left && frame.payload.ptr[0] == 0);
        EXPECT(frame.payload.len + LEV_FRAME_OVERHEAD <= LEV_FRAME_MIN_SIZE);
        left -= frame.payload.len;
    }
}

static void a_lost_connection_did_not_send_it(void) {
    stage s = {0};
    half(&s);
    lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
    stage_events(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 in-doubt\noutcome ch=1 2-2 not-sent\nfailed"));
    EXPECT_EQ(body(&s, 9, 1), LEV_ERR_LOST);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* RabbitMQ wants the whole body before the close-ok, and drops it. */
static void closes_amid_a_body_of(uint64_t size) {
    stage s = {0};
    half_of(&s, size);
    lev_channel_close close = {.reply_code = 404, .reply_text = sp("no")};
    stage_says(&s, 1, LEV_CHANNEL_FLOW, &(lev_channel_flow){.active = false});
    stage_says(&s, 1, LEV_CHANNEL_CLOSE, &close);
    stage_deliver(&s);
    EXPECT(
        stage_logged(&s, "outcome ch=1 1-1 in-doubt\noutcome ch=1 2-2 not-sent\nchannel-closed"));
    EXPECT_EQ(body(&s, (size_t)size - 9, 1), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_publish_left(s.e, 1), 0);
    if (size > 1000000) {
        EXPECT(lev_engine_queued(s.e) < 100000); /* little at a time */
        EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_AGAIN);
        stage_events(&s);
        EXPECT(!stage_logged(&s, "writable"));
    }
    expect_zeros(&s, size - 9);
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE_OK, NULL));
    expect_nothing(&s);
    stage_events(&s);
    EXPECT_EQ(stage_logged(&s, "writable"), size > 1000000);
    EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void a_close_from_the_broker_completes_the_body_with_zeros(void) {
    closes_amid_a_body_of(10);
    closes_amid_a_body_of(3000000);
}

static void the_connection_can_be_closed_amid_it(void) {
    stage s = {0};
    half(&s);
    EXPECT_EQ(lev_engine_close(s.e, 200, "bye"), LEV_OK);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, NULL));
    EXPECT_EQ(body(&s, 9, 1), LEV_ERR_MISUSE);
    stage_says(&s, 0, LEV_CONNECTION_CLOSE_OK, &(lev_connection_close_ok){0});
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "outcome ch=1 1-1 in-doubt\noutcome ch=1 2-2 not-sent\nclosed"));
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* Our own refusal of a channel waits for the body, and a close from the broker overtakes it. */
static void a_refusal_waits_for_the_body(void) {
    for (int overtaken = 0; overtaken < 2; overtaken++) {
        stage s = {0};
        fill();
        stage_open_channel(&s, &(lev_engine_options){.frame_max = 8192, .message_max = 100});
        lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
        lev_basic_deliver d = {.consumer_tag = sp("c"), .delivery_tag = 1};
        EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &consume, NULL), LEV_OK);
        EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, NULL));
        EXPECT_EQ(begin(&s, 10), LEV_OK);
        stage_says(&s, 1, LEV_BASIC_DELIVER, &d);
        stage_says_body(&s, 1, NULL, (lev_span){bytes, 101}, 4096);
        stage_deliver(&s);
        expect_head(&s, 10);
        expect_nothing(&s);
        if (overtaken == 1) {
            stage_says(&s, 1, LEV_CHANNEL_CLOSE, &(lev_channel_close){.reply_code = 404});
            stage_deliver(&s);
            expect_zeros(&s, 10);
            EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE_OK, NULL));
            EXPECT(stage_logged(&s, "channel-closed ch=1 LEV_ERR_CHANNEL 404"));
        } else {
            EXPECT_EQ(body(&s, 0, 10), LEV_OK);
            expect_body(&s, 0, 10);
            EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE, NULL));
            stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &(lev_channel_close_ok){0});
            stage_deliver(&s);
            EXPECT(stage_logged(&s, "channel-closed ch=1 LEV_ERR_LIMIT 311"));
        }
        expect_nothing(&s);
        stage_deinit(&s);
        EXPECT_EQ(s.balance, 0);
    }
}

static void without_memory_nothing_of_the_piece_is_queued(void) {
    stage s = {0};
    open_channel(&s, false);
    EXPECT_EQ(begin(&s, BODY), LEV_OK);
    size_t queued = lev_engine_queued(s.e);
    s.fail_at = s.allocations + 1;
    EXPECT_EQ(body(&s, 0, BODY), LEV_ERR_MEMORY);
    EXPECT_EQ(lev_engine_queued(s.e), queued);
    EXPECT_EQ(body(&s, 0, BODY), LEV_OK);
    expect_head(&s, BODY);
    expect_body(&s, 0, BODY);
    s.fail_at = s.allocations + 1;
    EXPECT_EQ(begin(&s, BODY), LEV_ERR_MEMORY);
    expect_nothing(&s);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

UNIT_MAIN("sending", CASE(pieces_of_any_size_become_frames), CASE(more_than_announced_is_refused),
          CASE(stops_at_the_high_water_mark), CASE(no_other_work_on_the_channel_goes_in_between),
          CASE(other_channels_and_heartbeats_go_on), CASE(answers_wait_for_the_end_of_the_body),
          CASE(many_answers_wait_and_none_is_lost),
          CASE(a_cancel_that_waited_for_its_consumer_waits_for_the_body_too),
          CASE(a_peer_that_asks_for_ever_is_stopped),
          CASE(has_a_number_and_is_recognised_when_it_comes_back),
          CASE(pieces_and_one_shot_look_the_same_when_they_come_back),
          CASE(a_confirm_before_the_end_is_a_violation), CASE(a_lost_connection_did_not_send_it),
          CASE(a_close_from_the_broker_completes_the_body_with_zeros),
          CASE(the_connection_can_be_closed_amid_it), CASE(a_refusal_waits_for_the_body),
          CASE(without_memory_nothing_of_the_piece_is_queued))
