/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A whole delivery, read straight up: basic.deliver, its header and at most one body frame, with
 * the cursor in registers and no descriptor in between. It only ever says "this is one" or "look
 * closer": whatever is cut short, malformed, too large or something else is left to the general
 * decoders, which alone give verdicts. A test holds both ways against each other. */

#include "wire.h"

#include <leveret/frame.h>
#include <leveret/properties.h>

enum {
    DELIVER_IDS = 60U << 16 | 60, /* class and method */
    DELIVER_BASIC = 60U << 16,    /* class and weight */
    DELIVER_TAG = 8 + 1,          /* delivery tag and redelivered */
    DELIVER_HEADER = 4 + 8 + 2    /* header up to the flags of its properties */
};

/* Opens a frame. Returns false unless it is whole, of that type, and within the limit. */
static inline bool deliver_frame(lev_reader *r, uint8_t type, uint32_t most, lev_frame *frame) {
    const uint8_t *p;
    if (!wire_take(r, LEV_FRAME_HEAD, &p) || p[0] != type) {
        return false;
    }
    frame->type = type;
    frame->channel = (uint16_t)(p[1] << 8 | p[2]);
    frame->payload.len = wire_load_u32(p + 3);
    if (most < LEV_FRAME_OVERHEAD || frame->payload.len > most - LEV_FRAME_OVERHEAD ||
        !wire_take(r, frame->payload.len + 1, &frame->payload.ptr)) {
        return false;
    }
    return frame->payload.ptr[frame->payload.len] == LEV_FRAME_END;
}

static inline bool deliver_method(lev_span payload, lev_basic_deliver *m) {
    lev_reader in = {.ptr = payload.ptr, .left = payload.len, .status = LEV_OK};
    const uint8_t *p;
    if (wire_read_u32(&in) != DELIVER_IDS) {
        return false;
    }
    m->consumer_tag = wire_read_shortstr(&in);
    if (!wire_take(&in, DELIVER_TAG, &p)) {
        return false;
    }
    m->delivery_tag = (uint64_t)wire_load_u32(p) << 32 | wire_load_u32(p + 4);
    m->redelivered = (p[8] & 1) != 0;
    m->exchange = wire_read_shortstr(&in);
    m->routing_key = wire_read_shortstr(&in);
    return wire_finish(&in) == LEV_OK;
}

static inline bool deliver_header(lev_span payload, lev_header *header) {
    lev_reader in = {.ptr = payload.ptr, .left = payload.len, .status = LEV_OK};
    const uint8_t *p;
    if (!wire_take(&in, DELIVER_HEADER, &p) || wire_load_u32(p) != DELIVER_BASIC) {
        return false;
    }
    header->class_id = LEV_CLASS_BASIC;
    header->weight = 0;
    header->body_size = (uint64_t)wire_load_u32(p + 4) << 32 | wire_load_u32(p + 8);
    if (in.left == 0 && p[12] == 0 && p[13] == 0) {
        if (header->properties.present != 0) {
            header->properties = (lev_properties){.present = 0};
        }
        return true;
    }
    return lev_properties_decode((lev_span){p + 12, in.left + 2}, &header->properties) == LEV_OK;
}

size_t lev_deliver_decode(lev_span bytes, const lev_frame_limits *limits, lev_basic_deliver *method,
                          lev_header *header, lev_frame *body) {
    lev_reader r = {.ptr = bytes.ptr, .left = bytes.len, .status = LEV_OK};
    lev_frame first;
    lev_frame second;
    if (!deliver_frame(&r, LEV_FRAME_METHOD, limits->method, &first) ||
        !deliver_method(first.payload, method) ||
        !deliver_frame(&r, LEV_FRAME_HEADER, limits->method, &second) ||
        second.channel != first.channel || !deliver_header(second.payload, header)) {
        return 0;
    }
    if (header->body_size == 0) {
        *body = (lev_frame){.type = LEV_FRAME_BODY, .channel = first.channel};
    } else if (!deliver_frame(&r, LEV_FRAME_BODY, limits->body, body) ||
               body->channel != first.channel || body->payload.len != header->body_size) {
        return 0;
    }
    return bytes.len - r.left;
}
