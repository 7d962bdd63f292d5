/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A struct is packed in two equal walks: one that counts, then, with memory of that size, one that
 * copies. Since both are the same code they cannot disagree. Which members are spans is read from
 * the descriptors of methods and properties, so no method is named here. A table is a span like any
 * other: what nests in it lies within its bytes. */

#include "pack.h"

#include <string.h>

void lev_pack_span(lev_packer *p, lev_span *span) {
    if (span->len == 0) {
        span->ptr = NULL;
        return;
    }
    if (p->into != NULL) {
        memcpy(p->into + p->len, span->ptr, span->len);
        span->ptr = p->into + p->len;
    }
    p->len += span->len;
}

static void pack_field(lev_packer *p, const lev_field_desc *field, void *fields) {
    bool spans = field->wire == LEV_WIRE_SHORTSTR || field->wire == LEV_WIRE_LONGSTR ||
                 field->wire == LEV_WIRE_TABLE;
    if (spans) {
        lev_span span;
        uint8_t *at = (uint8_t *)fields + field->offset;
        memcpy(&span, at, sizeof span);
        lev_pack_span(p, &span);
        memcpy(at, &span, sizeof span);
    }
}

void lev_pack_method(lev_packer *p, lev_method *method) {
    const lev_method_desc *desc = lev_method_describe(method->id);
    for (size_t i = 0; desc != NULL && i < desc->field_count; i++) {
        pack_field(p, &desc->fields[i], &method->as);
    }
}

void lev_pack_properties(lev_packer *p, lev_properties *properties) {
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        if ((properties->present & 0x8000U >> i) != 0) {
            pack_field(p, lev_property_describe(i), properties);
        }
    }
}

void lev_pack_message(lev_packer *p, lev_message *message) {
    lev_pack_span(p, &message->consumer_tag);
    lev_pack_span(p, &message->exchange);
    lev_pack_span(p, &message->routing_key);
    lev_pack_span(p, &message->reply_text);
    lev_pack_properties(p, &message->properties);
    lev_pack_span(p, &message->body);
}

void lev_pack_publication(lev_packer *p, lev_publication *into, lev_properties *properties,
                          const lev_publication *from) {
    *into = *from;
    lev_pack_span(p, &into->exchange);
    lev_pack_span(p, &into->routing_key);
    if (from->properties != NULL) {
        *properties = *from->properties;
        into->properties = properties;
        lev_pack_properties(p, properties);
    }
    if (!from->lend) {
        lev_pack_span(p, &into->body);
    }
}
