/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Counted from a start, so that rounding does not add up. Who was held up for a second or more
 * begins anew: what was missed then is not made up for in a burst. */

#include "pace.h"

#include "exits.h"
#include "loop.h"

#include <stdio.h>
#include <string.h>

enum { PACE_BEHIND_MS = 1000 };

int option_rate(const option *o, char *value, void *place) {
    char number[32];
    size_t length = strlen(value);
    bool unit = length > 2 && strcmp(value + length - 2, "/s") == 0;
    if (length >= sizeof number) {
        return option_refuse(o, value, "a number a second, such as 100 or 100/s");
    }
    snprintf(number, sizeof number, "%.*s", (int)(unit ? length - 2 : length), value);
    return option_read_number(o, number, place);
}

int pace_left(pace *p) {
    if (p->rate == 0) {
        return 0;
    }
    uint64_t now = loop_now();
    uint64_t due = p->start + p->count * 1000 / p->rate;
    if (p->count == 0 || now >= due + PACE_BEHIND_MS) {
        p->start = now;
        p->count = 0;
        return 0;
    }
    return now < due ? (int)(due - now) : 0;
}

void pace_step(pace *p) { p->count++; }
