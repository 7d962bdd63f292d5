/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Bytes that grow. */

#ifndef TOOLS_BUFFER_H
#define TOOLS_BUFFER_H

#include <leveret/wire.h>

/* {0} is an empty one. Without memory it keeps what it has, takes nothing more and says so in
 * `failed`, so a caller checks once for each record. */
typedef struct buffer {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    bool failed;
} buffer;

void buffer_deinit(buffer *b);

/* Makes room for `more` bytes behind the ones that are there. Returns false without memory. */
bool buffer_reserve(buffer *b, size_t more);

/* Add bytes, one byte, a text, a number in decimal, bytes as hex digits. */
void buffer_put(buffer *b, lev_span bytes);
void buffer_byte(buffer *b, uint8_t byte);
void buffer_text(buffer *b, const char *text);
void buffer_decimal(buffer *b, uint64_t v);
void buffer_signed(buffer *b, int64_t v);
void buffer_hex(buffer *b, lev_span bytes);

/* Adds what `print` writes of `thing`, however long it is; nothing where the writer fails for
 * another reason than space. Returns the writer's status. */
typedef void buffer_printer(lev_writer *w, const void *thing);
lev_status buffer_print(buffer *b, buffer_printer *print, const void *thing);

/* Returns all bytes that are there; they live until the next change. */
lev_span buffer_span(const buffer *b);

/* Takes the first `n` bytes away. */
void buffer_drop(buffer *b, size_t n);

#endif
