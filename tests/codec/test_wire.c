/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The two cursors, and text for people. */

#include "../unit.h"
#include "support.h"

static void reads_integers_in_network_order(void) {
    lev_reader r = lev_reader_init(RAW("\1\2\3\4\5\6\7\x81\2\3\4\5\6\7\x80"));
    EXPECT_EQ(lev_reader_u8(&r), 1);
    EXPECT_EQ(lev_reader_u16(&r), 0x0203);
    EXPECT_EQ(lev_reader_u32(&r), 0x04050607);
    EXPECT(lev_reader_u64(&r) == UINT64_C(0x8102030405060780));
    EXPECT_EQ(lev_reader_finish(&r), LEV_OK);
}

static void writes_what_it_reads(void) {
    uint8_t bytes[15];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_u8(&w, 1);
    lev_writer_u16(&w, 0x0203);
    lev_writer_u32(&w, 0x04050607);
    lev_writer_u64(&w, UINT64_C(0x8102030405060780));
    EXPECT_BYTES(lev_writer_span(&w).ptr, lev_writer_span(&w).len,
                 "\1\2\3\4\5\6\7\x81\2\3\4\5\6\7\x80", 15);
    lev_writer_u8(&w, 1);
    EXPECT_EQ(w.status, LEV_ERR_SPACE);
    EXPECT_EQ(lev_writer_span(&w).len, 0);
}

static void sticks_to_the_first_failure_and_yields_nothing_more(void) {
    lev_reader r = lev_reader_init(RAW("\1\2\3"));
    EXPECT_EQ(lev_reader_u32(&r), 0);
    EXPECT_EQ(r.status, LEV_ERR_SYNTAX);
    EXPECT_EQ(lev_reader_u8(&r), 0);
    EXPECT_EQ(lev_reader_u16(&r), 0);
    EXPECT(lev_reader_u64(&r) == 0);
    EXPECT_EQ(lev_reader_longstr(&r).len, 0);
    lev_reader_fail(&r, LEV_ERR_LIMIT);
    EXPECT_EQ(lev_reader_finish(&r), LEV_ERR_SYNTAX);
    EXPECT_EQ(lev_reader_carve(&r, 0).status, LEV_ERR_SYNTAX);
}

static void carves_a_bounded_part_that_must_be_used_up(void) {
    lev_reader r = lev_reader_init(RAW("abcdef"));
    lev_reader part = lev_reader_carve(&r, 4);
    EXPECT_EQ(lev_reader_bytes(&part, 3).len, 3);
    EXPECT_EQ(lev_reader_finish(&part), LEV_ERR_SYNTAX);
    EXPECT_EQ(lev_reader_u8(&r), 'e');
    part = lev_reader_carve(&r, 2);
    EXPECT_EQ(part.status, LEV_ERR_SYNTAX);
}

static void B_compares_need_with_what_is_left_over_its_whole_range(void) {
    static const size_t needs[] = {4, SIZE_MAX / 2, SIZE_MAX - 3, SIZE_MAX - 1, SIZE_MAX};
    uint8_t bytes[3] = {1, 2, 3};
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        lev_reader r = lev_reader_init((lev_span){bytes, 3});
        EXPECT_EQ(lev_reader_bytes(&r, needs[i]).len, 0);
        EXPECT_EQ(r.status, LEV_ERR_SYNTAX);
    }
    for (size_t need = 0; need <= 3; need++) {
        lev_reader r = lev_reader_init((lev_span){bytes, 3});
        EXPECT_EQ(lev_reader_bytes(&r, need).len, need);
        EXPECT_EQ(r.left, 3 - need);
    }
    lev_writer w = lev_writer_init(bytes, 3);
    lev_writer_bytes(&w, (lev_span){bytes, SIZE_MAX});
    EXPECT_EQ(w.status, LEV_ERR_SPACE);
    EXPECT_EQ(w.len, 0);
}

