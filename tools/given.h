/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Deliveries that were passed on under consecutive numbers, until each is settled. */

#ifndef TOOLS_GIVEN_H
#define TOOLS_GIVEN_H

#include <leveret/leveret.h>

/* {0} is an empty one. */
typedef struct given {
    lev_delivery *items; /* tag 0: settled */
    size_t count;
    size_t room;
    uint64_t first;     /* the number of items[0] */
    uint64_t unsettled; /* how many are not */
} given;

void given_deinit(given *g);

/* Adds a delivery, numbered one above that before it, or anyhow where there is none. Returns false
 * without memory. */
bool given_add(given *g, lev_delivery delivery, uint64_t number);

/* Takes the delivery of that number out: true, or false where there is none. */
bool given_take(given *g, uint64_t number, lev_delivery *delivery);

/* Takes the newest one out, and returns false where there is none. */
bool given_pop(given *g, lev_delivery *delivery);

/* Forgets all. */
void given_clear(given *g);

#endif
