/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Calls and channels: pipelining, answers out of order, closes from either side, and what is
 * refused. */

#include "../unit.h"
#include "stage.h"

static void matches_answers_by_type_and_in_order_within_a_type(void) {
    stage s = {0};
    uint32_t calls[4];
    lev_queue_declare_ok ok = {.queue = sp("q")};
    lev_queue_bind_ok bound = {0};
    lev_basic_qos_ok qos_ok = {0};
    stage_open_channel(&s, NULL);
    (void)lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){.queue = sp("a")}, &calls[0]);
    (void)lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){.queue = sp("b")}, &calls[1]);
    (void)lev_engine_queue_bind(s.e, 1, &(lev_queue_bind){.queue = sp("b")}, &calls[2]);
    (void)lev_engine_basic_qos(s.e, 1, &(lev_basic_qos){.prefetch_count = 5}, &calls[3]);
    stage_says(&s, 1, LEV_BASIC_QOS_OK, &qos_ok);
    stage_says(&s, 1, LEV_QUEUE_BIND_OK, &bound);
    stage_says(&s, 1, LEV_QUEUE_DECLARE_OK, &ok);
    stage_says(&s, 1, LEV_QUEUE_DECLARE_OK, &ok);
    stage_deliver(&s);
    char expected[400];
    snprintf(expected, sizeof expected,
             "reply ch=1 basic.qos-ok call=%u\nreply ch=1 queue.bind-ok call=%u\n"
             "reply ch=1 queue.declare-ok call=%u\nreply ch=1 queue.declare-ok call=%u\n",
             calls[3], calls[2], calls[0], calls[1]);
    EXPECT_STR(s.log, expected);
    stage_deinit(&s);
}

static void pipelines_behind_channel_open(void) {
    stage s = {0};
    lev_channel_open_ok opened = {0};
    lev_queue_declare_ok ok = {.queue = sp("q")};
    stage_open(&s, NULL);
    EXPECT_EQ(lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){0}, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_ERR_MISUSE);
    stage_says(&s, 1, LEV_CHANNEL_OPEN_OK, &opened);
    stage_says(&s, 1, LEV_QUEUE_DECLARE_OK, &ok);
    stage_deliver(&s);
    EXPECT(
        stage_logged(&s, "reply ch=1 channel.open-ok call=1\nreply ch=1 queue.declare-ok call="));
    stage_deinit(&s);
}

static void expects_no_answer_with_nowait(void) {
    stage s = {0};
    uint32_t call = 9;
    lev_queue_declare_ok ok = {.queue = sp("q")};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){.nowait = true}, &call),
              LEV_OK);
    EXPECT_EQ(call, 0);
    stage_says(&s, 1, LEV_QUEUE_DECLARE_OK, &ok);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_PROTOCOL);
    stage_deinit(&s);
}

static void makes_a_consumer_tag_and_matches_answers_by_it(void) {
    stage s = {0};
    lev_method one;
    lev_method two;
    uint32_t calls[2];
    stage_open_channel(&s, NULL);
    (void)lev_engine_basic_consume(s.e, 1, &(lev_basic_consume){.queue = sp("q")}, &calls[0]);
    (void)lev_engine_basic_consume(s.e, 1, &(lev_basic_consume){.queue = sp("r")}, &calls[1]);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, &one));
    lev_basic_consume_ok ok1 = {.consumer_tag = sp("leveret-2")};
    EXPECT(lev_span_equal(one.as.basic_consume.consumer_tag, ok1.consumer_tag));
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, &two));
    lev_basic_consume_ok ok2 = {.consumer_tag = two.as.basic_consume.consumer_tag};
    EXPECT(!lev_span_equal(ok1.consumer_tag, ok2.consumer_tag));
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &ok2);
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &ok1);
    stage_deliver(&s);
    char expected[200];
    snprintf(expected, sizeof expected,
             "reply ch=1 basic.consume-ok call=%u\nreply ch=1 basic.consume-ok call=%u\n", calls[1],
             calls[0]);
    EXPECT_STR(s.log, expected);
    stage_deinit(&s);
}

