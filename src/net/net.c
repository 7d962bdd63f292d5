/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A connection goes through lookup, race, with TLS its handshake, and connected, or ends as failed;
 * lev_net_step is the one place that moves it on, and it never waits.
 *
 * Reading and writing fail apart. A broker ends a connection with a reset, and what it said before
 * that still lies in our receive buffer when the first write fails, so a failed write is latched
 * for writing only and reading goes on until it fails by itself. The text of the failed read
 * replaces that of the write: it is nearer to the cause.
 *
 * Rejected: SIGPIPE ignored for the whole process (not ours to decide; sendmsg has a flag), writev
 * (it has none). */

#include "lookup.h"
#include "race.h"
#include "tls.h"

#include <errno.h>
#include <leveret/memory.h>
#include <leveret/net.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NET_IOVECS = 64, NET_FAULT = 640, NET_HOST = 128 };

enum net_phase { NET_LOOKUP, NET_RACE, NET_HANDSHAKE, NET_CONNECTED, NET_FAILED };

struct lev_net {
    lev_allocator memory;
    enum net_phase phase;
    int fd; /* once connected */
    lev_lookup *lookup;
    lev_race race;
    lev_tls *tls; /* NULL: plain */
    lev_tls_stream *stream;
    size_t addresses;
    uint16_t port;
    uint64_t started;
    uint64_t deadline;
    lev_status status; /* of connecting */
    bool read_over;
    bool write_over;
    uint64_t uncounted;
    uint64_t *calls; /* never NULL */
    char fault[NET_FAULT];
    char host[];
};

