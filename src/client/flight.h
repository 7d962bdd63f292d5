/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishes of a channel under way, each with a tag: they take off with growing numbers, and land
 * in any order. */

#ifndef LEVERET_CLIENT_FLIGHT_H
#define LEVERET_CLIENT_FLIGHT_H

#include <leveret/allocator.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lev_flown {
    uint64_t number;
    void *tag;
    bool landed;
} lev_flown;

/* A ring; `size` is a power of two, or 0. */
typedef struct lev_flight {
    lev_flown *ring;
    size_t size;
    size_t first;
    size_t count;
} lev_flight;

typedef void lev_flight_landed(void *context, void *tag);

void lev_flight_deinit(lev_flight *f);

/* Makes room for one more. Returns false without memory. */
bool lev_flight_reserve(lev_flight *f, const lev_allocator *a);

/* Takes the room reserved last; `number` is greater than all before. */
void lev_flight_add(lev_flight *f, uint64_t number, void *tag);

/* Lands those from number `first` to `last` that are under way, in order. */
void lev_flight_land(lev_flight *f, uint64_t first, uint64_t last, lev_flight_landed *landed,
                     void *context);

#endif
