/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Frames. The reader looks at the seven bytes of a head, judges type, channel and size, and only
 * then waits for the rest: nothing is ever sized by a length that was not compared with its limit.
 * Sizes are compared with what a limit leaves for the payload, so no sum can wrap, on 32 bits
 * either.
 *
 * Only here can decoding stop half-way (LEV_NEED_MORE); everything above sees whole frames. */

#include "wire.h"

#include <leveret/frame.h>
#include <leveret/properties.h>

enum { FRAME_METHOD_MIN = 4, FRAME_HEADER_MIN = 14 };

static uint32_t frame_most(uint8_t type, const lev_frame_limits *limits) {
    uint32_t whole = limits->body;
    if (type != LEV_FRAME_BODY && limits->method > whole) {
        whole = limits->method;
    }
    return whole < LEV_FRAME_OVERHEAD ? 0 : whole - LEV_FRAME_OVERHEAD;
}

/* Returns what is wrong with a head, or NULL. */
static const char *frame_judge(const lev_frame *frame, uint32_t size,
                               const lev_frame_limits *limits) {
    switch (frame->type) {
    case LEV_FRAME_METHOD:
        if (size < FRAME_METHOD_MIN) {
            return "a method frame too short for its ids";
        }
        break;
    case LEV_FRAME_HEADER:
        if (size < FRAME_HEADER_MIN) {
            return "a content header frame too short";
        }
        break;
    case LEV_FRAME_BODY:
        break;
    case LEV_FRAME_HEARTBEAT:
        if (size != 0 || frame->channel != 0) {
            return "a heartbeat with a payload or on a channel";
        }
        break;
    default:
        return "an unknown frame type";
    }
    return size > frame_most(frame->type, limits) ? "a frame larger than agreed" : NULL;
}

static const char *frame_read(lev_reader *r, const lev_frame_limits *limits, lev_frame *frame,
                              size_t *need) {
    lev_reader head = *r;
    *need = LEV_FRAME_HEAD;
    if (head.left < LEV_FRAME_HEAD) {
        return NULL;
    }
    frame->type = wire_read_u8(&head);
    frame->channel = wire_read_u16(&head);
    uint32_t size = wire_read_u32(&head);
    const char *fault = frame_judge(frame, size, limits);
    if (fault != NULL) {
        return fault;
    }
    *need = (size_t)size + LEV_FRAME_OVERHEAD;
    if (head.left <= size) {
        return NULL;
    }
    frame->payload = wire_read_bytes(&head, size);
    if (wire_read_u8(&head) != LEV_FRAME_END) {
        return "a frame without its end octet";
    }
    *r = head;
    *need = 0;
    return NULL;
}

lev_status lev_frame_decode(lev_reader *r, const lev_frame_limits *limits, lev_frame *frame,
                            size_t *need) {
    if (r->status != LEV_OK) {
        return r->status;
    }
    if (frame_read(r, limits, frame, need) != NULL) {
        return LEV_ERR_SYNTAX;
    }
    return *need == 0 ? LEV_OK : LEV_NEED_MORE;
}

const char *lev_frame_fault(lev_span bytes, const lev_frame_limits *limits) {
    lev_reader r = lev_reader_init(bytes);
    lev_frame frame;
    size_t need;
    const char *fault = frame_read(&r, limits, &frame, &need);
    return fault != NULL ? fault : "";
}

size_t lev_frame_begin(lev_writer *w, uint8_t type, uint16_t channel) {
    wire_write_u8(w, type);
    wire_write_u16(w, channel);
    return wire_begin_u32(w);
}

void lev_frame_end(lev_writer *w, size_t place) {
    wire_end_u32(w, place);
    wire_write_u8(w, LEV_FRAME_END);
}

void lev_frame_encode(lev_writer *w, const lev_frame *frame) {
    lev_writer local = *w;
    uint32_t size = (uint32_t)frame->payload.len;
    if (size != frame->payload.len) {
        wire_fail_write(&local, LEV_ERR_LIMIT);
    }
    wire_write_u8(&local, frame->type);
    wire_write_u16(&local, frame->channel);
    wire_write_u32(&local, size);
    wire_write_bytes(&local, frame->payload);
    wire_write_u8(&local, LEV_FRAME_END);
    *w = local;
}

bool lev_frame_equal(const lev_frame *a, const lev_frame *b) {
    return a->type == b->type && a->channel == b->channel && lev_span_equal(a->payload, b->payload);
}

static void frame_print_method(lev_writer *w, lev_span payload) {
    lev_method method;
    lev_status status = lev_method_decode(payload, &method);
    if (status == LEV_OK) {
        lev_method_print(w, &method);
    } else {
        lev_writer_text(w, "<method: ");
        lev_writer_text(w, lev_status_text(status));
        lev_writer_u8(w, '>');
    }
}

static void frame_print_header(lev_writer *w, lev_span payload) {
    lev_header header;
    lev_status status = lev_header_decode(payload, &header);
    lev_writer_text(w, "header ");
    if (status != LEV_OK) {
        lev_writer_u8(w, '<');
        lev_writer_text(w, lev_status_text(status));
        lev_writer_u8(w, '>');
        return;
    }
    lev_writer_text(w, "body_size=");
    lev_writer_decimal(w, header.body_size);
    if (header.properties.present != 0) {
        lev_writer_u8(w, ' ');
        lev_properties_print(w, &header.properties);
    }
}

void lev_frame_print(lev_writer *w, const lev_frame *frame) {
    lev_writer_decimal(w, frame->channel);
    lev_writer_u8(w, ' ');
    switch (frame->type) {
    case LEV_FRAME_METHOD:
        frame_print_method(w, frame->payload);
        break;
    case LEV_FRAME_HEADER:
        frame_print_header(w, frame->payload);
        break;
    case LEV_FRAME_BODY:
        lev_writer_text(w, "body ");
        lev_writer_decimal(w, frame->payload.len);
        lev_writer_text(w, " bytes");
        break;
    case LEV_FRAME_HEARTBEAT:
        lev_writer_text(w, "heartbeat");
        break;
    default:
        lev_writer_text(w, "<unknown frame type ");
        lev_writer_decimal(w, frame->type);
        lev_writer_u8(w, '>');
        break;
    }
}

void lev_protocol_header_encode(lev_writer *w) {
    static const uint8_t header[LEV_PROTOCOL_HEADER_SIZE] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
    lev_writer_bytes(w, (lev_span){header, sizeof header});
}
