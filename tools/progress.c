/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where nobody looks, nothing is counted and no clock is read. */

#include "progress.h"

#include "loop.h"
#include "say.h"
#include "signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { PROGRESS_MS = 1000 };

progress progress_init(const settings *o, int fd) {
    bool wanted = !o->quiet && !o->verbose && say_progress_wanted() && !isatty(fd);
    return (progress){.wanted = wanted, .shown = loop_now()};
}

int progress_left(const progress *p) { return p->wanted ? loop_left(p->shown, PROGRESS_MS) : -1; }

bool progress_due(const progress *p) { return signals_asked() || progress_left(p) == 0; }

bool progress_tell(progress *p, const char *counters, uint64_t count) {
    bool asked = signals_asked();
    if (asked) {
        signals_answer();
        say("%s", counters);
    }
    if (progress_left(p) == 0) {
        char line[200];
        uint64_t now = loop_now();
        uint64_t rate = (count - p->count) * 1000 / (now - p->shown);
        snprintf(line, sizeof line, "%s, %" PRIu64 "/s", counters, rate);
        say_progress(line);
        p->shown = now;
        p->count = count;
    }
    return asked;
}
