/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The ends of a consumer: what is still under way to it, when its tag may be used again, and that
 * no call stays without an answer. */

#include "../unit.h"
#include "stage.h"

static lev_status consume(stage *s, const char *tag, bool no_ack) {
    lev_basic_consume fields = {.consumer_tag = sp(tag), .no_ack = no_ack, .nowait = true};
    return lev_engine_basic_consume(s->e, 1, &fields, NULL);
}

/* With an answer, which tells a consumer from the one that had its tag before. */
static lev_status consume_again(stage *s, const char *tag, bool no_ack) {
    lev_basic_consume fields = {.consumer_tag = sp(tag), .no_ack = no_ack};
    return lev_engine_basic_consume(s->e, 1, &fields, NULL);
}

static lev_status cancel(stage *s, const char *tag) {
    lev_basic_cancel fields = {.consumer_tag = sp(tag), .nowait = true};
    return lev_engine_basic_cancel(s->e, 1, &fields, NULL);
}

static void broker_cancels(stage *s, const char *tag) {
    stage_says(s, 1, LEV_BASIC_CANCEL,
               &(lev_basic_cancel){.consumer_tag = sp(tag), .nowait = true});
}

static void broker_delivers(stage *s, const char *tag, uint64_t number) {
    lev_basic_deliver deliver = {.consumer_tag = sp(tag), .delivery_tag = number};
    stage_says(s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(s, 1, NULL, sp("b"), 100);
}

static void takes_what_was_under_way_when_the_broker_cancelled(void) {
    stage s = {0};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(consume(&s, "c", false), LEV_OK);
    broker_cancels(&s, "c");
    broker_delivers(&s, "c", 1);
    stage_deliver(&s);
    EXPECT_STR(s.log, "cancelled ch=1 basic.cancel\ndeliver ch=1 tag=1 key= body=b\n");
    EXPECT_EQ(lev_engine_nack(s.e, s.delivery, false, true), LEV_OK);
    stage_deinit(&s);
}

static void tells_once_that_a_consumer_was_cancelled(void) {
    stage s = {0};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(consume(&s, "theirs", false), LEV_OK);
    EXPECT_EQ(consume(&s, "ours", false), LEV_OK);
    EXPECT_EQ(cancel(&s, "ours"), LEV_OK);
    broker_cancels(&s, "ours"); /* both at the same time */
    broker_cancels(&s, "theirs");
    broker_cancels(&s, "theirs");
    stage_deliver(&s);
    EXPECT_STR(s.log, "cancelled ch=1 basic.cancel\n");
    EXPECT_EQ(cancel(&s, "theirs"), LEV_ERR_MISUSE);
    stage_deinit(&s);
}

static void uses_a_tag_again(void) {
    stage s = {0};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(consume(&s, "c", false), LEV_OK);
    EXPECT_EQ(consume(&s, "c", false), LEV_ERR_MISUSE);
    EXPECT_EQ(cancel(&s, "c"), LEV_OK);
    EXPECT_EQ(consume(&s, "c", false), LEV_ERR_MISUSE);      /* nothing would tell the two apart */
    EXPECT_EQ(consume_again(&s, "c", true), LEV_ERR_MISUSE); /* what is under way wants an ack */
    EXPECT_EQ(consume_again(&s, "c", false), LEV_OK);
    EXPECT_EQ(consume_again(&s, "c", false), LEV_ERR_MISUSE);
    broker_delivers(&s, "c", 1);
    broker_cancels(&s, "c"); /* the first one, while we cancelled it */
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &(lev_basic_consume_ok){.consumer_tag = sp("c")});
    broker_delivers(&s, "c", 2);
    broker_cancels(&s, "c");
    stage_deliver(&s);
    EXPECT_STR(s.log, "deliver ch=1 tag=1 key= body=b\nreply ch=1 basic.consume-ok call=7\n"
                      "deliver ch=1 tag=2 key= body=b\ncancelled ch=1 basic.cancel\n");
    EXPECT_EQ(consume_again(&s, "c", false), LEV_OK);
    stage_deinit(&s);
}

