/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a client does while a call waits: events of all kinds come, the broker blocks, stops
 * reading, falls silent or ends with its last words in front of a reset. */

#include "../unit.h"
#include "peer.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static lev_client *open_channel(const peer *p, const lev_client_options *options) {
    lev_client *c = lev_client_new(options);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    return c;
}

static void close_and_free(lev_client *c, peer *p) {
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static lev_status consume(lev_client *c) {
    return lev_client_basic_consume(c, 1, &(lev_basic_consume){.consumer_tag = lev_span_of("c")},
                                    NULL);
}

static lev_status select_confirms(lev_client *c) {
    return lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL);
}

static void give_consumer(peer *p) {
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of("c")};
    peer_expect(p, LEV_BASIC_CONSUME);
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
}

static void give_confirms(peer *p) {
    peer_expect(p, LEV_CONFIRM_SELECT);
    peer_send_method(p, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
}

static void confirm(const peer *p, uint64_t tag) {
    peer_send_method(p, 1, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = tag});
}

static void expect_delivery(lev_client *c, uint64_t tag, const char *body) {
    lev_event e;
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_DELIVER);
    EXPECT_EQ(e.message->delivery.tag, tag);
    EXPECT(lev_span_equal(e.message->body, lev_span_of(body)));
    EXPECT(lev_span_equal(e.message->consumer_tag, lev_span_of("c")));
    EXPECT(lev_span_equal(e.message->exchange, lev_span_of("e")));
    EXPECT(lev_span_equal(e.message->routing_key, lev_span_of("k")));
    EXPECT(lev_span_equal(e.message->properties.message_id, lev_span_of("id")));
}

static void deliver_before_the_answer(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    give_consumer(p);
    peer_expect(p, LEV_QUEUE_DECLARE);
    char name[201] = "";
    memset(name, 'q', 200); /* long enough to overwrite the deliveries, if it were moved there */
    lev_queue_declare_ok ok = {.queue = lev_span_of(name), .message_count = 7};
    peer_deliver(p, 1, "one");
    peer_deliver(p, 2, "");
    peer_send_method(p, 1, LEV_BASIC_CANCEL,
                     &(lev_basic_cancel){.consumer_tag = lev_span_of("c"), .nowait = true});
    peer_send_method(p, 1, LEV_QUEUE_DECLARE_OK, &ok);
    peer_close(p);
}

static void keeps_what_comes_before_the_answer_in_order(void) {
    peer *p = peer_start(deliver_before_the_answer);
    lev_client *c = open_channel(p, NULL);
    lev_method reply;
    lev_event e;
    EXPECT_EQ(consume(c), LEV_OK);
    EXPECT_EQ(lev_client_queue_declare(c, 1, &(lev_queue_declare){0}, &reply), LEV_OK);
    EXPECT_EQ(reply.id, LEV_QUEUE_DECLARE_OK);
    EXPECT_EQ(reply.as.queue_declare_ok.message_count, 7);
    EXPECT_EQ(reply.as.queue_declare_ok.queue.len, 200);
    EXPECT_EQ(lev_client_timeout(c), 0);
    expect_delivery(c, 1, "one");
    expect_delivery(c, 2, "");
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_ERR_CANCELLED);
    EXPECT_EQ(e.type, LEV_EVENT_CANCELLED);
    EXPECT(lev_span_equal(e.method->as.basic_cancel.consumer_tag, lev_span_of("c")));
    EXPECT(strstr(lev_client_error(c)->text, "cancelled consumer \"c\" on channel 1") != NULL);
    close_and_free(c, p);
}

static atomic_bool asked; /* the client has written, and will not read by itself */

static void deliver_behind_the_answer(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    while (!asked) {
        usleep(1000);
    }
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of("c")};
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
    peer_deliver(p, 1, "one");
    peer_close(p);
}

/* The read that brings an answer brings what stands behind it, too: a loop of its own must hear of
 * that, for the socket has nothing more to say. */
