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
    DELIVER_BASIC = 60U << 16     /* class and weight */
};

/* Opens a frame. Returns false unless it is whole, of that type, and within the limit. */
static inline bool deliver_frame(lev_reader *r, uint8_t type, uint32_t most, lev_frame *frame) {
    const uint8_t *p;
    if (!wire_take(r, LEV_FRAME_HEAD, &p) || p[0] != type) {
        return false;
    }
    frame->type = type;
    frame->channel = (uint16_t)(p[1] << 8 | p[2]);
    frame->payload = wire_read_bytes(r, wire_load_u32(p + 3));
    return wire_read_u8(r) == LEV_FRAME_END && frame->payload.len + LEV_FRAME_OVERHEAD <= most;
}

static inline bool deliver_method(lev_span payload, lev_basic_deliver *m) {
    lev_reader in = {.ptr = payload.ptr, .left = payload.len, .status = LEV_OK};
    bool deliver = wire_read_u32(&in) == DELIVER_IDS;
    m->consumer_tag = wire_read_shortstr(&in);
    m->delivery_tag = wire_read_u64(&in);
    m->redelivered = (wire_read_u8(&in) & 1) != 0;
    m->exchange = wire_read_shortstr(&in);
    m->routing_key = wire_read_shortstr(&in);
    return deliver && wire_finish(&in) == LEV_OK;
}

static inline bool deliver_header(lev_span payload, lev_header *header) {
    lev_reader in = {.ptr = payload.ptr, .left = payload.len, .status = LEV_OK};
    bool basic = wire_read_u32(&in) == DELIVER_BASIC;
    header->class_id = LEV_CLASS_BASIC;
    header->weight = 0;
    header->body_size = wire_read_u64(&in);
    lev_span list = wire_read_bytes(&in, in.left);
    if (list.len == sizeof(uint16_t) && list.ptr[0] == 0 && list.ptr[1] == 0) {
        if (header->properties.present != 0) {
            header->properties = (lev_properties){.present = 0};
        }
        return basic;
    }
    return basic && lev_properties_decode(list, &header->properties) == LEV_OK;
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
