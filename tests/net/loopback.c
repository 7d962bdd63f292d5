/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Addresses go through getaddrinfo with AI_NUMERICHOST, so that one function serves both families.
 * A black hole is a listener with a queue of one place that is taken: Linux drops further SYNs. */

#include "loopback.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void loopback_need(bool good, const char *what) {
    if (!good) {
        perror(what);
        exit(1);
    }
}

static struct addrinfo *loopback_address(const char *address, uint16_t port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char text[6];
    snprintf(text, sizeof text, "%u", port);
    loopback_need(getaddrinfo(address, text, &hints, &found) == 0, address);
    return found;
}

static int loopback_listen_with(const char *address, uint16_t *port, int backlog) {
    struct addrinfo *at = loopback_address(address, *port);
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    loopback_need(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    loopback_need(bind(fd, at->ai_addr, at->ai_addrlen) == 0, "bind");
    loopback_need(listen(fd, backlog) == 0, "listen");
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    loopback_need(getsockname(fd, (struct sockaddr *)&bound, &len) == 0, "getsockname");
    *port = bound.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&bound)->sin6_port)
                                        : ntohs(((struct sockaddr_in *)&bound)->sin_port);
    freeaddrinfo(at);
    return fd;
}

int loopback_listen(const char *address, uint16_t *port) {
    return loopback_listen_with(address, port, 8);
}

int loopback_black_hole(const char *address, uint16_t *port, int *filler) {
    int fd = loopback_listen_with(address, port, 0);
    struct addrinfo *at = loopback_address(address, *port);
    *filler = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    loopback_need(*filler >= 0, "socket");
    loopback_need(connect(*filler, at->ai_addr, at->ai_addrlen) == 0, "connect");
    freeaddrinfo(at);
    return fd;
}

int loopback_accept(int listener) {
    int fd = accept(listener, NULL, NULL);
    loopback_need(fd >= 0, "accept");
    return fd;
}

uint16_t loopback_dead_port(void) {
    uint16_t port = 0;
    close(loopback_listen("127.0.0.1", &port));
    return port;
}

lev_status loopback_settle(lev_net *n) {
    for (;;) {
        lev_status status = lev_net_step(n, lev_net_now());
        if (status != LEV_AGAIN) {
            return status;
        }
        unsigned wants;
        uint64_t due = lev_net_due(n);
        uint64_t now = lev_net_now();
        struct pollfd p = {.fd = lev_net_fd(n, &wants)};
        p.events =
            (short)((wants & LEV_NET_READ ? POLLIN : 0) | (wants & LEV_NET_WRITE ? POLLOUT : 0));
        poll(&p, 1, due > now ? (int)(due - now) : 0);
    }
}

lev_net *loopback_pair(int *peer) {
    uint16_t port = 0;
    int listener = loopback_listen("127.0.0.1", &port);
    uint64_t now = lev_net_now();
    lev_net *n = lev_net_connect("127.0.0.1", port, now, now + 5000);
    loopback_need(n != NULL && loopback_settle(n) == LEV_OK, "connect");
    *peer = loopback_accept(listener);
    close(listener);
    return n;
}

lev_status loopback_read(lev_net *n, uint8_t *into, size_t room, size_t *got) {
    lev_status status = lev_net_read(n, into, room, got);
    for (int i = 0; i < 500 && status == LEV_AGAIN; i++) {
        struct pollfd p = {.fd = lev_net_fd(n, NULL), .events = POLLIN};
        poll(&p, 1, 10);
        status = lev_net_read(n, into, room, got);
    }
    return status;
}

void loopback_reset(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}
