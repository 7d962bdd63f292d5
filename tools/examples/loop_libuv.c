/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A producer and a consumer in one loop of libuv: loop_libuv [SECONDS between messages] */

#include <leveret/leveret.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static lev_client *c;
static unsigned said;
static uv_timer_t due, ticks;
static uv_poll_t ready;
static uv_prepare_t turn;
static void on_due(uv_timer_t *t) {} /* it is enough that the loop wakes up */
static void on_ready(uv_poll_t *p, int status, int events) {}
static void on_turn(uv_prepare_t *p) {
    lev_event e;
    lev_client_process(c);
    while (lev_client_next(c, &e, 0) == LEV_OK) {
        if (e.type == LEV_EVENT_DELIVER) {
            printf("%.*s\n", (int)e.message->body.len, (const char *)e.message->body.ptr);
            lev_client_ack(c, e.message->delivery, false);
        }
    }
    uv_timer_start(&due, on_due, (uint32_t)lev_client_timeout(c), 0); /* -1: in weeks */
    if (e.type != LEV_EVENT_NONE) {                                   /* but how it ended */
        uv_stop(p->loop);
    }
}
static void on_tick(uv_timer_t *t) {
    char text[32];
    snprintf(text, sizeof text, "message %u", ++said);
    lev_publication p = {.routing_key = lev_span_of("uv"), .body = lev_span_of(text)};
    lev_client_publish(c, 1, &p, NULL);
}
int main(int argc, char **argv) {
    c = lev_client_new(&(lev_client_options){.recovery = {.on = true, .retransmit = true},
                                             .when_blocked = LEV_PUBLISH_BUFFER});
    if (lev_client_open(c, getenv("AMQP_URL")) == LEV_OK &&
        !lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) &&
        !lev_client_queue_declare(c, 1, &(lev_queue_declare){.queue = lev_span_of("uv")}, NULL) &&
        !lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) &&
        !lev_client_basic_consume(c, 1, &(lev_basic_consume){.queue = lev_span_of("uv")}, NULL)) {
        uv_loop_t *loop = uv_default_loop();
        uv_timer_init(loop, &due);
        uv_timer_init(loop, &ticks);
        uv_timer_start(&ticks, on_tick, 0, argc > 1 ? (uint64_t)atoi(argv[1]) * 1000 : 1000);
        uv_poll_init(loop, &ready, lev_client_watch_fd(c));
        uv_poll_start(&ready, UV_READABLE, on_ready);
        uv_prepare_init(loop, &turn);
        uv_prepare_start(&turn, on_turn);
        uv_run(loop, UV_RUN_DEFAULT);
    }
    fprintf(stderr, "loop_libuv: %s\n", lev_client_error(c)->text);
    lev_client_free(c);
    return 1;
}
