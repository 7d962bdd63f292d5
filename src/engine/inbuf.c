/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The inbound buffer: bytes are read behind `tail` and taken from `head`. Taken bytes stay in
 * place, so that events can point to them; only lev_inbuf_space moves anything, and then only the
 * part of a frame that is not complete.
 *
 * It starts small and doubles when a read fills it, so that its size follows what really arrives
 * and never what a length field says; only for a frame whose head has passed the limits does it
 * grow to that frame, and then by at most doubling what is there. */

#include "inbuf.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define INBUF_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INBUF_POISONS 1
#endif
#endif

#ifdef INBUF_POISONS
#include <sanitizer/asan_interface.h>
#endif

enum { INBUF_FIRST = 512, INBUF_USUAL_MAX = 524288 };

static void inbuf_poison(const uint8_t *ptr, size_t len) {
#ifdef INBUF_POISONS
    ASAN_POISON_MEMORY_REGION(ptr, len);
#else
    (void)ptr;
    (void)len;
#endif
}

static void inbuf_unpoison(const lev_inbuf *b) {
#ifdef INBUF_POISONS
    ASAN_UNPOISON_MEMORY_REGION(b->data, b->cap);
#else
    (void)b;
#endif
}

void lev_inbuf_expire(lev_inbuf *b) {
    if (b->head > 0) {
        inbuf_poison(b->data, b->head);
    }
}

static bool inbuf_grow(lev_inbuf *b, const lev_allocator *a, size_t need) {
    size_t cap = b->cap == 0 ? INBUF_FIRST : b->cap;
    bool small = cap < need || (b->filled && cap < INBUF_USUAL_MAX);
    if (small && b->cap > 0 && b->tail == b->cap) {
        cap *= 2;
    }
    if (cap == b->cap) {
        return true;
    }
    uint8_t *data = lev_resize(a, b->data, cap);
    if (data == NULL) {
        return b->tail < b->cap;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

uint8_t *lev_inbuf_space(lev_inbuf *b, const lev_allocator *a, size_t need, size_t *room) {
    *room = 0;
    inbuf_unpoison(b);
    if (b->head == b->tail) {
        b->head = b->tail = 0;
    } else if (b->head > 0) {
        memmove(b->data, b->data + b->head, b->tail - b->head);
        b->tail -= b->head;
        b->head = 0;
    }
    if (!inbuf_grow(b, a, need)) {
        return NULL;
    }
    *room = b->cap - b->tail;
    return b->data + b->tail;
}

void lev_inbuf_commit(lev_inbuf *b, size_t n) {
    b->tail += n;
    b->filled = b->tail == b->cap;
}

void lev_inbuf_rest(lev_inbuf *b, const lev_allocator *a) {
    if (b->head == b->tail) {
        lev_inbuf_deinit(b, a);
    }
}

void lev_inbuf_deinit(lev_inbuf *b, const lev_allocator *a) {
    inbuf_unpoison(b);
    lev_release(a, b->data);
    *b = (lev_inbuf){0};
}