static void holds_a_cancel_back_until_the_consume_ok(void) {
    stage s = {0};
    uint32_t call;
    lev_basic_consume_ok ok = {.consumer_tag = sp("c")};
    lev_basic_cancel_ok gone = {.consumer_tag = sp("c")};
    stage_open_channel(&s, NULL);
    (void)lev_engine_basic_consume(s.e, 1, &(lev_basic_consume){.consumer_tag = sp("c")}, NULL);
    EXPECT_EQ(lev_engine_basic_cancel(s.e, 1, &(lev_basic_cancel){.consumer_tag = sp("c")}, &call),
              LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, NULL));
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CANCEL, NULL));
    stage_says(&s, 1, LEV_BASIC_CANCEL_OK, &gone);
    stage_deliver(&s);
    EXPECT_EQ(s.last_call, call);
    EXPECT_EQ(lev_engine_basic_cancel(s.e, 1, &(lev_basic_cancel){.consumer_tag = sp("c")}, NULL),
              LEV_ERR_MISUSE);
    stage_deinit(&s);
}

static void holds_a_cancel_back_until_the_commit_is_over(void) {
    stage s = {0};
    lev_basic_consume_ok ok = {.consumer_tag = sp("c")};
    lev_tx_commit_ok committed = {0};
    lev_basic_cancel crossing = {.consumer_tag = sp("c"), .nowait = true};
    stage_open_channel(&s, NULL);
    (void)lev_engine_basic_consume(s.e, 1, &(lev_basic_consume){.consumer_tag = sp("c")}, NULL);
    (void)lev_engine_basic_cancel(s.e, 1, &(lev_basic_cancel){.consumer_tag = sp("c")}, NULL);
    EXPECT_EQ(lev_engine_tx_commit(s.e, 1, &(lev_tx_commit){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &ok);
    stage_says(&s, 1, LEV_BASIC_CANCEL, &crossing);
    stage_deliver(&s);
    EXPECT(!stage_logged(&s, "cancelled"));
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, NULL));
    EXPECT(stage_sent_is(&s, 1, LEV_TX_COMMIT, NULL));
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_says(&s, 1, LEV_TX_COMMIT_OK, &committed);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CANCEL, NULL));
    stage_deinit(&s);
}

static void tells_of_a_consumer_that_the_broker_cancelled(void) {
    stage s = {0};
    lev_basic_cancel cancel = {.consumer_tag = sp("c"), .nowait = true};
    lev_basic_cancel asks = {.consumer_tag = sp("nobody")};
    stage_open_channel(&s, NULL);
    (void)lev_engine_basic_consume(
        s.e, 1, &(lev_basic_consume){.consumer_tag = sp("c"), .nowait = true}, NULL);
    stage_says(&s, 1, LEV_BASIC_CANCEL, &cancel);
    stage_says(&s, 1, LEV_BASIC_CANCEL, &asks);
    stage_deliver(&s);
    EXPECT_STR(s.log, "cancelled ch=1 basic.cancel\n");
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CONSUME, NULL));
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_CANCEL_OK, NULL));
    stage_deinit(&s);
}

static void gets_a_message_or_learns_that_there_is_none(void) {
    stage s = {0};
    uint32_t calls[2];
    lev_basic_get_ok ok = {.delivery_tag = 1, .routing_key = sp("k"), .message_count = 4};
    lev_basic_get_empty empty = {0};
    stage_open_channel(&s, NULL);
    (void)lev_engine_basic_get(s.e, 1, &(lev_basic_get){.queue = sp("q")}, &calls[0]);
    (void)lev_engine_basic_get(s.e, 1, &(lev_basic_get){.queue = sp("q")}, &calls[1]);
    stage_says(&s, 1, LEV_BASIC_GET_OK, &ok);
    stage_says_body(&s, 1, NULL, sp("body"), 2);
    stage_says(&s, 1, LEV_BASIC_GET_EMPTY, &empty);
    stage_deliver(&s);
    char expected[200];
    snprintf(expected, sizeof expected,
             "reply ch=1 basic.get-ok call=%u tag=1 key=k body=body\nreply ch=1 basic.get-empty "
             "call=%u\n",
             calls[0], calls[1]);
    EXPECT_STR(s.log, expected);
    stage_deinit(&s);
}

