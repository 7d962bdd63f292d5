/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Nearly all land at the front, in ranges. One that lands further behind is found by bisection and
 * stays as a mark until all before it have landed. */

#include "flight.h"

#include <leveret/memory.h>

enum { FLIGHT_FIRST = 64 };

static lev_flown *flight_at(const lev_flight *f, size_t i) {
    return &f->ring[(f->first + i) & (f->size - 1)];
}

void lev_flight_deinit(lev_flight *f) {
    lev_memory_free(f->ring);
    *f = (lev_flight){.ring = NULL};
}

bool lev_flight_reserve(lev_flight *f, const lev_allocator *a) {
    if (f->count < f->size) {
        return true;
    }
    size_t size = f->size > 0 ? f->size * 2 : FLIGHT_FIRST;
    lev_flown *ring = lev_memory_zeroed(a, size * sizeof *ring);
    if (ring == NULL) {
        return false;
    }
    for (size_t i = 0; i < f->count; i++) {
        ring[i] = *flight_at(f, i);
    }
    lev_memory_free(f->ring);
    f->ring = ring;
    f->size = size;
    f->first = 0;
    return true;
}

void lev_flight_add(lev_flight *f, uint64_t number, void *tag) {
    *flight_at(f, f->count++) = (lev_flown){.number = number, .tag = tag};
}

/* Returns how many have a lower number. */
static size_t flight_below(const lev_flight *f, uint64_t number) {
    size_t low = 0;
    size_t high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (flight_at(f, middle)->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void lev_flight_land(lev_flight *f, uint64_t first, uint64_t last, lev_flight_landed *landed,
                     void *context) {
    for (size_t i = flight_below(f, first); i < f->count && flight_at(f, i)->number <= last; i++) {
        lev_flown *flown = flight_at(f, i);
        if (!flown->landed) {
            flown->landed = true;
            landed(context, flown->tag);
        }
    }
    while (f->count > 0 && f->ring[f->first].landed) {
        f->first = (f->first + 1) & (f->size - 1);
        f->count--;
    }
}
