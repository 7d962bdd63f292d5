/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Percentiles of a histogram beside those of the sorted values. */

#include "../../tools/histogram.h"
#include "../unit.h"

#include <stdlib.h>

enum { VALUES = 20000 };

static histogram h;
static histogram half;
static uint64_t values[VALUES];
static uint64_t state = 88172645463325252u;

static uint64_t chance(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The smallest value that `millionths` of the first `count` are not above. */
static uint64_t exact(size_t count, uint32_t millionths) {
    size_t rank = (count * (size_t)millionths + 999999) / 1000000;
    return values[rank > 0 ? rank - 1 : 0];
}

static void compare(size_t count) {
    static const uint32_t shares[] = {0,      1,      100000, 250000, 500000, 750000,
                                      950000, 990000, 999000, 999999, 1000000};
    qsort(values, count, sizeof *values, ascending);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        uint64_t want = exact(count, shares[i]);
        uint64_t got = histogram_at(&h, shares[i]);
        EXPECT(got >= want);
        EXPECT(got - want <= want / 128);
    }
    EXPECT(h.count == count);
    EXPECT(h.min == values[0]);
    EXPECT(h.max == values[count - 1]);
    EXPECT(histogram_at(&h, 1000000) == h.max);
}

/* Values of all magnitudes, from 0 to 64 bits. */
static void percentiles_of_random_values(void) {
    for (size_t count = 1; count <= VALUES; count = count * 3 + 1) {
        h = (histogram){0};
        for (size_t i = 0; i < count; i++) {
            values[i] = chance() >> (chance() % 64);
            histogram_add(&h, values[i]);
        }
        compare(count);
    }
}

static void small_values_are_exact(void) {
    h = (histogram){0};
    for (uint64_t v = 0; v < 256; v++) {
        histogram_add(&h, v);
        values[v] = v;
    }
    for (uint32_t v = 1; v <= 256; v++) {
        EXPECT(histogram_at(&h, (uint32_t)((uint64_t)v * 1000000 / 256)) ==
               exact(256, (uint32_t)((uint64_t)v * 1000000 / 256)));
    }
}

static void the_ends_of_the_range(void) {
    h = (histogram){0};
    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, 0);
    EXPECT(histogram_at(&h, 500000) == 0);
    EXPECT(histogram_at(&h, 500001) == UINT64_MAX);
    for (unsigned bit = 0; bit < 64; bit++) {
        histogram_add(&h, UINT64_C(1) << bit);
        histogram_add(&h, (UINT64_C(1) << bit) - 1);
    }
    EXPECT(h.count == 130);
}

static void nothing(void) {
    h = (histogram){0};
    EXPECT(histogram_at(&h, 500000) == 0);
}

static void two_of_them_together(void) {
    h = half = (histogram){0};
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = chance() % 1000000;
        histogram_add(i % 3 == 0 ? &half : &h, values[i]);
    }
    histogram_merge(&h, &half);
    histogram_merge(&h, &(histogram){0});
    compare(VALUES);
}

UNIT_MAIN("histogram", CASE(percentiles_of_random_values), CASE(small_values_are_exact),
          CASE(the_ends_of_the_range), CASE(nothing), CASE(two_of_them_together))
