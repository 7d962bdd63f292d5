/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The TCP segment in a captured packet. */

#ifndef TOOLS_SEGMENT_H
#define TOOLS_SEGMENT_H

#include "pcap.h"

typedef struct endpoint {
    uint8_t address[16]; /* IPv4 in the first four */
    uint16_t port;
} endpoint;

typedef struct segment {
    endpoint from;
    endpoint to;
    uint32_t sequence;
    bool syn;
    bool ack;
    bool fin;
    lev_span data; /* as much as was captured */
    size_t size;   /* as much as was sent */
} segment;

/* Finds it. Returns false where the packet has none, or only a part of its head. */
bool segment_find(const packet *p, segment *s);

#endif
