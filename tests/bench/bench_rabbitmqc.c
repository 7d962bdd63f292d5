/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* rabbitmq-c's side of the comparison, as its own examples do these things. */

#include "bench.h"

#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <stdbool.h>

static void ensure(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "rabbitmq-c: %s failed\n", what);
        exit(1);
    }
}

static void replied(amqp_connection_state_t c, const char *what) {
    ensure(amqp_get_rpc_reply(c).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static unsigned long await_confirm(amqp_connection_state_t c, unsigned long settled) {
    amqp_frame_t frame;
    ensure(amqp_simple_wait_frame(c, &frame) == AMQP_STATUS_OK, "wait");
    ensure(frame.frame_type == AMQP_FRAME_METHOD &&
               frame.payload.method.id == AMQP_BASIC_ACK_METHOD,
           "confirm");
    const amqp_basic_ack_t *ack = frame.payload.method.decoded;
    unsigned long last = (unsigned long)ack->delivery_tag;
    amqp_maybe_release_buffers(c);
    return ack->multiple ? last : settled + 1;
}

static void send_one(amqp_connection_state_t c, const bench *b) {
    amqp_bytes_t body = {.len = b->size, .bytes = b->body};
    ensure(amqp_basic_publish(c, 1, amqp_empty_bytes, amqp_cstring_bytes(b->queue), 0, 0, NULL,
                              body) == AMQP_STATUS_OK,
           "publish");
}

static void publish(amqp_connection_state_t c, bench *b) {
    bool confirm = bench_is(b, "confirm");
    unsigned long settled = 0;
    if (confirm) {
        amqp_confirm_select(c, 1);
        replied(c, "confirm.select");
    }
    bench_start(b);
    for (unsigned long i = 0; i < b->count; i++) {
        send_one(c, b);
        while (confirm && i + 1 - settled >= BENCH_WINDOW) {
            settled = await_confirm(c, settled);
        }
    }
    while (confirm && settled < b->count) {
        settled = await_confirm(c, settled);
    }
    amqp_queue_declare(c, 1, amqp_cstring_bytes(b->queue), 1, 0, 0, 0, amqp_empty_table);
    replied(c, "passive declare");
    bench_stop(b);
}

static void start(amqp_connection_state_t c, const bench *b) {
    bool acks = bench_is(b, "ack");
    if (acks) {
        amqp_basic_qos(c, 1, 0, BENCH_PREFETCH, 0);
        replied(c, "qos");
    }
    amqp_basic_consume(c, 1, amqp_cstring_bytes(b->queue), amqp_cstring_bytes("bench"), 0, !acks, 0,
                       amqp_empty_table);
    replied(c, "consume");
}

static uint64_t take_one(amqp_connection_state_t c) {
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(c);
    ensure(amqp_consume_message(c, &envelope, NULL, 0).reply_type == AMQP_RESPONSE_NORMAL,
           "consume");
    uint64_t tag = envelope.delivery_tag;
    amqp_destroy_envelope(&envelope);
    return tag;
}

static void consume(amqp_connection_state_t c, bench *b) {
    bool acks = bench_is(b, "ack");
    bench_start(b);
    start(c, b);
    for (unsigned long i = 1; i <= b->count; i++) {
        uint64_t tag = take_one(c);
        if (acks && i % BENCH_ACK_EVERY == 0) {
            ensure(amqp_basic_ack(c, 1, tag, 1) == AMQP_STATUS_OK, "ack");
        }
    }
    bench_stop(b);
}

static void pingpong(amqp_connection_state_t c, bench *b) {
    bench_start(b);
    start(c, b);
    for (unsigned long i = 0; i < b->count; i++) {
        double then = bench_now(CLOCK_MONOTONIC);
        send_one(c, b);
        (void)take_one(c);
        b->took[i] = bench_now(CLOCK_MONOTONIC) - then;
    }
    bench_stop(b);
}

int main(int argc, char **argv) {
    bench b = bench_init(argc, argv);
    amqp_connection_state_t c = amqp_new_connection();
    amqp_socket_t *socket = b.ca ? amqp_ssl_socket_new(c) : amqp_tcp_socket_new(c);
    if (b.ca) {
        ensure(amqp_ssl_socket_set_cacert(socket, b.ca) == AMQP_STATUS_OK, "cacert");
    }
    ensure(amqp_socket_open(socket, b.ca ? "localhost" : "127.0.0.1", b.port) == AMQP_STATUS_OK,
           "connect");
    ensure(amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
               AMQP_RESPONSE_NORMAL,
           "login");
    amqp_channel_open(c, 1);
    replied(c, "channel");
    amqp_queue_declare(c, 1, amqp_cstring_bytes(b.queue), 0, 0, 0, 0, amqp_empty_table);
    replied(c, "declare");
    if (bench_is(&b, "pingpong")) {
        pingpong(c, &b);
    } else if (bench_is(&b, "publish") || bench_is(&b, "confirm")) {
        publish(c, &b);
    } else {
        consume(c, &b);
    }
    amqp_connection_close(c, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(c);
    free(b.body);
    free(b.took);
    return 0;
}
