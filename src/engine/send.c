/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Queueing methods. A caller's work stops at the high-water mark; what the peer makes us say
 * (answers, heartbeats) may use LEV_RESERVE above it, and so may acks. A peer that makes us say
 * more than that without reading it has broken the protocol. */

#include "state.h"

/* An answer is no longer than its question, so the answers to one full inbound buffer fit. */
enum { SEND_OWED_MAX = LEV_METHOD_FRAME_LIMIT + LEV_RESERVE };

static void send_encode(lev_writer *w, uint16_t channel, lev_method_id id, const void *fields) {
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_method_encode(w, id, fields);
    lev_frame_end(w, place);
}

lev_status lev_send(lev_engine *e, uint16_t channel, lev_method_id id, const void *fields) {
    lev_writer w = lev_outbuf_writer(&e->tx.buf);
    send_encode(&w, channel, id, fields);
    while (w.status == LEV_ERR_SPACE) {
        if (!lev_outbuf_grow(&e->tx.buf, &e->alloc, w.cap + 256)) {
            return LEV_ERR_MEMORY;
        }
        w = lev_outbuf_writer(&e->tx.buf);
        send_encode(&w, channel, id, fields);
    }
    if (w.status != LEV_OK) {
        return w.status;
    }
    if (w.len > e->tuned.frame_max) {
        return LEV_ERR_LIMIT;
    }
    lev_outbuf_commit(&e->tx.buf, &w);
    return LEV_OK;
}

lev_status lev_send_secret(lev_engine *e, lev_method_id id, const void *fields) {
    lev_outbuf_begin_secret(&e->tx.buf);
    lev_status status = lev_send(e, 0, id, fields);
    lev_outbuf_end_secret(&e->tx.buf);
    return status;
}

static lev_status send_reserved(lev_engine *e, uint16_t channel, lev_method_id id,
                                const void *fields) {
    if (e->tx.over > LEV_RESERVE) {
        return LEV_AGAIN;
    }
    size_t before = e->tx.buf.queued;
    lev_status status = lev_send(e, channel, id, fields);
    if (before >= e->set.high_water) {
        e->tx.over += e->tx.buf.queued - before;
    }
    return status;
}

lev_status lev_send_ack(lev_engine *e, uint16_t channel, lev_method_id id, const void *fields) {
    lev_status status = send_reserved(e, channel, id, fields);
    if (status == LEV_AGAIN) {
        e->tx.writable_owed = true;
    }
    return status;
}

/* An answer may use the reserve wherever the mark is, so a peer that reads nothing cannot make us
 * queue a whole high_water of answers either. */
static lev_status send_answer(lev_engine *e, uint16_t channel, lev_method_id id,
                              const void *fields) {
    if (e->tx.buf.sent >= e->tx.owed_from) {
        e->tx.owed = 0;
    }
    if (e->tx.owed > SEND_OWED_MAX) {
        return LEV_AGAIN;
    }
    size_t before = e->tx.buf.queued;
    lev_status status = send_reserved(e, channel, id, fields);
    if (e->tx.owed == 0) {
        e->tx.owed_from = e->tx.buf.sent + e->tx.buf.queued;
    }
    e->tx.owed += e->tx.buf.queued - before;
    return status;
}

void lev_send_reply(lev_engine *e, uint16_t channel, lev_method_id id, const void *fields) {
    if (e->error.status != LEV_OK) {
        return;
    }
    lev_status status = send_answer(e, channel, id, fields);
    if (status == LEV_AGAIN) {
        lev_engine_violation(e, LEV_RESOURCE_ERROR, NULL,
                             "the peer asks for answers and does not read them");
    } else if (status != LEV_OK) {
        lev_engine_fail(e, &(lev_fault){.status = status,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = "an answer cannot be queued"});
    }
}

void lev_send_heartbeat(lev_engine *e) {
    lev_writer w = lev_outbuf_writer(&e->tx.buf);
    if (w.cap < LEV_FRAME_OVERHEAD) {
        if (!lev_outbuf_grow(&e->tx.buf, &e->alloc, LEV_FRAME_OVERHEAD)) {
            return;
        }
        w = lev_outbuf_writer(&e->tx.buf);
    }
    lev_frame_encode(&w, &(lev_frame){.type = LEV_FRAME_HEARTBEAT});
    lev_outbuf_commit(&e->tx.buf, &w);
}
