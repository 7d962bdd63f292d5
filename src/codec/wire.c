/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The two cursors for everyone: thin exports of the primitives in wire.h, and what is too rare to
 * be inline.
 *
 * A failed cursor is emptied, not only marked: even code that forgets to check can read nothing
 * more. Out parameters with a result code at every getter were rejected for that: a caller would
 * have to look after each field, and one that forgot would go on with garbage. Integers are put
 * together by shifts, so that alignment and byte order of the machine never matter; compilers make
 * one load of it. */

#include "wire.h"

lev_span lev_span_of(const char *text) {
    size_t len = 0;
    while (text != NULL && text[len] != '\0') {
        len++;
    }
    return (lev_span){(const uint8_t *)text, len};
}

bool lev_span_equal(lev_span a, lev_span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

lev_reader lev_reader_init(lev_span bytes) {
    return (lev_reader){.ptr = bytes.ptr, .left = bytes.len, .status = LEV_OK};
}

void lev_reader_fail(lev_reader *r, lev_status status) { wire_fail_read(r, status); }

uint8_t lev_reader_u8(lev_reader *r) { return wire_read_u8(r); }

uint16_t lev_reader_u16(lev_reader *r) { return wire_read_u16(r); }

uint32_t lev_reader_u32(lev_reader *r) { return wire_read_u32(r); }

uint64_t lev_reader_u64(lev_reader *r) { return wire_read_u64(r); }

lev_span lev_reader_bytes(lev_reader *r, size_t n) { return wire_read_bytes(r, n); }

lev_span lev_reader_shortstr(lev_reader *r) { return wire_read_shortstr(r); }

lev_span lev_reader_longstr(lev_reader *r) { return wire_read_longstr(r); }

lev_reader lev_reader_carve(lev_reader *r, size_t n) {
    lev_reader part = lev_reader_init(wire_read_bytes(r, n));
    part.status = r->status;
    return part;
}

lev_status lev_reader_finish(lev_reader *r) { return wire_finish(r); }

lev_writer lev_writer_init(uint8_t *ptr, size_t cap) {
    return (lev_writer){.ptr = ptr, .cap = cap, .len = 0, .status = LEV_OK};
}

void lev_writer_fail(lev_writer *w, lev_status status) { wire_fail_write(w, status); }

lev_span lev_writer_span(const lev_writer *w) {
    return w->status == LEV_OK ? (lev_span){w->ptr, w->len} : (lev_span){NULL, 0};
}

void lev_writer_u8(lev_writer *w, uint8_t v) { wire_write_u8(w, v); }

void lev_writer_u16(lev_writer *w, uint16_t v) { wire_write_u16(w, v); }

void lev_writer_u32(lev_writer *w, uint32_t v) { wire_write_u32(w, v); }

void lev_writer_u64(lev_writer *w, uint64_t v) { wire_write_u64(w, v); }

void lev_writer_bytes(lev_writer *w, lev_span bytes) { wire_write_bytes(w, bytes); }

void lev_writer_shortstr(lev_writer *w, lev_span bytes) { wire_write_shortstr(w, bytes); }

void lev_writer_longstr(lev_writer *w, lev_span bytes) { wire_write_longstr(w, bytes); }

size_t lev_writer_begin_u32(lev_writer *w) { return wire_begin_u32(w); }

void lev_writer_end_u32(lev_writer *w, size_t place) { wire_end_u32(w, place); }

void lev_writer_patch_u16(lev_writer *w, size_t place, uint16_t v) {
    if (w->status == LEV_OK) {
        w->ptr[place] = (uint8_t)(v >> 8);
        w->ptr[place + 1] = (uint8_t)v;
    }
}
