/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Field tables: reading, checking, building, printing, and the mistakes D and F. */

#include "../unit.h"
#include "support.h"

#include <pthread.h>

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
    lev_span table = RAW("\1ab\1\1ab\2\2abb\3");
    EXPECT(lev_table_find(table, "a", &v));
    EXPECT_EQ(v.as.i, 1);
    EXPECT(lev_table_find(table, "ab", &v));
    EXPECT_EQ(v.as.i, 3);
    EXPECT(!lev_table_find(table, "b", &v));
    EXPECT(!lev_table_equal(table, RAW("\1ab\1")));
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

static void D_E_believes_no_length_field(void) {
    static const uint32_t lengths[] = {0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF};
    for (const char *letter = "SxAF"; *letter != '\0'; letter++) {
        for (size_t i = 0; i < 4; i++) {
            uint8_t room[16];
            lev_writer w = lev_writer_init(room, sizeof room);
            lev_writer_shortstr(&w, sp("k"));
            lev_writer_u8(&w, (uint8_t)*letter);
            lev_writer_u32(&w, lengths[i]);
            lev_writer_u8(&w, 0);
            EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_ERR_SYNTAX);
        }
    }
}

enum { DEEPEST = 100000 };
static uint8_t deep[DEEPEST * 8];

/* A table that nests `depth` deep, tables and arrays in turn. */
static lev_span nest(unsigned depth) {
    static size_t places[DEEPEST];
    lev_writer w = lev_writer_init(deep, sizeof deep);
    for (unsigned i = 1; i < depth; i++) {
        bool inside_array = i % 2 == 0;
        places[i] = i % 2 != 0 ? lev_array_begin(&w, inside_array ? NULL : "a")
                               : lev_table_begin(&w, inside_array ? NULL : "t");
    }
    for (unsigned i = depth - 1; i >= 1; i--) {
        lev_table_end(&w, places[i]);
    }
    EXPECT_EQ(w.status, LEV_OK);
    return lev_writer_span(&w);
}

static lev_status deep_status;

static void *check_deep(void *table) {
    static uint8_t room[4096];
    lev_writer w = lev_writer_init(room, sizeof room);
    deep_status = lev_table_check(*(lev_span *)table);
    lev_table_print(&w, *(lev_span *)table);
    return NULL;
}

static void F_bounds_nesting_on_a_small_stack(void) {
    static const unsigned depths[] = {1, 31, 32, 33, DEEPEST};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        pthread_attr_t attr;
        pthread_t thread;
        lev_span table = nest(depths[i]);
        EXPECT_EQ(pthread_attr_init(&attr), 0);
        EXPECT_EQ(pthread_attr_setstacksize(&attr, 65536), 0);
        EXPECT_EQ(pthread_create(&thread, &attr, check_deep, &table), 0);
        EXPECT_EQ(pthread_join(thread, NULL), 0);
        EXPECT_EQ(deep_status, depths[i] <= 32 ? LEV_OK : LEV_ERR_LIMIT);
    }
}

static void builds_what_it_reads(void) {
    uint8_t room[256];
    uint8_t out[512];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_table_put_bool(&w, "t", true);
    lev_table_put_int(&w, "l", -5);
    lev_table_put_double(&w, "d", 1.0);
    lev_table_put_string(&w, "S", "text");
    lev_table_put_bytes(&w, "x", RAW("\0\1"));
    lev_table_put_time(&w, "T", 7);
    lev_table_put_void(&w, "V");
    size_t table = lev_table_begin(&w, "F");
    size_t array = lev_array_begin(&w, "A");
    lev_array_put(&w, &(lev_value){.type = 'I', .as.i = 1});
    lev_table_end(&w, array);
    lev_table_end(&w, table);
    EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_OK);
    lev_writer printed = lev_writer_init(out, sizeof out);
    lev_table_print(&printed, lev_writer_span(&w));
    EXPECT_STR(text_of(&printed),
               "{\"t\":t true,\"l\":l -5,\"d\":d 0x3ff0000000000000,\"S\":S \"text\",\"x\":x 0001,"
               "\"T\":T 7,\"V\":V,\"F\":F {\"A\":A [I 1]}}");
}

static void I_refuses_values_that_do_not_fit_their_letter(void) {
    static const lev_value bad[] = {
        {.type = 'b', .as.i = 128},
        {.type = 'b', .as.i = -129},
        {.type = 's', .as.i = 32768},
        {.type = 'U', .as.i = -32769},
        {.type = 'I', .as.i = INT64_C(1) << 31},
        {.type = 'B', .as.u = 256},
        {.type = 'u', .as.u = 65536},
        {.type = 'i', .as.u = UINT64_C(1) << 32},
        {.type = 'f', .as.u = UINT64_C(1) << 32},
        {.type = '?'},
    };
    static char key[257];
    memset(key, 'k', 256);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t room[64];
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_table_put(&w, "k", &bad[i]);
        EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    }
    uint8_t room[400];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_table_put_void(&w, key);
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
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
          CASE(refuses_unknown_letters_and_lengths_that_lie), CASE(D_E_believes_no_length_field),
          CASE(F_bounds_nesting_on_a_small_stack), CASE(builds_what_it_reads),
          CASE(I_refuses_values_that_do_not_fit_their_letter),
          CASE(refuses_nan_and_infinity_where_asked))
