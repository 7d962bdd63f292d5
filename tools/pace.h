/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* So many a second, evenly. */

#ifndef TOOLS_PACE_H
#define TOOLS_PACE_H

#include "options.h"

/* Reads "100" or "100/s" into a uint64_t; min and max of the row count. */
option_store option_rate;

typedef struct pace {
    uint64_t rate; /* a second; 0: no limit */
    uint64_t start;
    uint64_t count; /* since then */
} pace;

/* Returns how many milliseconds to wait before the next one: 0 for none. */
int pace_left(pace *p);

/* One more was done. */
void pace_step(pace *p);

#endif
