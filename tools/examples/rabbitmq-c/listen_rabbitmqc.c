/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The job of rabbitmq-c's example amqp_listen, with rabbitmq-c: prints what comes to an exchange
 * under a binding key. Beside it, listen_leveret.c does the same with Leveret.
 * Usage: listen_rabbitmqc URL EXCHANGE BINDING_KEY */

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>

static void die(const char *what, const char *why) {
    fprintf(stderr, "listen: %s: %s\n", what, why);
    exit(1);
}

/* Three kinds of failure, and two kinds of broker's words within one of them. */
static void check(amqp_rpc_reply_t reply, const char *what) {
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
        die(what, amqp_error_string2(reply.library_error));
    }
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
        amqp_bytes_t text = {.len = 0, .bytes = NULL};
        if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
            text = ((amqp_connection_close_t *)reply.reply.decoded)->reply_text;
        } else if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
            text = ((amqp_channel_close_t *)reply.reply.decoded)->reply_text;
        }
        fprintf(stderr, "listen: %s: %.*s\n", what, (int)text.len, (char *)text.bytes);
        exit(1);
    }
}

static void show(const amqp_envelope_t *e) {
    printf("%.*s %.*s ", (int)e->exchange.len, (char *)e->exchange.bytes, (int)e->routing_key.len,
           (char *)e->routing_key.bytes);
    if ((e->message.properties._flags & AMQP_BASIC_CONTENT_TYPE_FLAG) != 0) {
        printf("(%.*s) ", (int)e->message.properties.content_type.len,
               (char *)e->message.properties.content_type.bytes);
    }
    fwrite(e->message.body.bytes, 1, e->message.body.len, stdout);
    putchar('\n');
    fflush(stdout);
}

static amqp_connection_state_t connect_to(char *url) {
    struct amqp_connection_info at;
    if (amqp_parse_url(url, &at) != AMQP_STATUS_OK) {
        die(url, "malformed");
    }
    amqp_connection_state_t c = amqp_new_connection();
    amqp_socket_t *socket = c != NULL ? amqp_tcp_socket_new(c) : NULL;
    if (socket == NULL) {
        die("connecting", "out of memory");
    }
    int status = amqp_socket_open(socket, at.host, at.port);
    if (status != AMQP_STATUS_OK) {
        die("connecting", amqp_error_string2(status));
    }
    check(amqp_login(c, at.vhost, AMQP_DEFAULT_MAX_CHANNELS, AMQP_DEFAULT_FRAME_SIZE, 30,
                     AMQP_SASL_METHOD_PLAIN, at.user, at.password),
          "logging in");
    amqp_channel_open(c, 1);
    check(amqp_get_rpc_reply(c), "opening a channel");
    return c;
}

static void subscribe(amqp_connection_state_t c, const char *exchange, const char *key) {
    amqp_queue_declare_ok_t *declared =
        amqp_queue_declare(c, 1, amqp_empty_bytes, 0, 0, 0, 1, amqp_empty_table);
    check(amqp_get_rpc_reply(c), "declaring a queue");
    amqp_bytes_t queue = amqp_bytes_malloc_dup(declared->queue); /* the answer does not stay */
    if (queue.bytes == NULL) {
        die("declaring a queue", "out of memory");
    }
    amqp_queue_bind(c, 1, queue, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
                    amqp_empty_table);
    check(amqp_get_rpc_reply(c), "binding the queue");
    amqp_basic_consume(c, 1, queue, amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(c), "consuming");
    amqp_bytes_free(queue);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        die("usage", "listen_rabbitmqc URL EXCHANGE BINDING_KEY");
    }
    amqp_connection_state_t c = connect_to(argv[1]);
    subscribe(c, argv[2], argv[3]);
    for (;;) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(c);
        check(amqp_consume_message(c, &envelope, NULL, 0), "waiting");
        show(&envelope);
        amqp_destroy_envelope(&envelope);
    }
}
