/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The other end of an engine, with a frame reader of its own: it reads all that the engine writes,
 * and watches what the engine is told for what no engine may take. */

#ifndef LEVERET_FUZZ_PEER_H
#define LEVERET_FUZZ_PEER_H

#include "support.h"

enum { PEER_CHANNELS = 256 }; /* higher ones are never opened */

/* What the engine wrote. */
typedef struct peer_reader {
    uint8_t *bytes; /* what is not yet a whole frame */
    size_t len;
    size_t cap;
    bool greeted;
    bool over; /* the engine dropped what was left: nothing may follow */
    bool tuned;
    lev_connection_tune_ok tune_ok;
    uint64_t frames;
    uint16_t publishing;     /* the channel of the content under way */
    bool header_next;        /* after basic.publish */
    uint64_t body_left[256]; /* of the content under way, by channel */
} peer_reader;

/* Takes bytes that the engine wrote; a broken frame ends the run. */
void peer_read(peer_reader *p, lev_span bytes);
void peer_reader_deinit(peer_reader *p);

/* What the engine was told. */
typedef struct peer_watcher {
    uint8_t head[8];
    size_t have;   /* bytes of the head of the frame under way */
    uint64_t left; /* bytes of it behind the head */
    bool lost;     /* no frame can follow */
    bool wrong;    /* it was told what must end the connection */
    bool opened[PEER_CHANNELS];
} peer_watcher;

void peer_watch(peer_watcher *p, lev_span bytes);

#endif
