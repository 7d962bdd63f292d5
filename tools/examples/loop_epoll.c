/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A producer and a consumer in one loop of epoll: loop_epoll [SECONDS between messages] */

#include <leveret/leveret.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

int main(int argc, char **argv) {
    lev_client *c = lev_client_new(&(lev_client_options){
        .recovery = {.on = true, .retransmit = true}, .when_blocked = LEV_PUBLISH_BUFFER});
    lev_span queue = lev_span_of("loop-epoll");
    unsigned said = 0;
    lev_event e;
    bool going = lev_client_open(c, getenv("AMQP_URL")) == LEV_OK &&
                 !lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) &&
                 !lev_client_queue_declare(c, 1, &(lev_queue_declare){.queue = queue}, NULL) &&
                 !lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) &&
                 !lev_client_basic_consume(c, 1, &(lev_basic_consume){.queue = queue}, NULL);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    int ticks = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec every = {{argc > 1 ? atoi(argv[1]) : 1, 0}, {0, 1}};
    timerfd_settime(ticks, 0, &every, NULL);
    struct epoll_event ready = {EPOLLIN, {.fd = ticks}};
    epoll_ctl(loop, EPOLL_CTL_ADD, ticks, &ready);
    ready.data.fd = lev_client_watch_fd(c);
    epoll_ctl(loop, EPOLL_CTL_ADD, ready.data.fd, &ready);
    while (going) {
        uint64_t n;
        int some = epoll_wait(loop, &ready, 1, lev_client_timeout(c));
        if (some > 0 && ready.data.fd == ticks && read(ticks, &n, sizeof n) > 0) {
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
    fprintf(stderr, "loop_epoll: %s\n", lev_client_error(c)->text);
    lev_client_free(c);
    return 1;
}
