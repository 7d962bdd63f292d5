/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A line is printed at once, and not kept for a full buffer: what matters most is often the last
 * one before something breaks. */

#include "trace.h"

#include "say.h"

#include <stdio.h>

trace *trace_begin(trace *t) {
    static uint64_t connections;
    if (!t->begun) {
        *t = (trace){.begun = true};
        t->origin.stream = connections++;
        t->origin.streamed = t->origin.stream > 0;
    }
    return t;
}

void trace_item(trace *t, enum side from, const item *i) {
    printer p = {.form = say_is_json() ? PRINT_JSONL : PRINT_TEXT, .redact = true};
    buffer line = {0};
    t->origin.from = from;
    print_item(&line, &p, i, &t->origin);
    say_ready(line.ptr, line.len);
    buffer_deinit(&line);
}

void trace_client(void *context, const lev_traced *traced) {
    trace *t = context;
    item i = {.kind = ITEM_PROTOCOL_HEADER, .bytes = traced->bytes, .frame = traced->frame};
    i.offset = t->offset[traced->sent];
    t->offset[traced->sent] += traced->bytes.len;
    if (traced->frame.type != 0) {
        item_decode(&i);
    } else if (traced->bytes.ptr[0] != 'A') {
        i.kind = ITEM_MALFORMED;
        snprintf(i.reason, sizeof i.reason, "no frame begins here");
    }
    trace_item(t, traced->sent ? SIDE_CLIENT : SIDE_SERVER, &i);
}
