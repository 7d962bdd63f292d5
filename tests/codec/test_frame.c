/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Frames: what is whole, what is awaited, what is refused at once. */

#include "../unit.h"
#include "support.h"

static const lev_frame_limits limits = {.body = 4096, .method = 8192};

static lev_status decode(lev_span bytes, lev_frame *frame, size_t *need) {
    lev_reader r = lev_reader_init(bytes);
    return lev_frame_decode(&r, &limits, frame, need);
}

static void waits_for_the_whole_frame_and_says_how_much_it_needs(void) {
    lev_span whole = RAW("\3\0\7\0\0\0\2hi\xce");
    lev_frame frame;
    size_t need;
    for (size_t len = 0; len < whole.len; len++) {
        EXPECT_EQ(decode((lev_span){whole.ptr, len}, &frame, &need), LEV_NEED_MORE);
        EXPECT_EQ(need, len < 7 ? 7 : 10);
    }
    EXPECT_EQ(decode(whole, &frame, &need), LEV_OK);
    EXPECT_EQ(frame.type, LEV_FRAME_BODY);
    EXPECT_EQ(frame.channel, 7);
    EXPECT_BYTES(frame.payload.ptr, frame.payload.len, "hi", 2);
}

static void leaves_the_next_frame_alone(void) {
    lev_reader r = lev_reader_init(RAW("\10\0\0\0\0\0\0\xce\3\0\1\0\0\0\0\xce"));
    lev_frame frame;
    size_t need;
    EXPECT_EQ(lev_frame_decode(&r, &limits, &frame, &need), LEV_OK);
    EXPECT_EQ(frame.type, LEV_FRAME_HEARTBEAT);
    EXPECT_EQ(lev_frame_decode(&r, &limits, &frame, &need), LEV_OK);
    EXPECT_EQ(frame.channel, 1);
    EXPECT_EQ(lev_frame_decode(&r, &limits, &frame, &need), LEV_NEED_MORE);
    lev_reader_fail(&r, LEV_ERR_SYNTAX);
    EXPECT_EQ(lev_frame_decode(&r, &limits, &frame, &need), LEV_ERR_SYNTAX);
}

/* What a head of seven bytes alone leads to. */
static lev_status head(uint8_t type, uint16_t channel, uint32_t size,
                       const lev_frame_limits *most) {
    uint8_t bytes[7];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_u8(&w, type);
    lev_writer_u16(&w, channel);
    lev_writer_u32(&w, size);
    lev_reader r = lev_reader_init(lev_writer_span(&w));
    lev_frame frame;
    size_t need;
    lev_status status = lev_frame_decode(&r, most, &frame, &need);
    EXPECT_EQ(lev_frame_fault(lev_writer_span(&w), most)[0] == '\0', status == LEV_NEED_MORE);
    return status;
}

static void refuses_what_is_below_its_types_minimum(void) {
    for (uint32_t size = 0; size < 4; size++) {
        EXPECT_EQ(head(LEV_FRAME_METHOD, 1, size, &limits), LEV_ERR_SYNTAX);
    }
    for (uint32_t size = 0; size < 14; size++) {
        EXPECT_EQ(head(LEV_FRAME_HEADER, 1, size, &limits), LEV_ERR_SYNTAX);
    }
}

static void refuses_unknown_types_and_odd_heartbeats(void) {
    for (int type = 0; type < 256; type++) {
        bool known = type == 1 || type == 2 || type == 3 || type == 8;
        EXPECT_EQ(head((uint8_t)type, 0, type == 8 ? 0 : 20, &limits) == LEV_NEED_MORE, known);
    }
    EXPECT_EQ(head(LEV_FRAME_HEARTBEAT, 1, 0, &limits), LEV_ERR_SYNTAX);
}

static void refuses_a_wrong_end_octet(void) {
    lev_frame frame;
    size_t need;
    lev_span bad = RAW("\3\0\1\0\0\0\1a\xcd");
    EXPECT_EQ(decode(bad, &frame, &need), LEV_ERR_SYNTAX);
    EXPECT_STR(lev_frame_fault(bad, &limits), "a frame without its end octet");
}

static void leaves_the_cursor_where_it_was_unless_a_frame_is_whole(void) {
    static const lev_span rows[] = {RAW("\3\0\7\0\0\0\2hi"), RAW("\3\0\7\0\0"), RAW(""),
                                    RAW("\3\0\7\0\0\0\2hi\xcd"), RAW("\4\0\7\0\0\0\2hi\xce")};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lev_reader r = lev_reader_init(rows[i]);
        lev_frame frame;
        size_t need;
        EXPECT_EQ(lev_frame_decode(&r, &limits, &frame, &need),
                  i < 3 ? LEV_NEED_MORE : LEV_ERR_SYNTAX);
        EXPECT(r.ptr == rows[i].ptr && r.left == rows[i].len && r.status == LEV_OK);
    }
}

static void takes_methods_and_headers_up_to_the_larger_limit(void) {
    static const lev_frame_limits small_bodies = {.body = 100, .method = 200};
    static const lev_frame_limits large_bodies = {.body = 200, .method = 100};
    for (uint8_t type = LEV_FRAME_METHOD; type <= LEV_FRAME_HEADER; type++) {
        EXPECT_EQ(head(type, 1, 192, &small_bodies), LEV_NEED_MORE);
        EXPECT_EQ(head(type, 1, 193, &small_bodies), LEV_ERR_SYNTAX);
        EXPECT_EQ(head(type, 1, 192, &large_bodies), LEV_NEED_MORE);
        EXPECT_EQ(head(type, 1, 193, &large_bodies), LEV_ERR_SYNTAX);
    }
    EXPECT_EQ(head(LEV_FRAME_BODY, 1, 92, &small_bodies), LEV_NEED_MORE);
    EXPECT_EQ(head(LEV_FRAME_BODY, 1, 93, &small_bodies), LEV_ERR_SYNTAX);
}

