/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Chance is a 64-bit xorshift, spread once by a multiplication so that neighbouring seeds have
 * nothing in common. The arena is a list of blocks that are kept from one simulation to the next:
 * nothing in a simulation is freed singly, so nothing can be freed wrongly. */

#include "chance.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 1 << 21, ARENA_ALIGN = 16 };

typedef struct arena_block {
    struct arena_block *next;
    size_t cap;
    size_t len;
} arena_block;

static arena_block *arena_blocks;

chance chance_init(uint64_t seed, uint64_t stream) {
    uint64_t z = (seed * 8 + stream + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (chance){(z ^ (z >> 31)) | 1};
}

uint64_t chance_below(chance *c, uint64_t n) {
    c->state ^= c->state << 13;
    c->state ^= c->state >> 7;
    c->state ^= c->state << 17;
    return (c->state >> 8) % n;
}

uint64_t chance_between(chance *c, uint64_t low, uint64_t high) {
    return low + chance_below(c, high - low + 1);
}

bool chance_one_in(chance *c, uint64_t n) { return chance_below(c, n) == 0; }

static arena_block *arena_block_with(size_t size) {
    for (arena_block *b = arena_blocks; b != NULL; b = b->next) {
        if (b->cap - b->len >= size) {
            return b;
        }
    }
    size_t cap = size > ARENA_BLOCK ? size : ARENA_BLOCK;
    arena_block *b = malloc(sizeof *b + ARENA_ALIGN + cap);
    if (b == NULL) {
        abort();
    }
    *b = (arena_block){.next = arena_blocks, .cap = cap};
    arena_blocks = b;
    return b;
}

void *arena_take(size_t size) {
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    arena_block *b = arena_block_with(size);
    uint8_t *at = (uint8_t *)b + ((sizeof *b + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1));
    at += b->len;
    b->len += size;
    memset(at, 0, size);
    return at;
}

uint8_t *arena_copy(const void *bytes, size_t len) {
    uint8_t *copy = arena_take(len + 1);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

void arena_reset(void) {
    for (arena_block *b = arena_blocks; b != NULL; b = b->next) {
        b->len = 0;
    }
}
