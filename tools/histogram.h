/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How often which value came, in bounded memory whatever the values are. */

#ifndef TOOLS_HISTOGRAM_H
#define TOOLS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_BITS = 7, /* a value is known to one part in 2^7 */
    HISTOGRAM_CELLS = (64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS
};

/* {0} is an empty one. */
typedef struct histogram {
    uint64_t count; /* of all values */
    uint64_t min;   /* exact, like max */
    uint64_t max;
    uint64_t cells[HISTOGRAM_CELLS];
} histogram;

/* Adds a value. */
void histogram_add(histogram *h, uint64_t value);

/* Adds all values of another one. */
void histogram_merge(histogram *h, const histogram *other);

/* Returns the percentile by nearest rank: `millionths` of all values are not above it (500,000: the
 * median). The exact one is never above what is returned, and less than 1/128 of itself below.
 * 0 where there are no values. */
uint64_t histogram_at(const histogram *h, uint32_t millionths);

#endif
