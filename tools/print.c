/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Text comes from the codec's own printers, which redact unless asked not to. Of what is malformed
 * only the reason is told then, since nobody knows what its bytes are. */

#include "print.h"

#include "json_frame.h"
#include "layout.h"

#include <stdio.h>
#include <string.h>

enum { PRINT_BODY = 64, PRINT_HEX = 32 };

const char *side_name(enum side from) {
    return from == SIDE_CLIENT ? "client" : from == SIDE_SERVER ? "server" : "";
}

enum side item_side(const item *i) {
    const lev_method_desc *m = i->kind == ITEM_METHOD ? lev_method_describe(i->method.id) : NULL;
    if (i->kind == ITEM_PROTOCOL_HEADER) {
        return SIDE_CLIENT;
    }
    if (m == NULL || m->from == LEV_FROM_BOTH) {
        return SIDE_UNKNOWN;
    }
    return m->from == LEV_FROM_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
}

static void print_method(lev_writer *w, const void *method) { lev_method_print(w, method); }

static void print_secrets(lev_writer *w, const void *method) {
    lev_method_print_secrets(w, method);
}

static void print_frame(lev_writer *w, const void *frame) { lev_frame_print(w, frame); }

static void print_quoted(lev_writer *w, const void *bytes) {
    lev_writer_quoted(w, *(const lev_span *)bytes);
}

static void print_cut(buffer *b, lev_span bytes, size_t most, bool hex) {
    lev_span head = {bytes.ptr, bytes.len < most ? bytes.len : most};
    buffer_byte(b, ' ');
    if (hex) {
        buffer_hex(b, head);
    } else {
        buffer_print(b, print_quoted, &head);
    }
    buffer_text(b, head.len < bytes.len ? "..." : "");
}

static void print_malformed(buffer *b, const item *i, bool redact) {
    buffer_text(b, "malformed at ");
    buffer_decimal(b, i->offset);
    buffer_text(b, ": ");
    buffer_text(b, i->reason);
    if (!redact && i->bytes.len > 0) {
        buffer_byte(b, ':');
        print_cut(b, i->bytes, PRINT_HEX, true);
    }
}

void print_text(buffer *b, const item *i, bool redact) {
    char version[40];
    switch (i->kind) {
    case ITEM_PROTOCOL_HEADER:
        snprintf(version, sizeof version, "AMQP %u-%u-%u", i->bytes.ptr[5], i->bytes.ptr[6],
                 i->bytes.ptr[7]);
        buffer_text(b, version);
        break;
    case ITEM_METHOD:
        buffer_decimal(b, i->frame.channel);
        buffer_byte(b, ' ');
        buffer_print(b, redact ? print_method : print_secrets, &i->method);
        break;
    case ITEM_HEADER:
    case ITEM_HEARTBEAT:
        buffer_print(b, print_frame, &i->frame);
        break;
    case ITEM_BODY:
        buffer_print(b, print_frame, &i->frame);
        print_cut(b, i->frame.payload, PRINT_BODY, false);
        break;
    case ITEM_MALFORMED:
        print_malformed(b, i, redact);
        break;
    }
}

static void print_origin(buffer *b, const origin *o) {
    if (o->line > 0) {
        buffer_text(b, "line ");
        buffer_decimal(b, o->line);
        buffer_text(b, ": ");
    }
    if (o->streamed) {
        buffer_byte(b, '#');
        buffer_decimal(b, o->stream);
        buffer_byte(b, ' ');
    }
    if (o->from != SIDE_UNKNOWN) {
        buffer_text(b, side_name(o->from));
        buffer_byte(b, ' ');
    }
}

void print_item(buffer *b, const printer *p, const item *i, const origin *o) {
    item shown = *i;
    switch (p->form) {
    case PRINT_TEXT:
        print_origin(b, o);
        print_text(b, i, p->redact);
        buffer_byte(b, '\n');
        break;
    case PRINT_HEXDUMP:
        print_origin(b, o);
        print_text(b, i, p->redact);
        buffer_byte(b, '\n');
        layout_print(b, i, p->redact);
        buffer_byte(b, '\n');
        break;
    case PRINT_JSONL:
        if (p->redact && i->kind == ITEM_METHOD) {
            lev_method_redact(&shown.method);
        }
        json_put_item(b, &shown, o, p->redact);
        buffer_byte(b, '\n');
        break;
    }
}
