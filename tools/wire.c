/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The end towards the target is the library's; the other one is a descriptor, with or without TLS
 * over it. What both have to say comes down to bytes, an end, and one line for what was no orderly
 * end. */

#include "wire.h"

#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool wire_accept(wire *w, int fd, struct guard *g) {
    int on = 1;
    *w = (wire){.fd = fd, .open = g == NULL};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* not so on a unix socket */
    w->secure = g != NULL ? guard_stream_new(g, fd) : NULL;
    return g == NULL || w->secure != NULL;
}

bool wire_connect(wire *w, const char *host, uint16_t port, lev_tls *tls, uint64_t limit_ms) {
    uint64_t now = lev_net_now();
    *w = (wire){.fd = -1};
    w->net = lev_net_connect(host, port, now, now + limit_ms);
    if (w->net != NULL && tls != NULL) {
        lev_net_secure(w->net, tls);
    }
    return w->net != NULL;
}

static void wire_fail(wire *w, const char *why) {
    w->ended = w->finished = true;
    if (w->fault[0] == '\0') {
        snprintf(w->fault, sizeof w->fault, "%s", why);
    }
}

bool wire_step(wire *w) {
    if (w->open) {
        return true;
    }
    if (w->net != NULL) {
        lev_status status = lev_net_step(w->net, lev_net_now());
        w->open = status == LEV_OK;
        if (status != LEV_OK && status != LEV_AGAIN) {
            wire_fail(w, lev_net_fault(w->net));
        }
    } else {
        long rc = guard_step(w->secure);
        w->open = rc > 0;
        if (rc == GUARD_ENDED || rc == GUARD_FAILED) {
            wire_fail(w, guard_why());
        }
    }
    return !w->ended;
}

/* The same answers as guard.h. */
static long plain_result(ssize_t n) {
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? GUARD_AGAIN : GUARD_FAILED;
}

/* Notes the end of what an accepted descriptor says. Returns how many bytes there are. */
static size_t wire_took(wire *w, long n) {
    if (n == GUARD_ENDED) {
        w->ended = true;
    } else if (n == GUARD_FAILED) {
        wire_fail(w, w->secure != NULL ? guard_why() : strerror(errno));
    }
    return n > 0 ? (size_t)n : 0;
}

size_t wire_read(wire *w, uint8_t *into, size_t room) {
    size_t got = 0;
    if (!w->open || w->ended) {
        return 0;
    }
    if (w->net == NULL) {
        return wire_took(w, w->secure != NULL ? guard_read(w->secure, into, room)
                                              : plain_result(recv(w->fd, into, room, 0)));
    }
    lev_status status = lev_net_read(w->net, into, room, &got);
    if (status != LEV_OK && status != LEV_AGAIN) {
        w->ended = true;
        snprintf(w->fault, sizeof w->fault, "%s", lev_net_fault(w->net));
    }
    return status == LEV_OK ? got : 0;
}

size_t wire_write(wire *w, lev_span bytes) {
    size_t put = 0;
    if (!w->open || w->finished) {
        return 0;
    }
    if (w->net == NULL) {
        long n = w->secure != NULL ? guard_write(w->secure, bytes.ptr, bytes.len)
                                   : plain_result(send(w->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL));
        w->finished = n == GUARD_FAILED;
        return n > 0 ? (size_t)n : 0;
    }
    lev_status status = lev_net_write(w->net, &bytes, 1, &put);
    w->finished = status != LEV_OK && status != LEV_AGAIN;
    return status == LEV_OK ? put : 0;
}

void wire_finish(wire *w) {
    if (w->finished) {
        return;
    }
    w->finished = true;
    if (w->secure != NULL) {
        guard_finish(w->secure);
        w->ended = true;
    } else if (w->net != NULL && lev_net_is_secure(w->net)) {
        w->ended = true;
    } else {
        shutdown(w->net != NULL ? lev_net_fd(w->net, NULL) : w->fd, SHUT_WR);
    }
}

struct pollfd wire_poll(const wire *w, bool reads, bool writes) {
    unsigned wants = 0;
    bool handshake = w->secure != NULL && !w->open;
    struct pollfd p = {.fd = w->net != NULL ? lev_net_fd(w->net, &wants) : w->fd};
    if (w->open || handshake) {
        reads = handshake || (reads && !w->ended);
        writes = handshake ? guard_writes(w->secure) : writes && !w->finished;
        wants |= (reads ? LEV_NET_READ : 0u) | (writes ? LEV_NET_WRITE : 0u);
    }
    p.events = (short)(((wants & LEV_NET_READ) != 0 ? POLLIN : 0) |
                       ((wants & LEV_NET_WRITE) != 0 ? POLLOUT : 0));
    p.fd = p.events != 0 ? p.fd : -1; /* or a peer that is gone would wake us for ever */
    return p;
}

int wire_due(const wire *w, bool reads) {
    uint64_t now = lev_net_now();
    uint64_t due = UINT64_MAX;
    if (w->net != NULL && !w->open && !w->ended) {
        due = lev_net_due(w->net);
    } else if (reads && w->open && !w->ended &&
               (w->net != NULL      ? lev_net_ready(w->net)
                : w->secure != NULL ? guard_ready(w->secure)
                                    : false)) {
        due = now;
    }
    return due == UINT64_MAX ? -1 : due <= now ? 0 : due - now < 1000 ? (int)(due - now) : 1000;
}

void wire_close(wire *w, bool reset) {
    struct linger at_once = {.l_onoff = 1};
    int fd = w->net != NULL ? lev_net_fd(w->net, NULL) : w->fd;
    if (reset && fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    guard_stream_free(w->secure);
    lev_net_close(w->net);
    if (w->fd >= 0) {
        close(w->fd);
    }
    *w = (wire){.fd = -1};
}
