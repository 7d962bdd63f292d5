/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* rabbitmq-c's side of the comparison with a real broker: the same work as broker_leveret.c, with
 * host and port: broker_rabbitmqc PORT publish|confirm|consume N SIZE. */

#include "bench.h"

#include <amqp.h>
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
    return ack->multiple ? (unsigned long)ack->delivery_tag : settled + 1;
}

static void publish(amqp_connection_state_t c, unsigned long count, size_t size, bool confirm) {
    static char body[1 << 20];
    amqp_bytes_t bytes = {.len = size, .bytes = body};
    unsigned long settled = 0;
    if (confirm) {
        amqp_confirm_select(c, 1);
        replied(c, "confirm.select");
    }
    bench b;
    bench_start(&b);
    for (unsigned long i = 0; i < count; i++) {
        ensure(amqp_basic_publish(c, 1, amqp_empty_bytes, amqp_cstring_bytes("leveret-bench"), 0, 0,
                                  NULL, bytes) == AMQP_STATUS_OK,
               "publish");
        while (confirm && i + 1 - settled >= 1000) {
            settled = await_confirm(c, settled);
            amqp_maybe_release_buffers(c);
        }
    }
    while (confirm && settled < count) {
        settled = await_confirm(c, settled);
    }
    amqp_queue_declare(c, 1, amqp_cstring_bytes("leveret-bench"), 1, 0, 0, 0, amqp_empty_table);
    replied(c, "declare");
    bench_stop(&b, confirm ? "rabbitmq-c publish, confirms" : "rabbitmq-c publish", count);
}

static void consume(amqp_connection_state_t c, unsigned long count) {
    bench b;
    bench_start(&b);
    amqp_basic_consume(c, 1, amqp_cstring_bytes("leveret-bench"), amqp_empty_bytes, 0, 1, 0,
                       amqp_empty_table);
    replied(c, "consume");
    for (unsigned long i = 0; i < count; i++) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(c);
        ensure(amqp_consume_message(c, &envelope, NULL, 0).reply_type == AMQP_RESPONSE_NORMAL,
               "consume");
        amqp_destroy_envelope(&envelope);
    }
    bench_stop(&b, "rabbitmq-c consume", count);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s PORT publish|confirm|consume N SIZE\n", argv[0]);
        return 64;
    }
    unsigned long count = strtoul(argv[3], NULL, 10);
    amqp_connection_state_t c = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(c);
    ensure(amqp_socket_open(socket, "127.0.0.1", atoi(argv[1])) == AMQP_STATUS_OK, "connect");
    ensure(amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
               AMQP_RESPONSE_NORMAL,
           "login");
    amqp_channel_open(c, 1);
    replied(c, "channel");
    amqp_queue_declare(c, 1, amqp_cstring_bytes("leveret-bench"), 0, 0, 0, 0, amqp_empty_table);
    replied(c, "declare");
    if (strcmp(argv[2], "consume") == 0) {
        consume(c, count);
    } else {
        publish(c, count, strtoul(argv[4], NULL, 10), strcmp(argv[2], "confirm") == 0);
    }
    amqp_connection_close(c, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(c);
    return 0;
}
