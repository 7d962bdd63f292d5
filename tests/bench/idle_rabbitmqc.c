/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The same with rabbitmq-c, which opens one connection after the other: it has no other way. */

#include "idle.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdbool.h>

static void ensure(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "rabbitmq-c: %s failed\n", what);
        exit(1);
    }
}

int main(int argc, char **argv) {
    idle b = idle_init(argc, argv);
    amqp_connection_state_t *connections = calloc(b.count, sizeof *connections);
    idle_start(&b);
    for (size_t i = 0; i < b.count; i++) {
        amqp_connection_state_t c = connections[i] = amqp_new_connection();
        amqp_socket_t *socket = amqp_tcp_socket_new(c);
        ensure(amqp_socket_open(socket, "127.0.0.1", b.port) == AMQP_STATUS_OK, "connect");
        ensure(
            amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
                AMQP_RESPONSE_NORMAL,
            "login");
        amqp_channel_open(c, 1);
        ensure(amqp_get_rpc_reply(c).reply_type == AMQP_RESPONSE_NORMAL, "channel");
        amqp_maybe_release_buffers(c);
    }
    idle_print(&b, idle_now() - b.start);
    for (size_t i = 0; i < b.count; i++) {
        amqp_destroy_connection(connections[i]);
    }
    free(connections);
    return 0;
}
