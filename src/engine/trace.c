/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Frames for the tracer. The queue of what is to be written holds whole frames, but for the rest of
 * the one at its head that is partly written; so the frames that a write has begun are found by
 * walking from the end of that rest, and no state is needed but its length. To look earlier, when
 * frames are queued, was rejected: acks that wait are merged, and what waits can be dropped.
 *
 * A lent body lies apart from its frame's head and end, in the caller's memory; it is shown where
 * it is. */

#include "state.h"

enum { TRACE_HEAD = LEV_FRAME_OVERHEAD - 1, TRACE_REFUSED = 64 };

static void trace_tell(const lev_engine *e, const lev_trace *t) {
    e->tracer.trace(e->tracer.context, t);
}

static bool trace_secret(lev_method_id id) {
    const lev_method_desc *desc = lev_method_describe(id);
    bool secret = false;
    for (size_t i = 0; i < desc->field_count; i++) {
        secret = secret || desc->fields[i].secret;
    }
    return secret;
}

static void trace_frame(const lev_engine *e, const lev_frame *frame, bool sent) {
    lev_frame shown = *frame;
    lev_method method;
    lev_trace t = {.sent = sent, .frame = &shown};
    if (frame->type == LEV_FRAME_METHOD && lev_method_decode(frame->payload, &method) == LEV_OK) {
        t.method = &method;
        if (!e->tracer.secrets && trace_secret(method.id)) {
            lev_method_redact(&method);
            shown.payload = (lev_span){NULL, 0};
        }
    }
    trace_tell(e, &t);
}

void lev_trace_received(const lev_engine *e, const lev_frame *frame) {
    trace_frame(e, frame, false);
}

void lev_trace_refused(const lev_engine *e, lev_span bytes, const char *fault) {
    bool header = bytes.len >= LEV_PROTOCOL_HEADER_SIZE && bytes.ptr[0] == 'A';
    size_t most = header ? (size_t)LEV_PROTOCOL_HEADER_SIZE : (size_t)TRACE_REFUSED;
    bytes.len = bytes.len < most ? bytes.len : most;
    trace_tell(e, &(lev_trace){.bytes = bytes, .fault = header ? NULL : fault});
}

/* Shows the frame that begins `at` bytes into the queue. Returns its size. */
static size_t trace_queued(const lev_engine *e, size_t at) {
    lev_span bytes = lev_outbuf_at(&e->tx.buf, at);
    if (e->tx.buf.sent + at == 0) {
        bytes.len = LEV_PROTOCOL_HEADER_SIZE;
        trace_tell(e, &(lev_trace){.sent = true, .bytes = bytes});
        return bytes.len;
    }
    lev_reader head = lev_reader_init(bytes);
    lev_frame frame = {.type = lev_reader_u8(&head)};
    frame.channel = lev_reader_u16(&head);
    size_t size = lev_reader_u32(&head);
    bool lent = size + TRACE_HEAD > bytes.len;
    frame.payload = lent ? lev_outbuf_at(&e->tx.buf, at + TRACE_HEAD)
                         : (lev_span){bytes.ptr + TRACE_HEAD, size};
    frame.payload.len = size;
    trace_frame(e, &frame, true);
    return size + LEV_FRAME_OVERHEAD;
}

void lev_trace_sent(lev_engine *e, size_t n) {
    size_t at = e->tx.begun;
    while (at < n) {
        at += trace_queued(e, at);
    }
    e->tx.begun = at - n;
}