static void has_something_to_take_behind_an_answer(void) {
    peer *p = peer_start(deliver_behind_the_answer);
    lev_client *c = open_channel(p, NULL);
    lev_basic_consume fields = {.consumer_tag = lev_span_of("c")};
    lev_event e;
    int there = 0;
    EXPECT_EQ(lev_engine_basic_consume(lev_client_engine(c), 1, &fields, NULL), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_ERR_TIMEOUT);
    asked = true;
    while (there < 60) {
        EXPECT_EQ(ioctl(lev_client_fd(c), FIONREAD, &there), 0);
    }
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_REPLY);
    EXPECT_EQ(lev_client_timeout(c), 0);
    expect_delivery(c, 1, "one");
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_ERR_TIMEOUT);
    EXPECT(lev_client_timeout(c) != 0);
    close_and_free(c, p);
}

/* One delivery fits under the limit, a second one beside it does not. */
static lev_client *run_into_the_limit(peer **p) {
    *p = peer_start(deliver_before_the_answer);
    lev_client *c = open_channel(*p, &(lev_client_options){.message_max = 1200});
    EXPECT_EQ(consume(c), LEV_OK);
    EXPECT_EQ(lev_client_queue_declare(c, 1, &(lev_queue_declare){0}, NULL), LEV_ERR_LIMIT);
    EXPECT(strstr(lev_client_error(c)->text, "take them with lev_client_next") != NULL);
    return c;
}

static void runs_into_its_limit_without_losing_anything(void) {
    peer *p;
    lev_client *c = run_into_the_limit(&p);
    lev_event e;
    EXPECT_EQ(lev_client_wants(c) & LEV_CLIENT_READ, 0);
    EXPECT_EQ(lev_client_process(c), LEV_OK); /* must not read over the event that found no place */
    EXPECT_EQ(lev_client_timeout(c), 0);
    expect_delivery(c, 1, "one");
    expect_delivery(c, 2, "");
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_ERR_CANCELLED);
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_REPLY);
    EXPECT_EQ(e.method->id, LEV_QUEUE_DECLARE_OK);
    close_and_free(c, p);
}

static void closes_in_order_even_at_its_limit(void) {
    peer *p;
    lev_client *c = run_into_the_limit(&p);
    lev_event e;
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    expect_delivery(c, 1, "one");
    expect_delivery(c, 2, "");
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_ERR_CANCELLED);
    while (lev_client_next(c, &e, 0) == LEV_OK) {
        EXPECT_EQ(e.type, LEV_EVENT_REPLY);
    }
    EXPECT_EQ(e.type, LEV_EVENT_CLOSED);
    lev_client_free(c);
    peer_end(p);
}

static void answer_late(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_QUEUE_DELETE);
    usleep(400000);
    peer_send_method(p, 1, LEV_QUEUE_DELETE_OK, &(lev_queue_delete_ok){.message_count = 3});
    peer_close(p);
}

static void hands_out_an_answer_that_came_too_late(void) {
    peer *p = peer_start(answer_late);
    lev_client *c = open_channel(p, &(lev_client_options){.call_ms = 100});
    lev_event e;
    EXPECT_EQ(lev_client_queue_delete(c, 1, &(lev_queue_delete){0}, NULL), LEV_ERR_TIMEOUT);
    EXPECT(strstr(lev_client_error(c)->text,
                  ": queue.delete on channel 1: no answer within 100 ms") != NULL);
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_REPLY);
    EXPECT_EQ(e.method->as.queue_delete_ok.message_count, 3);
    close_and_free(c, p);
}

static void close_the_channel(peer *p) {
    lev_channel_close close = {.reply_code = 404, .reply_text = lev_span_of("NOT_FOUND - no q")};
    peer_login(p, 0);
    for (int i = 0; i < 2; i++) {
        peer_open_channel(p);
        peer_expect(p, LEV_QUEUE_PURGE);
        peer_send_method(p, 1, LEV_CHANNEL_CLOSE, &close);
        peer_expect(p, LEV_CHANNEL_CLOSE_OK);
    }
    peer_close(p);
}

