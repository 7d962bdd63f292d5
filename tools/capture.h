/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A capture file as streams of AMQP items. */

#ifndef TOOLS_CAPTURE_H
#define TOOLS_CAPTURE_H

#include "pcap.h"
#include "print.h"

/* Gets an item, as soon as it is whole. */
typedef void item_taker(void *context, const item *i, const origin *o);

typedef struct capture {
    pcap file;
    item_taker *take;
    void *context;
    struct tcp_stream *streams; /* the newest first */
    uint64_t count;             /* of all TCP streams, AMQP or not */
    uint64_t others;            /* that are not; known at the end */
    char fault[DISSECT_REASON]; /* why it is no capture, or "" */
} capture;

void capture_init(capture *c, item_taker *take, void *context);
void capture_deinit(capture *c);

/* Adds a piece of the file. Returns false where it is no capture. */
bool capture_put(capture *c, lev_span piece);

/* The file ends: what is left of each stream is taken. */
void capture_end(capture *c);

#endif
