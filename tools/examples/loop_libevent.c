/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A producer and a consumer in one loop of libevent: loop_libevent [SECONDS between messages] */

#include <event2/event.h>
#include <leveret/leveret.h>
#include <stdio.h>
#include <stdlib.h>

static lev_client *c;
static unsigned said;
static struct event *due;

static void arm(void) { /* after each use of the client: when is it due again? */
    int ms = lev_client_timeout(c);
    event_add(due, ms < 0 ? NULL : &(struct timeval){ms / 1000, ms % 1000 * 1000});
}
static void on_due(evutil_socket_t fd, short events, void *base) {
    lev_event e;
    lev_client_process(c);
    while (lev_client_next(c, &e, 0) == LEV_OK) {
        if (e.type == LEV_EVENT_DELIVER) {
            printf("%.*s\n", (int)e.message->body.len, (const char *)e.message->body.ptr);
            lev_client_ack(c, e.message->delivery, false);
        }
    }
    arm();
    if (e.type != LEV_EVENT_NONE) { /* but how it ended */
        event_base_loopbreak(base);
    }
}
static void on_tick(evutil_socket_t fd, short events, void *base) {
    char text[32];
    snprintf(text, sizeof text, "message %u", ++said);
    lev_publication p = {.routing_key = lev_span_of("event"), .body = lev_span_of(text)};
    lev_client_publish(c, 1, &p, NULL);
    arm();
}
int main(int argc, char **argv) {
    c = lev_client_new(&(lev_client_options){.recovery = {.on = true, .retransmit = true},
                                             .when_blocked = LEV_PUBLISH_BUFFER});
    lev_span queue = lev_span_of("event");
    if (lev_client_open(c, getenv("AMQP_URL")) == LEV_OK &&
        !lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) &&
        !lev_client_queue_declare(c, 1, &(lev_queue_declare){.queue = queue}, NULL) &&
        !lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) &&
        !lev_client_basic_consume(c, 1, &(lev_basic_consume){.queue = queue}, NULL)) {
        struct event_base *base = event_base_new();
        struct timeval every = {argc > 1 ? atoi(argv[1]) : 1, 0};
        due = event_new(base, lev_client_watch_fd(c), EV_READ | EV_PERSIST, on_due, base);
        event_add(event_new(base, -1, EV_PERSIST, on_tick, base), &every);
        on_tick(-1, 0, base);
        event_base_dispatch(base);
    }
    fprintf(stderr, "loop_libevent: %s\n", lev_client_error(c)->text);
    lev_client_free(c);
    return 1;
}