static void reports_a_closed_channel_once_and_goes_on(void) {
    peer *p = peer_start(close_the_channel);
    lev_client *c = open_channel(p, NULL);
    lev_event e;
    EXPECT_EQ(lev_client_queue_purge(c, 1, &(lev_queue_purge){0}, NULL), LEV_ERR_CHANNEL);
    EXPECT_EQ(lev_client_error(c)->status, LEV_ERR_CHANNEL);
    EXPECT_EQ(lev_client_error(c)->reply_code, 404);
    EXPECT(strstr(lev_client_error(c)->text,
                  ": the broker closed the channel: 404 NOT_FOUND - no q") != NULL);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_ERR_TIMEOUT);
    EXPECT_EQ(lev_client_queue_purge(c, 1, &(lev_queue_purge){0}, NULL), LEV_ERR_MISUSE);
    EXPECT(strstr(lev_client_error(c)->text,
                  ": queue.purge on channel 1: the channel is not open") != NULL);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    lev_queue_purge quiet = {.nowait = true}; /* nobody waits for the news this time */
    EXPECT_EQ(lev_client_queue_purge(c, 1, &quiet, NULL), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_ERR_CHANNEL);
    EXPECT_EQ(e.type, LEV_EVENT_CHANNEL_CLOSED);
    EXPECT_EQ(e.error->reply_code, 404);
    close_and_free(c, p);
}

static void say_goodbye_and_reset(peer *p) {
    lev_connection_close close = {.reply_code = 320,
                                  .reply_text = lev_span_of("CONNECTION_FORCED - maintenance")};
    peer_login(p, 0);
    peer_open_channel(p);
    usleep(200000); /* the client has taken the answer and reads no more for now */
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE, &close);
    peer_reset(p);
}

static void believes_the_last_words_before_a_reset(void) {
    peer *p = peer_start(say_goodbye_and_reset);
    lev_client *c = open_channel(p, NULL);
    static uint8_t body[100000];
    lev_publication m = {.body = {body, sizeof body}};
    pthread_join(p->thread, NULL);
    lev_status status = LEV_OK;
    for (int i = 0; i < 1000 && status == LEV_OK; i++) {
        status = lev_client_publish(c, 1, &m, NULL);
    }
    EXPECT_EQ(status, LEV_ERR_CLOSED);
    EXPECT_EQ(lev_client_error(c)->reply_code, 320);
    EXPECT(strstr(lev_client_error(c)->text, "CONNECTION_FORCED - maintenance") != NULL);
    lev_client_free(c);
    close(p->listener);
    free(p);
}

static void block_and_unblock(peer *p) {
    char key[256];
    peer_login(p, 0);
    peer_open_channel(p);
    give_confirms(p);
    peer_send_method(p, 0, LEV_CONNECTION_BLOCKED,
                     &(lev_connection_blocked){.reason = lev_span_of("low on memory")});
    usleep(800000);
    peer_send_method(p, 0, LEV_CONNECTION_UNBLOCKED, &(lev_connection_unblocked){0});
    peer_expect_publish(p, key);
    confirm(p, 1);
    peer_close(p);
}

static void waits_while_the_broker_blocks(void) {
    peer *p = peer_start(block_and_unblock);
    lev_client *c = open_channel(p, &(lev_client_options){.progress_ms = 300});
    lev_event e;
    lev_publication m = {.body = lev_span_of("x")};
    EXPECT_EQ(select_confirms(c), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_BLOCKED);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_ERR_TIMEOUT);
    EXPECT(strstr(lev_client_error(c)->text, ": basic.publish: the broker blocks publishers (low "
                                             "on memory), for 300 ms so far") != NULL);
    EXPECT_EQ(lev_engine_unsettled(lev_client_engine(c), 1), 0);
    lev_status status = LEV_ERR_TIMEOUT;
    for (int i = 0; i < 5 && status == LEV_ERR_TIMEOUT; i++) {
        status = lev_client_publish(c, 1, &m, NULL);
    }
    EXPECT_EQ(status, LEV_OK);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, NULL), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_UNBLOCKED);
    close_and_free(c, p);
}

