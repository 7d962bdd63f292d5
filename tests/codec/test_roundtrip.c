/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Random methods, tables and properties, made from the descriptors: what is decoded from what was
 * encoded is equal, encodes to the same bytes again, and prints within its room. What fails tells
 * its seed; LEVERET_SEED=N begins there. */

#include "../unit.h"
#include "support.h"

enum { ROUNDS = 400 };

static uint64_t seed;

#define HOLDS(condition)                                                                           \
    ((condition)                                                                                   \
         ? unit_mark(__FILE__, __LINE__)                                                           \
         : unit_fail(__FILE__, __LINE__, "expected %s, seed %ju", #condition, (uintmax_t)seed))

static uint64_t first_seed(void) {
    const char *given = getenv("LEVERET_SEED");
    return given != NULL ? strtoull(given, NULL, 10) : 1;
}

/* The source of random numbers that belongs to the seed; never 0. */
static uint64_t seeded(void) { return (seed * UINT64_C(0x9E3779B97F4A7C15)) | 1; }

static uint8_t wire[65536];
static uint8_t text[1 << 20];

/* What is printed fits, and a printer with less room than it needs says so and stays within it. */
static void print_within(uint64_t *state, const lev_method *m, const lev_properties *p) {
    lev_writer out = lev_writer_init(text, sizeof text);
    m != NULL ? lev_method_print(&out, m) : lev_properties_print(&out, p);
    HOLDS(out.status == LEV_OK && (out.len > 0 || (m == NULL && p->present == 0)));
    size_t cap = (size_t)random_below(state, out.len + 1);
    text[cap] = 0xEE;
    lev_writer small = lev_writer_init(text, cap);
    m != NULL ? lev_method_print(&small, m) : lev_properties_print(&small, p);
    HOLDS(text[cap] == 0xEE && small.len <= cap);
    HOLDS((small.status == LEV_OK) == (cap == out.len));
}

static void return_method(uint64_t *state, lev_method_id id) {
    const lev_method_desc *desc = lev_method_describe(id);
    lev_method sent = {.id = id};
    lev_method got;
    memset(&got, 0xEE, sizeof got);
    random_fields(state, desc->fields, desc->field_count, &sent.as);
    lev_writer w = lev_writer_init(wire, sizeof wire);
    lev_method_encode(&w, sent.id, &sent.as);
    HOLDS(w.status == LEV_OK);
    HOLDS(lev_method_decode(lev_writer_span(&w), &got) == LEV_OK);
    HOLDS(lev_method_equal(&sent, &got));
    lev_writer again = lev_writer_init(text, sizeof text);
    lev_method_encode(&again, got.id, &got.as);
    HOLDS(lev_span_equal(lev_writer_span(&w), lev_writer_span(&again)));
    lev_writer small = lev_writer_init(text, (size_t)random_below(state, w.len));
    lev_method_encode(&small, sent.id, &sent.as);
    HOLDS(small.status == LEV_ERR_SPACE);
    print_within(state, &got, NULL);
}

static void returns_every_method_unchanged(void) {
    for (seed = first_seed(); seed < first_seed() + ROUNDS; seed++) {
        uint64_t state = seeded();
        for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
            return_method(&state, (lev_method_id)id);
        }
    }
}

static void tells_methods_apart_that_differ_in_one_field(void) {
    seed = first_seed();
    uint64_t state = seeded();
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        for (size_t i = 0; i < desc->field_count; i++) {
            lev_method one = {.id = (lev_method_id)id};
            random_fields(&state, desc->fields, desc->field_count, &one.as);
            lev_method other = one;
            do {
                random_fields(&state, desc->fields + i, 1, &other.as);
                lev_writer a = lev_writer_init(wire, sizeof wire / 2);
                lev_writer b = lev_writer_init(wire + sizeof wire / 2, sizeof wire / 2);
                lev_method_encode(&a, one.id, &one.as);
                lev_method_encode(&b, other.id, &other.as);
                HOLDS(lev_method_equal(&one, &other) ==
                      lev_span_equal(lev_writer_span(&a), lev_writer_span(&b)));
            } while (lev_method_equal(&one, &other));
        }
    }
}

