/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* --trace: every frame of a connection on stderr, as dump prints it, without passwords. */

#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include "options.h"
#include "print.h"

/* {0} is a fresh one. */
typedef struct trace {
    printer printer;
    origin origin;     /* which connection it is, where a command has two */
    uint64_t received; /* bytes, for the place of what is malformed */
    buffer line;
} trace;

/* Returns what the library is to call: nothing where --trace was not given. The trace has to live
 * as long as the client that gets it; then the caller calls trace_deinit. */
lev_tracer trace_init(trace *t, const settings *s);
void trace_deinit(trace *t);

/* Prints an item that `from` has said. */
void trace_print(trace *t, enum side from, const item *i);

/* Makes an item of what a tracer gets; `offset` is its place in the stream. */
void trace_item(item *i, const lev_trace *t, uint64_t offset);

#endif
