/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a load comes to, as a table and as JSON. */

#ifndef TOOLS_FIGURES_H
#define TOOLS_FIGURES_H

#include "buffer.h"
#include "load.h"

/* Latencies and confirms stay those of the load. A message that was published and received counts
 * as two where something is divided by messages. */
typedef struct figures {
    uint64_t published;
    uint64_t consumed;
    double seconds;
    double publish_rate;
    double consume_rate;
    double publish_mb_s; /* 10^6 bytes of bodies */
    double consume_mb_s;
    double cpu_us_per_message;
    double cpu_share; /* of one processor, in percent */
    double syscalls_per_message;
    uint64_t max_rss_kb;
    const histogram *latency;
    const histogram *confirm;
} figures;

/* Returns the figures of a load that has ended. */
figures figures_of(const load *l);

/* Write them: lines of a table, or one object on a line. */
void figures_table(const figures *f, buffer *b);
void figures_json(const figures *f, buffer *b);

#endif
