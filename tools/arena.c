/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A list of blocks, each taken from malloc: few records need any, so nothing is kept back. */

#include "arena.h"

#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    uint8_t bytes[];
};

uint8_t *arena_take(arena *a, size_t size) {
    struct arena_block *block =
        size <= SIZE_MAX - sizeof *block ? malloc(sizeof *block + size) : NULL;
    if (block == NULL) {
        return NULL;
    }
    block->next = a->blocks;
    a->blocks = block;
    return block->bytes;
}

void arena_reset(arena *a) {
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
}