static void says_why_it_refuses(void) {
    EXPECT_STR(lev_frame_fault(RAW("\1\0\1\0\0\0\3"), &limits),
               "a method frame too short for its ids");
    EXPECT_STR(lev_frame_fault(RAW("\2\0\1\0\0\0\15"), &limits),
               "a content header frame too short");
    EXPECT_STR(lev_frame_fault(RAW("\10\0\1\0\0\0\0"), &limits),
               "a heartbeat with a payload or on a channel");
    EXPECT_STR(lev_frame_fault(RAW("AMQP\0\0\11\1"), &limits), "an unknown frame type");
    EXPECT_STR(lev_frame_fault(RAW("\3\0\1\0\0\20\0"), &limits), "a frame larger than agreed");
    EXPECT_STR(lev_frame_fault(RAW("\3\0\1\0\0\0\0\xce"), &limits), "");
}

static void writes_what_it_reads(void) {
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_frame sent = {LEV_FRAME_BODY, 513, RAW("payload")};
    lev_frame got;
    size_t need;
    lev_frame_encode(&w, &sent);
    EXPECT_EQ(decode(lev_writer_span(&w), &got, &need), LEV_OK);
    EXPECT(lev_frame_equal(&sent, &got));
    EXPECT_BYTES(bytes, w.len, "\3\2\1\0\0\0\7payload\xce", 15);
    got.channel++;
    EXPECT(!lev_frame_equal(&sent, &got));
    got = (lev_frame){LEV_FRAME_METHOD, 513, sent.payload};
    EXPECT(!lev_frame_equal(&sent, &got));
    got = (lev_frame){LEV_FRAME_BODY, 513, RAW("payloae")};
    EXPECT(!lev_frame_equal(&sent, &got));
    for (size_t cap = 0; cap < 15; cap++) {
        w = lev_writer_init(bytes, cap);
        lev_frame_encode(&w, &sent);
        EXPECT_EQ(w.status, LEV_ERR_SPACE);
    }
    lev_writer header = lev_writer_init(bytes, sizeof bytes);
    lev_protocol_header_encode(&header);
    EXPECT_BYTES(bytes, header.len, "AMQP\0\0\11\1", 8);
}

#if SIZE_MAX > UINT32_MAX
/* The bytes are not there: a length that does not fit is refused before one is read. */
static void I_refuses_a_payload_of_more_than_32_bits(void) {
    uint8_t room[64];
    for (size_t over = 0; over < 20; over++) {
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_span payload = {room, ((size_t)1 << 32) + over};
        lev_frame_encode(&w, &(lev_frame){LEV_FRAME_BODY, 1, payload});
        EXPECT_EQ(w.status, LEV_ERR_LIMIT);
        EXPECT_EQ(w.len, 0);
    }
}
#else
static void I_refuses_a_payload_of_more_than_32_bits(void) {} /* no span holds one */
#endif

static const char *printed(uint8_t type, lev_span payload) {
    static uint8_t room[300];
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_frame_print(&w, &(lev_frame){type, 3, payload});
    return text_of(&w);
}

static void prints_one_line_of_anything(void) {
    EXPECT_STR(printed(1, RAW("\0\x3c\0\x50\0\0\0\0\0\0\0\7\1")),
               "3 basic.ack delivery_tag=7 multiple=true");
    EXPECT_STR(printed(1, RAW("\0\x3c\0\x50\0")), "3 <method: malformed data>");
    EXPECT_STR(printed(1, RAW("\0\x3c\3\xe7")), "3 <method: not supported>");
    EXPECT_STR(printed(2, RAW("\0\x3c\0\0\0\0\0\0\0\0\0\5\x90\0\4text\2")),
               "3 header body_size=5 content_type=\"text\" delivery_mode=2");
    EXPECT_STR(printed(2, RAW("\0\x3c\0\0\0\0\0\0\0\0\0\5\x90\0")), "3 header <malformed data>");
    EXPECT_STR(printed(2, RAW("\0\x3c\0\0\0\0\0\0\0\0\0\5\0\0")), "3 header body_size=5");
    EXPECT_STR(printed(3, RAW("12345")), "3 body 5 bytes");
    EXPECT_STR(printed(8, RAW("")), "3 heartbeat");
    EXPECT_STR(printed(9, RAW("")), "3 <unknown frame type 9>");
}

UNIT_MAIN("frame", CASE(waits_for_the_whole_frame_and_says_how_much_it_needs),
          CASE(leaves_the_next_frame_alone), CASE(refuses_what_is_below_its_types_minimum),
          CASE(refuses_unknown_types_and_odd_heartbeats), CASE(refuses_a_wrong_end_octet),
          CASE(writes_what_it_reads), CASE(I_refuses_a_payload_of_more_than_32_bits),
          CASE(prints_one_line_of_anything),
          CASE(leaves_the_cursor_where_it_was_unless_a_frame_is_whole),
          CASE(takes_methods_and_headers_up_to_the_larger_limit), CASE(says_why_it_refuses))
