/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* --trace: what a connection says and hears, on stderr, as dump prints it, or, where lines there
 * are JSON, as dump --jsonl does. Secrets are left out. */

#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include "print.h"

#include <leveret/client.h>

/* Of one connection. {0} is a fresh one. */
typedef struct trace {
    bool begun;
    origin origin;      /* numbered where it is not the command's first connection */
    uint64_t offset[2]; /* of what is next: received, sent */
} trace;

/* Returns it, with a number where that is due; a connection that is made again keeps its own. */
trace *trace_begin(trace *t);

/* Of the client's; `context` is a trace. */
lev_client_trace trace_client;

/* Prints an item. */
void trace_item(trace *t, enum side from, const item *i);

#endif
