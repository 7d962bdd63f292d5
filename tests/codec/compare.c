/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Our side of the comparison with other codecs (test_compare.py). Each line of input asks, each
 * line of output answers in JSON:
 *     M HEX, H HEX, T HEX     decode a method, a content header, a table's entries
 *     G SEED LETTERS LAST     make one of the three, with these type letters and no time after LAST
 * The answer names all fields with their wire types and values, and "hex", the bytes encoded anew
 * from the decoded structs, every table built entry by entry; or {"error": ...}. Integers are
 * numbers, strings hexadecimal, floats their bits, table entries [key, letter, value]. */

#include <leveret/properties.h>
#include <leveret/table.h>

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 17, POOL = 64 };

static uint8_t in_room[ROOM];
static uint8_t out_room[ROOM];
static uint8_t json_room[1 << 21];

/* Texts and tables that live until the next line. */
static uint8_t pool_room[1 << 22];
static size_t pool_used;

static uint8_t *pool_take(size_t n) {
    if (n > sizeof pool_room - pool_used) {
        fputs("compare: the pool is too small\n", stderr);
        exit(2);
    }
    pool_used += n;
    return pool_room + pool_used - n;
}

/* ---- what is there, as JSON ---- */

static void json_hex(lev_writer *json, lev_span bytes) {
    lev_writer_text(json, "\"");
    lev_writer_hex(json, bytes);
    lev_writer_text(json, "\"");
}

static void json_bits(lev_writer *json, uint64_t bits, size_t size) {
    uint8_t room[8];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_writer_u64(&w, bits);
    json_hex(json, (lev_span){room + sizeof room - size, size});
}

static void json_table(lev_writer *json, lev_span content, bool array);

static void json_value(lev_writer *json, const lev_value *v) {
    char letter[] = {'"', v->type, '"', ',', 0};
    lev_writer_text(json, letter);
    switch (v->type) {
    case 't':
        lev_writer_text(json, v->as.boolean ? "true" : "false");
        break;
    case 'b':
    case 's':
    case 'U':
    case 'I':
    case 'l':
    case 'L':
        lev_writer_signed(json, v->as.i);
        break;
    case 'B':
    case 'u':
    case 'i':
    case 'T':
        lev_writer_decimal(json, v->as.u);
        break;
    case 'f':
    case 'd':
        json_bits(json, v->as.u, v->type == 'f' ? 4 : 8);
        break;
    case 'D':
        lev_writer_text(json, "[");
        lev_writer_decimal(json, v->as.decimal.scale);
        lev_writer_text(json, ",");
        lev_writer_decimal(json, v->as.decimal.value);
        lev_writer_text(json, "]");
        break;
    case 'A':
    case 'F':
        json_table(json, v->as.bytes, v->type == 'A');
        break;
    case 'V':
        lev_writer_text(json, "null");
        break;
    default:
        json_hex(json, v->as.bytes);
        break;
    }
}

static void json_table(lev_writer *json, lev_span content, bool array) {
    lev_table_iter it = lev_table_walk(content);
    lev_span key = {NULL, 0};
    lev_value v;
    const char *between = "[";
    lev_writer_text(json, "[");
    while (array ? lev_array_next(&it, &v) : lev_table_next(&it, &key, &v)) {
        lev_writer_text(json, between);
        if (!array) {
            json_hex(json, key);
            lev_writer_text(json, ",");
        }
        json_value(json, &v);
        between = "],[";
    }
    lev_writer_text(json, between[0] == ']' ? "]]" : "]");
    lev_writer_fail(json, it.in.status);
}

static void json_field(lev_writer *json, const lev_field_desc *field, const void *base) {
    static const char *const wires[] = {"bit",       "octet",    "short",   "long", "longlong",
                                        "timestamp", "shortstr", "longstr", "table"};
    const uint8_t *at = (const uint8_t *)base + field->offset;
    uint64_t n = 0;
    lev_span span;
    lev_writer_text(json, "[\"");
    lev_writer_text(json, field->name);
    lev_writer_text(json, "\",\"");
    lev_writer_text(json, wires[field->wire]);
    lev_writer_text(json, "\",");
    switch (field->wire) {
    case LEV_WIRE_BIT:
        lev_writer_text(json, *(const bool *)at ? "true" : "false");
        break;
    case LEV_WIRE_OCTET:
        lev_writer_decimal(json, *at);
        break;
    case LEV_WIRE_SHORT:
        lev_writer_decimal(json, *(const uint16_t *)(const void *)at);
        break;
    case LEV_WIRE_LONG:
        lev_writer_decimal(json, *(const uint32_t *)(const void *)at);
        break;
    case LEV_WIRE_LONGLONG:
    case LEV_WIRE_TIMESTAMP:
        memcpy(&n, at, sizeof n);
        lev_writer_decimal(json, n);
        break;
    case LEV_WIRE_SHORTSTR:
    case LEV_WIRE_LONGSTR:
        memcpy(&span, at, sizeof span);
        json_hex(json, span);
        break;
    case LEV_WIRE_TABLE:
        memcpy(&span, at, sizeof span);
        json_table(json, span, false);
        break;
    }
    lev_writer_text(json, "]");
}

