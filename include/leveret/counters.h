/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How much has gone over a connection, and how full its buffers are. Counting is always on: it
 * costs an addition a message. */

#ifndef LEVERET_COUNTERS_H
#define LEVERET_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lev_counters {
    /* Since the beginning; a client's go on over reconnects. */
    uint64_t published;      /* messages queued to be sent; with `retransmit` each repeat, too */
    uint64_t delivered;      /* messages received: delivered, or got */
    uint64_t returned;       /* messages that came back, since no queue took them */
    uint64_t bytes_sent;     /* of AMQP: without what TLS and TCP add */
    uint64_t bytes_received; /* likewise */
    uint64_t reconnects;     /* how often a lost connection was recovered; of a client only */
    uint64_t blocked_ms;     /* so long the broker blocked publishers (connection.blocked) */

    /* Now. */
    uint64_t unconfirmed; /* publishes in confirm mode without an outcome, on all channels */
    size_t queued;        /* bytes that wait to be written */
    size_t unread;        /* bytes received that no event has been made of */
    size_t assembled;     /* bytes of messages that have not come whole */
    size_t kept;          /* bytes of events that wait to be taken; of a client only */
    size_t unsettled;     /* bytes of publishes held until their outcome; of a client only */
} lev_counters;

#ifdef __cplusplus
}
#endif

#endif
