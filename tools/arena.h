/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Memory that is given back all at once. */

#ifndef TOOLS_ARENA_H
#define TOOLS_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* {0} is an empty one. */
typedef struct arena {
    struct arena_block *blocks;
} arena;

/* Returns `size` bytes that stay where they are until arena_reset, or NULL without memory. */
uint8_t *arena_take(arena *a, size_t size);

/* Gives everything back. */
void arena_reset(arena *a);

#endif
