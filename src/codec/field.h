/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One field of a struct by its descriptor: what methods and properties share. Bits are not of these
 * functions: several share an octet, which is the method's business.
 *
 * The struct's members are reached by memcpy at the descriptor's offset: no alias, no alignment to
 * think of, and compilers make a plain load or store of it. A table is checked whole when it is
 * read and when it is written, so a walk over a decoded table cannot meet a lie.
 *
 * Encode and decode are inline, as the cursors' primitives are: each has one caller for methods and
 * one for properties, and there they are most of the work for a message. */

#ifndef LEVERET_CODEC_FIELD_H
#define LEVERET_CODEC_FIELD_H

#include "wire.h"

#include <leveret/method.h>
#include <leveret/table.h>
#include <string.h>

/* The wire type of a row, in its descriptor: LEV_WIRE_ ## wire. */
#define LEV_WIRE_bit LEV_WIRE_BIT
#define LEV_WIRE_octet LEV_WIRE_OCTET
#define LEV_WIRE_short LEV_WIRE_SHORT
#define LEV_WIRE_long LEV_WIRE_LONG
#define LEV_WIRE_longlong LEV_WIRE_LONGLONG
#define LEV_WIRE_timestamp LEV_WIRE_TIMESTAMP
#define LEV_WIRE_shortstr LEV_WIRE_SHORTSTR
#define LEV_WIRE_longstr LEV_WIRE_LONGSTR
#define LEV_WIRE_table LEV_WIRE_TABLE

static inline uint64_t field_load_u64(const uint8_t *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline uint32_t field_load_u32(const uint8_t *at) {
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline uint16_t field_load_u16(const uint8_t *at) {
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline lev_span field_load_span(const uint8_t *at) {
    lev_span v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline void field_encode_table(lev_writer *w, lev_span table) {
    lev_status status = table.len == 0 ? LEV_OK : lev_table_check(table);
    if (status != LEV_OK) {
        wire_fail_write(w, status);
    }
    wire_write_longstr(w, table);
}

/* Writes one field of `base`, a struct that `field` describes. */
static inline void field_encode(lev_writer *w, const lev_field_desc *field, const void *base) {
    const uint8_t *at = (const uint8_t *)base + field->offset;
    switch (field->wire) {
    case LEV_WIRE_BIT:
        break;
    case LEV_WIRE_OCTET:
        wire_write_u8(w, *at);
        break;
    case LEV_WIRE_SHORT:
        wire_write_u16(w, field_load_u16(at));
        break;
    case LEV_WIRE_LONG:
        wire_write_u32(w, field_load_u32(at));
        break;
    case LEV_WIRE_LONGLONG:
    case LEV_WIRE_TIMESTAMP:
        wire_write_u64(w, field_load_u64(at));
        break;
    case LEV_WIRE_SHORTSTR:
        wire_write_shortstr(w, field_load_span(at));
        break;
    case LEV_WIRE_LONGSTR:
        wire_write_longstr(w, field_load_span(at));
        break;
    case LEV_WIRE_TABLE:
        field_encode_table(w, field_load_span(at));
        break;
    }
}

static inline lev_span field_decode_table(lev_reader *r) {
    lev_span table = wire_read_longstr(r);
    lev_status status = table.len == 0 ? LEV_OK : lev_table_check(table);
    if (status != LEV_OK) {
        wire_fail_read(r, status);
    }
    return table;
}

/* Reads one field of `base`, a struct that `field` describes. */
static inline void field_decode(lev_reader *r, const lev_field_desc *field, void *base) {
    uint8_t *at = (uint8_t *)base + field->offset;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    lev_span span;
    switch (field->wire) {
    case LEV_WIRE_BIT:
        break;
    case LEV_WIRE_OCTET:
        *at = wire_read_u8(r);
        break;
    case LEV_WIRE_SHORT:
        v16 = wire_read_u16(r);
        memcpy(at, &v16, sizeof v16);
        break;
    case LEV_WIRE_LONG:
        v32 = wire_read_u32(r);
        memcpy(at, &v32, sizeof v32);
        break;
    case LEV_WIRE_LONGLONG:
    case LEV_WIRE_TIMESTAMP:
        v64 = wire_read_u64(r);
        memcpy(at, &v64, sizeof v64);
        break;
    case LEV_WIRE_SHORTSTR:
        span = wire_read_shortstr(r);
        memcpy(at, &span, sizeof span);
        break;
    case LEV_WIRE_LONGSTR:
        span = wire_read_longstr(r);
        memcpy(at, &span, sizeof span);
        break;
    case LEV_WIRE_TABLE:
        span = field_decode_table(r);
        memcpy(at, &span, sizeof span);
        break;
    }
}

/* Returns whether one field is equal in two structs. */
bool lev_field_equal(const lev_field_desc *field, const void *a, const void *b);

/* Writes name=value. */
void lev_field_print(lev_writer *w, const lev_field_desc *field, const void *base);

/* Returns whether the field is zero or empty. */
bool lev_field_empty(const lev_field_desc *field, const void *base);

#endif
