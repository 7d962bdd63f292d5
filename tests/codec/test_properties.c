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

static void compares_what_is_present_only(void) {
    lev_properties a = {.present = LEV_HAS_PRIORITY, .priority = 1, .timestamp = 5};
    lev_properties b = {.present = LEV_HAS_PRIORITY, .priority = 1, .timestamp = 6};
    EXPECT(lev_properties_equal(&a, &b));
    b.priority = 2;
    EXPECT(!lev_properties_equal(&a, &b));
    b.priority = 1;
    b.present |= LEV_HAS_TIMESTAMP;
    EXPECT(!lev_properties_equal(&a, &b));
    EXPECT(!lev_properties_equal(&b, &a));
}

static void gives_each_row_its_flag_in_wire_order(void) {
    static const char *names[] = {"content_type", "content_encoding", "headers",  "delivery_mode",
                                  "priority",     "correlation_id",   "reply_to", "expiration",
                                  "message_id",   "timestamp",        "type",     "user_id",
                                  "app_id",       "cluster_id"};
    EXPECT_EQ(sizeof names / sizeof names[0], LEV_PROPERTY_COUNT);
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        EXPECT_STR(lev_property_describe(i)->name, names[i]);
    }
    EXPECT_EQ(LEV_HAS_CONTENT_TYPE, 0x8000);
    EXPECT_EQ(LEV_HAS_TIMESTAMP, 0x0040);
    EXPECT_EQ(LEV_HAS_CLUSTER_ID, 0x0004);
    EXPECT(lev_property_describe(LEV_PROPERTY_COUNT) == NULL);
    EXPECT(lev_property_describe(SIZE_MAX) == NULL);
}

static void prints_what_is_there(void) {
    uint8_t room[200];
    lev_properties p = {.present = LEV_HAS_CONTENT_TYPE | LEV_HAS_HEADERS | LEV_HAS_TIMESTAMP,
                        .content_type = {(const uint8_t *)"a\n", 2},
                        .headers = RAW("\1kt\1"),
                        .priority = 7,
                        .timestamp = 9};
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_properties_print(&w, &p);
    EXPECT_STR(text_of(&w), "content_type=\"a\\n\" headers={\"k\":t true} timestamp=9");
    p.present = LEV_HAS_NOTHING;
    w = lev_writer_init(room, sizeof room);
    lev_properties_print(&w, &p);
    EXPECT_STR(text_of(&w), "");
}

static void carries_a_headers_class_weight_and_size(void) {
    uint8_t bytes[14];
    lev_header sent = {.class_id = 60, .weight = 513, .body_size = UINT64_MAX};
    lev_header got;
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_header_encode(&w, &sent);
    EXPECT_BYTES(bytes, w.len, "\0\x3c\2\1\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 14);
    EXPECT_EQ(lev_header_decode(lev_writer_span(&w), &got), LEV_OK);
    EXPECT(got.class_id == 60 && got.weight == 513 && got.body_size == UINT64_MAX);
    EXPECT_EQ(got.properties.present, LEV_HAS_NOTHING);
}

static void zeroes_what_is_not_there(void) {
    lev_properties p;
    memset(&p, 0xEE, sizeof p);
    EXPECT_EQ(lev_properties_decode(RAW("\x08\0\5"), &p), LEV_OK);
    EXPECT_EQ(p.priority, 5);
    EXPECT(p.delivery_mode == 0 && p.timestamp == 0 && p.headers.len == 0 && p.app_id.len == 0);
}

static void I_writes_no_malformed_headers(void) {
    uint8_t bytes[64];
    lev_properties p = {.present = LEV_HAS_HEADERS, .headers = RAW("\1a?")};
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_properties_encode(&w, &p);
    EXPECT_EQ(w.status, LEV_ERR_SYNTAX);
    for (uint16_t flag = 1; flag <= 2; flag++) {
        p = (lev_properties){.present = flag};
        w = lev_writer_init(bytes, sizeof bytes);
        lev_properties_encode(&w, &p);
        EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    }
}

UNIT_MAIN("properties", CASE(has_the_bytes_of_the_specification), CASE(reads_flags_in_wire_order),
          CASE(refuses_what_is_missing_left_over_or_unknown),
          CASE(reads_an_empty_further_flag_word_and_writes_none),
          CASE(compares_what_is_present_only), CASE(gives_each_row_its_flag_in_wire_order),
          CASE(prints_what_is_there), CASE(carries_a_headers_class_weight_and_size),
          CASE(zeroes_what_is_not_there), CASE(I_writes_no_malformed_headers))