/* A request, and then two answers to it under a window of one. The first waits for a confirm that
 * comes late, so the second must not be made of memory that the wait has reused. */
static void take_two_answers(peer *p) {
    char key[256];
    peer_login(p, 0);
    peer_open_channel(p);
    give_confirms(p);
    give_consumer(p);
    peer_deliver(p, 1, "request");
    peer_expect_publish(p, key);
    for (uint64_t i = 0; i < 50; i++) {
        peer_deliver(p, 2 + i, "an event that lies where the first one lay");
    }
    confirm(p, 1);
    lev_span body = peer_expect_publish(p, key);
    peer_need(lev_span_equal(body, lev_span_of("request")) && strcmp(key, "k") == 0, "other bytes");
    confirm(p, 2);
    peer_close(p);
}

static void publishes_out_of_the_last_event_even_where_it_waits(void) {
    peer *p = peer_start(take_two_answers);
    lev_client *c = open_channel(p, &(lev_client_options){.window = 1});
    lev_event e;
    EXPECT_EQ(select_confirms(c), LEV_OK);
    EXPECT_EQ(consume(c), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_DELIVER);
    lev_publication m = {.exchange = e.message->exchange,
                         .routing_key = e.message->routing_key,
                         .properties = &e.message->properties,
                         .body = e.message->body};
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, NULL), LEV_OK);
    close_and_free(c, p);
}

static void confirm_late_and_close_the_channel(peer *p) {
    char key[256];
    lev_basic_return returned = {
        .reply_code = 312, .reply_text = lev_span_of("NO_ROUTE"), .routing_key = lev_span_of("k2")};
    lev_channel_close close = {.reply_code = 404, .reply_text = lev_span_of("NOT_FOUND - x")};
    peer_login(p, 0);
    peer_open_channel(p);
    give_confirms(p);
    peer_expect_publish(p, key);
    peer_expect_publish(p, key);
    confirm(p, 1);
    usleep(600000);
    peer_send_content(p, 1, LEV_BASIC_RETURN, &returned, lev_span_of("b"));
    confirm(p, 2);
    for (int i = 0; i < 3; i++) {
        peer_expect_publish(p, key);
    }
    peer_send_method(p, 1, LEV_BASIC_NACK, &(lev_basic_nack){.delivery_tag = 3});
    peer_send_method(p, 1, LEV_CHANNEL_CLOSE, &close);
    peer_expect(p, LEV_CHANNEL_CLOSE_OK);
    peer_close(p);
}