static void ends_a_channel_that_the_broker_closed_and_opens_it_again(void) {
    stage s = {0};
    lev_channel_close close = {.reply_code = 404,
                               .reply_text = sp("NOT_FOUND - no queue 'q'"),
                               .class_id = 50,
                               .method_id = 10};
    stage_open_channel(&s, NULL);
    (void)lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){.passive = true}, NULL);
    stage_says(&s, 1, LEV_CHANNEL_CLOSE, &close);
    stage_deliver(&s);
    EXPECT_STR(s.log, "channel-closed ch=1 LEV_ERR_CHANNEL 404 the broker closed the channel: 404 "
                      "NOT_FOUND - no queue 'q'\n");
    EXPECT(stage_sent_is(&s, 1, LEV_QUEUE_DECLARE, NULL));
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE_OK, NULL));
    EXPECT_EQ(lev_engine_channel_state(s.e, 1), LEV_STATE_CHANNEL_CLOSED);
    EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    stage_deinit(&s);
}

static void drops_what_arrives_while_it_closes_a_channel(void) {
    stage s = {0};
    uint32_t call;
    lev_method m;
    lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = 1};
    lev_queue_declare_ok declared = {.queue = sp("q")};
    lev_channel_close crossing = {.reply_code = 406};
    lev_channel_close_ok ok = {0};
    stage_open_channel(&s, NULL);
    (void)lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){0}, NULL);
    EXPECT_EQ(lev_engine_channel_close(s.e, 1, &(lev_channel_close){0}, &call), LEV_OK);
    EXPECT_EQ(lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){0}, NULL), LEV_ERR_MISUSE);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(&s, 1, NULL, sp("unwanted"), 3);
    stage_says(&s, 1, LEV_QUEUE_DECLARE_OK, &declared);
    stage_says(&s, 1, LEV_CHANNEL_CLOSE, &crossing);
    stage_deliver(&s);
    EXPECT_STR(s.log, "");
    stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "reply ch=1 channel.close-ok call="));
    EXPECT_EQ(s.last_call, call);
    EXPECT(stage_sent_is(&s, 1, LEV_QUEUE_DECLARE, NULL));
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE, &m));
    EXPECT_EQ(m.as.channel_close.reply_code, 200);
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE_OK, NULL));
    stage_deinit(&s);
}

static void closes_a_channel_whose_open_ok_is_still_under_way(void) {
    stage s = {0};
    lev_channel_open_ok opened = {0};
    lev_channel_close_ok closed = {0};
    stage_open(&s, NULL);
    EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_channel_close(s.e, 1, &(lev_channel_close){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_CHANNEL_OPEN_OK, &opened);
    stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &closed);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "reply ch=1 channel.close-ok"));
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_deinit(&s);
}

static void refuses_what_would_cost_the_connection(void) {
    stage s = {0};
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_table_put_string(&w, "x-stream-offset", "first");
    lev_basic_consume stream = {.queue = sp("s"), .no_ack = true, .arguments = lev_writer_span(&w)};
    lev_basic_consume twice = {.queue = sp("q"), .consumer_tag = sp("c")};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_basic_qos(s.e, 1, &(lev_basic_qos){.prefetch_size = 1}, NULL),
              LEV_ERR_UNSUPPORTED);
    EXPECT_EQ(lev_engine_basic_recover(s.e, 1, &(lev_basic_recover){0}, NULL), LEV_ERR_UNSUPPORTED);
    EXPECT_EQ(lev_engine_channel_flow(s.e, 1, &(lev_channel_flow){0}, NULL), LEV_ERR_UNSUPPORTED);
    EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &stream, NULL), LEV_ERR_UNSUPPORTED);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &twice, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &twice, NULL), LEV_ERR_MISUSE);
    (void)lev_engine_tx_commit(s.e, 1, &(lev_tx_commit){0}, NULL);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){0}, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_basic_qos(s.e, 1, &(lev_basic_qos){0}, NULL), LEV_ERR_MISUSE);
    stage_deinit(&s);
}