/* ---- built anew ---- */

static lev_span rebuilt(lev_span content, bool array) {
    lev_writer w = lev_writer_init(pool_take(content.len), content.len);
    lev_table_iter it = lev_table_walk(content);
    lev_span key;
    lev_value v;
    while (array ? lev_array_next(&it, &v) : lev_table_next(&it, &key, &v)) {
        if (v.type == 'A' || v.type == 'F') {
            v.as.bytes = rebuilt(v.as.bytes, v.type == 'A');
        }
        array ? lev_array_put(&w, &v) : lev_table_put_span(&w, key, &v);
    }
    return lev_writer_span(&w);
}

static void rebuild_tables(const lev_field_desc *field, void *base) {
    if (field->wire == LEV_WIRE_TABLE) {
        uint8_t *at = (uint8_t *)base + field->offset;
        lev_span table;
        memcpy(&table, at, sizeof table);
        table = rebuilt(table, false);
        memcpy(at, &table, sizeof table);
    }
}

/* ---- the answers ---- */

static void answer_end(lev_writer *json, const lev_writer *encoded) {
    lev_writer_text(json, "],\"hex\":");
    json_hex(json, lev_writer_span(encoded));
    lev_writer_text(json, "}");
    lev_writer_fail(json, encoded->status);
}

static lev_status answer_method(lev_writer *json, lev_span payload) {
    lev_method m;
    lev_status status = lev_method_decode(payload, &m);
    if (status != LEV_OK) {
        return status;
    }
    const lev_method_desc *desc = lev_method_describe(m.id);
    lev_writer_text(json, "{\"name\":\"");
    lev_writer_text(json, desc->class_name);
    lev_writer_text(json, ".");
    lev_writer_text(json, desc->method_name);
    lev_writer_text(json, "\",\"fields\":[");
    for (size_t i = 0; i < desc->field_count; i++) {
        lev_writer_text(json, i > 0 ? "," : "");
        json_field(json, desc->fields + i, &m.as);
        rebuild_tables(desc->fields + i, &m.as);
    }
    lev_writer w = lev_writer_init(out_room, sizeof out_room);
    lev_method_encode(&w, m.id, &m.as);
    answer_end(json, &w);
    return json->status;
}

static lev_status answer_header(lev_writer *json, lev_span payload) {
    lev_header h;
    lev_status status = lev_header_decode(payload, &h);
    if (status != LEV_OK) {
        return status;
    }
    lev_writer_text(json, "{\"name\":\"header\",\"class\":");
    lev_writer_decimal(json, h.class_id);
    lev_writer_text(json, ",\"weight\":");
    lev_writer_decimal(json, h.weight);
    lev_writer_text(json, ",\"size\":");
    lev_writer_decimal(json, h.body_size);
    lev_writer_text(json, ",\"fields\":[");
    const char *between = "";
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        if ((h.properties.present & 0x8000 >> i) != 0) {
            lev_writer_text(json, between);
            json_field(json, lev_property_describe(i), &h.properties);
            rebuild_tables(lev_property_describe(i), &h.properties);
            between = ",";
        }
    }
    lev_writer w = lev_writer_init(out_room, sizeof out_room);
    lev_header_encode(&w, &h);
    answer_end(json, &w);
    return json->status;
}

static lev_status answer_table(lev_writer *json, lev_span content) {
    lev_status status = lev_table_check(content);
    if (status != LEV_OK) {
        return status;
    }
    lev_writer_text(json, "{\"name\":\"table\",\"fields\":[[\"table\",\"table\",");
    json_table(json, content, false);
    lev_writer_text(json, "]");
    lev_span again = rebuilt(content, false);
    lev_writer w = lev_writer_init(out_room, sizeof out_room);
    lev_writer_bytes(&w, again);
    answer_end(json, &w);
    return json->status;
}

/* ---- random structures ---- */

typedef struct source {
    uint64_t state;
    const char *letters;
    uint64_t last; /* the latest time */
} source;

