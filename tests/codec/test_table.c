/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Field tables: walking, finding, checking and printing. */

#include "../unit.h"
#include "support.h"

static void walks_entries_of_every_type(void) {
    static const struct {
        lev_span table;
        const char *text;
    } rows[] = {
        {RAW(""), "{}"},
        {RAW("\1at\2"), "{\"a\":t true}"},
        {RAW("\1bb\xff"), "{\"b\":b -1}"},
        {RAW("\1bB\xff"), "{\"b\":B 255}"},
        {RAW("\1ss\x80\0"), "{\"s\":s -32768}"},
        {RAW("\1uu\xff\xff"), "{\"u\":u 65535}"},
        {RAW("\1UU\xff\xfe"), "{\"U\":U -2}"},
        {RAW("\1II\x80\0\0\0"), "{\"I\":I -2147483648}"},
        {RAW("\1ii\xff\xff\xff\xff"), "{\"i\":i 4294967295}"},
        {RAW("\1ll\xff\xff\xff\xff\xff\xff\xff\xff"), "{\"l\":l -1}"},
        {RAW("\1LL\x80\0\0\0\0\0\0\0"), "{\"L\":L -9223372036854775808}"},
        {RAW("\1ff\x3f\x80\0\0"), "{\"f\":f 0x3f800000}"},
        {RAW("\1dd\x3f\xf0\0\0\0\0\0\0"), "{\"d\":d 0x3ff0000000000000}"},
        {RAW("\1DD\2\xff\xff\xfe\xc6"), "{\"D\":D -314e-2}"},
        {RAW("\1SS\0\0\0\2hi"), "{\"S\":S \"hi\"}"},
        {RAW("\1xx\0\0\0\2\0\1"), "{\"x\":x 0001}"},
        {RAW("\1TT\0\0\0\0\0\0\0\5"), "{\"T\":T 5}"},
        {RAW("\1VV\0V"), "{\"V\":V,\"\":V}"},
        {RAW("\1AA\0\0\0\4t\1b\5"), "{\"A\":A [t true,b 5]}"},
        {RAW("\1FF\0\0\0\4\1nb\1"), "{\"F\":F {\"n\":b 1}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t room[200];
        lev_writer w = lev_writer_init(room, sizeof room);
        EXPECT_EQ(lev_table_check(rows[i].table), LEV_OK);
        lev_table_print(&w, rows[i].table);
        EXPECT_STR(text_of(&w), rows[i].text);
        for (size_t len = 1; len < rows[i].table.len; len++) {
            lev_span cut = {rows[i].table.ptr, len};
            EXPECT(lev_table_check(cut) != LEV_OK || cut.ptr[len - 1] == 'V');
        }
    }
}

static void finds_the_first_entry_with_a_key(void) {
    lev_value v;
    lev_span table = RAW("\2abb\3\1ab\1\1ab\2");
    EXPECT(lev_table_find(table, "a", &v));
    EXPECT_EQ(v.as.i, 1);
    EXPECT(lev_table_find(table, "ab", &v));
    EXPECT_EQ(v.as.i, 3);
    EXPECT(!lev_table_find(table, "b", &v));
}

static void refuses_unknown_letters_and_lengths_that_lie(void) {
    static const lev_span bad[] = {
        RAW("\1a?\0"),
        RAW("\1a"),
        RAW("\5abc"),
        RAW("\1aS\0\0\0\3ab"),
        RAW("\1aS\xff\xff\xff\xff"),
        RAW("\1aF\0\0\0\5\1nb\1"),
        RAW("\1aF\0\0\0\3\1nb\1"),
        RAW("\1aA\x80\0\0\0"),
        RAW("\1aA\0\0\0\1t\1"),
        RAW("\xff"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t room[100];
        lev_writer w = lev_writer_init(room, sizeof room);
        EXPECT_EQ(lev_table_check(bad[i]), LEV_ERR_SYNTAX);
        lev_table_print(&w, bad[i]);
        EXPECT(strstr(text_of(&w), "<malformed>") != NULL);
    }
}

static void tells_the_end_from_malformed_bytes(void) {
    lev_value v;
    lev_span key;
    lev_table_iter it = lev_table_walk(RAW("\1ab\1"));
    EXPECT(lev_table_next(&it, &key, &v));
    EXPECT(key.len == 1 && key.ptr[0] == 'a' && v.type == 'b' && v.as.i == 1);
    EXPECT(!lev_table_next(&it, &key, &v));
    EXPECT_EQ(it.in.status, LEV_OK);
    it = lev_table_walk(RAW("Vb"));
    EXPECT(lev_array_next(&it, &v));
    EXPECT(!lev_array_next(&it, &v));
    EXPECT_EQ(it.in.status, LEV_ERR_SYNTAX);
    EXPECT(!lev_array_next(&it, &v));
    EXPECT_EQ(it.in.status, LEV_ERR_SYNTAX);
    it = lev_table_walk((lev_span){NULL, 0});
    EXPECT(!lev_table_next(&it, &key, &v));
    EXPECT_EQ(it.in.status, LEV_OK);
}

static void knows_nineteen_letters_and_no_other(void) {
    for (int letter = 0; letter < 256; letter++) {
        static const uint8_t zeros[8] = {0};
        lev_reader r = lev_reader_init((lev_span){zeros, 8});
        lev_value v;
        bool known = letter != 0 && strchr("tbBsuUIilLfdDSxTAFV", letter) != NULL;
        EXPECT_EQ(lev_value_decode(&r, (char)letter, &v), known);
        EXPECT_EQ(r.status, known ? LEV_OK : LEV_ERR_SYNTAX);
    }
}

static void takes_any_octet_but_zero_for_true(void) {
    lev_value v;
    EXPECT(lev_table_find(RAW("\1tt\0"), "t", &v) && !v.as.boolean);
    EXPECT(lev_table_find(RAW("\1tt\1"), "t", &v) && v.as.boolean);
    EXPECT(lev_table_find(RAW("\1tt\xff"), "t", &v) && v.as.boolean);
}

static void compares_tables_by_their_bytes(void) {
    EXPECT(lev_table_equal(RAW("\1ab\1"), RAW("\1ab\1")));
    EXPECT(lev_table_equal((lev_span){NULL, 0}, RAW("")));
    EXPECT(!lev_table_equal(RAW("\1ab\1"), RAW("\1aB\1")));
    EXPECT(!lev_table_equal(RAW("\1aV\1bV"), RAW("\1bV\1aV")));
}

static void prints_a_single_value(void) {
    uint8_t room[64];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_value_print(&w, &(lev_value){.type = 'A', .as.bytes = RAW("Vb\5A\0\0\0\1?")});
    EXPECT_STR(text_of(&w), "A [V,b 5,A [<malformed>]]");
}

static void refuses_nan_and_infinity_where_asked(void) {
    static const struct {
        char type;
        uint64_t bits;
        lev_status status;
    } rows[] = {
        {'f', 0x7F800000, LEV_ERR_LIMIT},
        {'f', 0xFF800000, LEV_ERR_LIMIT},
        {'f', 0x7FC00000, LEV_ERR_LIMIT},
        {'f', 0x7F7FFFFF, LEV_OK},
        {'d', UINT64_C(0x7FF0000000000000), LEV_ERR_LIMIT},
        {'d', UINT64_C(0xFFF8000000000001), LEV_ERR_LIMIT},
        {'d', UINT64_C(0x7FEFFFFFFFFFFFFF), LEV_OK},
        {'l', UINT64_MAX, LEV_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t room[64];
        lev_writer w = lev_writer_init(room, sizeof room);
        size_t array = lev_array_begin(&w, "a");
        lev_array_put(&w, &(lev_value){.type = rows[i].type, .as.u = rows[i].bits});
        lev_table_end(&w, array);
        EXPECT_EQ(lev_table_check_finite(lev_writer_span(&w)), rows[i].status);
        EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_OK);
    }
}

UNIT_MAIN("table", CASE(walks_entries_of_every_type), CASE(finds_the_first_entry_with_a_key),
          CASE(refuses_unknown_letters_and_lengths_that_lie),
          CASE(refuses_nan_and_infinity_where_asked), CASE(tells_the_end_from_malformed_bytes),
          CASE(knows_nineteen_letters_and_no_other), CASE(takes_any_octet_but_zero_for_true),
          CASE(compares_tables_by_their_bytes), CASE(prints_a_single_value))
