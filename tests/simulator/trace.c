/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* See trace.h. A crash or an endless loop ends here, too, by its signal, so that no failure goes
 * without its seed. */

#include "trace.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TRACE_PATIENCE = 60 /* seconds for one seed */ };

static struct {
    unsigned long long seed;
    unsigned long long now;
    bool told;
    char crashed[80];
    int crashed_len;
} trace;

static void trace_signal(int number) {
    ssize_t ignored = write(2, trace.crashed, (size_t)trace.crashed_len);
    (void)ignored;
    _exit(128 + number);
}

void trace_begin(uint64_t seed, bool told) {
    trace.seed = seed;
    trace.now = 0;
    trace.told = told;
    trace.crashed_len = snprintf(trace.crashed, sizeof trace.crashed,
                                 "SEED=%llu: it crashed, or it never ended\n", trace.seed);
    signal(SIGSEGV, trace_signal);
    signal(SIGABRT, trace_signal);
    signal(SIGALRM, trace_signal);
    alarm(TRACE_PATIENCE);
}

void trace_clock(uint64_t now) { trace.now = now; }

void trace_line(const char *who, const char *format, ...) {
    if (!trace.told) {
        return;
    }
    va_list args;
    va_start(args, format);
    printf("%6llu  %-7s ", trace.now, who);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void trace_frame(const char *arrow, const lev_frame *frame) {
    if (!trace.told) {
        return;
    }
    uint8_t text[2048];
    lev_writer w = lev_writer_init(text, sizeof text);
    lev_frame_print(&w, frame);
    printf("%6llu   %-6s %.*s\n", trace.now, arrow, (int)w.len, (const char *)text);
}

void trace_fail(const char *invariant, const char *file, int line) {
    fflush(stdout);
    fprintf(stderr, "SEED=%llu: at %llu ms: not true that %s (%s:%d)\n", trace.seed, trace.now,
            invariant, file, line);
    fprintf(stderr, "the story: SEED=%llu TRACE=1 with this program\n", trace.seed);
    exit(1);
}
