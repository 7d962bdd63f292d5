/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A stream of AMQP bytes taken apart, whatever is in it: bytes in as they come, items out. */

#ifndef TOOLS_DISSECT_H
#define TOOLS_DISSECT_H

#include "buffer.h"

#include <leveret/frame.h>
#include <leveret/properties.h>

enum {
    DISSECT_FRAME_MAX = 16 * 1024 * 1024, /* payloads above are not believed */
    DISSECT_REASON = 160
};

enum item_kind {
    ITEM_PROTOCOL_HEADER,
    ITEM_METHOD,
    ITEM_HEADER,
    ITEM_BODY,
    ITEM_HEARTBEAT,
    ITEM_MALFORMED
};

/* One thing of a stream. All its bytes are in `bytes`; together the items are the stream. */
typedef struct item {
    enum item_kind kind;
    uint64_t offset; /* of its first byte in the stream */
    lev_span bytes;
    lev_frame frame;             /* of methods, headers, bodies, heartbeats */
    lev_method method;           /* where it is one */
    lev_header header;           /* likewise */
    char reason[DISSECT_REASON]; /* of what is malformed */
} item;

/* {0} is a fresh one. */
typedef struct dissector {
    buffer bytes;
    size_t from;     /* what was taken ends here */
    uint64_t offset; /* of that place in the stream */
    size_t skip;     /* so many bytes behind it begin no frame */
    bool skipping;   /* up to where one begins */
    bool ended;
    char reason[DISSECT_REASON]; /* of the bytes being skipped */
} dissector;

void dissector_deinit(dissector *d);

/* Adds bytes; those of items taken before are void. Returns false without memory. */
bool dissector_put(dissector *d, lev_span bytes);

/* Nothing will follow. */
void dissector_end(dissector *d);

/* Makes the item that says how many bytes of the stream are not known here, and goes on behind
 * them. The caller ends the dissector and takes all items before. */
void dissector_gap(dissector *d, uint64_t missing, item *i);

/* Takes the next item. Returns false where more bytes are needed, or none are left. */
bool dissector_next(dissector *d, item *i);

/* Takes the payload of a frame apart: fills `i` from `i->frame`, or makes it malformed. */
void item_decode(item *i);

#endif
