/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Properties and content headers. */

#include "../unit.h"
#include "support.h"

static void has_the_bytes_of_the_specification(void) {
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_header header = {
        .class_id = 60,
        .body_size = 5,
        .properties = {.present = LEV_HAS_CONTENT_TYPE | LEV_HAS_DELIVERY_MODE | LEV_HAS_TIMESTAMP,
                       .content_type = {(const uint8_t *)"a", 1},
                       .delivery_mode = 2,
                       .timestamp = 9}};
    lev_header_encode(&w, &header);
    EXPECT_BYTES(bytes, w.len, "\0\x3c\0\0\0\0\0\0\0\0\0\5\x90\x40\1a\2\0\0\0\0\0\0\0\11", 25);
}

static void reads_flags_in_wire_order(void) {
    lev_properties p;
    EXPECT_EQ(lev_properties_decode(RAW("\x01\x00\3"
                                        "123"),
                                    &p),
              LEV_OK);
    EXPECT_EQ(p.present, LEV_HAS_EXPIRATION);
    EXPECT_BYTES(p.expiration.ptr, p.expiration.len, "123", 3);
    EXPECT_EQ(lev_properties_decode(RAW("\0\0"), &p), LEV_OK);
    EXPECT_EQ(p.present, LEV_HAS_NOTHING);
}

static void refuses_what_is_missing_left_over_or_unknown(void) {
    static const lev_span bad[] = {RAW(""),
                                   RAW("\0"),
                                   RAW("\0\0x"),
                                   RAW("\x80\0"),
                                   RAW("\x80\0\3ab"),
                                   RAW("\0\2"),
                                   RAW("\0\1"),
                                   RAW("\0\1\x80\0"),
                                   RAW("\0\1\0\1"),
                                   RAW("\x20\0\0\0\0\3ab"),
                                   RAW("\x20\0\0\0\0\2a?")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lev_properties p;
        EXPECT_EQ(lev_properties_decode(bad[i], &p), LEV_ERR_SYNTAX);
    }
}

static void reads_an_empty_further_flag_word_and_writes_none(void) {
    lev_properties p;
    uint8_t bytes[16];
    EXPECT_EQ(lev_properties_decode(RAW("\x10\1\0\1\0\0\2"), &p), LEV_OK);
    EXPECT_EQ(p.delivery_mode, 2);
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_properties_encode(&w, &p);
    EXPECT_BYTES(bytes, w.len, "\x10\0\2", 3);
    p.present |= 1;
    w = lev_writer_init(bytes, sizeof bytes);
    lev_properties_encode(&w, &p);
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
}

static void I_refuses_strings_over_255_bytes(void) {
    static uint8_t text[256];
    static uint8_t bytes[512];
    for (size_t len = 254; len <= 256; len++) {
        lev_properties p = {.present = LEV_HAS_MESSAGE_ID, .message_id = {text, len}};
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        lev_properties_encode(&w, &p);
        EXPECT_EQ(w.status, len <= 255 ? LEV_OK : LEV_ERR_LIMIT);
    }
}

static void compares_what_is_present_only(void) {
    lev_properties a = {.present = LEV_HAS_PRIORITY, .priority = 1, .timestamp = 5};
    lev_properties b = {.present = LEV_HAS_PRIORITY, .priority = 1, .timestamp = 6};
    EXPECT(lev_properties_equal(&a, &b));
    b.priority = 2;
    EXPECT(!lev_properties_equal(&a, &b));
    b.present |= LEV_HAS_TIMESTAMP;
    EXPECT(!lev_properties_equal(&a, &b));
    EXPECT(lev_property_describe(LEV_PROPERTY_COUNT) == NULL);
    EXPECT_STR(lev_property_describe(0)->name, "content_type");
}

UNIT_MAIN("properties", CASE(has_the_bytes_of_the_specification), CASE(reads_flags_in_wire_order),
          CASE(refuses_what_is_missing_left_over_or_unknown),
          CASE(reads_an_empty_further_flag_word_and_writes_none),
          CASE(I_refuses_strings_over_255_bytes), CASE(compares_what_is_present_only))
