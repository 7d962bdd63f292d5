/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Cells of equal width between a power of two and the next, 2^7 of them, as in HdrHistogram: below
 * 2^8 each value has a cell of its own, and above a cell is as wide as 1/128 of the power of two
 * that it follows. So the place of a value is a shift and an addition, and 64 bits need 7,424
 * cells.
 */

#include "histogram.h"

static unsigned histogram_shift(uint64_t value) {
    unsigned log = 63 - (unsigned)__builtin_clzll(value | 1);
    return log > HISTOGRAM_BITS ? log - HISTOGRAM_BITS : 0;
}

static size_t histogram_cell(uint64_t value) {
    unsigned shift = histogram_shift(value);
    return ((size_t)shift << HISTOGRAM_BITS) + (size_t)(value >> shift);
}

/* Returns the greatest value of a cell. */
static uint64_t histogram_top(size_t cell) {
    size_t width = (size_t)1 << HISTOGRAM_BITS;
    size_t shift = cell < 2 * width ? 0 : cell / width - 1;
    uint64_t first = (uint64_t)(cell - shift * width) << shift;
    return first + (((uint64_t)1 << shift) - 1);
}

void histogram_add(histogram *h, uint64_t value) {
    h->min = h->count == 0 || value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
    h->count++;
    h->cells[histogram_cell(value)]++;
}

void histogram_merge(histogram *h, const histogram *other) {
    if (other->count == 0) {
        return;
    }
    h->min = h->count == 0 || other->min < h->min ? other->min : h->min;
    h->max = other->max > h->max ? other->max : h->max;
    h->count += other->count;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        h->cells[i] += other->cells[i];
    }
}

/* Returns millionths of a count, rounded up, at least 1: without the product, which can be too
 * large. */
static uint64_t histogram_rank(uint64_t count, uint32_t millionths) {
    uint64_t whole = count / 1000000 * millionths;
    uint64_t rank = whole + (count % 1000000 * millionths + 999999) / 1000000;
    return rank > 0 ? rank : 1;
}

uint64_t histogram_at(const histogram *h, uint32_t millionths) {
    uint64_t rank = histogram_rank(h->count, millionths);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += h->cells[i];
        if (seen >= rank) {
            uint64_t top = histogram_top(i);
            return top < h->max ? top : h->max;
        }
    }
    return 0;
}
