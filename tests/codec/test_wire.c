/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The two cursors. */

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

/* 2^32 bytes need not be there: what is refused by its length is never looked at. */
static void I_refuses_what_has_a_length_that_passes_32_bits(void) {
    uint8_t bytes[16];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_longstr(&w, (lev_span){bytes, (size_t)1 << 31});
    EXPECT_EQ(w.status, LEV_ERR_SPACE);
#if SIZE_MAX > UINT32_MAX
    w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_longstr(&w, (lev_span){bytes, (size_t)UINT32_MAX + 1});
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    EXPECT_EQ(w.len, 0);
    memset(bytes, 0xEE, 4);
    w = (lev_writer){.ptr = bytes, .cap = SIZE_MAX, .len = 4 + (size_t)UINT32_MAX + 1};
    lev_writer_end_u32(&w, 0);
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    EXPECT_BYTES(bytes, 4, "\xee\xee\xee\xee", 4);
    w = (lev_writer){.ptr = bytes, .cap = SIZE_MAX, .len = 4 + (size_t)UINT32_MAX};
    lev_writer_end_u32(&w, 0);
    EXPECT_EQ(w.status, LEV_OK);
    EXPECT_BYTES(bytes, 4, "\xff\xff\xff\xff", 4);
#endif
}

static void reads_strings_of_every_length(void) {
    static uint8_t room[70000];
    static const size_t lengths[] = {0, 1, 254, 255, 256, 65535, 65536};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t n = lengths[i];
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_writer_longstr(&w, (lev_span){room + 4, n});
        lev_reader r = lev_reader_init(lev_writer_span(&w));
        lev_span got = lev_reader_longstr(&r);
        EXPECT(got.len == n && got.ptr == room + 4);
        EXPECT_EQ(lev_reader_finish(&r), LEV_OK);
        w = lev_writer_init(room, sizeof room);
        lev_writer_shortstr(&w, (lev_span){room + 1, n});
        EXPECT_EQ(w.status, n <= 255 ? LEV_OK : LEV_ERR_LIMIT);
        r = lev_reader_init(lev_writer_span(&w));
        got = lev_reader_shortstr(&r);
        EXPECT(got.len == (n <= 255 ? n : 0));
    }
}

static void writes_nothing_into_room_that_is_too_small(void) {
    for (size_t cap = 0; cap < 12; cap++) {
        uint8_t bytes[16];
        memset(bytes, 0xEE, sizeof bytes);
        lev_writer w = lev_writer_init(bytes, cap);
        lev_writer_u64(&w, 1);
        lev_writer_u32(&w, 2);
        EXPECT_EQ(w.status, LEV_ERR_SPACE);
        lev_writer_u8(&w, 3);
        lev_writer_u16(&w, 4);
        EXPECT_EQ(w.len, cap < 8 ? 0 : 8);
        EXPECT_EQ(lev_writer_span(&w).len, 0);
        EXPECT_EQ(bytes[cap], 0xEE);
        EXPECT_EQ(bytes[w.len], 0xEE);
    }
    lev_writer nothing = lev_writer_init(NULL, 0);
    lev_writer_bytes(&nothing, sp(""));
    EXPECT_EQ(nothing.status, LEV_OK);
}

static void compares_spans_by_their_bytes(void) {
    EXPECT(lev_span_equal(lev_span_of(NULL), sp("")));
    EXPECT(lev_span_equal(RAW("a\0b"), RAW("a\0b")));
    EXPECT(!lev_span_equal(RAW("a\0b"), RAW("a\0c")));
    EXPECT(!lev_span_equal(sp("ab"), sp("abc")));
    EXPECT_EQ(lev_span_of("abc").len, 3);
}

UNIT_MAIN("wire", CASE(reads_integers_in_network_order), CASE(writes_what_it_reads),
          CASE(sticks_to_the_first_failure_and_yields_nothing_more),
          CASE(carves_a_bounded_part_that_must_be_used_up),
          CASE(fills_in_lengths_and_flags_afterwards),
          CASE(I_refuses_what_has_a_length_that_passes_32_bits),
          CASE(reads_strings_of_every_length), CASE(writes_nothing_into_room_that_is_too_small),
          CASE(compares_spans_by_their_bytes))
