/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Spans, and the two cursors that every byte on the wire passes through. */

#ifndef LEVERET_WIRE_H
#define LEVERET_WIRE_H

#include <leveret/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Some bytes that someone else owns. `ptr` may be NULL where `len` is 0. Passed by value. */
typedef struct lev_span {
    const uint8_t *ptr;
    size_t len;
} lev_span;

/* Returns a span over a NUL-terminated string, without the NUL; NULL gives an empty span. The span
 * lives as long as the string. */
LEV_API lev_span lev_span_of(const char *text);

/* Returns whether both spans hold the same bytes. */
LEV_API bool lev_span_equal(lev_span a, lev_span b);

/* A cursor that reads from bytes it does not own. The first failed read sets `status` and empties
 * the cursor: from then on every getter returns zero or an empty span, so a caller checks once for
 * each structure. The one bounds test is `need <= left`. */
typedef struct lev_reader {
    const uint8_t *ptr;
    size_t left;
    lev_status status; /* LEV_OK, or LEV_ERR_SYNTAX after the first failure */
} lev_reader;

/* Returns a cursor over `bytes`. */
LEV_API lev_reader lev_reader_init(lev_span bytes);

/* Marks the cursor as failed with `status`, unless it has failed before; nothing can be read
 * afterwards. */
LEV_API void lev_reader_fail(lev_reader *r, lev_status status);

/* Read one unsigned big-endian integer (AMQP 0-9-1, 4.2.5.1). */
LEV_API uint8_t lev_reader_u8(lev_reader *r);
LEV_API uint16_t lev_reader_u16(lev_reader *r);
LEV_API uint32_t lev_reader_u32(lev_reader *r);
LEV_API uint64_t lev_reader_u64(lev_reader *r);

/* Returns the next `n` bytes where they are, without a copy. */
LEV_API lev_span lev_reader_bytes(lev_reader *r, size_t n);

/* Return a short string (length octet, up to 255 bytes) or a long string (32-bit length) where it
 * is, without a copy (AMQP 0-9-1, 4.2.5.3). */
LEV_API lev_span lev_reader_shortstr(lev_reader *r);
LEV_API lev_span lev_reader_longstr(lev_reader *r);

/* Takes the next `n` bytes off the cursor and returns a cursor bounded to them. A failed cursor
 * gives a failed one. */
LEV_API lev_reader lev_reader_carve(lev_reader *r, size_t n);

/* Returns the cursor's status; a cursor with bytes left fails with LEV_ERR_SYNTAX. */
LEV_API lev_status lev_reader_finish(lev_reader *r);

/* A cursor that writes into memory it does not own. The first failed write sets `status`
 * (LEV_ERR_SPACE: the memory is full; LEV_ERR_LIMIT: a value does not fit its field) and later ones
 * do nothing. `len` bytes have been written so far. */
typedef struct lev_writer {
    uint8_t *ptr;
    size_t cap;
    size_t len;
    lev_status status;
} lev_writer;

/* Returns a writer into `cap` bytes at `ptr`. */
LEV_API lev_writer lev_writer_init(uint8_t *ptr, size_t cap);

/* Marks the writer as failed with `status`, unless it has failed before. */
LEV_API void lev_writer_fail(lev_writer *w, lev_status status);

/* Returns what has been written so far; empty after a failure. */
LEV_API lev_span lev_writer_span(const lev_writer *w);

/* Write one unsigned big-endian integer. */
LEV_API void lev_writer_u8(lev_writer *w, uint8_t v);
LEV_API void lev_writer_u16(lev_writer *w, uint16_t v);
LEV_API void lev_writer_u32(lev_writer *w, uint32_t v);
LEV_API void lev_writer_u64(lev_writer *w, uint64_t v);

/* Writes the bytes as they are. */
LEV_API void lev_writer_bytes(lev_writer *w, lev_span bytes);

/* Write a string with its length. Over 255 bytes, or over 2^32-1, the writer fails with
 * LEV_ERR_LIMIT and nothing is truncated. */
LEV_API void lev_writer_shortstr(lev_writer *w, lev_span bytes);
LEV_API void lev_writer_longstr(lev_writer *w, lev_span bytes);

/* Leaves room for a 32-bit length and returns its place for lev_writer_end_u32, which writes there
 * how many bytes followed. */
LEV_API size_t lev_writer_begin_u32(lev_writer *w);
LEV_API void lev_writer_end_u32(lev_writer *w, size_t place);

/* Writes 16 bits over bytes already written at `place`. */
LEV_API void lev_writer_patch_u16(lev_writer *w, size_t place, uint16_t v);

/* Text, for people: decimal integers, plain text, and untrusted bytes in double quotes where
 * everything but printable ASCII and valid UTF-8 is escaped as \n, \t, \", \\ or \xNN. */
LEV_API void lev_writer_text(lev_writer *w, const char *text);
LEV_API void lev_writer_decimal(lev_writer *w, uint64_t v);
LEV_API void lev_writer_signed(lev_writer *w, int64_t v);
LEV_API void lev_writer_hex(lev_writer *w, lev_span bytes);
LEV_API void lev_writer_quoted(lev_writer *w, lev_span bytes);

/* Writes as lev_writer_quoted does, without the quotes: for a broker's text in a message. */
LEV_API void lev_writer_escaped(lev_writer *w, lev_span bytes);

#ifdef __cplusplus
}
#endif

#endif
