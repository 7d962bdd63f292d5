/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One field of a struct by its descriptor. The struct's members are reached by memcpy at the
 * descriptor's offset: no alias, no alignment to think of, and compilers make a plain load or store
 * of it. A table is checked whole when it is read and when it is written, so a walk over a decoded
 * table cannot meet a lie. */

#include "field.h"

#include <leveret/table.h>
#include <string.h>

static uint64_t field_number(const lev_field_desc *field, const void *base) {
    const uint8_t *at = (const uint8_t *)base + field->offset;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (field->wire) {
    case LEV_WIRE_SHORT:
        memcpy(&v16, at, sizeof v16);
        return v16;
    case LEV_WIRE_LONG:
        memcpy(&v32, at, sizeof v32);
        return v32;
    case LEV_WIRE_LONGLONG:
    case LEV_WIRE_TIMESTAMP:
        memcpy(&v64, at, sizeof v64);
        return v64;
    case LEV_WIRE_BIT:
    case LEV_WIRE_OCTET:
    case LEV_WIRE_SHORTSTR:
    case LEV_WIRE_LONGSTR:
    case LEV_WIRE_TABLE:
        break;
    }
    return *at;
}

static lev_span field_span(const lev_field_desc *field, const void *base) {
    lev_span span;
    memcpy(&span, (const uint8_t *)base + field->offset, sizeof span);
    return span;
}

static bool field_is_span(const lev_field_desc *field) { return field->wire >= LEV_WIRE_SHORTSTR; }

static void field_encode_table(lev_writer *w, lev_span table) {
    lev_status status = lev_table_check(table);
    if (status != LEV_OK) {
        lev_writer_fail(w, status);
    }
    lev_writer_longstr(w, table);
}

/* flat switch: one case a wire type */
void lev_field_encode(lev_writer *w, const lev_field_desc *field, const void *base) {
    switch (field->wire) {
    case LEV_WIRE_BIT:
        break;
    case LEV_WIRE_OCTET:
        lev_writer_u8(w, (uint8_t)field_number(field, base));
        break;
    case LEV_WIRE_SHORT:
        lev_writer_u16(w, (uint16_t)field_number(field, base));
        break;
    case LEV_WIRE_LONG:
        lev_writer_u32(w, (uint32_t)field_number(field, base));
        break;
    case LEV_WIRE_LONGLONG:
    case LEV_WIRE_TIMESTAMP:
        lev_writer_u64(w, field_number(field, base));
        break;
    case LEV_WIRE_SHORTSTR:
        lev_writer_shortstr(w, field_span(field, base));
        break;
    case LEV_WIRE_LONGSTR:
        lev_writer_longstr(w, field_span(field, base));
        break;
    case LEV_WIRE_TABLE:
        field_encode_table(w, field_span(field, base));
        break;
    }
}

static void field_decode_span(lev_reader *r, const lev_field_desc *field, void *at) {
    lev_span span =
        field->wire == LEV_WIRE_SHORTSTR ? lev_reader_shortstr(r) : lev_reader_longstr(r);
    if (field->wire == LEV_WIRE_TABLE && span.len > 0) {
        lev_status status = lev_table_check(span);
        if (status != LEV_OK) {
            lev_reader_fail(r, status);
        }
    }
    memcpy(at, &span, sizeof span);
}

void lev_field_decode(lev_reader *r, const lev_field_desc *field, void *base) {
    uint8_t *at = (uint8_t *)base + field->offset;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (field->wire) {
    case LEV_WIRE_BIT:
        break;
    case LEV_WIRE_OCTET:
        *at = lev_reader_u8(r);
        break;
    case LEV_WIRE_SHORT:
        v16 = lev_reader_u16(r);
        memcpy(at, &v16, sizeof v16);
        break;
    case LEV_WIRE_LONG:
        v32 = lev_reader_u32(r);
        memcpy(at, &v32, sizeof v32);
        break;
    case LEV_WIRE_LONGLONG:
    case LEV_WIRE_TIMESTAMP:
        v64 = lev_reader_u64(r);
        memcpy(at, &v64, sizeof v64);
        break;
    case LEV_WIRE_SHORTSTR:
    case LEV_WIRE_LONGSTR:
    case LEV_WIRE_TABLE:
        field_decode_span(r, field, at);
        break;
    }
}

bool lev_field_equal(const lev_field_desc *field, const void *a, const void *b) {
    if (field_is_span(field)) {
        return lev_span_equal(field_span(field, a), field_span(field, b));
    }
    return field_number(field, a) == field_number(field, b);
}

bool lev_field_empty(const lev_field_desc *field, const void *base) {
    return field_is_span(field) ? field_span(field, base).len == 0 : field_number(field, base) == 0;
}

void lev_field_print(lev_writer *w, const lev_field_desc *field, const void *base) {
    lev_writer_text(w, field->name);
    lev_writer_u8(w, '=');
    if (field->wire == LEV_WIRE_BIT) {
        lev_writer_text(w, field_number(field, base) != 0 ? "true" : "false");
    } else if (field->wire == LEV_WIRE_TABLE) {
        lev_table_print(w, field_span(field, base));
    } else if (field_is_span(field)) {
        lev_writer_quoted(w, field_span(field, base));
    } else {
        lev_writer_decimal(w, field_number(field, base));
    }
}
