/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Random methods, tables and properties, made from the descriptors: what is decoded from what was
 * encoded is equal, and every proper prefix is refused. */

#include "../unit.h"
#include "support.h"

enum { ROUNDS = 400 };

static uint8_t wire[65536];
static uint8_t text[1 << 20];

static void returns_every_method_unchanged(void) {
    uint64_t state = 1;
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        for (int round = 0; round < ROUNDS; round++) {
            lev_method sent = {.id = (lev_method_id)id};
            lev_method got;
            random_fields(&state, desc->fields, desc->field_count, &sent.as);
            lev_writer w = lev_writer_init(wire, sizeof wire);
            lev_method_encode(&w, sent.id, &sent.as);
            EXPECT_EQ(w.status, LEV_OK);
            EXPECT_EQ(lev_method_decode(lev_writer_span(&w), &got), LEV_OK);
            EXPECT(lev_method_equal(&sent, &got));
            lev_writer out = lev_writer_init(text, sizeof text);
            lev_method_print(&out, &got);
            EXPECT_EQ(out.status, LEV_OK);
        }
    }
}

static void tells_methods_apart_that_differ_in_one_field(void) {
    uint64_t state = 2;
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
                EXPECT_EQ(lev_method_equal(&one, &other),
                          lev_span_equal(lev_writer_span(&a), lev_writer_span(&b)));
            } while (lev_method_equal(&one, &other));
        }
    }
}

static void returns_properties_unchanged(void) {
    uint64_t state = 3;
    for (int round = 0; round < 20000; round++) {
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
        EXPECT_EQ(lev_header_decode(lev_writer_span(&w), &got), LEV_OK);
        EXPECT_EQ(got.body_size, sent.body_size);
        EXPECT(lev_properties_equal(&sent.properties, &got.properties));
        lev_writer out = lev_writer_init(text, sizeof text);
        lev_properties_print(&out, &got.properties);
        EXPECT_EQ(out.status, LEV_OK);
        if (round < 300) {
            for (size_t len = 0; len < w.len; len++) {
                EXPECT(lev_header_decode((lev_span){wire, len}, &got) != LEV_OK);
            }
        }
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
    EXPECT_EQ(it.in.status, LEV_OK);
}

static void returns_tables_unchanged(void) {
    static uint8_t again[65536];
    uint64_t state = 4;
    for (int round = 0; round < 30000; round++) {
        lev_writer w = lev_writer_init(wire, sizeof wire);
        random_table(&state, &w, 8);
        EXPECT_EQ(w.status, LEV_OK);
        EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_OK);
        lev_writer copy = lev_writer_init(again, sizeof again);
        rewrite(lev_writer_span(&w), false, &copy);
        EXPECT(lev_table_equal(lev_writer_span(&w), lev_writer_span(&copy)));
        lev_writer out = lev_writer_init(text, sizeof text);
        lev_table_print(&out, lev_writer_span(&w));
        EXPECT_EQ(out.status, LEV_OK);
    }
}

static void survives_random_bytes(void) {
    uint64_t state = 5;
    static const lev_frame_limits limits = {4096, 4096};
    for (int round = 0; round < 200000; round++) {
        lev_span bytes = random_bytes(&state, 64);
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
    }
}

UNIT_MAIN("roundtrip", CASE(returns_every_method_unchanged),
          CASE(tells_methods_apart_that_differ_in_one_field), CASE(returns_properties_unchanged),
          CASE(returns_tables_unchanged), CASE(survives_random_bytes))