static void counts_every_outcome_once(void) {
    peer *p = peer_start(confirm_late_and_close_the_channel);
    lev_client *c = open_channel(p, &(lev_client_options){.progress_ms = 200});
    lev_properties properties = {.present = LEV_HAS_MESSAGE_ID, .message_id = lev_span_of("id")};
    lev_publication m = {.routing_key = lev_span_of("k1"),
                         .properties = &properties,
                         .body = lev_span_of("b"),
                         .mandatory = true};
    lev_tally t;
    uint64_t number;
    EXPECT_EQ(select_confirms(c), LEV_OK);
    EXPECT_EQ(lev_client_publish(c, 1, &m, &number), LEV_OK);
    EXPECT_EQ(number, 1);
    m.routing_key = lev_span_of("k2");
    EXPECT_EQ(lev_client_publish(c, 1, &m, &number), LEV_OK);
    EXPECT_EQ(number, 2);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, NULL), LEV_ERR_TIMEOUT);
    EXPECT(strstr(lev_client_error(c)->text,
                  ": no confirm within 200 ms, 1 messages are still unconfirmed") != NULL);
    lev_status status = LEV_ERR_TIMEOUT;
    for (int i = 0; i < 10 && status == LEV_ERR_TIMEOUT; i++) {
        status = lev_client_wait_confirms(c, 1, &t);
    }
    EXPECT_EQ(status, LEV_ERR_NOT_CONFIRMED);
    EXPECT_EQ(t.confirmed, 1);
    EXPECT_EQ(t.returned, 1);
    EXPECT(strstr(lev_client_error(c)->text, ": 1 of 2 messages not confirmed: 1 returned") !=
           NULL);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    }
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_ERR_CHANNEL);
    EXPECT_EQ(t.confirmed + t.returned + t.not_sent, 0);
    EXPECT_EQ(t.nacked, 1);
    EXPECT_EQ(t.in_doubt, 2);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_OK);
    EXPECT_EQ(t.nacked + t.in_doubt, 0);
    close_and_free(c, p);
}

/* The peer does not read for a while: what it sends meanwhile must still arrive. */
static void deliver_without_reading(peer *p) {
    uint8_t bytes[4096];
    peer_login(p, 0);
    peer_open_channel(p);
    give_consumer(p);
    usleep(300000);
    for (uint64_t i = 1; i <= 20; i++) {
        peer_deliver(p, i, "while your writes are stuck");
    }
    while (recv(p->fd, bytes, sizeof bytes, 0) > 0) {
    }
}

static void reads_on_while_writing_is_stuck(void) {
    peer *p = peer_start(deliver_without_reading);
    lev_client *c =
        open_channel(p, &(lev_client_options){.progress_ms = 1000, .high_water = 1 << 20});
    static uint8_t body[1 << 20];
    lev_publication m = {.body = {body, sizeof body}};
    EXPECT_EQ(consume(c), LEV_OK);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    }
    for (uint64_t i = 1; i <= 20; i++) {
        expect_delivery(c, i, "while your writes are stuck");
    }
    lev_client_free(c);
    peer_end(p);
}

static void only_count_heartbeats(peer *p) {
    lev_frame frame;
    peer_login(p, 1);
    peer_open_channel(p);
    for (int i = 0; i < 6; i++) {
        usleep(500000);
        peer_send_heartbeat(p);
    }
    while (peer_take(p, &frame)) {
    }
}

/* The peer goes on for three seconds and is then silent: two later it counts as dead. */
static void beats_and_notices_a_dead_peer(void) {
    peer *p = peer_start(only_count_heartbeats);
    lev_client *c = open_channel(p, NULL);
    lev_event e;
    uint64_t start = lev_net_now();
    EXPECT_EQ(lev_client_next(c, &e, LEV_FOREVER), LEV_ERR_HEARTBEAT);
    EXPECT_EQ(e.type, LEV_EVENT_FAILED);
    uint64_t took = lev_net_now() - start;
    EXPECT(took >= 4800 && took < 6500);
    pthread_join(p->thread, NULL);
    EXPECT(p->heartbeats >= 8 && p->heartbeats <= 12);
    lev_client_free(c);
    close(p->listener);
    free(p);
}

UNIT_MAIN("wait", CASE(keeps_what_comes_before_the_answer_in_order),
          CASE(has_something_to_take_behind_an_answer),
          CASE(runs_into_its_limit_without_losing_anything),
          CASE(closes_in_order_even_at_its_limit), CASE(hands_out_an_answer_that_came_too_late),
          CASE(reports_a_closed_channel_once_and_goes_on),
          CASE(believes_the_last_words_before_a_reset), CASE(waits_while_the_broker_blocks),
          CASE(publishes_out_of_the_last_event_even_where_it_waits),
          CASE(counts_every_outcome_once), CASE(reads_on_while_writing_is_stuck),
          CASE(beats_and_notices_a_dead_peer))
