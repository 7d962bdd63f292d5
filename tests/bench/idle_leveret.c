/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What an idle connection with one channel costs: idle_leveret PORT CONNECTIONS opens so many at
 * once on one event loop, lets them rest until each has sent a heartbeat, and prints the seconds to
 * open them and the resident bytes of each. */

#include "idle.h"

#include <leveret/leveret.h>
#include <poll.h>
#include <sys/epoll.h>

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

/* Serves all connections until `all` channels are open, or for some seconds. */
static void serve(int epoll, size_t all, double seconds) {
    struct epoll_event events[256];
    size_t open = 0;
    double end = idle_now() + seconds;
    while (open < all && idle_now() < end) {
        int count = epoll_wait(epoll, events, 256, 100);
        for (int k = 0; k < count; k++) {
            open += work(epoll, events[k].data.ptr);
        }
    }
}

int main(int argc, char **argv) {
    idle b = idle_init(argc, argv);
    idler *idlers = calloc(b.count, sizeof *idlers);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    char uri[64];
    snprintf(uri, sizeof uri, "amqp://127.0.0.1:%d", b.port);
    idle_start(&b);
    for (size_t i = 0; i < b.count; i++) {
        idlers[i].client = lev_client_new(&(lev_client_options){.heartbeat = 2});
        idlers[i].fd = -1;
        ensure(lev_client_start(idlers[i].client, uri) == LEV_OK, &idlers[i], "start");
        work(epoll, &idlers[i]);
    }
    serve(epoll, b.count, 60);
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
