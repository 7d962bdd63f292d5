/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the library shows is made an item again, for there is one printer. A method is taken as it
 * was decoded for the trace: where it held a secret, its frame has no payload any more. Each line
 * is one write, so that it does not mix with those of other processes. */

#include "trace.h"

#include "say.h"

#include <stdio.h>

void trace_item(item *i, const lev_trace *t, uint64_t offset) {
    *i = (item){.kind = ITEM_PROTOCOL_HEADER, .offset = offset, .bytes = t->bytes};
    if (t->frame == NULL && t->fault != NULL) {
        i->kind = ITEM_MALFORMED;
        snprintf(i->reason, sizeof i->reason, "%s", t->fault);
    } else if (t->method != NULL) {
        i->kind = ITEM_METHOD;
        i->frame = *t->frame;
        i->method = *t->method;
    } else if (t->frame != NULL) {
        i->frame = *t->frame;
        item_decode(i);
    }
}

void trace_print(trace *t, enum side from, const item *i) {
    t->origin.from = from;
    t->line.len = 0;
    print_item(&t->line, &t->printer, i, &t->origin);
    if (!t->line.failed) {
        say_progress("");
        fwrite(t->line.ptr, 1, t->line.len, stderr);
    }
}

static void trace_show(void *context, const lev_trace *shown) {
    trace *t = context;
    item i;
    trace_item(&i, shown, t->received);
    if (!shown->sent && shown->frame != NULL) {
        t->received += shown->frame->payload.len + LEV_FRAME_OVERHEAD;
    }
    trace_print(t, shown->sent ? SIDE_CLIENT : SIDE_SERVER, &i);
}

lev_tracer trace_init(trace *t, const settings *s) {
    bool json = s->log_format == 1;
    *t = (trace){.printer = {.form = json ? PRINT_JSONL : PRINT_TEXT, .redact = true},
                 .origin = {.streamed = s->connection > 0, .stream = s->connection}};
    return s->trace ? (lev_tracer){.trace = trace_show, .context = t} : (lev_tracer){.trace = NULL};
}

void trace_deinit(trace *t) { buffer_deinit(&t->line); }