static void I_refuses_strings_that_do_not_fit_their_length(void) {
    static uint8_t text[70000];
    static uint8_t room[140000];
    static const size_t lengths[] = {0, 254, 255, 256, 65535, 65536};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_writer_shortstr(&w, (lev_span){text, lengths[i]});
        EXPECT_EQ(w.status, lengths[i] <= 255 ? LEV_OK : LEV_ERR_LIMIT);
        lev_writer longer = lev_writer_init(room, sizeof room);
        lev_writer_longstr(&longer, (lev_span){text, lengths[i]});
        lev_reader r = lev_reader_init(lev_writer_span(&longer));
        EXPECT_EQ(lev_reader_longstr(&r).len, lengths[i]);
    }
#if SIZE_MAX > UINT32_MAX
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_writer_longstr(&w, (lev_span){text, (size_t)UINT32_MAX + 1});
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
#endif
}

static void fills_in_lengths_and_flags_afterwards(void) {
    uint8_t bytes[16];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_u16(&w, 0);
    size_t place = lev_writer_begin_u32(&w);
    lev_writer_bytes(&w, RAW("abc"));
    lev_writer_end_u32(&w, place);
    lev_writer_patch_u16(&w, 0, 0x0102);
    EXPECT_BYTES(bytes, w.len, "\1\2\0\0\0\3abc", 9);
    lev_writer_fail(&w, LEV_ERR_LIMIT);
    lev_writer_fail(&w, LEV_ERR_SPACE);
    lev_writer_end_u32(&w, place);
    lev_writer_patch_u16(&w, 0, 9);
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    EXPECT_EQ(bytes[1], 2);
}

static void prints_numbers(void) {
    uint8_t bytes[128];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_decimal(&w, 0);
    lev_writer_text(&w, " ");
    lev_writer_decimal(&w, UINT64_MAX);
    lev_writer_text(&w, " ");
    lev_writer_signed(&w, INT64_MIN);
    lev_writer_text(&w, " ");
    lev_writer_signed(&w, 7);
    lev_writer_text(&w, " ");
    lev_writer_hex(&w, RAW("\x0a\xff"));
    EXPECT_STR(text_of(&w), "0 18446744073709551615 -9223372036854775808 7 0aff");
}

static const char *quoted(lev_span bytes) {
    static uint8_t room[256];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_writer_quoted(&w, bytes);
    return text_of(&w);
}

static void lets_no_control_byte_through(void) {
    EXPECT_STR(quoted(RAW("a\"b\\c\n\t\x1b[0m\x7f")), "\"a\\\"b\\\\c\\n\\t\\x1b[0m\\x7f\"");
    EXPECT_STR(quoted(RAW("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x87")),
               "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x87\"");
    EXPECT_STR(quoted(RAW("\xc2\x9b\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80\xe2\x82")),
               "\"\\xc2\\x9b\\xc0\\xaf\\xed\\xa0\\x80\\xf5\\x80\\x80\\x80\\xe2\\x82\"");
    EXPECT_STR(quoted(RAW("\xe0\x80\x80\xf0\x80\x80\x80\xf4\x90\x80\x80")),
               "\"\\xe0\\x80\\x80\\xf0\\x80\\x80\\x80\\xf4\\x90\\x80\\x80\"");
    uint8_t room[16];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_writer_escaped(&w, RAW("say \"hi\""));
    EXPECT_STR(text_of(&w), "say \"hi\"");
}

static void names_every_status(void) {
    EXPECT_STR(lev_status_name(LEV_OK), "LEV_OK");
    EXPECT_STR(lev_status_text(LEV_ERR_TIMEOUT), "the deadline has passed");
    EXPECT_STR(lev_status_text((lev_status)-1000), "unknown status");
    EXPECT_STR(lev_status_name((lev_status)1000), "unknown status");
    EXPECT(lev_span_equal(lev_span_of(NULL), sp("")));
}

UNIT_MAIN("wire", CASE(reads_integers_in_network_order), CASE(writes_what_it_reads),
          CASE(sticks_to_the_first_failure_and_yields_nothing_more),
          CASE(carves_a_bounded_part_that_must_be_used_up),
          CASE(B_compares_need_with_what_is_left_over_its_whole_range),
          CASE(I_refuses_strings_that_do_not_fit_their_length),
          CASE(fills_in_lengths_and_flags_afterwards), CASE(prints_numbers),
          CASE(lets_no_control_byte_through), CASE(names_every_status))