static uint64_t net_clock(clockid_t id) {
    struct timespec t = {0};
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t lev_net_now(void) { return net_clock(CLOCK_MONOTONIC); }

uint64_t lev_net_now_coarse(void) { return net_clock(CLOCK_MONOTONIC_COARSE); }

static lev_writer net_fault_begin(lev_net *n) {
    memset(n->fault, 0, sizeof n->fault);
    return lev_writer_init((uint8_t *)n->fault, sizeof n->fault - 1);
}

/* Ends connecting: "cannot connect to host:port (3 addresses): why". */
static lev_status net_fail(lev_net *n, lev_status status, const char *why) {
    bool resolving = n->phase == NET_LOOKUP && *n->host != '/';
    bool brackets = strchr(n->host, ':') != NULL;
    lev_span host = lev_span_of(n->host);
    bool long_name = host.len > NET_HOST;
    lev_writer w = net_fault_begin(n);
    lev_writer_text(&w, resolving                   ? "cannot resolve "
                        : n->phase == NET_HANDSHAKE ? "no TLS with "
                                                    : "cannot connect to ");
    lev_writer_text(&w, brackets && !resolving ? "[" : "");
    lev_writer_escaped(&w, (lev_span){host.ptr, long_name ? NET_HOST : host.len});
    lev_writer_text(&w, long_name ? "..." : "");
    if (!resolving && *n->host != '/') {
        lev_writer_text(&w, brackets ? "]:" : ":");
        lev_writer_decimal(&w, n->port);
    }
    if (n->addresses > 1 && n->phase != NET_HANDSHAKE) {
        lev_writer_text(&w, " (");
        lev_writer_decimal(&w, n->addresses);
        lev_writer_text(&w, " addresses)");
    }
    lev_writer_text(&w, ": ");
    lev_writer_text(&w, why);
    if (status == LEV_ERR_TIMEOUT) {
        lev_writer_text(&w, " within ");
        lev_writer_decimal(&w, n->deadline - n->started);
        lev_writer_text(&w, " ms");
    }
    n->phase = NET_FAILED;
    n->status = status;
    return status;
}

/* Notes why reading or writing has ended. */
static lev_status net_lost(lev_net *n, const char *why) {
    lev_writer w = net_fault_begin(n);
    lev_writer_text(&w, why);
    return LEV_ERR_LOST;
}

lev_net *lev_net_connect_with(const lev_allocator *a, const char *host, uint16_t port, uint64_t now,
                              uint64_t deadline) {
    size_t len = strlen(host);
    lev_net *n = lev_memory_zeroed(a, sizeof *n + len + 1);
    if (n == NULL) {
        return NULL;
    }
    n->memory = lev_memory_allocator(a);
    memcpy(n->host, host, len + 1);
    n->fd = -1;
    n->calls = &n->uncounted;
    n->port = port;
    n->started = now;
    n->deadline = deadline > now ? deadline : now;
    n->lookup = lev_lookup_new(host, port);
    if (n->lookup == NULL) {
        lev_memory_free(n);
        return NULL;
    }
    return n;
}

lev_net *lev_net_connect(const char *host, uint16_t port, uint64_t now, uint64_t deadline) {
    return lev_net_connect_with(NULL, host, port, now, deadline);
}

void lev_net_secure(lev_net *n, lev_tls *tls) { n->tls = tls; }

void lev_net_count(lev_net *n, uint64_t *calls) { n->calls = calls; }

/* Goes from the finished lookup to the race. */
static lev_status net_step_lookup(lev_net *n) {
    if (!lev_lookup_done(n->lookup)) {
        return LEV_AGAIN;
    }
    char text[128];
    const char *why;
    lev_addresses addresses;
    const struct addrinfo *found = lev_lookup_found(n->lookup, &why, text, sizeof text);
    if (found == NULL) {
        return net_fail(n, LEV_ERR_RESOLVE, why);
    }
    if (!lev_addresses_init(&addresses, found, &n->memory)) {
        return net_fail(n, LEV_ERR_MEMORY, "out of memory");
    }
    n->addresses = addresses.count;
    if (!lev_race_init(&n->race, &addresses, &n->memory)) {
        return net_fail(n, LEV_ERR_MEMORY, "out of memory");
    }
    lev_lookup_free(n->lookup);
    n->lookup = NULL;
    n->phase = NET_RACE;
    return LEV_AGAIN;
}

static lev_status net_begin_handshake(lev_net *n, uint64_t now) {
    n->stream = lev_tls_stream_new(n->tls, n->fd, n->host, n->port, n->calls);
    if (n->stream == NULL) {
        return net_fail(n, LEV_ERR_MEMORY, "out of memory");
    }
    n->phase = NET_HANDSHAKE;
    n->started = now;
    n->deadline = now + lev_tls_handshake_ms(n->tls);
    return LEV_AGAIN;
}

static lev_status net_step_race(lev_net *n, uint64_t now) {
    char text[128];
    lev_status status = lev_race_step(&n->race, now, &n->fd);
    if (status == LEV_OK && n->tls == NULL) {
        n->phase = NET_CONNECTED;
        lev_race_deinit(&n->race);
    } else if (status == LEV_OK) {
        lev_race_deinit(&n->race);
        return net_begin_handshake(n, now);
    } else if (status != LEV_AGAIN) {
        net_fail(n, status, lev_errno_text(n->race.error, text, sizeof text));
    }
    return status;
}

static lev_status net_step_handshake(lev_net *n) {
    lev_status status = lev_tls_stream_step(n->stream);
    if (status == LEV_OK) {
        n->phase = NET_CONNECTED;
    } else if (status != LEV_AGAIN) {
        net_fail(n, status, lev_tls_stream_why(n->stream));
    }
    return status;
}

lev_status lev_net_step(lev_net *n, uint64_t now) {
    lev_status status = n->status;
    if (n->phase == NET_LOOKUP) {
        status = net_step_lookup(n);
    }
    if (n->phase == NET_RACE) {
        status = net_step_race(n, now);
    }
    if (n->phase == NET_HANDSHAKE) {
        status = net_step_handshake(n);
    }
    if (status == LEV_AGAIN && now >= n->deadline) {
        status = net_fail(n, LEV_ERR_TIMEOUT, "no answer");
        lev_race_deinit(&n->race);
    }
    return status;
}

int lev_net_fd(const lev_net *n, unsigned *wants) {
    unsigned none = 0;
    unsigned *set = wants != NULL ? wants : &none;
    *set = 0;
    if (n->phase == NET_LOOKUP) {
        *set = LEV_NET_READ;
        return lev_lookup_fd(n->lookup);
    }
    if (n->phase == NET_RACE) {
        *set = LEV_NET_WRITE;
        return lev_race_fd(&n->race);
    }
    if (n->phase == NET_FAILED) {
        return -1;
    }
    *set |= n->phase == NET_HANDSHAKE ? LEV_NET_READ : 0U;
    *set |= n->stream != NULL && lev_tls_stream_unsent(n->stream) ? LEV_NET_WRITE : 0U;
    return n->fd;
}

uint64_t lev_net_due(const lev_net *n) {
    uint64_t due = UINT64_MAX;
    if (n->phase == NET_LOOKUP) {
        due = lev_lookup_fd(n->lookup) < 0 ? 0 : n->deadline;
    } else if (n->phase == NET_RACE) {
        due = lev_race_due(&n->race);
        due = n->deadline < due ? n->deadline : due;
    } else if (n->phase == NET_HANDSHAKE) {
        due = n->deadline;
    }
    return due;
}

bool lev_net_ready(const lev_net *n) {
    return n->phase == NET_CONNECTED && n->stream != NULL && !n->read_over &&
           lev_tls_stream_ready(n->stream);
}

bool lev_net_is_secure(const lev_net *n) { return n->tls != NULL; }

bool lev_net_is_local(const lev_net *n) {
    lev_address peer = {.len = sizeof peer.at};
    if (getpeername(n->fd, (struct sockaddr *)&peer.at, &peer.len) != 0) {
        return errno == ENOTCONN; /* gone already: nothing that is written leaves this machine */
    }
    return lev_address_is_local(&peer);
}

static bool net_would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

/* Notes what TLS says of reading or writing. */
static lev_status net_told(lev_net *n, lev_status status, bool *over) {
    if (status != LEV_OK && status != LEV_AGAIN) {
        *over = true;
        net_lost(n, lev_tls_stream_why(n->stream));
    }
    return status;
}

lev_status lev_net_read(lev_net *n, uint8_t *into, size_t room, size_t *got) {
    *got = 0;
    if (n->phase != NET_CONNECTED || n->read_over) {
        return LEV_ERR_LOST;
    }
    if (room == 0) {
        return LEV_AGAIN;
    }
    if (n->stream != NULL) {
        return net_told(n, lev_tls_stream_read(n->stream, into, room, got), &n->read_over);
    }
    ssize_t n_read;
    do {
        n_read = recv(n->fd, into, room, 0);
        ++*n->calls;
    } while (n_read < 0 && errno == EINTR);
    if (n_read > 0) {
        *got = (size_t)n_read;
        return LEV_OK;
    }
    if (n_read < 0 && net_would_block(errno)) {
        return LEV_AGAIN;
    }
    char text[128];
    n->read_over = true;
    return net_lost(n, n_read == 0 ? "the peer closed the connection"
                                   : lev_errno_text(errno, text, sizeof text));
}

/* As many as fit; a type that becomes what msg_iovlen is, an int with musl and a size_t with glibc.
 */
static uint16_t net_gather(struct iovec *iov, const lev_span *spans, size_t count) {
    uint16_t n = 0;
    for (size_t i = 0; i < count && n < NET_IOVECS; i++) {
        if (spans[i].len > 0) {
            iov[n++] = (struct iovec){(void *)(uintptr_t)spans[i].ptr, spans[i].len};
        }
    }
    return n;
}

lev_status lev_net_write(lev_net *n, const lev_span *spans, size_t count, size_t *put) {
    *put = 0;
    if (n->phase != NET_CONNECTED || n->write_over) {
        return LEV_ERR_LOST;
    }
    if (n->stream != NULL) {
        return net_told(n, lev_tls_stream_write(n->stream, spans, count, put), &n->write_over);
    }
    struct iovec iov[NET_IOVECS];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = net_gather(iov, spans, count)};
    if (message.msg_iovlen == 0) {
        return LEV_AGAIN;
    }
    ssize_t sent;
    do {
        sent = sendmsg(n->fd, &message, MSG_NOSIGNAL);
        ++*n->calls;
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        *put = (size_t)sent;
        return LEV_OK;
    }
    if (net_would_block(errno)) {
        return LEV_AGAIN;
    }
    char text[128];
    n->write_over = true;
    return net_lost(n, lev_errno_text(errno, text, sizeof text));
}

const char *lev_net_fault(const lev_net *n) { return n->fault; }

void lev_net_close(lev_net *n) {
    if (n == NULL) {
        return;
    }
    lev_lookup_free(n->lookup);
    lev_race_deinit(&n->race);
    lev_tls_stream_free(n->stream);
    if (n->fd >= 0) {
        close(n->fd);
    }
    lev_memory_free(n);
}
