/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Between the client and the socket, so that what is told is what crosses the wire, in pieces that
 * the operating system made: a frame is collected until it is whole. Bytes that are no frame are
 * told as they are, and end it, since nobody knows where the next frame would begin; the engine
 * ends the connection at the same place.
 *
 * Rejected: a hook in the engine, which builds frames in several places, and straight from what the
 * program lends it. */

#include "trace.h"

#include "secret.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

void lev_trace_reset(lev_client *c) {
    for (size_t i = 0; i < 2; i++) {
        lev_trace *t = &c->traces[i];
        if (t->bytes != NULL) {
            lev_secret_wipe(t->bytes, t->cap);
        }
        free(t->bytes);
        *t = (lev_trace){.len = 0};
    }
}

static bool trace_keep(lev_trace *t, lev_span bytes) {
    size_t need = t->len + bytes.len;
    if (need > t->cap) {
        size_t cap = need < 2 * t->cap ? 2 * t->cap : need;
        uint8_t *grown = realloc(t->bytes, cap);
        if (grown == NULL) {
            return false;
        }
        t->bytes = grown;
        t->cap = cap;
    }
    memcpy(t->bytes + t->len, bytes.ptr, bytes.len);
    t->len = need;
    return true;
}

/* Tells of what stands at the beginning. Returns how many bytes that was; 0: it is not whole. */
static size_t trace_tell(const lev_client *c, lev_trace *t, lev_span rest) {
    const lev_frame_limits any = {UINT32_MAX, UINT32_MAX};
    lev_traced told = {.sent = t == &c->traces[0], .bytes = rest};
    lev_reader r = lev_reader_init(rest);
    size_t need = LEV_PROTOCOL_HEADER_SIZE;
    lev_status status = LEV_OK;
    if (rest.ptr[0] == 'A') {
        status = rest.len < need ? LEV_NEED_MORE : LEV_OK;
    } else {
        status = lev_frame_decode(&r, &any, &told.frame, &need);
        need = told.frame.payload.len + LEV_FRAME_OVERHEAD;
    }
    if (status == LEV_NEED_MORE) {
        return 0;
    }
    if (status != LEV_OK) {
        t->over = true;
        told.frame = (lev_frame){.type = 0};
        need = rest.len;
    }
    told.bytes.len = need;
    c->given.trace(c->given.trace_context, &told);
    return told.bytes.len;
}

static void trace_put(const lev_client *c, lev_trace *t, lev_span bytes) {
    size_t done = 0;
    size_t n = 1;
    if (t->over || bytes.len == 0) {
        return;
    }
    if (!trace_keep(t, bytes)) {
        t->over = true;
        return;
    }
    while (n > 0 && done < t->len) {
        n = trace_tell(c, t, (lev_span){t->bytes + done, t->len - done});
        done += n;
    }
    t->len -= done;
    memmove(t->bytes, t->bytes + done, t->len);
}

void lev_trace_sent(lev_client *c, const lev_span *spans, size_t len) {
    for (size_t i = 0; len > 0; i++) {
        lev_span part = {spans[i].ptr, spans[i].len < len ? spans[i].len : len};
        trace_put(c, &c->traces[0], part);
        len -= part.len;
    }
}

void lev_trace_received(lev_client *c, lev_span bytes) { trace_put(c, &c->traces[1], bytes); }
