/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Properties. The i-th row of amqp091.def has flag 0x8000 >> i, so encode, decode, equal and print
 * walk the 14 descriptors beside the flag word. Bytes that remain behind the flagged properties are
 * refused.
 *
 * The lowest bit of a flag word says that another follows. Basic has no property there, so a
 * further word must be empty; it is accepted when read and never written (RabbitMQ would misread
 * it). */

#include "field.h"

#include <leveret/properties.h>
#include <string.h>

enum { PROPERTIES_CONTINUED = 1 };

/* clang-format off */
#define LEV_WIRE_octet LEV_WIRE_OCTET
#define LEV_WIRE_timestamp LEV_WIRE_TIMESTAMP
#define LEV_WIRE_shortstr LEV_WIRE_SHORTSTR
#define LEV_WIRE_table LEV_WIRE_TABLE

static const lev_field_desc properties_descs[] = {
#define LEV_PROPERTY(NAME, id, wire_, bit)                                                         \
    {.name = #id, .domain = #wire_, .wire = LEV_WIRE_##wire_, .offset = offsetof(lev_properties, id)},
#include "amqp091.def"
};

enum {
    PROPERTIES_KNOWN = 0
#define LEV_PROPERTY(NAME, id, wire, bit) | LEV_HAS_##NAME
#include "amqp091.def"
};
/* clang-format on */

const lev_field_desc *lev_property_describe(size_t i) {
    return i < LEV_PROPERTY_COUNT ? &properties_descs[i] : NULL;
}

static bool properties_has(const lev_properties *p, size_t i) {
    return (p->present & 0x8000U >> i) != 0;
}

void lev_properties_encode(lev_writer *w, const lev_properties *p) {
    if ((p->present & ~(unsigned)PROPERTIES_KNOWN) != 0) {
        lev_writer_fail(w, LEV_ERR_LIMIT);
    }
    lev_writer_u16(w, p->present);
    for (size_t i = 0; p->present != 0 && i < LEV_PROPERTY_COUNT; i++) {
        if (properties_has(p, i)) {
            lev_field_encode(w, &properties_descs[i], p);
        }
    }
}

static void properties_decode(lev_reader *r, lev_properties *p) {
    memset(p, 0, sizeof *p);
    uint16_t flags = lev_reader_u16(r);
    p->present = (uint16_t)(flags & PROPERTIES_KNOWN);
    if ((flags & ~(unsigned)PROPERTIES_KNOWN & ~(unsigned)PROPERTIES_CONTINUED) != 0) {
        lev_reader_fail(r, LEV_ERR_SYNTAX);
    }
    while ((flags & PROPERTIES_CONTINUED) != 0) {
        flags = lev_reader_u16(r);
        if ((flags & ~(unsigned)PROPERTIES_CONTINUED) != 0) {
            lev_reader_fail(r, LEV_ERR_SYNTAX);
        }
    }
    for (size_t i = 0; p->present != 0 && i < LEV_PROPERTY_COUNT; i++) {
        if (properties_has(p, i)) {
            lev_field_decode(r, &properties_descs[i], p);
        }
    }
}

lev_status lev_properties_decode(lev_span list, lev_properties *p) {
    lev_reader r = lev_reader_init(list);
    properties_decode(&r, p);
    return lev_reader_finish(&r);
}

void lev_header_encode(lev_writer *w, const lev_header *header) {
    lev_writer_u16(w, header->class_id);
    lev_writer_u16(w, header->weight);
    lev_writer_u64(w, header->body_size);
    lev_properties_encode(w, &header->properties);
}

lev_status lev_header_decode(lev_span payload, lev_header *header) {
    lev_reader r = lev_reader_init(payload);
    header->class_id = lev_reader_u16(&r);
    header->weight = lev_reader_u16(&r);
    header->body_size = lev_reader_u64(&r);
    properties_decode(&r, &header->properties);
    return lev_reader_finish(&r);
}

bool lev_properties_equal(const lev_properties *a, const lev_properties *b) {
    if (a->present != b->present) {
        return false;
    }
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        if (properties_has(a, i) && !lev_field_equal(&properties_descs[i], a, b)) {
            return false;
        }
    }
    return true;
}

void lev_properties_print(lev_writer *w, const lev_properties *p) {
    const char *between = "";
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        if (properties_has(p, i)) {
            lev_writer_text(w, between);
            lev_field_print(w, &properties_descs[i], p);
            between = " ";
        }
    }
}
