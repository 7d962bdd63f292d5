/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Items as objects. Writing looks whether its object says all: the item is encoded again and
 * compared. Tables are compared by a walk of their own, since the encoder copies them as they are:
 * there only a boolean can differ, whose octet is neither 0 nor 1. */

#include "json_fields.h"
#include "json_frame.h"
#include "json_put.h"
#include "json_scan.h"

#include <leveret/table.h>
#include <string.h>

static bool says_all_of_table(lev_span content, bool keyed) {
    lev_table_iter it = lev_table_walk(content);
    lev_span key;
    lev_value v;
    while (keyed ? lev_table_next(&it, &key, &v) : lev_array_next(&it, &v)) {
        bool nested = v.type == 'F' || v.type == 'A';
        if ((v.type == 't' && it.in.ptr[-1] > 1) ||
            (nested && !says_all_of_table(v.as.bytes, v.type == 'F'))) {
            return false;
        }
    }
    return true;
}

static bool says_all_of_fields(const lev_field_desc *fields, size_t count, const void *base) {
    for (size_t i = 0; i < count; i++) {
        lev_span table;
        memcpy(&table, (const char *)base + fields[i].offset,
               fields[i].wire == LEV_WIRE_TABLE ? sizeof table : 0);
        if (fields[i].wire == LEV_WIRE_TABLE && !says_all_of_table(table, true)) {
            return false;
        }
    }
    return true;
}

static void encode_method(lev_writer *w, const void *method) {
    const lev_method *m = method;
    lev_method_encode(w, m->id, &m->as);
}

static void encode_header(lev_writer *w, const void *header) {
    const lev_header *h = header;
    lev_header without = {
        .class_id = h->class_id, .body_size = h->body_size, .properties = h->properties};
    lev_header_encode(w, &without);
}

/* Would the object be read as the same bytes? */
static bool says_all(const item *i) {
    static const uint8_t plain[] = {'A', 'M', 'Q', 'P', 0};
    const lev_method_desc *m;
    buffer again = {0};
    bool same = true;
    switch (i->kind) {
    case ITEM_PROTOCOL_HEADER:
        return memcmp(i->bytes.ptr, plain, sizeof plain) == 0;
    case ITEM_METHOD:
        m = lev_method_describe(i->method.id);
        buffer_print(&again, encode_method, &i->method);
        same = says_all_of_fields(m->fields, m->field_count, &i->method.as);
        break;
    case ITEM_HEADER:
        buffer_print(&again, encode_header, &i->header);
        same = says_all_of_table(i->header.properties.headers, true);
        break;
    case ITEM_BODY:
    case ITEM_HEARTBEAT:
    case ITEM_MALFORMED:
        return true;
    }
    same = same && lev_span_equal(buffer_span(&again), i->frame.payload);
    buffer_deinit(&again);
    return same;
}

static void put_hex(buffer *b, const char *name, lev_span bytes) {
    json_put_name(b, name);
    buffer_byte(b, '"');
    buffer_hex(b, bytes);
    buffer_byte(b, '"');
}

static void put_number(buffer *b, const char *name, uint64_t v) {
    json_put_name(b, name);
    buffer_decimal(b, v);
}

static void put_text(buffer *b, const char *name, const char *text) {
    json_put_name(b, name);
    json_put_string(b, lev_span_of(text));
}

static void put_method(buffer *b, const item *i) {
    const lev_method_desc *m = lev_method_describe(i->method.id);
    put_text(b, "class", m->class_name);
    put_text(b, "method", m->method_name);
    json_put_name(b, "fields");
    buffer_byte(b, '{');
    for (size_t k = 0; k < m->field_count; k++) {
        const lev_field_desc *field = &m->fields[k];
        if (!field->reserved || !json_field_empty(field, &i->method.as)) {
            json_put_name(b, field->name);
            json_put_field(b, field, &i->method.as);
        }
    }
    buffer_byte(b, '}');
}

static void put_body(buffer *b, lev_span body) {
    if (json_is_utf8(body)) {
        json_put_name(b, "body");
        json_put_string(b, body);
    } else {
        json_put_name(b, "body_base64");
        json_put_base64(b, body);
    }
}

static void put_origin(buffer *b, const origin *o) {
    if (o->streamed) {
        put_number(b, "stream", o->stream);
    }
    if (o->from != SIDE_UNKNOWN) {
        put_text(b, "from", side_name(o->from));
    }
    if (o->line > 0) {
        put_number(b, "line", o->line);
    }
}

/* Writes what is of one kind only. */
static void put_content(buffer *b, const item *i, bool redacted) {
    switch (i->kind) {
    case ITEM_PROTOCOL_HEADER:
        put_number(b, "major", i->bytes.ptr[5]);
        put_number(b, "minor", i->bytes.ptr[6]);
        put_number(b, "revision", i->bytes.ptr[7]);
        break;
    case ITEM_METHOD:
        put_method(b, i);
        break;
    case ITEM_HEADER:
        put_text(b, "class", "basic");
        put_number(b, "body_size", i->header.body_size);
        json_put_name(b, "properties");
        json_put_properties(b, &i->header.properties);
        break;
    case ITEM_BODY:
        put_body(b, i->frame.payload);
        break;
    case ITEM_HEARTBEAT:
        break;
    case ITEM_MALFORMED:
        put_number(b, "offset", i->offset);
        put_text(b, "reason", i->reason);
        put_hex(b, "hex", redacted ? (lev_span){NULL, 0} : i->bytes);
        break;
    }
}

void json_put_item(buffer *b, const item *i, const origin *o, bool redacted) {
    static const char *const types[] = {"protocol-header", "method",   "header", "body",
                                        "heartbeat",       "malformed"};
    buffer_byte(b, '{');
    put_text(b, "type", types[i->kind]);
    put_origin(b, o);
    if (i->kind != ITEM_PROTOCOL_HEADER && i->kind != ITEM_MALFORMED) {
        put_number(b, "channel", i->frame.channel);
    }
    put_content(b, i, redacted);
    if (!redacted && !says_all(i)) {
        put_hex(b, "raw", i->bytes);
    }
    buffer_byte(b, '}');
}
