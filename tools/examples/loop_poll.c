/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A producer and a consumer in one loop of poll: loop_poll [SECONDS between messages] */

#include <leveret/leveret.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    lev_client *c = lev_client_new(&(lev_client_options){
        .recovery = {.on = true, .retransmit = true}, .when_blocked = LEV_PUBLISH_BUFFER});
    lev_span queue = lev_span_of("loop-poll");
    unsigned said = 0;
    lev_event e;
    bool going = lev_client_open(c, getenv("AMQP_URL")) == LEV_OK &&
                 !lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) &&
                 !lev_client_queue_declare(c, 1, &(lev_queue_declare){.queue = queue}, NULL) &&
                 !lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) &&
                 !lev_client_basic_consume(c, 1, &(lev_basic_consume){.queue = queue}, NULL);
    uint64_t due = lev_net_now();
    while (going) {
        uint64_t now = lev_net_now();
        int left = due > now ? (int)(due - now) : 0;
        int ms = lev_client_timeout(c);
        unsigned wants = lev_client_wants(c);
        short in = wants & LEV_CLIENT_READ ? POLLIN : 0;
        short out = wants & LEV_CLIENT_WRITE ? POLLOUT : 0;
        struct pollfd ready = {.fd = lev_client_fd(c), .events = (short)(in | out)};
        poll(&ready, 1, ms >= 0 && ms < left ? ms : left);
        if (lev_net_now() >= due) {
            due += (argc > 1 ? (uint64_t)atoi(argv[1]) : 1) * 1000;
            char text[32];
            snprintf(text, sizeof text, "message %u", ++said);
            lev_publication p = {.routing_key = queue, .body = lev_span_of(text)};
            lev_client_publish(c, 1, &p, NULL);
        }
        lev_client_process(c);
        while (lev_client_next(c, &e, 0) == LEV_OK) {
            if (e.type == LEV_EVENT_DELIVER) {
                printf("%.*s\n", (int)e.message->body.len, (const char *)e.message->body.ptr);
                lev_client_ack(c, e.message->delivery, false);
            }
        }
        going = e.type == LEV_EVENT_NONE; /* not how it ended */
    }
    fprintf(stderr, "loop_poll: %s\n", lev_client_error(c)->text);
    lev_client_free(c);
    return 1;
}
