/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Kept events: copies of all that an event can point to, in order, merged and bounded. */

#include "../../src/client/backlog.h"
#include "../unit.h"

static lev_event outcome(uint16_t channel, uint64_t first, uint64_t last, lev_outcome how) {
    return (lev_event){.type = LEV_EVENT_OUTCOME,
                       .channel = channel,
                       .first = first,
                       .last = last,
                       .outcome = how};
}

static void push(lev_backlog *b, lev_event event) {
    EXPECT_EQ(lev_backlog_push(b, &event, SIZE_MAX), LEV_OK);
}

/* Keeps an event made of memory that is overwritten afterwards. */
static void keep_a_message(lev_backlog *b) {
    char text[] = "tag exchange key id body piece NO_ROUTE";
    lev_message m = {.consumer_tag = {(uint8_t *)text, 3},
                     .exchange = {(uint8_t *)text + 4, 8},
                     .routing_key = {(uint8_t *)text + 13, 3},
                     .reply_code = 312,
                     .reply_text = {(uint8_t *)text + 31, 8},
                     .body_size = 99,
                     .body = {(uint8_t *)text + 20, 4}};
    m.properties.present = LEV_HAS_MESSAGE_ID | LEV_HAS_PRIORITY;
    m.properties.message_id = (lev_span){(uint8_t *)text + 17, 2};
    m.properties.priority = 7;
    lev_method method = {.id = LEV_BASIC_CANCEL};
    method.as.basic_cancel.consumer_tag = m.consumer_tag;
    lev_error error = {.status = LEV_ERR_CHANNEL, .text = "why"};
    push(b, (lev_event){.type = LEV_EVENT_BODY,
                        .channel = 3,
                        .message = &m,
                        .method = &method,
                        .error = &error,
                        .body = {(uint8_t *)text + 25, 5}});
    memset(text, '#', sizeof text);
    memset(&m, '#', sizeof m);
    memset(&method, '#', sizeof method);
    memset(&error, '#', sizeof error);
}

/* The body of a delivery, which is also its first piece, is kept once. */
static void keeps_a_body_once(void) {
    static const uint8_t body[10000] = {1, 2, 3};
    lev_backlog b = {0};
    lev_message m = {.body = {body, sizeof body}};
    push(&b, (lev_event){.type = LEV_EVENT_DELIVER, .message = &m, .body = m.body});
    EXPECT(b.size < 15000);
    lev_kept *k = lev_backlog_pop(&b);
    EXPECT_BYTES(k->event.body.ptr, k->event.body.len, body, sizeof body);
    EXPECT_BYTES(k->message.body.ptr, k->message.body.len, body, sizeof body);
    lev_memory_free(k);
}

static void copies_all_that_an_event_points_to(void) {
    lev_backlog b = {0};
    keep_a_message(&b);
    lev_kept *k = lev_backlog_pop(&b);
    const lev_event *e = &k->event;
    EXPECT_EQ(e->type, LEV_EVENT_BODY);
    EXPECT_EQ(e->channel, 3);
    EXPECT(lev_span_equal(e->message->consumer_tag, lev_span_of("tag")));
    EXPECT(lev_span_equal(e->message->exchange, lev_span_of("exchange")));
    EXPECT(lev_span_equal(e->message->routing_key, lev_span_of("key")));
    EXPECT(lev_span_equal(e->message->properties.message_id, lev_span_of("id")));
    EXPECT(lev_span_equal(e->message->body, lev_span_of("body")));
    EXPECT(lev_span_equal(e->body, lev_span_of("piece")));
    EXPECT_EQ(e->message->properties.priority, 7);
    EXPECT_EQ(e->message->reply_code, 312);
    EXPECT(lev_span_equal(e->message->reply_text, lev_span_of("NO_ROUTE")));
    EXPECT_EQ(e->message->body_size, 99);
    EXPECT_EQ(e->method->id, LEV_BASIC_CANCEL);
    EXPECT(lev_span_equal(e->method->as.basic_cancel.consumer_tag, lev_span_of("tag")));
    EXPECT_STR(e->error->text, "why");
    EXPECT_EQ(b.size, 0);
    EXPECT(lev_backlog_pop(&b) == NULL);
    lev_memory_free(k);
}

static void merges_outcomes_that_continue_each_other(void) {
    lev_backlog b = {0};
    push(&b, outcome(1, 1, 1, LEV_CONFIRMED));
    size_t one = b.size;
    push(&b, outcome(1, 2, 9, LEV_CONFIRMED));
    push(&b, outcome(1, 10, 10, LEV_CONFIRMED));
    EXPECT_EQ(b.size, one);
    push(&b, outcome(2, 11, 11, LEV_CONFIRMED)); /* another channel */
    push(&b, outcome(2, 12, 12, LEV_NACKED));    /* another outcome */
    push(&b, outcome(2, 14, 14, LEV_NACKED));    /* a gap */
    EXPECT_EQ(b.size, 4 * one);
    lev_kept *k = lev_backlog_pop(&b);
    EXPECT_EQ(k->event.first, 1);
    EXPECT_EQ(k->event.last, 10);
    lev_memory_free(k);
    EXPECT_EQ(lev_backlog_tally(&b, 2).confirmed, 1);
    EXPECT_EQ(lev_backlog_tally(&b, 2).nacked, 2);
    EXPECT_EQ(lev_backlog_tally(&b, 1).confirmed, 0);
    lev_backlog_deinit(&b);
}

