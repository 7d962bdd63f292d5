/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What goes over a connection, shown frame by frame: for a log, a test that fails, a person who
 * wants to know. */

#ifndef LEVERET_TRACE_H
#define LEVERET_TRACE_H

#include <leveret/frame.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One thing that was sent or received. All it points to lives during the call.
 *
 * Unless the tracer asked for secrets, the three methods that carry one (connection.start-ok,
 * secure-ok and update-secret) come with "***" in its place, and with an empty frame->payload. */
typedef struct lev_trace {
    bool sent;                /* by us; otherwise received */
    const lev_frame *frame;   /* NULL: `bytes` are no frame */
    const lev_method *method; /* of a method frame; NULL where it cannot be decoded */
    lev_span bytes;           /* a protocol header, or what could not be read as a frame */
    const char *fault;        /* why not; NULL for a protocol header, and for every frame */
} lev_trace;

/* Sees every frame: one that is sent as soon as its first byte has been written, one that is
 * received when the engine takes it, before the event that it causes. What was queued and dropped
 * again is never shown. `trace` NULL: nothing is called. It is called from within the engine's
 * calls and must not use the engine. */
typedef struct lev_tracer {
    void (*trace)(void *context, const lev_trace *t);
    void *context;
    bool secrets; /* show passwords and tokens as they are */
} lev_tracer;

/* Writes it as one line of text without a newline: "-> " for what was sent or "<- ", then what
 * lev_frame_print writes, or "AMQP 0-9-1", or "malformed: " and why. */
LEV_API void lev_trace_print(lev_writer *w, const lev_trace *t);

#ifdef __cplusplus
}
#endif

#endif
