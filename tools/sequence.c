/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Participants are named by side, and by stream where there are several; Mermaid draws one where
 * its name first comes. What it takes for its own syntax, ; and #, is written as an entity, and
 * long lines are cut, since a diagram is for the order of things and not for their every field. */

#include "sequence.h"

#include <string.h>

enum { SEQUENCE_WIDTH = 100 };

static void put_participant(buffer *b, enum side who, const origin *o) {
    buffer_text(b, who == SIDE_CLIENT ? "client" : "server");
    if (o->streamed) {
        buffer_decimal(b, o->stream);
    }
}

static void put_escaped(buffer *b, lev_span text) {
    for (size_t k = 0; k < text.len; k++) {
        uint8_t c = text.ptr[k];
        if (c == ';' || c == '#' || c == '<' || c == '>') {
            buffer_byte(b, '#');
            buffer_decimal(b, c);
            buffer_byte(b, ';');
        } else {
            buffer_byte(b, c);
        }
    }
}

/* Returns where to cut, so that no character of several bytes is halved. */
static size_t cut_at(lev_span text) {
    size_t n = SEQUENCE_WIDTH;
    while (n > 0 && (text.ptr[n] & 0xC0) == 0x80) {
        n--;
    }
    return n;
}

void sequence_put(sequence *s, buffer *b, const item *i, const origin *o) {
    enum side told = o->from != SIDE_UNKNOWN ? o->from : item_side(i);
    buffer line = {0};
    if (!s->begun) {
        buffer_text(b, "sequenceDiagram\n");
        s->begun = true;
    }
    s->from = told != SIDE_UNKNOWN ? told : s->from != SIDE_UNKNOWN ? s->from : SIDE_CLIENT;
    buffer_text(b, "    ");
    put_participant(b, s->from, o);
    buffer_text(b, "->>");
    put_participant(b, s->from == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT, o);
    buffer_text(b, ": ");
    print_text(&line, i, false);
    bool cut = line.len > SEQUENCE_WIDTH;
    lev_span text = buffer_span(&line);
    text.len = cut ? cut_at(text) : text.len;
    put_escaped(b, text);
    buffer_text(b, cut ? "...\n" : "\n");
    b->failed = b->failed || line.failed;
    buffer_deinit(&line);
}
