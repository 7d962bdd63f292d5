/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A block does not wrap: where it would, a dead one fills the room up to the end. Each ends at a
 * multiple of the unit, so there is always room for the beginning of such a filler.
 *
 * A ring that grows is copied turn by turn: position p lies at p modulo the size in both, and what
 * is in use spans two turns of the old one at most. */

#include "ring.h"

#include <string.h>

enum { RING_FIRST = 16384 };

_Static_assert(sizeof(lev_block) <= LEV_RING_UNIT, "a filler fits where any block ends");

/* Returns how many bytes go unused before a block of that size. */
static size_t ring_gap(size_t cap, uint64_t tail, size_t size) {
    size_t to_end = cap - (size_t)(tail & (cap - 1));
    return size > to_end ? to_end : 0;
}

size_t lev_ring_cap(const lev_ring *r, size_t size) {
    size_t used = lev_ring_used(r);
    size_t cap = r->cap == 0 ? RING_FIRST : r->cap;
    while (cap < used || cap - used < size || cap - used - size < ring_gap(cap, r->tail, size)) {
        if (cap > SIZE_MAX / 2) {
            return 0;
        }
        cap *= 2;
    }
    return cap;
}

static bool ring_grow(lev_ring *r, size_t cap) {
    lev_ring grown = *r;
    grown.bytes = cap != 0 ? lev_memory_new(r->memory, cap) : NULL;
    grown.cap = cap;
    if (grown.bytes == NULL) {
        return false;
    }
    for (uint64_t at = r->head; at < r->tail;) {
        uint64_t turn = (at | (r->cap - 1)) + 1;
        uint64_t end = turn < r->tail ? turn : r->tail;
        memcpy(lev_ring_at(&grown, at), lev_ring_at(r, at), (size_t)(end - at));
        at = end;
    }
    lev_memory_free(r->bytes);
    *r = grown;
    return true;
}

bool lev_ring_expect(lev_ring *r, size_t size, uint64_t *at) {
    size_t cap = lev_ring_cap(r, size);
    if (cap != r->cap && !ring_grow(r, cap)) {
        return false;
    }
    *at = r->tail + ring_gap(r->cap, r->tail, size);
    return true;
}

void lev_ring_add(lev_ring *r, uint64_t at) {
    if (at != r->tail) {
        lev_block *filler = lev_ring_at(r, r->tail);
        *filler = (lev_block){.size = (size_t)(at - r->tail), .dead = true};
    }
    const lev_block *added = lev_ring_at(r, at);
    r->tail = at + added->size;
}

void lev_ring_shrink(lev_ring *r) {
    while (r->head < r->tail) {
        const lev_block *first = lev_ring_at(r, r->head);
        if (!first->dead) {
            return;
        }
        r->head += first->size;
    }
    r->head = r->tail = 0;
}

void lev_ring_deinit(lev_ring *r) {
    lev_memory_free(r->bytes);
    *r = (lev_ring){.bytes = NULL};
}
