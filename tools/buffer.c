/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One allocation that doubles. The codec's writers fill memory of a fixed size, so what they print
 * is tried in the room that is there, and again in twice as much. */

#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER_FIRST = 512 };

void buffer_deinit(buffer *b) {
    free(b->ptr);
    *b = (buffer){0};
}

bool buffer_reserve(buffer *b, size_t more) {
    size_t cap = b->cap == 0 ? BUFFER_FIRST : b->cap;
    if (b->failed || b->cap - b->len >= more) {
        return !b->failed;
    }
    while (cap - b->len < more && cap <= SIZE_MAX / 2) {
        cap *= 2;
    }
    uint8_t *ptr = cap - b->len >= more ? realloc(b->ptr, cap) : NULL;
    if (ptr == NULL) {
        b->failed = true;
        return false;
    }
    b->ptr = ptr;
    b->cap = cap;
    return true;
}

void buffer_put(buffer *b, lev_span bytes) {
    if (bytes.len > 0 && buffer_reserve(b, bytes.len)) {
        memcpy(b->ptr + b->len, bytes.ptr, bytes.len);
        b->len += bytes.len;
    }
}

void buffer_byte(buffer *b, uint8_t byte) { buffer_put(b, (lev_span){&byte, 1}); }

void buffer_text(buffer *b, const char *text) { buffer_put(b, lev_span_of(text)); }

lev_status buffer_print(buffer *b, buffer_printer *print, const void *thing) {
    lev_writer w = {.status = LEV_ERR_SPACE};
    for (size_t room = 64; w.status == LEV_ERR_SPACE; room *= 2) {
        if (!buffer_reserve(b, room)) {
            return LEV_ERR_SPACE;
        }
        w = lev_writer_init(b->ptr + b->len, b->cap - b->len);
        print(&w, thing);
        room = b->cap - b->len;
    }
    b->len += w.status == LEV_OK ? w.len : 0;
    return w.status;
}

static void print_decimal(lev_writer *w, const void *thing) {
    lev_writer_decimal(w, *(const uint64_t *)thing);
}

static void print_signed(lev_writer *w, const void *thing) {
    lev_writer_signed(w, *(const int64_t *)thing);
}

static void print_hex(lev_writer *w, const void *thing) {
    lev_writer_hex(w, *(const lev_span *)thing);
}

void buffer_decimal(buffer *b, uint64_t v) { buffer_print(b, print_decimal, &v); }

void buffer_signed(buffer *b, int64_t v) { buffer_print(b, print_signed, &v); }

void buffer_hex(buffer *b, lev_span bytes) { buffer_print(b, print_hex, &bytes); }

lev_span buffer_span(const buffer *b) { return (lev_span){b->ptr, b->len}; }

void buffer_drop(buffer *b, size_t n) {
    if (n > 0) {
        memmove(b->ptr, b->ptr + n, b->len - n);
        b->len -= n;
    }
}
