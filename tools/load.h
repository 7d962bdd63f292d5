/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Producers and consumers that run at once, in one process and one loop, and what they measured. */

#ifndef TOOLS_LOAD_H
#define TOOLS_LOAD_H

#include "series.h"
#include "worker.h"

enum { LOAD_NAME = 256 };

typedef struct load {
    const settings *common;
    const load_settings *settings;
    worker *workers; /* consumers, then producers */
    size_t count;
    char routing_key[LOAD_NAME];
    load_counts counts; /* its latencies: those not merged yet */
    histogram latency;  /* those merged, of the whole run */
    series series;
    uint64_t began;    /* in loop_now's time */
    uint64_t ended;    /* likewise, 0: it goes on */
    uint64_t cpu_us;   /* of the process, until it began; then, once it has ended, between */
    uint64_t calls;    /* of the system, likewise */
    uint64_t waits;    /* calls of poll so far */
    uint64_t told;     /* when the last line was told */
    load_counts *last; /* what was counted then; or NULL: nobody looks */
} load;

/* Opens all connections, declares what is to be declared, runs the load until its end, and closes.
 * Returns the exit code, after a line on stderr where it is not EXIT_DONE; what was measured is
 * there whenever the load has begun. The caller calls load_deinit in every case. */
int load_run(load *l, const settings *common, const load_settings *o);
void load_deinit(load *l);

#endif
