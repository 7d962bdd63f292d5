/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The ids stand in a ring, oldest first, and a hash table of at most half its size holds their
 * positions. Collisions go to the next slot; whoever leaves draws those behind it nearer, so the
 * table never needs to be cleaned. Positions are told apart from empty slots by 1 added to them.
 *
 * Ids come from whoever may publish, so the hash has a seed that they do not know: the window's
 * address and the time. Someone who guesses it can make the window slow, never wrong, since ids
 * are compared whole. Rejected: hashes alone, which would drop a message in bad luck. */

#include "ring.h"

#include <leveret/net.h>
#include <leveret/seen.h>

#include <string.h>

typedef struct seen_id {
    lev_block block;
    size_t len;
    uint32_t hash;
} seen_id;

_Static_assert(sizeof(seen_id) <= LEV_RING_UNIT, "an id's bytes begin behind one unit");

struct lev_seen {
    lev_allocator memory;
    lev_ring ring;
    size_t most;
    size_t count;
    uint64_t seed;
    size_t mask;
    uint64_t *slots;
};

static uint64_t seen_mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

static uint32_t seen_hash(const lev_seen *s, lev_span id) {
    uint64_t h = seen_mix(s->seed, id.len);
    for (; id.len > 0;) {
        uint64_t v = 0;
        size_t n = id.len < sizeof v ? id.len : sizeof v;
        memcpy(&v, id.ptr, n);
        h = seen_mix(h, v);
        id.ptr += n;
        id.len -= n;
    }
    return (uint32_t)(seen_mix(h, s->seed) >> 32);
}

lev_seen *lev_seen_new_with(const lev_allocator *a, size_t count) {
    size_t slots = 2;
    while (slots / 2 < count && slots <= SIZE_MAX / 2 / sizeof(uint64_t)) {
        slots *= 2;
    }
    lev_seen *s = slots / 2 < count || count == 0 ? NULL : lev_memory_zeroed(a, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->memory = lev_memory_allocator(a);
    s->ring.memory = &s->memory;
    s->slots = lev_memory_zeroed(&s->memory, slots * sizeof *s->slots);
    s->mask = slots - 1;
    s->most = count;
    s->seed = seen_mix((uint64_t)(uintptr_t)s, lev_net_now());
    if (s->slots == NULL) {
        lev_seen_free(s);
        return NULL;
    }
    return s;
}

lev_seen *lev_seen_new(size_t count) { return lev_seen_new_with(NULL, count); }

void lev_seen_free(lev_seen *s) {
    if (s != NULL) {
        lev_ring_deinit(&s->ring);
        lev_memory_free(s->slots);
        lev_memory_free(s);
    }
}

static seen_id *seen_at(const lev_seen *s, size_t slot) {
    return s->slots[slot] != 0 ? lev_ring_at(&s->ring, s->slots[slot] - 1) : NULL;
}

/* Returns the slot of an id, or the empty one where it would go. */
static size_t seen_find(const lev_seen *s, lev_span id, uint32_t hash) {
    size_t slot = hash & s->mask;
    for (const seen_id *at = seen_at(s, slot); at != NULL; at = seen_at(s, slot)) {
        lev_span have = {(const uint8_t *)at + LEV_RING_UNIT, at->len};
        if (at->hash == hash && lev_span_equal(have, id)) {
            break;
        }
        slot = (slot + 1) & s->mask;
    }
    return slot;
}

bool lev_seen_check(const lev_seen *s, lev_span id) {
    return id.len > 0 && s->slots[seen_find(s, id, seen_hash(s, id))] != 0;
}

/* Empties a slot. Of those behind it, each that its own slot leads past the hole moves into it. */
static void seen_empty(lev_seen *s, size_t hole) {
    s->slots[hole] = 0;
    for (size_t i = (hole + 1) & s->mask; s->slots[i] != 0; i = (i + 1) & s->mask) {
        size_t home = seen_at(s, i)->hash & s->mask;
        if (((i - home) & s->mask) >= ((i - hole) & s->mask)) {
            s->slots[hole] = s->slots[i];
            s->slots[i] = 0;
            hole = i;
        }
    }
}

/* The first block of the ring may be a filler, which holds no id. */
static void seen_forget_oldest(lev_seen *s) {
    lev_ring_shrink(&s->ring);
    seen_id *oldest = lev_ring_at(&s->ring, s->ring.head);
    lev_span id = {(const uint8_t *)oldest + LEV_RING_UNIT, oldest->len};
    seen_empty(s, seen_find(s, id, oldest->hash));
    oldest->block.dead = true;
    s->count--;
    lev_ring_shrink(&s->ring);
}

lev_status lev_seen_add(lev_seen *s, lev_span id) {
    uint32_t hash = seen_hash(s, id);
    uint64_t at;
    if (id.len == 0 || s->slots[seen_find(s, id, hash)] != 0) {
        return LEV_OK;
    }
    size_t size = (2 * LEV_RING_UNIT - 1 + id.len) & ~(size_t)(LEV_RING_UNIT - 1);
    if (size < id.len || !lev_ring_expect(&s->ring, size, &at)) {
        return LEV_ERR_MEMORY;
    }
    seen_id *added = lev_ring_at(&s->ring, at);
    *added = (seen_id){.block = {.size = size}, .len = id.len, .hash = hash};
    memcpy((uint8_t *)added + LEV_RING_UNIT, id.ptr, id.len);
    lev_ring_add(&s->ring, at);
    if (s->count == s->most) {
        seen_forget_oldest(s);
    }
    s->slots[seen_find(s, id, hash)] = at + 1;
    s->count++;
    return LEV_OK;
}

size_t lev_seen_count(const lev_seen *s) { return s->count; }
