/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What has arrived and is not yet taken: one block that the caller reads into. */

#ifndef LEVERET_ENGINE_INBUF_H
#define LEVERET_ENGINE_INBUF_H

#include "memory.h"

typedef struct lev_inbuf {
    uint8_t *data;
    size_t cap;
    size_t head; /* bytes before it are taken */
    size_t tail; /* bytes before it have arrived */
    bool filled; /* the last read took all the room there was */
} lev_inbuf;

/* Returns the bytes that are not yet taken. */
static inline lev_span lev_inbuf_bytes(const lev_inbuf *b) {
    if (b->head == b->tail) {
        return (lev_span){NULL, 0};
    }
    return (lev_span){b->data + b->head, b->tail - b->head};
}

/* Takes `n` bytes. They stay where they are until lev_inbuf_space or lev_inbuf_expire. */
static inline void lev_inbuf_take(lev_inbuf *b, size_t n) { b->head += n; }

/* Ends the life of the bytes taken so far; address-sanitized builds poison them. */
void lev_inbuf_expire(lev_inbuf *b);

/* Returns where to read into, with room for a frame of `need` bytes in all, and in `*room` how much
 * fits there; NULL and 0 without memory. */
uint8_t *lev_inbuf_space(lev_inbuf *b, const lev_allocator *a, size_t need, size_t *room);

/* Says that `n` bytes were read into the space. */
void lev_inbuf_commit(lev_inbuf *b, size_t n);

/* Gives the block back where nothing in it waits; the next lev_inbuf_space makes a small one. */
void lev_inbuf_rest(lev_inbuf *b, const lev_allocator *a);

void lev_inbuf_deinit(lev_inbuf *b, const lev_allocator *a);

#endif
