/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Queueing methods. A caller's work stops at the high-water mark; what the peer makes us say
 * (answers, heartbeats) may use LEV_RESERVE above it, and so may acks. A peer that makes us say
 * more than that without reading it has broken the protocol. */

#include "state.h"

enum { SEND_ACK_SIZE = LEV_FRAME_OVERHEAD + 13 };
/* An answer is no longer than its question, so the answers to one full inbound buffer fit. */
enum { SEND_OWED_MAX = LEV_METHOD_FRAME_LIMIT + LEV_RESERVE };

static void send_encode(lev_writer *w, uint16_t channel, lev_method_id id, const void *fields) {
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_method_encode(w, id, fields);
    lev_frame_end(w, place);
}

/* Where a method goes: behind the body of a message that is half sent on its channel. */
static lev_outbuf *send_where(lev_engine *e, uint16_t channel) {
    lev_channel *ch = lev_channel_find(e, channel);
    return ch != NULL && ch->sending != NULL ? &ch->sending->held : &e->tx.buf;
}

lev_status lev_send(lev_engine *e, uint16_t channel, lev_method_id id, const void *fields) {
    lev_outbuf *buf = send_where(e, channel);
    lev_writer w = lev_outbuf_writer(buf);
    send_encode(&w, channel, id, fields);
    while (w.status == LEV_ERR_SPACE) {
        if (!lev_outbuf_grow(buf, &e->alloc, w.cap + 256)) {
            return LEV_ERR_MEMORY;
        }
        w = lev_outbuf_writer(buf);
        send_encode(&w, channel, id, fields);
    }
    if (w.status != LEV_OK) {
        return w.status;
    }
    if (w.len > e->tuned.frame_max) {
        return LEV_ERR_LIMIT;
    }
    lev_outbuf_commit(buf, &w);
    return LEV_OK;
}

lev_status lev_send_secret(lev_engine *e, lev_method_id id, const void *fields) {
    lev_outbuf_begin_secret(&e->tx.buf);
    lev_status status = lev_send(e, 0, id, fields);
    lev_outbuf_end_secret(&e->tx.buf);
    return status;
}

/* Acks are merged where they wait, so merging delays none and needs no memory. Only the frame that
 * stands last is touched: what the program sent between two acks stays between them. */
bool lev_send_merged(lev_engine *e, uint16_t channel, uint64_t tag, uint64_t floor) {
    uint8_t *place = lev_outbuf_last(&e->tx.buf, e->tx.ack_at, SEND_ACK_SIZE);
    uint64_t last = tag > e->tx.ack_tag ? tag : e->tx.ack_tag;
    if (place == NULL || e->tx.ack_channel != channel || last > floor) {
        return false;
    }
    lev_writer w = lev_writer_init(place, SEND_ACK_SIZE);
    send_encode(&w, channel, LEV_BASIC_ACK,
                &(lev_basic_ack){.delivery_tag = last, .multiple = true});
    e->tx.ack_tag = last;
    return true;
}

static lev_status send_reserved(lev_engine *e, uint16_t channel, lev_method_id id,
                                const void *fields) {
    const lev_outbuf *buf = send_where(e, channel);
    size_t used = buf == &e->tx.buf ? e->tx.over : buf->queued;
    if (used > LEV_RESERVE) {
        return LEV_AGAIN;
    }
    size_t before = e->tx.buf.queued;
    lev_status status = lev_send(e, channel, id, fields);
    if (before >= e->set.high_water) {
        e->tx.over += e->tx.buf.queued - before;
    }
    return status;
}

lev_status lev_send_settlement(lev_engine *e, uint16_t channel, lev_method_id id,
                               const void *fields) {
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
    bool leaving = channel > 0 && e->state == LEV_STATE_AWAIT_CLOSE_OK;
    if (e->error.status != LEV_OK || leaving) {
        return; /* nothing but close-ok may follow connection.close */
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
