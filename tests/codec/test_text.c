/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Text for people: numbers, and what a peer sent without what a terminal would act on. */

#include "../unit.h"
#include "support.h"

static void prints_numbers(void) {
    uint8_t bytes[128];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_decimal(&w, 0);
    lev_writer_text(&w, " ");
    lev_writer_decimal(&w, UINT64_MAX);
    lev_writer_text(&w, " ");
    lev_writer_signed(&w, INT64_MIN);
    lev_writer_text(&w, " ");
    lev_writer_signed(&w, INT64_MAX);
    lev_writer_text(&w, " ");
    lev_writer_signed(&w, 0);
    lev_writer_text(&w, " ");
    lev_writer_signed(&w, -10);
    EXPECT_STR(text_of(&w),
               "0 18446744073709551615 -9223372036854775808 9223372036854775807 0 -10");
}

static void prints_hex_in_lower_case(void) {
    uint8_t bytes[16];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_hex(&w, RAW("\x00\x0a\xa0\xff"));
    EXPECT_STR(text_of(&w), "000aa0ff");
}

static const char *quoted(lev_span bytes) {
    static uint8_t room[2048];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_writer_quoted(&w, bytes);
    return text_of(&w);
}

static void lets_no_control_byte_through(void) {
    EXPECT_STR(quoted(RAW("a\"b\\c\n\t\x1b[0m\x7f")), "\"a\\\"b\\\\c\\n\\t\\x1b[0m\\x7f\"");
    EXPECT_STR(quoted(RAW("\0\r ~")), "\"\\x00\\x0d ~\"");
    for (int byte = 0; byte < 256; byte++) {
        uint8_t one = (uint8_t)byte;
        const char *text = quoted((lev_span){&one, 1});
        bool plain = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
        EXPECT_EQ(strlen(text) == 3, plain);
        EXPECT_EQ(text[1] == '\\', !plain);
        for (size_t i = 0; text[i] != '\0'; i++) {
            EXPECT(text[i] >= 0x20 && text[i] < 0x7F);
        }
    }
}

static void keeps_well_formed_utf8(void) {
    static const lev_span good[] = {
        RAW("gr\xc3\xbc\xc3\x9f"), RAW("\xc2\xa0"),         RAW("\xdf\xbf"),
        RAW("\xe0\xa0\x80"),       RAW("\xe2\x82\xac"),     RAW("\xed\x9f\xbf"),
        RAW("\xee\x80\x80"),       RAW("\xef\xbf\xbd"),     RAW("\xf0\x90\x80\x80"),
        RAW("\xf0\x9f\x90\x87"),   RAW("\xf4\x8f\xbf\xbf"),
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const char *text = quoted(good[i]);
        EXPECT_BYTES(text + 1, strlen(text) - 2, good[i].ptr, good[i].len);
    }
}

static void escapes_each_byte_of_malformed_utf8(void) {
    static const lev_span bad[] = {
        RAW("\x80"),             /* a continuation without its lead */
        RAW("\xc2\x9b"),         /* CSI, a C1 control */
        RAW("\xc0\xaf"),         /* overlong, two bytes */
        RAW("\xc1\xbf"),         /* the longest of these */
        RAW("\xe0\x80\x80"),     /* overlong, three bytes */
        RAW("\xe0\x9f\xbf"),     /* the longest of these */
        RAW("\xed\xa0\x80"),     /* a surrogate */
        RAW("\xed\xbf\xbf"),     /* the last surrogate */
        RAW("\xf0\x80\x80\x80"), /* overlong, four bytes */
        RAW("\xf0\x8f\xbf\xbf"), /* the longest of these */
        RAW("\xf4\x90\x80\x80"), /* above U+10FFFF */
        RAW("\xf5\x80\x80\x80"), /* no such lead */
        RAW("\xff\xfe"),         /* nor these */
        RAW("\xc3"),             /* cut after one byte */
        RAW("\xe2\x82"),         /* after two */
        RAW("\xf0\x9f\x90"),     /* after three */
        RAW("\xe2\xc2\x82"),     /* a lead where a continuation belongs; the rest is a C1 */
        RAW("\xf0\x9f\xff\x87"), /* none at all */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t room[64];
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_writer_text(&w, "\"");
        for (size_t j = 0; j < bad[i].len; j++) {
            lev_writer_text(&w, "\\x");
            lev_writer_hex(&w, (lev_span){bad[i].ptr + j, 1});
        }
        lev_writer_text(&w, "\"");
        EXPECT_STR(quoted(bad[i]), text_of(&w));
    }
}

static void looks_at_no_byte_beyond_the_span(void) {
    EXPECT_STR(quoted((lev_span){(const uint8_t *)"\xe2\x82\xac", 2}), "\"\\xe2\\x82\"");
    EXPECT_STR(quoted((lev_span){(const uint8_t *)"\xc3\xbc", 1}), "\"\\xc3\"");
    EXPECT_STR(quoted((lev_span){(const uint8_t *)"\xf0\x9f\x90\x87", 3}), "\"\\xf0\\x9f\\x90\"");
}

static void goes_on_behind_a_malformed_byte(void) {
    EXPECT_STR(quoted(RAW("\xe2\x82y\xc3\xbc")), "\"\\xe2\\x82y\xc3\xbc\"");
    EXPECT_STR(quoted(RAW("\xf0\xc3\xbc")), "\"\\xf0\xc3\xbc\"");
}

static void leaves_quotes_alone_without_quotes(void) {
    uint8_t room[32];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_writer_escaped(&w, RAW("say \"hi\"\\\n"));
    EXPECT_STR(text_of(&w), "say \"hi\"\\\\\\n");
}

static void writes_nothing_beyond_its_room(void) {
    lev_span bytes = RAW("a\x1b\xc3\xbc\"");
    for (size_t cap = 0; cap <= 12; cap++) {
        uint8_t room[16];
        memset(room, 0xEE, sizeof room);
        lev_writer w = lev_writer_init(room, cap);
        lev_writer_quoted(&w, bytes);
        EXPECT_EQ(w.status, cap < 11 ? LEV_ERR_SPACE : LEV_OK);
        for (size_t i = cap; i < sizeof room; i++) {
            EXPECT_EQ(room[i], 0xEE);
        }
    }
}

static void names_every_status(void) {
#define STATUS_ROW(name, value, text)                                                              \
    EXPECT_EQ(name, value);                                                                        \
    EXPECT_STR(lev_status_name(name), #name);                                                      \
    EXPECT_STR(lev_status_text(name), text);
    LEV_STATUSES(STATUS_ROW)
#undef STATUS_ROW
    EXPECT_STR(lev_status_text(LEV_ERR_TIMEOUT), "the deadline has passed");
    EXPECT_STR(lev_status_text((lev_status)-1000), "unknown status");
    EXPECT_STR(lev_status_name((lev_status)1000), "unknown status");
}

UNIT_MAIN("text", CASE(prints_numbers), CASE(prints_hex_in_lower_case),
          CASE(lets_no_control_byte_through), CASE(keeps_well_formed_utf8),
          CASE(escapes_each_byte_of_malformed_utf8), CASE(looks_at_no_byte_beyond_the_span),
          CASE(goes_on_behind_a_malformed_byte), CASE(leaves_quotes_alone_without_quotes),
          CASE(writes_nothing_beyond_its_room), CASE(names_every_status))
