/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each engine counts for itself; what one has counted is kept when the next takes its place. */

#include "state.h"

static void counters_add(lev_counters *sum, const lev_counters *more) {
    sum->published += more->published;
    sum->delivered += more->delivered;
    sum->returned += more->returned;
    sum->bytes_sent += more->bytes_sent;
    sum->bytes_received += more->bytes_received;
    sum->blocked_ms += more->blocked_ms;
}

void lev_counters_keep(lev_client *c) {
    if (c->engine != NULL) {
        lev_counters counted = lev_engine_counters(c->engine);
        counters_add(&c->counted, &counted);
    }
}

lev_counters lev_client_counters(const lev_client *c) {
    lev_counters now = {0};
    if (c->engine != NULL) {
        now = lev_engine_counters(c->engine);
    }
    counters_add(&now, &c->counted);
    now.reconnects = c->counted.reconnects;
    now.kept = c->backlog.size;
    if (c->given.recovery.on) {
        now.unsettled = lev_ring_used(&c->ledger.ring);
        now.unconfirmed = 0;
        for (size_t i = 0; i < c->ledger.channels_len; i++) {
            now.unconfirmed += lev_ledger_open(&c->ledger, (uint16_t)i);
        }
    }
    return now;
}
