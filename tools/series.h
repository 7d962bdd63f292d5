/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How counters grew over time, in bounded memory however long that is. */

#ifndef TOOLS_SERIES_H
#define TOOLS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERIES_POINTS = 512, SERIES_FIRST_MS = 100 };

typedef struct series_point {
    uint64_t at_ms; /* since the start */
    uint64_t published;
    uint64_t consumed;
} series_point;

/* {0} is an empty one: it begins at zero. */
typedef struct series {
    size_t count;
    unsigned doubled; /* how often the interval was */
    series_point points[SERIES_POINTS];
} series;

/* Returns when the next point is due. */
uint64_t series_due(const series *s);

/* Adds a point, whose time is not before the last one's. When all places are taken, every other
 * point goes, and the next ones come half as often. */
void series_add(series *s, series_point point);

#endif
