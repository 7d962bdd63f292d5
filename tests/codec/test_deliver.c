/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The delivery read straight up against the same frame by frame: on whole, cut and damaged bytes,
 * both find the same delivery or neither does. */

#include "../unit.h"
#include "support.h"

#include <leveret/frame.h>
#include <leveret/properties.h>
#include <string.h>

static const lev_frame_limits limits = {.body = 4096, .method = 8192};

typedef struct found {
    size_t size;
    lev_method method;
    lev_header header;
    lev_frame body;
} found;

static size_t write_delivery(uint8_t *bytes, size_t cap, const lev_properties *p, size_t body) {
    static const uint8_t payload[5000] = {1, 2, 3};
    lev_basic_deliver deliver = {.consumer_tag = lev_span_of("tag"),
                                 .delivery_tag = 0x0102030405060708,
                                 .redelivered = body % 2 != 0,
                                 .exchange = lev_span_of("exchange"),
                                 .routing_key = lev_span_of("key")};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = body};
    lev_writer w = lev_writer_init(bytes, cap);
    if (p != NULL) {
        header.properties = *p;
    }
    size_t place = lev_frame_begin(&w, LEV_FRAME_METHOD, 3);
    lev_method_encode(&w, LEV_BASIC_DELIVER, &deliver);
    lev_frame_end(&w, place);
    place = lev_frame_begin(&w, LEV_FRAME_HEADER, 3);
    lev_header_encode(&w, &header);
    lev_frame_end(&w, place);
    if (body > 0) {
        lev_frame_encode(&w, &(lev_frame){LEV_FRAME_BODY, 3, {payload, body}});
    }
    EXPECT(w.status == LEV_OK);
    return w.len;
}

/* Reads one frame of a type and channel (any where `channel` is NULL). */
static bool next_frame(lev_reader *r, uint8_t type, const uint16_t *channel, lev_frame *frame) {
    size_t need;
    return lev_frame_decode(r, &limits, frame, &need) == LEV_OK && frame->type == type &&
           (channel == NULL || frame->channel == *channel);
}

static found frame_by_frame(lev_span bytes) {
    const found none = {.size = 0};
    found f = none;
    lev_frame frame;
    lev_reader r = lev_reader_init(bytes);
    if (!next_frame(&r, LEV_FRAME_METHOD, NULL, &frame) ||
        lev_method_decode(frame.payload, &f.method) != LEV_OK || f.method.id != LEV_BASIC_DELIVER) {
        return none;
    }
    const uint16_t channel = frame.channel;
    f.body = (lev_frame){.type = LEV_FRAME_BODY, .channel = channel};
    if (!next_frame(&r, LEV_FRAME_HEADER, &channel, &frame) ||
        lev_header_decode(frame.payload, &f.header) != LEV_OK ||
        f.header.class_id != LEV_CLASS_BASIC || f.header.weight != 0) {
        return none;
    }
    if (f.header.body_size > 0 && (!next_frame(&r, LEV_FRAME_BODY, &channel, &f.body) ||
                                   f.body.payload.len != f.header.body_size)) {
        return none;
    }
    f.size = bytes.len - r.left;
    return f;
}

static bool agree(lev_span bytes) {
    static lev_header header; /* keeps what the decode before left */
    lev_basic_deliver deliver;
    lev_frame body;
    found f = frame_by_frame(bytes);
    if (lev_deliver_decode(bytes, &limits, &deliver, &header, &body) != f.size) {
        return false;
    }
    lev_method method = {.id = LEV_BASIC_DELIVER, .as.basic_deliver = deliver};
    return f.size == 0 ||
           (lev_method_equal(&method, &f.method) && lev_frame_equal(&body, &f.body) &&
            header.body_size == f.header.body_size &&
            header.properties.present == f.header.properties.present &&
            lev_properties_equal(&header.properties, &f.header.properties) &&
            header.properties.headers.len == f.header.properties.headers.len);
}

static void check_cuts_and_flips(const lev_properties *p, size_t body) {
    static uint8_t bytes[6000];
    size_t len = write_delivery(bytes, sizeof bytes, p, body);
    EXPECT(agree((lev_span){bytes, len}));
    EXPECT((frame_by_frame((lev_span){bytes, len}).size == len) == (body <= 4088));
    for (size_t cut = 0; cut < len; cut++) {
        EXPECT(agree((lev_span){bytes, cut}));
    }
    for (size_t i = 0; i < len && i < 300; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1U << bit);
            EXPECT(agree((lev_span){bytes, len}));
            bytes[i] ^= (uint8_t)(1U << bit);
        }
    }
}

static void both_ways_agree_on_every_cut_and_flip(void) {
    static const uint8_t table[] = {1, 'n', 'l', 0, 0, 0, 0, 0, 0, 0, 5};
    lev_properties some = {.present = LEV_HAS_CONTENT_TYPE | LEV_HAS_HEADERS | LEV_HAS_PRIORITY,
                           .content_type = lev_span_of("text/plain"),
                           .headers = {table, sizeof table},
                           .priority = 4};
    const size_t bodies[] = {0, 1, 16, 4087, 4088, 4089};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        check_cuts_and_flips(NULL, bodies[i]);
        check_cuts_and_flips(&some, bodies[i]);
    }
}

/* Bytes behind empty properties, within the header's frame. */
static void both_ways_refuse_what_follows_in_a_header(void) {
    static const uint8_t zeros[4];
    uint8_t bytes[200];
    lev_header header = {.class_id = LEV_CLASS_BASIC};
    lev_basic_deliver deliver = {.delivery_tag = 1};
    for (size_t more = 0; more < sizeof zeros; more++) {
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        size_t place = lev_frame_begin(&w, LEV_FRAME_METHOD, 3);
        lev_method_encode(&w, LEV_BASIC_DELIVER, &deliver);
        lev_frame_end(&w, place);
        place = lev_frame_begin(&w, LEV_FRAME_HEADER, 3);
        lev_header_encode(&w, &header);
        lev_writer_bytes(&w, (lev_span){zeros, more});
        lev_frame_end(&w, place);
        EXPECT(agree(lev_writer_span(&w)));
        EXPECT((frame_by_frame(lev_writer_span(&w)).size != 0) == (more == 0));
    }
}

static void finds_nothing_within_a_limit_smaller_than_a_frame(void) {
    uint8_t bytes[200];
    lev_basic_deliver deliver;
    static lev_header header;
    lev_frame body;
    lev_span all = {bytes, write_delivery(bytes, sizeof bytes, NULL, 1)};
    for (uint32_t most = 0; most < 9; most++) {
        lev_frame_limits small = {.body = most, .method = 8192};
        EXPECT_EQ(lev_deliver_decode(all, &small, &deliver, &header, &body), 0);
    }
    lev_frame_limits enough = {.body = 9, .method = 8192};
    EXPECT_EQ(lev_deliver_decode(all, &enough, &deliver, &header, &body), all.len);
}

UNIT_MAIN("deliver", CASE(both_ways_agree_on_every_cut_and_flip),
          CASE(both_ways_refuse_what_follows_in_a_header),
          CASE(finds_nothing_within_a_limit_smaller_than_a_frame))