static void returns_properties_unchanged(void) {
    for (seed = first_seed(); seed < first_seed() + 20000; seed++) {
        uint64_t state = seeded();
        lev_header sent = {.class_id = 60, .body_size = random_below(&state, UINT64_MAX)};
        lev_header got;
        sent.properties.present = (uint16_t)(random_below(&state, 65536) & 0xFFFC);
        for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
            if ((sent.properties.present & 0x8000 >> i) != 0) {
                random_fields(&state, lev_property_describe(i), 1, &sent.properties);
            }
        }
        lev_writer w = lev_writer_init(wire, sizeof wire);
        lev_header_encode(&w, &sent);
        HOLDS(lev_header_decode(lev_writer_span(&w), &got) == LEV_OK);
        HOLDS(got.class_id == 60 && got.weight == 0 && got.body_size == sent.body_size);
        HOLDS(lev_properties_equal(&sent.properties, &got.properties));
        lev_writer again = lev_writer_init(text, sizeof text);
        lev_header_encode(&again, &got);
        HOLDS(lev_span_equal(lev_writer_span(&w), lev_writer_span(&again)));
        print_within(&state, NULL, &got.properties);
        lev_span cut = {wire, (size_t)random_below(&state, w.len)};
        HOLDS(lev_header_decode(cut, &got) != LEV_OK);
    }
}

/* Writes what a walk over a table yields, so that it can be compared with the table. */
static void rewrite(lev_span content, bool array, lev_writer *w) {
    lev_table_iter it = lev_table_walk(content);
    lev_span key;
    lev_value v;
    while (array ? lev_array_next(&it, &v) : lev_table_next(&it, &key, &v)) {
        if (!array) {
            lev_writer_shortstr(w, key);
        }
        if (v.type != 'A' && v.type != 'F') {
            lev_array_put(w, &v);
            continue;
        }
        lev_writer_u8(w, (uint8_t)v.type);
        size_t place = lev_writer_begin_u32(w);
        rewrite(v.as.bytes, v.type == 'A', w);
        lev_writer_end_u32(w, place);
    }
    HOLDS(it.in.status == LEV_OK);
}

static void returns_tables_unchanged(void) {
    static uint8_t again[65536];
    for (seed = first_seed(); seed < first_seed() + 30000; seed++) {
        uint64_t state = seeded();
        lev_writer w = lev_writer_init(wire, sizeof wire);
        random_table(&state, &w, 8);
        HOLDS(w.status == LEV_OK);
        HOLDS(lev_table_check(lev_writer_span(&w)) == LEV_OK);
        lev_writer copy = lev_writer_init(again, sizeof again);
        rewrite(lev_writer_span(&w), false, &copy);
        HOLDS(lev_table_equal(lev_writer_span(&w), lev_writer_span(&copy)));
        lev_writer out = lev_writer_init(text, sizeof text);
        lev_table_print(&out, lev_writer_span(&w));
        HOLDS(out.status == LEV_OK);
    }
}

static void survives_random_bytes(void) {
    static const lev_frame_limits limits = {4096, 4096};
    for (seed = first_seed(); seed < first_seed() + 100000; seed++) {
        uint64_t state = seeded();
        lev_span bytes = random_bytes(&state, 64);
        if (seed % 2 == 0) { /* half of them behind the ids of some method */
            uint64_t id = 1 + random_below(&state, LEV_METHOD_COUNT - 1);
            const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
            lev_writer w = lev_writer_init(wire, sizeof wire);
            lev_writer_u16(&w, desc->class_id);
            lev_writer_u16(&w, desc->method_id);
            lev_writer_bytes(&w, bytes);
            bytes = lev_writer_span(&w);
        }
        lev_method m;
        lev_header h;
        lev_frame f;
        size_t need;
        lev_reader r = lev_reader_init(bytes);
        (void)lev_frame_decode(&r, &limits, &f, &need);
        (void)lev_table_check(bytes);
        (void)lev_header_decode(bytes, &h);
        lev_writer out = lev_writer_init(text, sizeof text);
        if (lev_method_decode(bytes, &m) == LEV_OK) {
            lev_method_print(&out, &m);
        }
        lev_table_print(&out, bytes);
        for (int type = 0; type < 10; type++) {
            lev_frame_print(&out, &(lev_frame){(uint8_t)type, 1, bytes});
        }
        HOLDS(out.status == LEV_OK);
    }
}

UNIT_MAIN("roundtrip", CASE(returns_every_method_unchanged),
          CASE(tells_methods_apart_that_differ_in_one_field), CASE(returns_properties_unchanged),
          CASE(returns_tables_unchanged), CASE(survives_random_bytes))
