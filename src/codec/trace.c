/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A trace as text: a method as it was decoded for the trace, for its frame may have no payload any
 * more where that held a secret. */

#include <leveret/trace.h>

static void trace_print_bytes(lev_writer *w, const lev_trace *t) {
    if (t->fault != NULL) {
        lev_writer_text(w, "malformed: ");
        lev_writer_text(w, t->fault);
        return;
    }
    lev_writer_text(w, "AMQP ");
    for (size_t i = LEV_PROTOCOL_HEADER_SIZE - 3; i < t->bytes.len; i++) {
        lev_writer_text(w, i > LEV_PROTOCOL_HEADER_SIZE - 3 ? "-" : "");
        lev_writer_decimal(w, t->bytes.ptr[i]);
    }
}

void lev_trace_print(lev_writer *w, const lev_trace *t) {
    lev_writer_text(w, t->sent ? "-> " : "<- ");
    if (t->frame == NULL) {
        trace_print_bytes(w, t);
    } else if (t->method != NULL) {
        lev_writer_decimal(w, t->frame->channel);
        lev_writer_u8(w, ' ');
        lev_method_print_secrets(w, t->method);
    } else {
        lev_frame_print(w, t->frame);
    }
}
