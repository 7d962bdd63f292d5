/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the codec's tests share; see support.h. */

#include "support.h"

#include <string.h>

lev_span sp(const char *text) { return lev_span_of(text); }

const char *text_of(lev_writer *w) {
    lev_writer_u8(w, 0);
    return w->status == LEV_OK ? (const char *)w->ptr : "<the writer failed>";
}

uint64_t random_below(uint64_t *state, uint64_t n) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % n;
}

lev_span random_bytes(uint64_t *state, size_t most) {
    static uint8_t pool[64][1024];
    static unsigned next;
    uint8_t *into = pool[next++ % 64];
    size_t len = (size_t)random_below(state, most + 1);
    for (size_t i = 0; i < len; i++) {
        into[i] = (uint8_t)random_below(state, 256);
    }
    return (lev_span){into, len};
}

static lev_value random_value(uint64_t *state) {
    static const char letters[] = "tbBsuIilfdDSTVxLU";
    lev_value v = {.type = letters[random_below(state, sizeof letters - 1)]};
    uint64_t bits = random_below(state, UINT64_MAX);
    switch (v.type) {
    case 't':
        v.as.boolean = bits % 2 != 0;
        break;
    case 'b':
        v.as.i = (int8_t)bits;
        break;
    case 's':
    case 'U':
        v.as.i = (int16_t)bits;
        break;
    case 'I':
        v.as.i = (int32_t)bits;
        break;
    case 'l':
    case 'L':
        v.as.i = (int64_t)bits;
        break;
    case 'B':
        v.as.u = (uint8_t)bits;
        break;
    case 'u':
        v.as.u = (uint16_t)bits;
        break;
    case 'i':
    case 'f':
        v.as.u = (uint32_t)bits;
        break;
    case 'D':
        v.as.decimal.scale = (uint8_t)bits;
        v.as.decimal.value = (uint32_t)(bits >> 8);
        break;
    case 'S':
    case 'x':
        v.as.bytes = random_bytes(state, 20);
        break;
    default:
        v.as.u = bits;
        break;
    }
    return v;
}

static void random_nested(uint64_t *state, lev_writer *w, unsigned depth, bool keyed) {
    const char *key = keyed ? "nested" : NULL;
    if (random_below(state, 2) == 0) {
        size_t place = lev_table_begin(w, key);
        random_table(state, w, depth - 1);
        lev_table_end(w, place);
        return;
    }
    size_t place = lev_array_begin(w, key);
    for (uint64_t n = random_below(state, 4); n > 0; n--) {
        lev_value v = random_value(state);
        lev_array_put(w, &v);
    }
    if (depth > 2 && random_below(state, 3) == 0) {
        random_nested(state, w, depth - 1, false);
    }
    lev_table_end(w, place);
}

void random_table(uint64_t *state, lev_writer *w, unsigned depth) {
    for (uint64_t n = random_below(state, 5); n > 0; n--) {
        if (depth > 1 && random_below(state, 4) == 0) {
            random_nested(state, w, depth, true);
        } else {
            lev_value v = random_value(state);
            lev_table_put_span(w, random_bytes(state, 12), &v);
        }
    }
}

static lev_span random_kept_table(uint64_t *state) {
    static uint8_t pool[8][8192];
    static unsigned next;
    lev_writer w = lev_writer_init(pool[next++ % 8], sizeof pool[0]);
    random_table(state, &w, 5);
    return lev_writer_span(&w);
}

lev_span nested_table(unsigned depth, const char *kinds) {
    static uint8_t room[NEST_ROOM];
    static size_t places[NEST_DEEPEST];
    lev_writer w = lev_writer_init(room, sizeof room);
    const char *key = "k";
    for (unsigned i = 1; i < depth; i++) {
        bool array = kinds[i % strlen(kinds)] == 'A';
        places[i] = array ? lev_array_begin(&w, key) : lev_table_begin(&w, key);
        key = array ? NULL : "k";
    }
    for (unsigned i = depth - 1; i >= 1; i--) {
        lev_table_end(&w, places[i]);
    }
    return lev_writer_span(&w);
}

void random_fields(uint64_t *state, const lev_field_desc *fields, size_t count, void *base) {
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = (uint8_t *)base + fields[i].offset;
        uint64_t bits = random_below(state, UINT64_MAX);
        uint16_t v16 = (uint16_t)bits;
        uint32_t v32 = (uint32_t)bits;
        lev_span span = {NULL, 0};
        switch (fields[i].wire) {
        case LEV_WIRE_BIT:
            *at = bits % 2;
            break;
        case LEV_WIRE_OCTET:
            *at = (uint8_t)bits;
            break;
        case LEV_WIRE_SHORT:
            memcpy(at, &v16, sizeof v16);
            break;
        case LEV_WIRE_LONG:
            memcpy(at, &v32, sizeof v32);
            break;
        case LEV_WIRE_LONGLONG:
        case LEV_WIRE_TIMESTAMP:
            memcpy(at, &bits, sizeof bits);
            break;
        case LEV_WIRE_SHORTSTR:
        case LEV_WIRE_LONGSTR:
            span = random_bytes(state, fields[i].wire == LEV_WIRE_SHORTSTR ? 255 : 600);
            memcpy(at, &span, sizeof span);
            break;
        case LEV_WIRE_TABLE:
            span = random_kept_table(state);
            memcpy(at, &span, sizeof span);
            break;
        }
    }
}
