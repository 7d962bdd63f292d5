/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What is done with a field but to send and to receive it: compare and print. All numbers are read
 * into the widest type and all strings and tables are spans, so two kinds are enough.
 *
 * Tables compare by their bytes, like strings: two that list the same entries in another order are
 * different, since brokers keep the order. */

#include "field.h"

static bool field_is_span(const lev_field_desc *field) {
    return field->wire == LEV_WIRE_SHORTSTR || field->wire == LEV_WIRE_LONGSTR ||
           field->wire == LEV_WIRE_TABLE;
}

static lev_span field_span(const lev_field_desc *field, const void *base) {
    return field_load_span((const uint8_t *)base + field->offset);
}

static uint64_t field_number(const lev_field_desc *field, const void *base) {
    const uint8_t *at = (const uint8_t *)base + field->offset;
    switch (field->wire) {
    case LEV_WIRE_SHORT:
        return field_load_u16(at);
    case LEV_WIRE_LONG:
        return field_load_u32(at);
    case LEV_WIRE_LONGLONG:
    case LEV_WIRE_TIMESTAMP:
        return field_load_u64(at);
    case LEV_WIRE_BIT:
    case LEV_WIRE_OCTET:
    case LEV_WIRE_SHORTSTR:
    case LEV_WIRE_LONGSTR:
    case LEV_WIRE_TABLE:
        break;
    }
    return *at;
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
