/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The publishes of a channel in confirm mode that have no outcome yet. */

#ifndef LEVERET_ENGINE_WINDOW_H
#define LEVERET_ENGINE_WINDOW_H

#include "memory.h"

/* What a returned message is recognised by: all of it, and all but its headers, which some brokers
 * write anew in another order. */
typedef struct lev_digest {
    uint64_t exact;
    uint64_t loose;
} lev_digest;

/* The end of a publish that was never queued whole: behind every cut. */
#define LEV_WINDOW_HALF UINT64_MAX

typedef struct lev_unsettled {
    lev_digest digest;
    uint64_t end; /* position in the stream of the byte behind it; LEV_WINDOW_HALF */
    bool mandatory;
    bool returned;
    bool settled;
} lev_unsettled;

/* Publishes `first` to `first + count - 1`, in a ring. While `settling`, those up to `settle_last`
 * are being given the outcome `settle_as`. */
typedef struct lev_window {
    lev_unsettled *ring;
    size_t cap;
    size_t head;
    size_t count;
    size_t open; /* of these, not yet settled */
    uint64_t first;
    uint64_t look; /* none before it can still be returned */
    bool settling;
    uint64_t settle_next;
    uint64_t settle_last;
    lev_outcome settle_as;
    uint64_t cut; /* with LEV_IN_DOUBT: what ends behind this position was not sent */
} lev_window;

/* Starts with number 1. */
void lev_window_init(lev_window *w);
void lev_window_deinit(lev_window *w, const lev_allocator *a);

/* Makes room for one more. Returns false without memory. */
bool lev_window_expect(lev_window *w, const lev_allocator *a);

/* Adds a publish, after lev_window_expect, and returns its number. */
uint64_t lev_window_add(lev_window *w, const lev_unsettled *publish);

/* Starts to settle what a broker's ack or nack names. Returns false where it names what was never
 * published. Naming what is settled already is fine. */
bool lev_window_settle(lev_window *w, uint64_t tag, bool multiple, lev_outcome as);

/* Starts to settle all: the channel or the connection has ended, `cut` bytes were written. */
void lev_window_abandon(lev_window *w, uint64_t cut);

/* Takes the next range with one outcome off what is being settled. Returns false at its end. */
bool lev_window_take(lev_window *w, uint64_t *first, uint64_t *last, lev_outcome *outcome);

/* Marks the oldest unsettled mandatory publish with that digest as returned. Returns its number, 0
 * where there is none. */
uint64_t lev_window_return(lev_window *w, lev_digest digest);

/* Mixes bytes and their length into a hash. */
uint64_t lev_hash(uint64_t seed, lev_span bytes);

enum { LEV_HASH_BLOCK = 1024 };

/* The hash of a body, as it comes in pieces; their sizes make no difference. */
typedef struct lev_hasher {
    uint64_t sum;
    size_t fill;
    uint8_t block[LEV_HASH_BLOCK];
} lev_hasher;

void lev_hasher_add(lev_hasher *h, lev_span piece);
uint64_t lev_hasher_end(const lev_hasher *h);

/* The same of a body in one piece. */
uint64_t lev_hash_body(lev_span body);

/* Adds the body's hash to the digest of all else. */
lev_digest lev_digest_of(lev_digest envelope, uint64_t body);

#endif
