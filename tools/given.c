/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* An array from the oldest that is not settled to the newest, so that a number leads straight to
 * its place. What is settled at the front is dropped when it is half of all, so each item is moved
 * once on average, and the array is never longer than twice what it has to hold. */

#include "given.h"

#include <stdlib.h>
#include <string.h>

enum { GIVEN_FIRST = 128 };

void given_deinit(given *g) {
    free(g->items);
    *g = (given){0};
}

static void given_trim(given *g) {
    size_t settled = 0;
    while (settled < g->count && g->items[settled].tag == 0) {
        settled++;
    }
    if (settled == g->count || settled > g->room / 2) {
        g->count -= settled;
        g->first += settled;
        memmove(g->items, g->items + settled, g->count * sizeof *g->items);
    }
}

static bool given_grow(given *g) {
    size_t room = g->room == 0 ? GIVEN_FIRST : g->room * 2;
    lev_delivery *items = realloc(g->items, room * sizeof *items);
    if (items == NULL) {
        return false;
    }
    g->items = items;
    g->room = room;
    return true;
}

bool given_add(given *g, lev_delivery delivery, uint64_t number) {
    if (g->count == g->room && g->count > 0) {
        given_trim(g);
    }
    if (g->count == g->room && !given_grow(g)) {
        return false;
    }
    if (g->count == 0) {
        g->first = number;
    }
    g->items[g->count++] = delivery;
    g->unsettled++;
    return true;
}

bool given_take(given *g, uint64_t number, lev_delivery *delivery) {
    if (number < g->first || number - g->first >= g->count ||
        g->items[number - g->first].tag == 0) {
        return false;
    }
    *delivery = g->items[number - g->first];
    g->items[number - g->first].tag = 0;
    g->unsettled--;
    if (g->unsettled == 0) {
        given_clear(g);
    }
    return true;
}

bool given_pop(given *g, lev_delivery *delivery) {
    while (g->count > 0) {
        *delivery = g->items[--g->count];
        if (delivery->tag != 0) {
            g->unsettled--;
            return true;
        }
    }
    return false;
}

void given_clear(given *g) {
    g->count = 0;
    g->unsettled = 0;
}
