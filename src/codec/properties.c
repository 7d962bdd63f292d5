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

enum { PROPERTIES_CONTINUED = 1 };

/* clang-format off */
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

static void properties_encode(lev_writer *w, const lev_properties *p) {
    if ((p->present & ~(unsigned)PROPERTIES_KNOWN) != 0) {
        wire_fail_write(w, LEV_ERR_LIMIT);
    }
    wire_write_u16(w, p->present);
    unsigned left = p->present & PROPERTIES_KNOWN;
    for (size_t i = 0; left != 0; i++, left = left << 1 & 0xFFFF) {
        if ((left & 0x8000) != 0) {
            field_encode(w, &properties_descs[i], p);
        }
    }
}

void lev_properties_encode(lev_writer *w, const lev_properties *p) {
    lev_writer local = *w; /* as in lev_method_encode */
    properties_encode(&local, p);
    *w = local;
}

static void properties_decode(lev_reader *r, lev_properties *p) {
    *p = (lev_properties){.present = LEV_HAS_NOTHING};
    uint16_t flags = wire_read_u16(r);
    p->present = (uint16_t)(flags & PROPERTIES_KNOWN);
    if ((flags & ~(unsigned)PROPERTIES_KNOWN & ~(unsigned)PROPERTIES_CONTINUED) != 0) {
        wire_fail_read(r, LEV_ERR_SYNTAX);
    }
    while ((flags & PROPERTIES_CONTINUED) != 0) {
        flags = wire_read_u16(r);
        if ((flags & ~(unsigned)PROPERTIES_CONTINUED) != 0) {
            wire_fail_read(r, LEV_ERR_SYNTAX);
        }
    }
    for (size_t i = 0; p->present != 0 && i < LEV_PROPERTY_COUNT; i++) {
        if (properties_has(p, i)) {
            field_decode(r, &properties_descs[i], p);
        }
    }
}

lev_status lev_properties_decode(lev_span list, lev_properties *p) {
    lev_reader r = lev_reader_init(list);
    properties_decode(&r, p);
    return wire_finish(&r);
}

void lev_header_encode(lev_writer *w, const lev_header *header) {
    lev_writer local = *w;
    wire_write_u16(&local, header->class_id);
    wire_write_u16(&local, header->weight);
    wire_write_u64(&local, header->body_size);
    properties_encode(&local, &header->properties);
    *w = local;
}

lev_status lev_header_decode(lev_span payload, lev_header *header) {
    lev_reader r = lev_reader_init(payload);
    header->class_id = wire_read_u16(&r);
    header->weight = wire_read_u16(&r);
    header->body_size = wire_read_u64(&r);
    properties_decode(&r, &header->properties);
    return wire_finish(&r);
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