static void refuses_methods_that_are_not_the_callers_to_send(void) {
    stage s = {0};
    lev_method any = {0};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_call(s.e, 0, LEV_CONNECTION_TUNE_OK, &any.as, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_call(s.e, 1, LEV_QUEUE_DECLARE_OK, &any.as, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_call(s.e, 0, LEV_QUEUE_DECLARE, &any.as, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_call(s.e, 1, LEV_NO_METHOD, &any.as, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_call(s.e, 2048, LEV_CHANNEL_OPEN, &any.as, NULL), LEV_ERR_LIMIT);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_deinit(&s);
}

/* What a client may send is a call, or has a function of its own, or is an answer that the engine
 * gives by itself. */
static void offers_every_method_that_a_client_may_send(void) {
    static const bool otherwise[LEV_METHOD_COUNT] = {
        [LEV_CONNECTION_START_OK] = true, [LEV_CONNECTION_SECURE_OK] = true,
        [LEV_CONNECTION_TUNE_OK] = true,  [LEV_CONNECTION_OPEN] = true,
        [LEV_CONNECTION_CLOSE] = true,    [LEV_CONNECTION_CLOSE_OK] = true,
        [LEV_CHANNEL_FLOW_OK] = true,     [LEV_CHANNEL_CLOSE_OK] = true,
        [LEV_BASIC_CANCEL_OK] = true,     [LEV_BASIC_PUBLISH] = true,
        [LEV_BASIC_ACK] = true,           [LEV_BASIC_REJECT] = true,
        [LEV_BASIC_NACK] = true};
    static const bool calls[LEV_METHOD_COUNT] = {
#define CALLED(NAME, name) [LEV_##NAME] = true,
        LEV_CALLS(CALLED)
#undef CALLED
    };
    for (int id = 1; id < LEV_METHOD_COUNT; id++) {
        bool ours = lev_method_describe((lev_method_id)id)->from != LEV_FROM_SERVER;
        EXPECT_EQ(calls[id] + otherwise[id], ours);
    }
}

static void answers_an_illegal_method_with_the_code_of_the_specification(void) {
    lev_queue_declare declare = {0};
    lev_queue_declare_ok declared = {.queue = sp("q")};
    lev_channel_open_ok opened = {0};
    lev_connection_open_ok again = {0};
    const struct {
        uint16_t channel;
        lev_method_id id;
        const void *fields;
        uint16_t code;
    } rows[] = {
        {1, LEV_QUEUE_DECLARE, &declare, LEV_COMMAND_INVALID},
        {1, LEV_QUEUE_DECLARE_OK, &declared, LEV_COMMAND_INVALID},
        {1, LEV_CHANNEL_OPEN_OK, &opened, LEV_COMMAND_INVALID},
        {0, LEV_QUEUE_DECLARE_OK, &declared, LEV_COMMAND_INVALID},
        {1, LEV_CONNECTION_OPEN_OK, &again, LEV_COMMAND_INVALID},
        {0, LEV_CONNECTION_OPEN_OK, &again, LEV_COMMAND_INVALID},
        {2, LEV_QUEUE_DECLARE_OK, &declared, LEV_CHANNEL_ERROR},
        {65535, LEV_QUEUE_DECLARE_OK, &declared, LEV_CHANNEL_ERROR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage s = {0};
        stage_open_channel(&s, NULL);
        stage_says(&s, rows[i].channel, rows[i].id, rows[i].fields);
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->reply_code, rows[i].code);
        EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, NULL));
        stage_deinit(&s);
    }
}

UNIT_MAIN("call", CASE(matches_answers_by_type_and_in_order_within_a_type),
          CASE(pipelines_behind_channel_open), CASE(expects_no_answer_with_nowait),
          CASE(makes_a_consumer_tag_and_matches_answers_by_it),
          CASE(holds_a_cancel_back_until_the_consume_ok),
          CASE(holds_a_cancel_back_until_the_commit_is_over),
          CASE(tells_of_a_consumer_that_the_broker_cancelled),
          CASE(gets_a_message_or_learns_that_there_is_none),
          CASE(ends_a_channel_that_the_broker_closed_and_opens_it_again),
          CASE(drops_what_arrives_while_it_closes_a_channel),
          CASE(closes_a_channel_whose_open_ok_is_still_under_way),
          CASE(refuses_what_would_cost_the_connection),
          CASE(refuses_methods_that_are_not_the_callers_to_send),
          CASE(offers_every_method_that_a_client_may_send),
          CASE(answers_an_illegal_method_with_the_code_of_the_specification))
