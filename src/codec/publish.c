/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A whole small publish, written straight down: what the descriptors would write for the method,
 * the header and one body frame, for the message that a client sends by the million. Its size is
 * known before, so there is one test for room and nothing is patched. A test holds both ways
 * against each other. */

#include "wire.h"

#include <leveret/frame.h>
#include <leveret/properties.h>

enum {
    PUBLISH_IDS = 60U << 16 | 40,       /* class and method */
    PUBLISH_BASIC = 60U << 16,          /* class and weight */
    PUBLISH_METHOD = 4 + 2 + 1 + 1 + 1, /* payload of the method, without its strings */
    PUBLISH_HEADER = 4 + 8 + 2          /* payload of the header, without properties */
};

static inline uint8_t *publish_put_head(uint8_t *p, uint8_t type, uint16_t channel, size_t size) {
    p = wire_put_u8(p, type);
    p = wire_put_u16(p, channel);
    return wire_put_u32(p, (uint32_t)size);
}

static inline uint8_t *publish_put_method(uint8_t *p, uint16_t channel,
                                          const lev_basic_publish *m) {
    p = publish_put_head(p, LEV_FRAME_METHOD, channel,
                         PUBLISH_METHOD + m->exchange.len + m->routing_key.len);
    p = wire_put_u32(p, PUBLISH_IDS);
    p = wire_put_u16(p, m->ticket);
    p = wire_put_shortstr(p, m->exchange);
    p = wire_put_shortstr(p, m->routing_key);
    p = wire_put_u8(p, (uint8_t)((m->mandatory ? 1U : 0U) | (m->immediate ? 2U : 0U)));
    return wire_put_u8(p, LEV_FRAME_END);
}

static inline uint8_t *publish_put_header(uint8_t *p, uint16_t channel, uint64_t body_size) {
    p = publish_put_head(p, LEV_FRAME_HEADER, channel, PUBLISH_HEADER);
    p = wire_put_u32(p, PUBLISH_BASIC);
    p = wire_put_u32(p, (uint32_t)(body_size >> 32));
    p = wire_put_u32(p, (uint32_t)body_size);
    p = wire_put_u16(p, 0);
    return wire_put_u8(p, LEV_FRAME_END);
}

static inline uint8_t *publish_put_body(uint8_t *p, uint16_t channel, lev_span body) {
    p = publish_put_head(p, LEV_FRAME_BODY, channel, body.len);
    p = wire_put_bytes(p, body);
    return wire_put_u8(p, LEV_FRAME_END);
}

/* The size of the header's frame is known when its properties are written. */
static void publish_with_properties(lev_writer *w, uint16_t channel,
                                    const lev_basic_publish *publish,
                                    const lev_properties *properties, lev_span body) {
    size_t strings = publish->exchange.len + publish->routing_key.len;
    uint8_t *p;
    if (wire_room(w, PUBLISH_METHOD + LEV_FRAME_OVERHEAD + strings, &p)) {
        publish_put_method(p, channel, publish);
    }
    size_t place = lev_frame_begin(w, LEV_FRAME_HEADER, channel);
    wire_write_u32(w, PUBLISH_BASIC);
    wire_write_u64(w, body.len);
    lev_properties_encode(w, properties);
    lev_frame_end(w, place);
    if (wire_room(w, body.len + LEV_FRAME_OVERHEAD, &p)) {
        publish_put_body(p, channel, body);
    }
}

/* All of it by descriptors. */
static void publish_described(lev_writer *w, uint16_t channel, const lev_basic_publish *publish,
                              const lev_properties *properties, lev_span body) {
    static const lev_properties none = {.present = LEV_HAS_NOTHING};
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_method_encode(w, LEV_BASIC_PUBLISH, publish);
    lev_frame_end(w, place);
    place = lev_frame_begin(w, LEV_FRAME_HEADER, channel);
    wire_write_u32(w, PUBLISH_BASIC);
    wire_write_u64(w, body.len);
    lev_properties_encode(w, properties != NULL ? properties : &none);
    lev_frame_end(w, place);
    if (body.len > 0) {
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, channel, body});
    }
}

void lev_publish_encode(lev_writer *w, uint16_t channel, const lev_basic_publish *publish,
                        const lev_properties *properties, lev_span body) {
    size_t strings = publish->exchange.len + publish->routing_key.len;
    size_t fixed = PUBLISH_METHOD + PUBLISH_HEADER + 2 * LEV_FRAME_OVERHEAD;
    uint8_t *p;
    if ((publish->exchange.len | publish->routing_key.len) > UINT8_MAX || body.len == 0 ||
        body.len > UINT32_MAX - 1024) {
        publish_described(w, channel, publish, properties, body);
    } else if (properties != NULL && properties->present != 0) {
        publish_with_properties(w, channel, publish, properties, body);
    } else if (wire_room(w, fixed + strings + body.len + LEV_FRAME_OVERHEAD, &p)) {
        p = publish_put_method(p, channel, publish);
        p = publish_put_header(p, channel, body.len);
        publish_put_body(p, channel, body);
    }
}