/* A number of up to 64 bits, every eighth an extreme. */
static uint64_t some_bits(source *s) {
    static const uint64_t extremes[] = {0,          1,         0x7F,       0x80,       0xFF,
                                        0x7FFF,     0x8000,    0xFFFF,     0x7FFFFFFF, 0x80000000,
                                        0xFFFFFFFF, INT64_MAX, 1ULL << 63, UINT64_MAX};
    if (random_below(&s->state, 8) == 0) {
        return extremes[random_below(&s->state, sizeof extremes / sizeof extremes[0])];
    }
    return random_below(&s->state, UINT64_MAX) >> random_below(&s->state, 64);
}

/* Text in UTF-8 of at most `most` bytes, every eighth empty, every eighth as long as can be. */
static lev_span some_text(source *s, size_t most) {
    static const char *const letters[] = {"a", "Z", ".", "\"", "\n", "é", "ß", "兎", "🐇", "#"};
    uint64_t choice = random_below(&s->state, 8);
    size_t wanted = choice == 0   ? 0
                    : choice == 1 ? most
                                  : (size_t)random_below(&s->state, most / 8 + 1);
    lev_writer w = lev_writer_init(pool_take(most), most);
    while (w.len < wanted) {
        const char *c = letters[random_below(&s->state, sizeof letters / sizeof letters[0])];
        lev_writer_text(&w, strlen(c) <= wanted - w.len ? c : "x");
    }
    return lev_writer_span(&w);
}

static uint64_t some_float(source *s, bool single) {
    static const double numbers[] = {0.0, -0.0, 1.5, -1e-310, 1e300, -2.25, 1e-40, 3.5e38};
    double d = numbers[random_below(&s->state, sizeof numbers / sizeof numbers[0])];
    d = random_below(&s->state, 2) == 0 ? d : (double)(int64_t)some_bits(s) / 1024.0;
    float f = single && d < 3e38 ? (float)d : 0.1F;
    uint64_t bits = 0;
    uint32_t half = 0;
    memcpy(&bits, &d, sizeof bits);
    memcpy(&half, &f, sizeof half);
    return single ? half : bits;
}

static lev_value some_scalar(source *s, char type) {
    lev_value v = {.type = type};
    uint64_t bits = some_bits(s);
    switch (type) {
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
        v.as.u = (uint32_t)bits;
        break;
    case 'T':
        v.as.u = bits > s->last ? s->last : bits;
        break;
    case 'f':
    case 'd':
        v.as.u = some_float(s, type == 'f');
        break;
    case 'D':
        v.as.decimal.scale = (uint8_t)random_below(&s->state, 256);
        v.as.decimal.value = (uint32_t)bits;
        break;
    case 'S':
        v.as.bytes = some_text(s, 400);
        break;
    case 'x':
        v.as.bytes = random_bytes(&s->state, 300);
        break;
    default:
        break;
    }
    return v;
}

/* Writes entries, or items, with keys that differ: text and then the entry's number. */
static void some_entries(source *s, lev_writer *w, unsigned depth, bool array) {
    uint64_t count = random_below(&s->state, depth > 2 ? 6 : 3);
    for (uint64_t i = 0; i < count; i++) {
        char key[256] = "";
        if (i > 0 || random_below(&s->state, 8) != 0) {
            lev_span text = some_text(s, 252);
            snprintf(key, sizeof key, "%.*s%ju", (int)text.len, (const char *)text.ptr,
                     (uintmax_t)i);
        }
        char type = s->letters[random_below(&s->state, strlen(s->letters))];
        if (type == 'A' || type == 'F') {
            const char *name = array ? NULL : key;
            size_t place = type == 'A' ? lev_array_begin(w, name) : lev_table_begin(w, name);
            if (depth > 1) {
                some_entries(s, w, depth - 1, type == 'A');
            }
            lev_table_end(w, place);
            continue;
        }
        lev_value v = some_scalar(s, type);
        array ? lev_array_put(w, &v) : lev_table_put(w, key, &v);
    }
}

/* Writes tables and arrays, one in the other, down to the last level that there may be. */
static void some_levels(source *s, lev_writer *w) {
    size_t places[LEV_TABLE_DEPTH_MAX];
    bool array = false;
    for (unsigned level = 1; level < LEV_TABLE_DEPTH_MAX; level++) {
        const char *key = array ? NULL : "deeper";
        array = random_below(&s->state, 2) == 0;
        places[level] = array ? lev_array_begin(w, key) : lev_table_begin(w, key);
    }
    lev_value v = {.type = 't', .as.boolean = true};
    array ? lev_array_put(w, &v) : lev_table_put(w, "deepest", &v);
    for (unsigned level = LEV_TABLE_DEPTH_MAX - 1; level >= 1; level--) {
        lev_table_end(w, places[level]);
    }
}