static void keeps_a_cancelled_consumer_where_its_tag_cannot_be_used_again(void) {
    stage s = {0};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(consume(&s, "c", false), LEV_OK);
    EXPECT_EQ(cancel(&s, "c"), LEV_OK);
    s.fail_at = s.allocations + 1;
    EXPECT_EQ(consume_again(&s, "c", false), LEV_ERR_MEMORY);
    broker_delivers(&s, "c", 1);
    stage_deliver(&s);
    EXPECT_STR(s.log, "deliver ch=1 tag=1 key= body=b\n");
    stage_deinit(&s);
}

static void forgets_the_consumers_that_ended_long_ago(void) {
    stage s = {0};
    char tag[24];
    size_t before = 0;
    stage_open_channel(&s, NULL);
    EXPECT_EQ(consume(&s, "busy", false), LEV_OK);
    for (int i = 0; i < 5000; i++) {
        snprintf(tag, sizeof tag, "c%04d", i % 4500);
        EXPECT_EQ(consume(&s, tag, i < 4500), LEV_OK); /* forgotten: the mode may be another */
        EXPECT_EQ(cancel(&s, tag), LEV_OK);
        stage_flush(&s);
        before = i == 2000 ? s.balance : before;
    }
    EXPECT(s.balance <= before);
    broker_delivers(&s, "c0499", 1);
    broker_delivers(&s, "c4400", 2);
    broker_delivers(&s, "busy", 3);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    EXPECT(stage_logged(&s, "tag=3"));
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* The broker cancels what it has not yet said consume-ok to. */
static void answers_each_call_of_a_consumer_that_ends_before_it_begins(void) {
    stage s = {0};
    uint32_t calls[3];
    lev_basic_consume_ok plain = {.consumer_tag = sp("plain")};
    lev_basic_consume_ok both = {.consumer_tag = sp("both")};
    stage_open_channel(&s, NULL);
    (void)lev_engine_basic_consume(s.e, 1, &(lev_basic_consume){.consumer_tag = sp("plain")},
                                   &calls[0]);
    (void)lev_engine_basic_consume(s.e, 1, &(lev_basic_consume){.consumer_tag = sp("both")},
                                   &calls[1]);
    (void)lev_engine_basic_cancel(s.e, 1, &(lev_basic_cancel){.consumer_tag = sp("both")},
                                  &calls[2]);
    broker_cancels(&s, "plain");
    broker_cancels(&s, "both");
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &plain);
    stage_says(&s, 1, LEV_BASIC_CONSUME_OK, &both);
    stage_says(&s, 1, LEV_BASIC_CANCEL_OK, &(lev_basic_cancel_ok){.consumer_tag = sp("both")});
    stage_deliver(&s);
    char expected[300];
    snprintf(expected, sizeof expected,
             "cancelled ch=1 basic.cancel\ncancelled ch=1 basic.cancel\n"
             "reply ch=1 basic.consume-ok call=%u\nreply ch=1 basic.consume-ok call=%u\n"
             "reply ch=1 basic.cancel-ok call=%u\n",
             calls[0], calls[1], calls[2]);
    EXPECT_STR(s.log, expected);
    EXPECT_EQ(cancel(&s, "plain"), LEV_ERR_MISUSE); /* it is over */
    EXPECT_EQ(consume_again(&s, "plain", false), LEV_OK);
    stage_deinit(&s);
}

UNIT_MAIN("consumer", CASE(takes_what_was_under_way_when_the_broker_cancelled),
          CASE(tells_once_that_a_consumer_was_cancelled), CASE(uses_a_tag_again),
          CASE(keeps_a_cancelled_consumer_where_its_tag_cannot_be_used_again),
          CASE(forgets_the_consumers_that_ended_long_ago),
          CASE(answers_each_call_of_a_consumer_that_ends_before_it_begins))
