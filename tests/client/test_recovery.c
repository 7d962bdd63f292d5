/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A connection that is lost and made again, against scripted peers: the first loses it, the second
 * sees what is made again there. */

#include "../unit.h"
#include "peer.h"

#include <sys/socket.h>
#include <unistd.h>

enum { SPARE = 10 }; /* the highest channel of the scripted broker */

/* What the hook heard, a letter a stage; `verdict` is what it says to a failed step. */
typedef struct story {
    char text[100];
    size_t len;
    lev_recovery_verdict verdict;
} story;

static lev_recovery_verdict hear(void *context, const lev_recovery_news *news) {
    story *s = context;
    static const char letters[] = "LWSDO";
    bool failed = news->stage == LEV_RECOVERY_STEP && news->error != NULL;
    if (s->len + 1 < sizeof s->text) {
        s->text[s->len++] = failed ? 'F' : letters[news->stage];
    }
    return s->verdict;
}

/* A client that opens `first` and knows of `second`, too. */
static lev_client *open_client(story *s, peer *first, const peer *second, bool retransmit) {
    const char *uris[] = {second != NULL ? second->uri : NULL};
    lev_client_options o = {.uris = uris,
                            .uri_count = second != NULL ? 1 : 0,
                            .call_ms = 2000,
                            .progress_ms = 3000,
                            .recovery = {.on = true,
                                         .attempts = 3,
                                         .wait_first_ms = 1,
                                         .wait_max_ms = 20,
                                         .retransmit = retransmit,
                                         .mark_doubt = true,
                                         .hook = hear,
                                         .context = s}};
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, first->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    return c;
}

static void answer_select(peer *p) {
    peer_expect(p, LEV_CONFIRM_SELECT);
    peer_send_method(p, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
}

/* The next event, which must be of that type. */
static lev_event expect_event(lev_client *c, lev_event_type type) {
    lev_event e;
    lev_client_next(c, &e, 3000);
    EXPECT_EQ(e.type, type);
    return e;
}

static void lose_after_the_channel(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    usleep(50000);
    peer_reset(p);
}

static void see_the_channel_again(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_close(p);
}

static void comes_back_at_the_next_broker(void) {
    story s = {.len = 0};
    peer *first = peer_start(lose_after_the_channel);
    peer *second = peer_start(see_the_channel_again);
    lev_client *c = open_client(&s, first, second, false);
    lev_event e = expect_event(c, LEV_EVENT_RECOVERING);
    EXPECT_EQ(e.error->status, LEV_ERR_LOST);
    expect_event(c, LEV_EVENT_RECOVERED);
    EXPECT_STR(s.text, "LWSD");
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(first);
    peer_end(second);
}

static void lose_amid_a_call(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_QUEUE_PURGE);
    peer_reset(p);
}

static void answer_a_call(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_QUEUE_PURGE);
    peer_send_method(p, 1, LEV_QUEUE_PURGE_OK, &(lev_queue_purge_ok){.message_count = 7});
    peer_close(p);
}

/* The first call is lost with its connection; the second waits until that is back. */
static void tells_of_a_lost_call_and_makes_the_next_one(void) {
    story s = {.len = 0};
    lev_method reply;
    peer *first = peer_start(lose_amid_a_call);
    peer *second = peer_start(answer_a_call);
    lev_client *c = open_client(&s, first, second, false);
    EXPECT_EQ(lev_client_queue_purge(c, 1, &(lev_queue_purge){0}, NULL), LEV_ERR_LOST);
    EXPECT_EQ(lev_client_queue_purge(c, 1, &(lev_queue_purge){0}, &reply), LEV_OK);
    EXPECT_EQ(reply.as.queue_purge_ok.message_count, 7);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(first);
    peer_end(second);
}

static void deliver_and_lose(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK,
                     &(lev_basic_consume_ok){.consumer_tag = lev_span_of("c")});
    peer_deliver(p, 1, "first");
    usleep(50000);
    peer_reset(p);
}

static void consume_again_and_see_no_ack(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    lev_method again = peer_expect(p, LEV_BASIC_CONSUME);
    peer_need(lev_span_equal(again.as.basic_consume.consumer_tag, lev_span_of("c")), "the tag");
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK,
                     &(lev_basic_consume_ok){.consumer_tag = lev_span_of("c")});
    peer_deliver(p, 1, "again");
    lev_method ack = peer_expect(p, LEV_BASIC_ACK);
    peer_need(ack.as.basic_ack.delivery_tag == 1, "another ack");
    peer_close(p);
}

