/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the codec's tests share. */

#ifndef LEVERET_TESTS_CODEC_SUPPORT_H
#define LEVERET_TESTS_CODEC_SUPPORT_H

#include <leveret/frame.h>
#include <leveret/properties.h>
#include <leveret/table.h>

/* A span over a literal with its NULs, and over a NUL-terminated text. */
#define RAW(literal) ((lev_span){(const uint8_t *)(literal), sizeof(literal) - 1})
lev_span sp(const char *text);

/* The text that a printer wrote, NUL-terminated. */
const char *text_of(lev_writer *w);

/* A repeatable source of numbers below `n`. */
uint64_t random_below(uint64_t *state, uint64_t n);

/* A random table, at most `depth` deep, into the writer: its entries, all type letters. */
void random_table(uint64_t *state, lev_writer *w, unsigned depth);

/* At most `most` random bytes that live until the next 64 calls. */
lev_span random_bytes(uint64_t *state, size_t most);

/* A table that holds depth - 1 others, one in the other, tables and arrays as the letters "F" and
 * "A" take turns. It lives until the next call. */
enum { NEST_DEEPEST = 100000, NEST_ROOM = NEST_DEEPEST * 7 };
lev_span nested_table(unsigned depth, const char *kinds);

/* Fills a struct from its descriptors; strings live as those of random_bytes do, tables until the
 * next eight. */
void random_fields(uint64_t *state, const lev_field_desc *fields, size_t count, void *base);

#endif
