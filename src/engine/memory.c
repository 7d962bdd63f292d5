/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The engine's only door to memory. Sizes are checked here once: an array grows to the next power
 * of two that holds what is needed, and a product that would overflow is simply out of memory. What
 * is needed is always something that has arrived or that the caller handed in, never a length that
 * a peer announced. */

#include "memory.h"

#include <string.h>

void *lev_resize(const lev_allocator *a, void *ptr, size_t size) {
    return a->resize(a->context, ptr, size);
}

void lev_release(const lev_allocator *a, void *ptr) {
    if (ptr != NULL) {
        (void)a->resize(a->context, ptr, 0);
    }
}

void *lev_reserve(const lev_allocator *a, void *array, size_t *cap, size_t need, size_t size) {
    if (need <= *cap) {
        return array;
    }
    size_t grown = *cap < 4 ? 4 : *cap;
    while (grown < need) {
        if (grown > SIZE_MAX / 2 / size) {
            return NULL;
        }
        grown *= 2;
    }
    void *moved = lev_resize(a, array, grown * size);
    if (moved != NULL) {
        *cap = grown;
    }
    return moved;
}

void lev_wipe(void *ptr, size_t len) {
    volatile uint8_t *p = ptr;
    for (size_t i = 0; i < len; i++) {
        p[i] = 0;
    }
}
