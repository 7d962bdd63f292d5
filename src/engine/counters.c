/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What was counted on the way, and what can be read off the buffers at any time: the latter costs
 * nothing until somebody asks. */

#include "state.h"

void lev_counters_block(lev_engine *e) {
    if (e->blocked_at == UINT64_MAX) {
        e->blocked_at = e->now;
    }
}

void lev_counters_unblock(lev_engine *e) {
    if (e->blocked_at != UINT64_MAX) {
        e->blocked_ms += e->now - e->blocked_at;
        e->blocked_at = UINT64_MAX;
    }
}

lev_counters lev_engine_counters(const lev_engine *e) {
    lev_counters c = {.published = e->published,
                      .delivered = e->delivered,
                      .returned = e->returned,
                      .bytes_sent = e->tx.buf.sent,
                      .bytes_received = e->rx.bytes,
                      .blocked_ms = e->blocked_ms,
                      .queued = lev_engine_queued(e),
                      .unread = lev_inbuf_bytes(&e->rx.buf).len,
                      .assembled = e->rx.assembled};
    c.blocked_ms += e->blocked_at != UINT64_MAX ? e->now - e->blocked_at : 0;
    for (size_t i = 0; i < e->channels_len; i++) {
        c.unconfirmed += lev_engine_unsettled(e, (uint16_t)i);
    }
    return c;
}