static void sends_no_ack_for_what_came_before(void) {
    story s = {.len = 0};
    peer *first = peer_start(deliver_and_lose);
    peer *second = peer_start(consume_again_and_see_no_ack);
    lev_client *c = open_client(&s, first, second, false);
    lev_basic_consume consume = {.queue = lev_span_of("q"), .consumer_tag = lev_span_of("c")};
    EXPECT_EQ(lev_client_basic_consume(c, 1, &consume, NULL), LEV_OK);
    lev_delivery stale = expect_event(c, LEV_EVENT_DELIVER).message->delivery;
    expect_event(c, LEV_EVENT_RECOVERING);
    EXPECT_EQ(lev_client_ack(c, stale, false), LEV_ERR_STALE);
    expect_event(c, LEV_EVENT_RECOVERED);
    EXPECT_EQ(lev_client_ack(c, stale, false), LEV_ERR_STALE);
    lev_delivery fresh = expect_event(c, LEV_EVENT_DELIVER).message->delivery;
    EXPECT_EQ(lev_client_ack(c, fresh, false), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(first);
    peer_end(second);
}

/* Takes three publishes, confirms the second alone, and is gone. */
static void confirm_one_of_three(peer *p) {
    char key[256];
    peer_login(p, 0);
    peer_open_channel(p);
    answer_select(p);
    for (int i = 0; i < 3; i++) {
        peer_expect_publish(p, key);
    }
    peer_send_method(p, 1, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = 2});
    usleep(50000);
    peer_reset(p);
}

static void take_the_other_two(peer *p) {
    char key[256];
    peer_login(p, 0);
    peer_open_channel(p);
    answer_select(p);
    peer_need(lev_span_equal(peer_expect_publish(p, key), lev_span_of("one")), "not the first");
    peer_need(lev_span_equal(peer_expect_publish(p, key), lev_span_of("three")), "not the third");
    peer_send_method(p, 1, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = 2, .multiple = true});
    peer_close(p);
}

static void publish_three(lev_client *c) {
    static const char *const bodies[] = {"one", "two", "three"};
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t number;
        lev_publication m = {.body = lev_span_of(bodies[i])};
        EXPECT_EQ(lev_client_publish(c, 1, &m, &number), LEV_OK);
        EXPECT_EQ(number, i + 1);
    }
}

static void sends_again_what_was_not_confirmed(void) {
    story s = {.len = 0};
    lev_tally tally;
    peer *first = peer_start(confirm_one_of_three);
    peer *second = peer_start(take_the_other_two);
    lev_client *c = open_client(&s, first, second, true);
    publish_three(c);
    EXPECT_EQ(lev_client_unsettled(c, 1), 3);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &tally), LEV_OK);
    EXPECT_EQ(tally.confirmed, 3);
    EXPECT_EQ(tally.in_doubt + tally.not_sent, 0);
    EXPECT_EQ(lev_client_unsettled(c, 1), 0);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(first);
    peer_end(second);
}

static void refuse_the_login(peer *p) {
    peer_greet(p, "PLAIN", "3.10.8");
    lev_connection_close close = {.reply_code = 403, .reply_text = lev_span_of("ACCESS_REFUSED")};
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE, &close);
    peer_expect(p, LEV_CONNECTION_CLOSE_OK);
}

/* No second attempt; and what cannot be sent again any more has its outcome. */
static void ends_where_the_login_is_refused(void) {
    story s = {.len = 0};
    lev_tally tally;
    peer *first = peer_start(confirm_one_of_three);
    peer *second = peer_start(refuse_the_login);
    lev_client *c = open_client(&s, first, second, true);
    publish_three(c);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &tally), LEV_ERR_REFUSED);
    EXPECT_EQ(tally.confirmed, 1);
    EXPECT_EQ(tally.in_doubt, 2);
    EXPECT_STR(s.text, "LWO");
    expect_event(c, LEV_EVENT_RECOVERING);
    lev_event e = expect_event(c, LEV_EVENT_FAILED);
    EXPECT_EQ(e.error->status, LEV_ERR_REFUSED);
    lev_client_free(c);
    peer_end(first);
    peer_end(second);
}

