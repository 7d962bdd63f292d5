/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Chance, drawn from a seed, and memory that lasts as long as one simulation. */

#ifndef LEVERET_TESTS_CHANCE_H
#define LEVERET_TESTS_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One stream of random numbers. Broker, user and faults have one each, so that a change in one of
 * them leaves the dice of the others alone. */
typedef struct chance {
    uint64_t state;
} chance;

chance chance_init(uint64_t seed, uint64_t stream);

/* A number below `n`, n > 0; from `low` to `high`; true in one of `n` cases. */
uint64_t chance_below(chance *c, uint64_t n);
uint64_t chance_between(chance *c, uint64_t low, uint64_t high);
bool chance_one_in(chance *c, uint64_t n);

/* Memory, zeroed, until arena_reset; copies of bytes. */
void *arena_take(size_t size);
uint8_t *arena_copy(const void *bytes, size_t len);
void arena_reset(void);

#endif
