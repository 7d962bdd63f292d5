/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Counters for people: a progress line once a second on a terminal, and a line for SIGUSR1. */

#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include "options.h"

typedef struct progress {
    bool wanted;
    uint64_t shown; /* when, in loop_now's milliseconds */
    uint64_t count; /* what the counter was then */
} progress;

/* Returns one that shows a line on stderr where that is of use: not where `fd` is a terminal, too.
 */
progress progress_init(const settings *o, int fd);

/* Is there something to tell? Then the caller tells it with progress_tell. */
bool progress_due(const progress *p);

/* Tells the counters, "12 published, 10 confirmed", of which `count` is the one to show the rate
 * of. Returns whether that was for SIGUSR1: then the caller has more to tell. */
bool progress_tell(progress *p, const char *counters, uint64_t count);

/* Returns how long to wait at most until progress_due, for loop_watch: -1 for ever. */
int progress_left(const progress *p);

#endif
