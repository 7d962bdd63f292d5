/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Blocks of bytes in a ring, taken at one end and given back in any order. */

#ifndef LEVERET_CLIENT_RING_H
#define LEVERET_CLIENT_RING_H

#include <leveret/memory.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEV_RING_UNIT = 32 };

/* What a block begins with. */
typedef struct lev_block {
    size_t size; /* with this; a multiple of LEV_RING_UNIT */
    bool dead;   /* it leaves as soon as all before it have left */
} lev_block;

/* Blocks stand at positions, which go on for ever and do not change when the ring grows; they begin
 * anew only where it is empty. */
typedef struct lev_ring {
    const lev_allocator *memory; /* NULL: malloc */
    uint8_t *bytes;
    size_t cap; /* a power of two */
    uint64_t head;
    uint64_t tail;
} lev_ring;

static inline void *lev_ring_at(const lev_ring *r, uint64_t position) {
    return r->bytes + (size_t)(position & (r->cap - 1));
}

static inline size_t lev_ring_used(const lev_ring *r) { return (size_t)(r->tail - r->head); }

/* Returns how large a ring is that holds a block of `size` bytes more: `cap`, or a larger power of
 * two; 0 where that cannot be counted. */
size_t lev_ring_cap(const lev_ring *r, size_t size);

/* Makes room for a block, which lev_ring_add then adds; before that nothing has changed. Returns
 * its position in `*at`, or false without memory. */
bool lev_ring_expect(lev_ring *r, size_t size, uint64_t *at);

/* Adds the block that has been written there. */
void lev_ring_add(lev_ring *r, uint64_t at);

/* Lets the dead ones at the head leave. */
void lev_ring_shrink(lev_ring *r);

void lev_ring_deinit(lev_ring *r);

#endif
