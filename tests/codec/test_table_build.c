/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Building field tables: the bytes of each letter, its whole range, and nothing beyond it. */

#include "../unit.h"
#include "support.h"

static void writes_each_letter_as_it_is_read(void) {
    static const struct {
        lev_value value;
        lev_span bytes;
    } rows[] = {
        {{.type = 't', .as.boolean = true}, RAW("\1kt\1")},
        {{.type = 't'}, RAW("\1kt\0")},
        {{.type = 'b', .as.i = INT8_MIN}, RAW("\1kb\x80")},
        {{.type = 'b', .as.i = INT8_MAX}, RAW("\1kb\x7f")},
        {{.type = 'B', .as.u = UINT8_MAX}, RAW("\1kB\xff")},
        {{.type = 's', .as.i = INT16_MIN}, RAW("\1ks\x80\0")},
        {{.type = 's', .as.i = INT16_MAX}, RAW("\1ks\x7f\xff")},
        {{.type = 'U', .as.i = -2}, RAW("\1kU\xff\xfe")},
        {{.type = 'u', .as.u = UINT16_MAX}, RAW("\1ku\xff\xff")},
        {{.type = 'I', .as.i = INT32_MIN}, RAW("\1kI\x80\0\0\0")},
        {{.type = 'I', .as.i = INT32_MAX}, RAW("\1kI\x7f\xff\xff\xff")},
        {{.type = 'i', .as.u = UINT32_MAX}, RAW("\1ki\xff\xff\xff\xff")},
        {{.type = 'l', .as.i = INT64_MIN}, RAW("\1kl\x80\0\0\0\0\0\0\0")},
        {{.type = 'l', .as.i = INT64_MAX}, RAW("\1kl\x7f\xff\xff\xff\xff\xff\xff\xff")},
        {{.type = 'L', .as.i = -2}, RAW("\1kL\xff\xff\xff\xff\xff\xff\xff\xfe")},
        {{.type = 'T', .as.u = UINT64_MAX}, RAW("\1kT\xff\xff\xff\xff\xff\xff\xff\xff")},
        {{.type = 'f', .as.u = 0x3F800000}, RAW("\1kf\x3f\x80\0\0")},
        {{.type = 'd', .as.u = UINT64_C(0x3FF0000000000000)}, RAW("\1kd\x3f\xf0\0\0\0\0\0\0")},
        {{.type = 'D', .as.decimal = {2, 0xFFFFFEC6}}, RAW("\1kD\2\xff\xff\xfe\xc6")},
        {{.type = 'S', .as.bytes = RAW("hi")}, RAW("\1kS\0\0\0\2hi")},
        {{.type = 'x', .as.bytes = RAW("\0\1")}, RAW("\1kx\0\0\0\2\0\1")},
        {{.type = 'A', .as.bytes = RAW("V")}, RAW("\1kA\0\0\0\1V")},
        {{.type = 'F', .as.bytes = RAW("\0V")}, RAW("\1kF\0\0\0\2\0V")},
        {{.type = 'V'}, RAW("\1kV")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t room[32];
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_table_put(&w, "k", &rows[i].value);
        EXPECT_EQ(w.status, LEV_OK);
        EXPECT_BYTES(room, w.len, rows[i].bytes.ptr, rows[i].bytes.len);
        for (size_t cap = 0; cap < rows[i].bytes.len; cap++) {
            lev_writer small = lev_writer_init(room, cap);
            lev_table_put(&small, "k", &rows[i].value);
            EXPECT_EQ(small.status, LEV_ERR_SPACE);
        }
        lev_writer bare = lev_writer_init(room, sizeof room);
        lev_value_encode(&bare, &rows[i].value);
        EXPECT_BYTES(room, bare.len, rows[i].bytes.ptr + 3, rows[i].bytes.len - 3);
        lev_reader r = lev_reader_init(lev_writer_span(&bare));
        lev_value back;
        EXPECT(lev_value_decode(&r, rows[i].value.type, &back));
        EXPECT_EQ(lev_reader_finish(&r), LEV_OK);
        bare = lev_writer_init(room, sizeof room);
        lev_value_encode(&bare, &back);
        EXPECT_BYTES(room, bare.len, rows[i].bytes.ptr + 3, rows[i].bytes.len - 3);
    }
}

static void reads_back_the_value_that_was_written(void) {
    uint8_t room[64];
    lev_value v;
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_table_put(&w, "b", &(lev_value){.type = 'b', .as.i = INT8_MIN});
    lev_table_put(&w, "B", &(lev_value){.type = 'B', .as.u = 0x80});
    lev_table_put(&w, "l", &(lev_value){.type = 'l', .as.i = INT64_MIN});
    lev_table_put(&w, "D", &(lev_value){.type = 'D', .as.decimal = {255, 0x80000001}});
    EXPECT(lev_table_find(lev_writer_span(&w), "b", &v) && v.as.i == -128);
    EXPECT(lev_table_find(lev_writer_span(&w), "B", &v) && v.as.u == 128);
    EXPECT(lev_table_find(lev_writer_span(&w), "l", &v) && v.as.i == INT64_MIN);
    EXPECT(lev_table_find(lev_writer_span(&w), "D", &v) && v.as.decimal.scale == 255 &&
           v.as.decimal.value == 0x80000001);
}

static void I_refuses_values_that_do_not_fit_their_letter(void) {
    static const lev_value bad[] = {
        {.type = 'b', .as.i = 128},
        {.type = 'b', .as.i = -129},
        {.type = 's', .as.i = 32768},
        {.type = 's', .as.i = -32769},
        {.type = 'U', .as.i = 32768},
        {.type = 'U', .as.i = -32769},
        {.type = 'I', .as.i = INT64_C(1) << 31},
        {.type = 'I', .as.i = -(INT64_C(1) << 31) - 1},
        {.type = 'B', .as.u = 256},
        {.type = 'u', .as.u = 65536},
        {.type = 'i', .as.u = UINT64_C(1) << 32},
        {.type = 'f', .as.u = UINT64_C(1) << 32},
        {.type = '?'},
        {.type = '\0'},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t room[64];
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_table_put(&w, "k", &bad[i]);
        EXPECT_EQ(w.status, LEV_ERR_LIMIT);
        EXPECT_EQ(lev_writer_span(&w).len, 0);
    }
}

static void I_refuses_keys_over_255_bytes(void) {
    static char key[257];
    static uint8_t room[400];
    memset(key, 'k', 256);
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_table_put_void(&w, key);
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    w = lev_writer_init(room, sizeof room);
    lev_table_end(&w, lev_table_begin(&w, key));
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    w = lev_writer_init(room, sizeof room);
    lev_table_put_void(&w, key + 1);
    EXPECT_EQ(w.status, LEV_OK);
    EXPECT_EQ(w.len, 257);
}

static void builds_a_table_of_natural_types_and_nests(void) {
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
    size_t inner = lev_array_begin(&w, NULL);
    lev_table_end(&w, inner);
    inner = lev_table_begin(&w, NULL);
    lev_table_put_bool(&w, "f", false);
    lev_table_end(&w, inner);
    lev_table_end(&w, array);
    lev_table_end(&w, table);
    EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_OK);
    lev_writer printed = lev_writer_init(out, sizeof out);
    lev_table_print(&printed, lev_writer_span(&w));
    EXPECT_STR(text_of(&printed),
               "{\"t\":t true,\"l\":l -5,\"d\":d 0x3ff0000000000000,\"S\":S \"text\",\"x\":x 0001,"
               "\"T\":T 7,\"V\":V,\"F\":F {\"A\":A [I 1,A [],F {\"f\":t false}]}}");
}

static void leaves_what_is_nested_to_the_check_of_the_whole(void) {
    uint8_t room[64];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_table_put(&w, "k", &(lev_value){.type = 'F', .as.bytes = sp("nonsense")});
    EXPECT_EQ(w.status, LEV_OK);
    EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_ERR_SYNTAX);
}

UNIT_MAIN("table_build", CASE(writes_each_letter_as_it_is_read),
          CASE(reads_back_the_value_that_was_written),
          CASE(I_refuses_values_that_do_not_fit_their_letter), CASE(I_refuses_keys_over_255_bytes),
          CASE(builds_a_table_of_natural_types_and_nests),
          CASE(leaves_what_is_nested_to_the_check_of_the_whole))
