/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What lev_client_options.trace is told: the bytes of a connection, cut into frames. */

#ifndef LEVERET_CLIENT_TRACE_H
#define LEVERET_CLIENT_TRACE_H

#include <leveret/wire.h>
#include <stdbool.h>

/* One direction. */
typedef struct lev_trace {
    uint8_t *bytes; /* of a frame that is not whole yet */
    size_t len;
    size_t cap;
    bool over; /* no memory, or no frames: nothing more is told of this connection */
} lev_trace;

struct lev_client;

/* Tells what has just been sent, or received. */
void lev_trace_sent(struct lev_client *c, const lev_span *spans, size_t len);
void lev_trace_received(struct lev_client *c, lev_span bytes);

/* A new connection begins, or none will. */
void lev_trace_reset(struct lev_client *c);

#endif
