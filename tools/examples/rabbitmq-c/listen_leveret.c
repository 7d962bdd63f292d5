/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The job of rabbitmq-c's example amqp_listen, with Leveret: prints what comes to an exchange under
 * a binding key. Beside it, listen_rabbitmqc.c does the same with rabbitmq-c.
 * Usage: listen_leveret URL EXCHANGE BINDING_KEY */

#include <leveret/leveret.h>
#include <stdio.h>

static void print_span(const char *before, lev_span s, const char *after) {
    printf("%s%.*s%s", before, (int)s.len, (const char *)s.ptr, after);
}

static void show(const lev_message *m) {
    print_span("", m->exchange, " ");
    print_span("", m->routing_key, " ");
    if ((m->properties.present & LEV_HAS_CONTENT_TYPE) != 0) {
        print_span("(", m->properties.content_type, ") ");
    }
    fwrite(m->body.ptr, 1, m->body.len, stdout);
    putchar('\n');
    fflush(stdout);
}

/* Each call is skipped behind one that failed; an empty queue name is the one declared last. */
static bool subscribe(lev_client *c, char **argv) {
    lev_queue_declare queue = {.auto_delete = true};
    lev_queue_bind bind = {.exchange = lev_span_of(argv[2]), .routing_key = lev_span_of(argv[3])};
    return !lev_client_open(c, argv[1]) &&
           !lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) &&
           !lev_client_queue_declare(c, 1, &queue, NULL) &&
           !lev_client_queue_bind(c, 1, &bind, NULL) &&
           !lev_client_basic_consume(c, 1, &(lev_basic_consume){.no_ack = true}, NULL);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "listen: usage: listen_leveret URL EXCHANGE BINDING_KEY\n");
        return 1;
    }
    lev_client *c = lev_client_new(NULL);
    lev_event event;
    bool going = subscribe(c, argv);
    while (going && lev_client_next(c, &event, LEV_FOREVER) == LEV_OK) {
        if (event.type == LEV_EVENT_DELIVER) {
            show(event.message);
        }
    }
    fprintf(stderr, "listen: %s\n", lev_client_error(c)->text);
    lev_client_free(c);
    return 1;
}