static void does_not_merge_what_has_been_taken(void) {
    lev_backlog b = {0};
    push(&b, outcome(1, 1, 1, LEV_CONFIRMED));
    lev_memory_free(lev_backlog_pop(&b));
    push(&b, outcome(1, 2, 2, LEV_CONFIRMED));
    EXPECT_EQ(b.first->event.first, 2);
    lev_backlog_deinit(&b);
}

/* What is told again and again goes into the same blocks, up to 32 of them. */
static void uses_the_blocks_that_come_back(void) {
    static int token;
    lev_backlog b = {0};
    lev_kept *taken[40];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 40; i++) {
            push(&b, (lev_event){.type = LEV_EVENT_RELEASED, .token = &token});
        }
        EXPECT(b.size < 40 * sizeof(lev_kept) / 4);
        for (size_t i = 0; i < 40; i++) {
            taken[i] = lev_backlog_pop(&b);
            EXPECT(taken[i]->event.token == &token);
        }
        for (size_t i = 0; i < 40; i++) {
            lev_backlog_give_back(&b, taken[i]);
        }
        EXPECT_EQ(b.spares, 32);
        EXPECT_EQ(b.size, 0);
    }
    push(&b, outcome(1, 1, 1, LEV_CONFIRMED));
    EXPECT_EQ(b.spares, 31);
    EXPECT_EQ(b.first->event.last, 1);
    EXPECT(b.first->event.token == NULL && b.first->next == NULL);
    keep_a_message(&b); /* has bytes, so it needs a block of its own */
    EXPECT_EQ(b.spares, 31);
    lev_backlog_give_back(&b, lev_backlog_pop(&b));
    lev_backlog_give_back(&b, lev_backlog_pop(&b));
    EXPECT_EQ(b.spares, 32);
    lev_backlog_deinit(&b);
}

static void keeps_within_its_limit(void) {
    lev_backlog b = {0};
    lev_event e = {.type = LEV_EVENT_UNBLOCKED};
    EXPECT_EQ(lev_backlog_push(&b, &e, 1), LEV_OK); /* the only one may be of any size */
    size_t one = b.size;
    EXPECT_EQ(lev_backlog_push(&b, &e, 2 * one - 1), LEV_ERR_LIMIT);
    EXPECT_EQ(b.size, one);
    EXPECT_EQ(lev_backlog_push(&b, &e, 2 * one), LEV_OK);
    EXPECT_EQ(lev_backlog_push(&b, &e, 1), LEV_ERR_LIMIT);
    lev_backlog_deinit(&b);
    EXPECT_EQ(b.size, 0);
}

/* Drops the confirms of channel 1 from among others: at the head, in the middle, at the tail. */
static void drops_the_confirms_of_a_channel(void) {
    lev_backlog b = {0};
    lev_message m = {.reply_code = 312};
    push(&b, outcome(1, 1, 1, LEV_CONFIRMED));
    push(&b, (lev_event){.type = LEV_EVENT_RETURN, .channel = 1, .message = &m});
    push(&b, (lev_event){.type = LEV_EVENT_UNBLOCKED});
    push(&b, outcome(1, 2, 2, LEV_RETURNED));
    push(&b, outcome(2, 1, 1, LEV_IN_DOUBT));
    push(&b, outcome(1, 3, 3, LEV_NOT_SENT));
    lev_backlog_drop_confirms(&b, 1);
    EXPECT_EQ(b.first->event.type, LEV_EVENT_UNBLOCKED);
    EXPECT_EQ(b.last->event.channel, 2);
    EXPECT(b.first->next == b.last && b.last->next == NULL);
    push(&b, outcome(2, 2, 2, LEV_IN_DOUBT));
    EXPECT_EQ(lev_backlog_tally(&b, 2).in_doubt, 2);
    lev_backlog_deinit(&b);
}

static void finds_the_news_of_a_closed_channel(void) {
    lev_backlog b = {0};
    lev_error found;
    lev_error one = {.status = LEV_ERR_CHANNEL, .text = "one"};
    lev_error two = {.status = LEV_ERR_CHANNEL, .text = "two"};
    push(&b, (lev_event){.type = LEV_EVENT_CHANNEL_CLOSED, .channel = 1, .error = &one});
    push(&b, (lev_event){.type = LEV_EVENT_CHANNEL_CLOSED, .channel = 2, .error = &two});
    EXPECT(!lev_backlog_take_closed(&b, 3, &found));
    EXPECT(lev_backlog_take_closed(&b, 2, &found));
    EXPECT_STR(found.text, "two");
    EXPECT(!lev_backlog_take_closed(&b, 2, &found));
    EXPECT(b.first == b.last && b.first->event.channel == 1);
    lev_backlog_deinit(&b);
}

UNIT_MAIN("backlog", CASE(keeps_a_body_once), CASE(copies_all_that_an_event_points_to),
          CASE(merges_outcomes_that_continue_each_other), CASE(does_not_merge_what_has_been_taken),
          CASE(uses_the_blocks_that_come_back), CASE(keeps_within_its_limit),
          CASE(drops_the_confirms_of_a_channel), CASE(finds_the_news_of_a_closed_channel))