static void refuse_the_queue(peer *p) {
    peer_login(p, 0);
    peer_expect(p, LEV_CHANNEL_OPEN);
    peer_send_method(p, SPARE, LEV_CHANNEL_OPEN_OK, &(lev_channel_open_ok){0});
    peer_expect(p, LEV_QUEUE_DECLARE);
    peer_send_method(
        p, SPARE, LEV_CHANNEL_CLOSE,
        &(lev_channel_close){.reply_code = 406, .reply_text = lev_span_of("PRECONDITION_FAILED")});
    char byte;
    while (recv(p->fd, &byte, 1, 0) > 0) {
    }
}

static void declare_and_lose(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_QUEUE_DECLARE);
    peer_send_method(p, 1, LEV_QUEUE_DECLARE_OK,
                     &(lev_queue_declare_ok){.queue = lev_span_of("q")});
    usleep(50000);
    peer_reset(p);
}

static void stops_at_a_step_that_will_not_pass(void) {
    story s = {.len = 0};
    peer *first = peer_start(declare_and_lose);
    peer *second = peer_start(refuse_the_queue);
    lev_client *c = open_client(&s, first, second, false);
    lev_queue_declare declare = {.queue = lev_span_of("q")};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &declare, NULL), LEV_OK);
    expect_event(c, LEV_EVENT_RECOVERING);
    lev_event e = expect_event(c, LEV_EVENT_FAILED);
    EXPECT_EQ(e.error->status, LEV_ERR_CHANNEL);
    EXPECT(strstr(e.error->text, "PRECONDITION_FAILED") != NULL);
    EXPECT_STR(s.text, "LWFO");
    lev_client_free(c);
    peer_end(first);
    peer_end(second);
}

static void gives_up_after_so_many_rounds(void) {
    story s = {.len = 0};
    peer *first = peer_start(lose_after_the_channel);
    lev_client *c = open_client(&s, first, NULL, false);
    expect_event(c, LEV_EVENT_RECOVERING);
    peer_end(first);
    lev_event e = expect_event(c, LEV_EVENT_FAILED);
    EXPECT_EQ(e.error->status, LEV_ERR_CONNECT);
    EXPECT_STR(s.text, "LWWWO");
    lev_client_free(c);
}

static void closes_at_once_while_it_waits(void) {
    story s = {.len = 0};
    peer *first = peer_start(lose_after_the_channel);
    lev_client *c = open_client(&s, first, NULL, false);
    expect_event(c, LEV_EVENT_RECOVERING);
    EXPECT_EQ(lev_client_fd(c), -1);
    EXPECT(lev_client_timeout(c) >= 0);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    expect_event(c, LEV_EVENT_CLOSED);
    lev_client_free(c);
    peer_end(first);
}

static void log_in(peer *p) {
    peer_login(p, 0);
    peer_close(p);
}

static void opens_the_second_where_the_first_is_not_there(void) {
    peer *p = peer_start(log_in);
    const char *uris[] = {p->uri};
    lev_client *c = lev_client_new(&(lev_client_options){.uris = uris, .uri_count = 1});
    EXPECT_EQ(lev_client_open(c, "amqp://127.0.0.1:1"), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

/* Nobody is there, so each is tried, and what is told is of the last. */
static unsigned last_tried(bool shuffle) {
    const char *uris[] = {"amqp://127.0.0.1:2", "amqp://127.0.0.1:3"};
    unsigned port = 0;
    lev_client *c =
        lev_client_new(&(lev_client_options){.uris = uris, .uri_count = 2, .shuffle = shuffle});
    EXPECT_EQ(lev_client_open(c, "amqp://127.0.0.1:1"), LEV_ERR_CONNECT);
    EXPECT_EQ(sscanf(lev_client_error(c)->text, "cannot connect to 127.0.0.1:%u", &port), 1);
    lev_client_free(c);
    return port;
}

static void tries_in_order_or_in_any(void) {
    unsigned seen = 0;
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(last_tried(false), 3);
    }
    for (int i = 0; i < 1000 && seen != 0xe; i++) {
        seen |= 1U << last_tried(true);
        usleep(1000);
    }
    EXPECT_EQ(seen, 0xe);
}

UNIT_MAIN("recovery", CASE(comes_back_at_the_next_broker),
          CASE(tells_of_a_lost_call_and_makes_the_next_one),
          CASE(sends_no_ack_for_what_came_before), CASE(sends_again_what_was_not_confirmed),
          CASE(ends_where_the_login_is_refused), CASE(stops_at_a_step_that_will_not_pass),
          CASE(gives_up_after_so_many_rounds), CASE(closes_at_once_while_it_waits),
          CASE(opens_the_second_where_the_first_is_not_there), CASE(tries_in_order_or_in_any))
