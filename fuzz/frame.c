/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Frames: two limits, then a stream. What lev_frame_decode says of each head is compared with a
 * second opinion in 64-bit arithmetic; a frame that is taken lies in the input and encodes to the
 * bytes it came from. Wherever a whole delivery begins, the short way to read it finds the same as
 * the long one. */

#include "support.h"

#include <leveret/properties.h>
#include <string.h>

/* The fewest payload bytes of a frame type; -1 for none that is known. */
static int least(uint8_t type) {
    switch (type) {
    case 1:
        return 4;
    case 2:
        return 14;
    case 3:
    case 8:
        return 0;
    default:
        return -1;
    }
}

static lev_status second_opinion(lev_span bytes, const lev_frame_limits *limits, uint64_t *need) {
    *need = 7;
    if (bytes.len < 7) {
        return LEV_NEED_MORE;
    }
    const uint8_t *p = bytes.ptr;
    uint64_t size = (uint64_t)p[3] << 24 | (uint64_t)p[4] << 16 | (uint64_t)p[5] << 8 | p[6];
    uint64_t most = limits->body;
    if (p[0] != 3 && limits->method > most) {
        most = limits->method;
    }
    bool heartbeat = p[0] == 8;
    if (least(p[0]) < 0 || size < (uint64_t)least(p[0]) || (size + 8 > most && size > 0) ||
        (heartbeat && (size > 0 || p[1] != 0 || p[2] != 0))) {
        return LEV_ERR_SYNTAX;
    }
    *need = size + 8;
    if (bytes.len < *need) {
        return LEV_NEED_MORE;
    }
    return p[size + 7] == 0xCE ? LEV_OK : LEV_ERR_SYNTAX;
}

static void check_frame(const lev_frame *frame, lev_span taken) {
    static uint8_t again[1 << 17];
    static uint8_t text[1 << 16];
    lev_writer w = lev_writer_init(again, sizeof again);
    fuzz_check_within(frame->payload, taken);
    lev_frame_encode(&w, frame);
    if (taken.len <= sizeof again) {
        CHECK(w.status == LEV_OK && w.len == taken.len);
        CHECK(memcmp(again, taken.ptr, taken.len) == 0);
    } else {
        CHECK(w.status == LEV_ERR_SPACE);
    }
    CHECK(lev_frame_equal(frame, frame));
    w = lev_writer_init(text, sizeof text);
    lev_frame_print(&w, frame);
    fuzz_check_text(&w);
    w = lev_writer_init(text, taken.len % 64);
    lev_frame_print(&w, frame);
    fuzz_check_text(&w);
}

/* Reads a delivery frame by frame. Returns its size, or 0. */
static size_t deliver_slowly(lev_span bytes, const lev_frame_limits *limits, lev_method *method,
                             lev_header *header, lev_frame *body) {
    lev_reader r = lev_reader_init(bytes);
    lev_frame first;
    lev_frame second;
    size_t need;
    if (lev_frame_decode(&r, limits, &first, &need) != LEV_OK || first.type != LEV_FRAME_METHOD ||
        lev_method_decode(first.payload, method) != LEV_OK || method->id != LEV_BASIC_DELIVER ||
        lev_frame_decode(&r, limits, &second, &need) != LEV_OK || second.type != LEV_FRAME_HEADER ||
        second.channel != first.channel || lev_header_decode(second.payload, header) != LEV_OK ||
        header->class_id != LEV_CLASS_BASIC || header->weight != 0) {
        return 0;
    }
    *body = (lev_frame){.type = LEV_FRAME_BODY, .channel = first.channel};
    if (header->body_size > 0 &&
        (lev_frame_decode(&r, limits, body, &need) != LEV_OK || body->type != LEV_FRAME_BODY ||
         body->channel != first.channel || body->payload.len != header->body_size)) {
        return 0;
    }
    return bytes.len - r.left;
}

/* `header` is what an earlier delivery left. */
static void check_deliver(lev_span bytes, const lev_frame_limits *limits, lev_header *header) {
    lev_method quick = {.id = LEV_BASIC_DELIVER};
    lev_method slow;
    lev_header slow_header;
    lev_frame body;
    lev_frame slow_body;
    size_t size = lev_deliver_decode(bytes, limits, &quick.as.basic_deliver, header, &body);
    size_t expected = deliver_slowly(bytes, limits, &slow, &slow_header, &slow_body);
    CHECK(size == expected || (size == 0 && limits->method < limits->body));
    if (size == 0) {
        *header = (lev_header){.class_id = 0};
        return;
    }
    CHECK(lev_method_equal(&quick, &slow) && lev_frame_equal(&body, &slow_body));
    CHECK(header->body_size == slow_header.body_size && header->class_id == LEV_CLASS_BASIC);
    CHECK(lev_properties_equal(&header->properties, &slow_header.properties));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    lev_frame_limits limits;
    limits.body = fuzz_u32(&in);
    limits.method = fuzz_u32(&in);
    lev_reader r = lev_reader_init((lev_span){in.ptr, in.left});
    lev_header header = {.class_id = 0};
    for (;;) {
        lev_span before = {r.ptr, r.left};
        check_deliver(before, &limits, &header);
        lev_frame frame;
        uint64_t expected;
        size_t need = 0;
        lev_status judged = second_opinion(before, &limits, &expected);
        const char *fault = lev_frame_fault(before, &limits);
        lev_status status = lev_frame_decode(&r, &limits, &frame, &need);
        CHECK(status == judged);
        CHECK((fault[0] != '\0') == (status == LEV_ERR_SYNTAX));
        if (status != LEV_OK) {
            CHECK(r.ptr == before.ptr && r.left == before.len);
            CHECK(status != LEV_NEED_MORE || (need == expected && need > before.len));
            return 0;
        }
        CHECK(r.left < before.len && before.len - r.left == expected);
        check_frame(&frame, (lev_span){before.ptr, before.len - r.left});
    }
}
