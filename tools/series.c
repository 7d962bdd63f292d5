/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

#include "series.h"

uint64_t series_due(const series *s) {
    uint64_t last = s->count > 0 ? s->points[s->count - 1].at_ms : 0;
    return last + ((uint64_t)SERIES_FIRST_MS << s->doubled);
}

void series_add(series *s, series_point point) {
    s->points[s->count++] = point;
    if (s->count == SERIES_POINTS) {
        s->count /= 2;
        s->doubled++;
        for (size_t i = 0; i < s->count; i++) {
            s->points[i] = s->points[2 * i + 1];
        }
    }
}
