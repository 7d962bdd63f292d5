/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One value by its descriptor, as the codec's own field functions do it. Names are the
 * descriptors', so nothing here knows a method or a property. */

#include "json_fields.h"

#include "json_put.h"
#include "json_table.h"

#include <string.h>

/* How many bytes an integer has in its struct, 0 for what is none. */
static size_t field_width(enum lev_wire_type wire) {
    static const size_t widths[] = {
        [LEV_WIRE_BIT] = sizeof(bool), [LEV_WIRE_OCTET] = 1,    [LEV_WIRE_SHORT] = 2,
        [LEV_WIRE_LONG] = 4,           [LEV_WIRE_LONGLONG] = 8, [LEV_WIRE_TIMESTAMP] = 8,
        [LEV_WIRE_SHORTSTR] = 0,       [LEV_WIRE_LONGSTR] = 0,  [LEV_WIRE_TABLE] = 0,
    };
    return widths[wire];
}

static uint64_t field_integer(const uint8_t *at, size_t width) {
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (width) {
    case 1:
        return *at;
    case 2:
        memcpy(&v16, at, sizeof v16);
        return v16;
    case 4:
        memcpy(&v32, at, sizeof v32);
        return v32;
    default:
        memcpy(&v64, at, sizeof v64);
        return v64;
    }
}

static lev_span field_span(const uint8_t *at) {
    lev_span span;
    memcpy(&span, at, sizeof span);
    return span;
}

bool json_field_empty(const lev_field_desc *field, const void *base) {
    const uint8_t *at = (const uint8_t *)base + field->offset;
    size_t width = field_width(field->wire);
    return width > 0 ? field_integer(at, width) == 0 : field_span(at).len == 0;
}

void json_put_field(buffer *b, const lev_field_desc *field, const void *base) {
    const uint8_t *at = (const uint8_t *)base + field->offset;
    if (field->wire == LEV_WIRE_BIT) {
        json_put_boolean(b, *at != 0);
    } else if (field->wire == LEV_WIRE_TABLE) {
        json_put_table(b, field_span(at));
    } else if (field_width(field->wire) == 0) {
        json_put_string(b, field_span(at));
    } else {
        buffer_decimal(b, field_integer(at, field_width(field->wire)));
    }
}

static void field_store_integer(uint64_t v, size_t width, uint8_t *at) {
    uint8_t v8 = (uint8_t)v;
    uint16_t v16 = (uint16_t)v;
    uint32_t v32 = (uint32_t)v;
    const void *from = width == 1 ? (const void *)&v8 : width == 2 ? (const void *)&v16 : &v32;
    memcpy(at, width == 8 ? &v : from, width);
}

void json_get_field(json *j, const json_node *node, const lev_field_desc *field, void *base) {
    uint8_t *at = (uint8_t *)base + field->offset;
    size_t width = field_width(field->wire);
    if (field->wire == LEV_WIRE_BIT) {
        bool v = json_boolean(j, node, field->name);
        memcpy(at, &v, sizeof v);
    } else if (width > 0) {
        uint64_t most = width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1;
        field_store_integer(json_unsigned(j, node, most, field->name), width, at);
    } else {
        lev_span span = field->wire == LEV_WIRE_TABLE ? json_get_table(j, node)
                                                      : json_get_bytes(j, node, field->name);
        if (field->wire == LEV_WIRE_SHORTSTR && span.len > UINT8_MAX) {
            json_fail(j, "%s has more than 255 bytes", field->name);
        }
        memcpy(at, &span, sizeof span);
    }
}

void json_put_properties(buffer *b, const lev_properties *p) {
    buffer_byte(b, '{');
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        if ((p->present & 0x8000u >> i) != 0) {
            const lev_field_desc *field = lev_property_describe(i);
            json_put_name(b, field->name);
            json_put_field(b, field, p);
        }
    }
    buffer_byte(b, '}');
}

void json_get_properties(json *j, const json_node *node, lev_properties *p) {
    json_walk walk = json_walk_of(node);
    const json_node *value;
    lev_span name;
    *p = (lev_properties){.present = LEV_HAS_NOTHING};
    if (json_kind_of(node) != JSON_OBJECT) {
        json_fail(j, "\"properties\" is no object");
    }
    while (json_next(j, &walk, &name, &value)) {
        size_t i = 0;
        while (i < LEV_PROPERTY_COUNT &&
               !lev_span_equal(name, lev_span_of(lev_property_describe(i)->name))) {
            i++;
        }
        if (i == LEV_PROPERTY_COUNT) {
            json_fail(j, "there is no property \"%.*s\"", (int)(name.len < 40 ? name.len : 40),
                      (const char *)name.ptr);
            return;
        }
        json_get_field(j, value, lev_property_describe(i), p);
        p->present = (uint16_t)(p->present | (0x8000u >> i));
    }
}
