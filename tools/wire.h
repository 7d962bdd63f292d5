/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One of the two ends that a proxy joins: an accepted connection, or one made to the target; plain
 * or TLS. Nothing here ever waits. */

#ifndef TOOLS_WIRE_H
#define TOOLS_WIRE_H

#include <leveret/net.h>
#include <poll.h>

struct guard; /* TLS of a server: certificate and key (guard.h) */
struct guard_stream;

typedef struct wire {
    lev_net *net;                /* made to the target, or NULL: accepted */
    struct guard_stream *secure; /* accepted, with TLS */
    int fd;                      /* accepted, or -1 */
    bool open;                   /* connected, and verified */
    bool ended;                  /* nothing more will be read */
    bool finished;               /* nothing more will be written */
    char fault[160];             /* why it ended, where that was no orderly end */
} wire;

/* Makes an end of an accepted descriptor, which it takes over; `g` NULL: plain. Returns false
 * without memory; wire_close is due in every case. */
bool wire_accept(wire *w, int fd, struct guard *g);

/* Begins to connect. `tls` NULL: plain. */
bool wire_connect(wire *w, const char *host, uint16_t port, lev_tls *tls, uint64_t limit_ms);

/* Goes on with connecting. Returns false where that failed (`fault`). */
bool wire_step(wire *w);

/* Reads, writes. Return how many bytes; 0 where it would have to wait, or has ended. */
size_t wire_read(wire *w, uint8_t *into, size_t room);
size_t wire_write(wire *w, lev_span bytes);

/* Nothing will follow: the peer sees the end of the stream. With TLS that ends both directions. */
void wire_finish(wire *w);

/* What to poll for, where `reads` and `writes` say what is wanted; and until when at most, in
 * milliseconds, -1: for ever. */
struct pollfd wire_poll(const wire *w, bool reads, bool writes);
int wire_due(const wire *w, bool reads);

/* Closes and frees; `reset`: without goodbye. */
void wire_close(wire *w, bool reset);

#endif
