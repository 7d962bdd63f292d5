/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The short way for what a consumer sees most: a whole delivery that stands in the buffer, which is
 * basic.deliver, its header and at most one body frame. It is read once, with the cursor in
 * registers and no descriptor in between, and handed out where it is.
 *
 * Invariant: this is only an abbreviation. Whatever is not exactly such a delivery, or may not come
 * now, is left untouched to the general way, which alone knows how to refuse, wait or assemble. So
 * the same bytes cause the same events however they are cut, and tests hold both ways against each
 * other. */

#include "state.h"

#include "../codec/wire.h"

enum {
    QUICK_DELIVER = 60U << 16 | 60, /* class and method */
    QUICK_BASIC = 60U << 16,        /* class and weight */
    QUICK_HEADER = 14               /* payload of a header without properties */
};

/* Opens a frame. Returns false unless it is whole, of that type, and within the limit. */
static inline bool quick_frame(lev_reader *r, uint8_t type, uint32_t most, uint16_t *channel,
                               lev_reader *payload) {
    const uint8_t *p;
    if (!wire_take(r, LEV_FRAME_HEAD, &p) || p[0] != type) {
        return false;
    }
    uint32_t size = wire_load_u32(p + 3);
    *channel = (uint16_t)(p[1] << 8 | p[2]);
    lev_span bytes = wire_read_bytes(r, size);
    *payload = (lev_reader){.ptr = bytes.ptr, .left = bytes.len, .status = LEV_OK};
    return wire_read_u8(r) == LEV_FRAME_END && size <= most - LEV_FRAME_OVERHEAD;
}

static inline bool quick_method(lev_reader *in, lev_message *m) {
    bool deliver = wire_read_u32(in) == QUICK_DELIVER;
    m->consumer_tag = wire_read_shortstr(in);
    m->delivery.tag = wire_read_u64(in);
    m->redelivered = (wire_read_u8(in) & 1) != 0;
    m->exchange = wire_read_shortstr(in);
    m->routing_key = wire_read_shortstr(in);
    return deliver && wire_finish(in) == LEV_OK && m->delivery.tag != 0;
}

static inline bool quick_header(lev_reader *in, lev_message *m) {
    bool basic = wire_read_u32(in) == QUICK_BASIC;
    m->body_size = wire_read_u64(in);
    lev_span list = wire_read_bytes(in, in->left);
    if (list.len == sizeof(uint16_t) && list.ptr[0] == 0 && list.ptr[1] == 0) {
        if (m->properties.present != 0) {
            m->properties = (lev_properties){.present = 0};
        }
        return basic;
    }
    return basic && lev_properties_decode(list, &m->properties) == LEV_OK;
}

/* Where the delivery's channel is open and idle, returns the consumer that it is for. */
static const lev_consumer *quick_consumer(const lev_engine *e, lev_channel *ch, lev_span tag) {
    if (e->state != LEV_STATE_OPEN || ch == NULL || ch->state != LEV_STATE_CHANNEL_OPEN ||
        ch->content.state != CONTENT_NONE) {
        return NULL;
    }
    return lev_consumers_find(&ch->consumers, tag);
}

bool lev_quick_deliver(lev_engine *e, lev_event *event) {
    lev_span bytes = lev_inbuf_bytes(&e->rx.buf);
    lev_reader r = {.ptr = bytes.ptr, .left = bytes.len, .status = LEV_OK};
    lev_reader part;
    lev_message *m = &e->message;
    uint16_t number;
    uint16_t same;
    if (!quick_frame(&r, LEV_FRAME_METHOD, e->rx.limits.method, &number, &part) ||
        !quick_method(&part, m) ||
        !quick_frame(&r, LEV_FRAME_HEADER, e->rx.limits.method, &same, &part) || same != number ||
        !quick_header(&part, m) || m->body_size > e->set.message_max) {
        return false;
    }
    if (m->body_size > 0 && (!quick_frame(&r, LEV_FRAME_BODY, e->rx.limits.body, &same, &part) ||
                             same != number || part.left != m->body_size)) {
        return false;
    }
    lev_channel *ch = lev_channel_find(e, number);
    const lev_consumer *consumer = quick_consumer(e, ch, m->consumer_tag);
    if (consumer == NULL) {
        return false;
    }
    m->body = m->body_size > 0 ? (lev_span){part.ptr, part.left} : (lev_span){NULL, 0};
    m->delivery.channel = number;
    m->delivery.incarnation = consumer->no_ack ? 0 : ch->incarnation;
    m->message_count = 0;
    m->reply_code = 0;
    m->reply_text = (lev_span){NULL, 0};
    lev_inbuf_take(&e->rx.buf, bytes.len - r.left);
    event->type = LEV_EVENT_DELIVER;
    event->channel = number;
    event->message = m;
    event->body = m->body;
    return true;
}
