/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* An epoll descriptor can itself be polled, and stays when what is in it comes and goes. That is
 * what loops need that register descriptors: epoll forgets a socket that is closed, the next one
 * gets the same number, and whoever compares numbers sees no change.
 *
 * A socket leaves the set before it is closed (lev_watch_set with -1), since a copy of it in a
 * forked process would keep it there. While a connection is being made its descriptors come and go
 * below us; then each set is made anew, for a number proves nothing.
 *
 * Rejected: a descriptor kept alive by dup2 (epoll knows the file, not the number); a callback for
 * each change (every program would need a case for it); the set in every client (most poll). */

#include "watch.h"

#include <errno.h>
#include <leveret/net.h>
#include <unistd.h>

void lev_watch_init(lev_watch *w) { *w = (lev_watch){.set = -1, .fd = -1}; }

#ifdef __linux__

#include <sys/epoll.h>

int lev_watch_open(lev_watch *w) {
    w->set = epoll_create1(EPOLL_CLOEXEC);
    return w->set >= 0 ? 0 : errno;
}

static void watch_put(const lev_watch *w, int fd, unsigned wants) {
    struct epoll_event e = {.data.fd = fd};
    e.events = ((wants & LEV_NET_READ) != 0 ? (uint32_t)EPOLLIN : 0U) |
               ((wants & LEV_NET_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0U);
    if (epoll_ctl(w->set, EPOLL_CTL_MOD, fd, &e) != 0) {
        epoll_ctl(w->set, EPOLL_CTL_ADD, fd, &e);
    }
}

static void watch_drop(const lev_watch *w, int fd) {
    struct epoll_event none = {0};
    epoll_ctl(w->set, EPOLL_CTL_DEL, fd, &none);
}

#else

int lev_watch_open(lev_watch *w) {
    (void)w;
    return ENOSYS;
}
static void watch_put(const lev_watch *w, int fd, unsigned wants) {
    (void)w, (void)fd, (void)wants;
}
static void watch_drop(const lev_watch *w, int fd) { (void)w, (void)fd; }

#endif

void lev_watch_deinit(lev_watch *w) {
    if (w->set >= 0) {
        close(w->set);
    }
    lev_watch_init(w);
}

void lev_watch_set(lev_watch *w, int fd, unsigned wants, bool sure) {
    if (w->set < 0 || (sure && fd == w->fd && wants == w->wants)) {
        return;
    }
    if (w->fd >= 0 && w->fd != fd) {
        watch_drop(w, w->fd);
    }
    if (fd >= 0) {
        watch_put(w, fd, wants);
    }
    w->fd = fd;
    w->wants = wants;
}

void lev_watch_drop(lev_watch *w, int fd) {
    if (w->set >= 0) {
        watch_drop(w, fd);
    }
}

void lev_watch_add(lev_watch *w, int fd) {
    if (w->set >= 0) {
        watch_put(w, fd, LEV_NET_READ);
    }
}