static lev_span some_table(source *s) {
    lev_writer w = lev_writer_init(pool_take(ROOM / 2), ROOM / 2);
    some_entries(s, &w, 5, false);
    if (random_below(&s->state, 16) == 0) {
        some_levels(s, &w);
    }
    if (w.status != LEV_OK) {
        fprintf(stderr, "compare: a random table failed: %s\n", lev_status_text(w.status));
        exit(2);
    }
    return lev_writer_span(&w);
}

/* As random_fields does, with text, extremes and our tables in place of random bytes. */
static void some_fields(source *s, const lev_field_desc *fields, size_t count, void *base) {
    random_fields(&s->state, fields, count, base);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = (uint8_t *)base + fields[i].offset;
        enum lev_wire_type wire = fields[i].wire;
        if (wire == LEV_WIRE_TABLE || wire == LEV_WIRE_SHORTSTR || wire == LEV_WIRE_LONGSTR) {
            lev_span span = wire == LEV_WIRE_TABLE
                                ? some_table(s)
                                : some_text(s, wire == LEV_WIRE_SHORTSTR ? 255 : 600);
            memcpy(at, &span, sizeof span);
        } else if (wire == LEV_WIRE_LONGLONG || wire == LEV_WIRE_TIMESTAMP) {
            uint64_t bits = some_bits(s);
            bits = wire == LEV_WIRE_TIMESTAMP && bits > s->last ? s->last : bits;
            memcpy(at, &bits, sizeof bits);
        }
    }
}

static lev_status answer_random(lev_writer *json, source *s, uint64_t seed) {
    lev_writer w = lev_writer_init(in_room, sizeof in_room);
    if (seed % 3 == 0) {
        lev_writer_bytes(&w, some_table(s));
        return answer_table(json, lev_writer_span(&w));
    }
    if (seed % 3 == 1) {
        lev_header h = {.class_id = 60, .body_size = some_bits(s)};
        h.properties.present = (uint16_t)(random_below(&s->state, 65536) & 0xFFFC);
        for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
            some_fields(s, lev_property_describe(i), 1, &h.properties);
        }
        lev_header_encode(&w, &h);
        return w.status == LEV_OK ? answer_header(json, lev_writer_span(&w)) : w.status;
    }
    lev_method m = {.id = (lev_method_id)(1 + seed / 3 % (LEV_METHOD_COUNT - 1))};
    const lev_method_desc *desc = lev_method_describe(m.id);
    some_fields(s, desc->fields, desc->field_count, &m.as);
    lev_method_encode(&w, m.id, &m.as);
    return w.status == LEV_OK ? answer_method(json, lev_writer_span(&w)) : w.status;
}

/* ---- lines ---- */

static lev_span bytes_of(const char *hex) {
    size_t len = 0;
    unsigned byte = 0;
    while (len < sizeof in_room && sscanf(hex + 2 * len, "%2x", &byte) == 1) {
        in_room[len++] = (uint8_t)byte;
    }
    return (lev_span){in_room, len};
}

static lev_status answer(lev_writer *json, const char *line) {
    char letters[64] = "";
    source s = {0, letters, 0};
    uintmax_t seed;
    uintmax_t last;
    switch (line[0]) {
    case 'M':
        return answer_method(json, bytes_of(line + 2));
    case 'H':
        return answer_header(json, bytes_of(line + 2));
    case 'T':
        return answer_table(json, bytes_of(line + 2));
    case 'G':
        if (sscanf(line, "G %ju %63s %ju", &seed, letters, &last) == 3) {
            s.state = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15) | 1;
            s.last = last;
            return answer_random(json, &s, seed);
        }
        return LEV_ERR_MISUSE;
    default:
        return LEV_ERR_MISUSE;
    }
}

int main(void) {
    static char line[2 * ROOM + 16];
    while (fgets(line, sizeof line, stdin) != NULL) {
        lev_writer json = lev_writer_init(json_room, sizeof json_room);
        pool_used = 0;
        lev_status status = answer(&json, line);
        if (status != LEV_OK) {
            printf("{\"error\":\"%s\"}\n", lev_status_name(status));
        } else {
            printf("%.*s\n", (int)json.len, (const char *)json.ptr);
        }
    }
    return 0;
}
