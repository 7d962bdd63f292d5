/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What an idle connection with one channel costs: idle_leveret PORT CONNECTIONS opens so many on
 * one event loop, up to 1,000 at once (a listener's queue is not endless), lets them rest until
 * each has sent a heartbeat, and prints the seconds to open them and the resident bytes of each. */

#include "idle.h"

#include <leveret/leveret.h>
#include <poll.h>
#include <sys/epoll.h>

enum { IDLE_AT_ONCE = 1000 };

typedef struct idler {
    lev_client *client;
    int fd;
    bool open;
} idler;

static void ensure(bool ok, const idler *i, const char *what) {
    if (!ok) {
        fprintf(stderr, "leveret: %s: %s\n", what, lev_client_error(i->client)->text);
        exit(1);
    }
}

/* Tells the loop what the connection waits for. */
static void watch(int epoll, idler *i) {
    unsigned wants = lev_client_wants(i->client);
    struct epoll_event event = {.events = ((wants & LEV_CLIENT_READ) != 0 ? EPOLLIN : 0U) |
                                          ((wants & LEV_CLIENT_WRITE) != 0 ? EPOLLOUT : 0U),
                                .data.ptr = i};
    int fd = lev_client_fd(i->client);
    epoll_ctl(epoll, fd == i->fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    i->fd = fd;
}

/* Lets one connection work. Returns whether its channel has just been opened. */
static bool work(int epoll, idler *i) {
    lev_event event;
    bool opened = false;
    lev_client_process(i->client);
    while (lev_client_timeout(i->client) == 0 && lev_client_next(i->client, &event, 0) == LEV_OK) {
        if (event.type == LEV_EVENT_OPEN) {
            lev_channel_open open = {0};
            lev_status status =
                lev_engine_channel_open(lev_client_engine(i->client), 1, &open, NULL);
            ensure(status == LEV_OK, i, "channel.open");
            lev_client_process(i->client);
        }
        opened = opened || event.type == LEV_EVENT_REPLY;
    }
    watch(epoll, i);
    return opened;
}

/* Serves all connections until `opened` channels have been opened, or for some seconds. Returns how
 * many were. */
static size_t serve(int epoll, size_t opened, double seconds) {
    struct epoll_event events[256];
    size_t count = 0;
    double end = idle_now() + seconds;
    while (count < opened && idle_now() < end) {
        int ready = epoll_wait(epoll, events, 256, 100);
        for (int k = 0; k < ready; k++) {
            count += work(epoll, events[k].data.ptr);
        }
    }
    return count;
}

int main(int argc, char **argv) {
    idle b = idle_init(argc, argv);
    idler *idlers = calloc(b.count, sizeof *idlers);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    char uri[64];
    snprintf(uri, sizeof uri, "amqp://127.0.0.1:%d", b.port);
    size_t open = 0;
    idle_start(&b);
    for (size_t i = 0; i < b.count; i++) {
        idlers[i].client = lev_client_new(&(lev_client_options){.heartbeat = 2});
        idlers[i].fd = -1;
        ensure(lev_client_start(idlers[i].client, uri) == LEV_OK, &idlers[i], "start");
        work(epoll, &idlers[i]);
        if (i - open >= IDLE_AT_ONCE) {
            open += serve(epoll, IDLE_AT_ONCE / 2, 30);
        }
    }
    open += serve(epoll, b.count - open, 30);
    if (open < b.count) {
        fprintf(stderr, "leveret: only %zu of %zu channels are open\n", open, b.count);
        return 1;
    }
    double took = idle_now() - b.start;
    for (double end = idle_now() + 1.5; idle_now() < end;) {
        serve(epoll, SIZE_MAX, 0.2);
        for (size_t i = 0; i < b.count; i++) {
            if (lev_client_timeout(idlers[i].client) == 0) {
                work(epoll, &idlers[i]);
            }
        }
    }
    idle_print(&b, took);
    for (size_t i = 0; i < b.count; i++) {
        lev_client_free(idlers[i].client);
    }
    free(idlers);
    return 0;
}
