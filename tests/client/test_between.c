/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a connection needs between two calls that have no reason to wait: a program that takes its
 * time with each of many messages, or publishes one now and then. */

#include "../unit.h"
#include "peer.h"

#include <unistd.h>

enum { MESSAGES = 20, STEP_MS = 100 };

static lev_client *open_channel(const peer *p) {
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    return c;
}

static void close_and_free(lev_client *c, peer *p) {
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void deliver_all(peer *p, uint16_t heartbeat) {
    peer_login(p, heartbeat);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK,
                     &(lev_basic_consume_ok){.consumer_tag = lev_span_of("c")});
    for (uint64_t tag = 1; tag <= MESSAGES; tag++) {
        peer_deliver(p, tag, "b");
    }
}

/* Takes each message slowly; one read has brought them all. */
static void take_slowly(lev_client *c, bool ack) {
    lev_event e;
    lev_basic_consume fields = {.consumer_tag = lev_span_of("c"), .no_ack = !ack};
    EXPECT_EQ(lev_client_basic_consume(c, 1, &fields, NULL), LEV_OK);
    usleep(STEP_MS * 1000);
    for (int i = 0; i < MESSAGES; i++) {
        EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
        EXPECT_EQ(e.type, LEV_EVENT_DELIVER);
        lev_delivery delivery = e.message->delivery;
        usleep(STEP_MS * 1000);
        EXPECT_EQ(ack ? lev_client_ack(c, delivery, false) : LEV_OK, LEV_OK);
    }
}

static void expect_early_acks(peer *p) {
    deliver_all(p, 0);
    uint64_t start = lev_net_now();
    peer_expect(p, LEV_BASIC_ACK);
    peer_need(lev_net_now() - start < MESSAGES * STEP_MS / 2, "the first ack before the last");
    uint64_t acked = 1;
    while (acked < MESSAGES) { /* those that wait together leave as one */
        acked = peer_expect(p, LEV_BASIC_ACK).as.basic_ack.delivery_tag;
    }
    peer_close(p);
}

static void acks_while_other_messages_wait(void) {
    peer *p = peer_start(expect_early_acks);
    lev_client *c = open_channel(p);
    take_slowly(c, true);
    close_and_free(c, p);
}

static void beat_to_the_end(peer *p) {
    deliver_all(p, 1);
    for (int ms = 0; ms < MESSAGES * STEP_MS; ms += 250) {
        usleep(250 * 1000);
        peer_send_heartbeat(p);
    }
    peer_close(p);
    peer_need(p->heartbeats >= 2, "heartbeats while messages were taken");
}

static void beats_while_other_messages_wait(void) {
    peer *p = peer_start(beat_to_the_end);
    lev_client *c = open_channel(p);
    take_slowly(c, false);
    close_and_free(c, p);
}

static void expect_early_publishes(peer *p) {
    char key[256];
    peer_login(p, 0);
    peer_open_channel(p);
    uint64_t start = lev_net_now();
    peer_expect_publish(p, key);
    peer_need(lev_net_now() - start < MESSAGES * STEP_MS / 2, "the first message before the last");
    for (int i = 1; i < MESSAGES; i++) {
        peer_expect_publish(p, key);
    }
    peer_close(p);
}

static void writes_a_message_before_many_have_collected(void) {
    peer *p = peer_start(expect_early_publishes);
    lev_client *c = open_channel(p);
    lev_publication one = {.routing_key = lev_span_of("k"), .body = lev_span_of("b")};
    for (int i = 0; i < MESSAGES; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &one, NULL), LEV_OK);
        usleep(STEP_MS * 1000);
    }
    close_and_free(c, p);
}

static void beat_at_a_full_client(peer *p) {
    deliver_all(p, 1);
    for (int ms = 0; ms < 3 * MESSAGES * STEP_MS / 2; ms += 250) {
        usleep(250 * 1000);
        peer_send_heartbeat(p);
    }
    peer_close(p);
}

/* As a foreign event loop does it that takes nothing yet; two messages fill the client, and then
 * nothing is read. */
static lev_client *process_only(const peer *p) {
    lev_basic_consume fields = {.consumer_tag = lev_span_of("c")};
    lev_client *c = lev_client_new(&(lev_client_options){.message_max = 1200});
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_basic_consume(c, 1, &fields, NULL), LEV_OK);
    for (int i = 0; i < 3 * MESSAGES / 2; i++) {
        usleep(STEP_MS * 1000);
        (void)lev_client_process(c);
    }
    return c;
}

static void does_not_call_a_peer_silent_that_it_does_not_read(void) {
    peer *p = peer_start(beat_at_a_full_client);
    lev_client *c = process_only(p);
    lev_event e;
    for (int i = 0; i < MESSAGES; i++) {
        EXPECT_EQ(lev_client_next(c, &e, 2000), LEV_OK);
        EXPECT_EQ(e.type, LEV_EVENT_DELIVER);
    }
    close_and_free(c, p);
}

static void fall_silent(peer *p) {
    lev_frame frame;
    deliver_all(p, 1);
    while (peer_take(p, &frame)) {
    }
}

static void calls_a_peer_silent_that_has_nothing_unread(void) {
    peer *p = peer_start(fall_silent);
    lev_client *c = process_only(p);
    lev_event e;
    lev_status status = LEV_OK;
    while (status == LEV_OK) {
        status = lev_client_next(c, &e, 2000);
    }
    EXPECT_EQ(status, LEV_ERR_HEARTBEAT);
    lev_client_free(c);
    peer_end(p);
}

UNIT_MAIN("between", CASE(acks_while_other_messages_wait), CASE(beats_while_other_messages_wait),
          CASE(writes_a_message_before_many_have_collected),
          CASE(does_not_call_a_peer_silent_that_it_does_not_read),
          CASE(calls_a_peer_silent_that_has_nothing_unread))
