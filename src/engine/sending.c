/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing a body in pieces. Method and header go out with the size of the whole; each piece then
 * becomes body frames of its own at once, so nothing is collected here.
 *
 * Invariant: while a channel has `sending`, no method frame of that channel is queued. The
 * program's are refused (lev_legality_outbound, and acks in delivery.c); what a peer makes us say
 * waits in `held` until the body is complete. RabbitMQ ends the connection with 505 otherwise.
 *
 * The window learns of the message when it is complete. Its number is known before, since nothing
 * else can be published on the channel meanwhile; a peer that confirms it too early names what was
 * never published.
 *
 * A broker may close the channel meanwhile. RabbitMQ then drops what comes there, but still counts
 * it, and wants its close-ok behind the body; so zeros complete it, as they can be written, and the
 * number of the channel can be opened again when they have gone.
 *
 * Rejected: accepting a part of a piece. All or nothing leaves the caller nothing to count, and the
 * high-water mark is passed by one piece at most, as by one message. */

#include "state.h"

enum { SENDING_FILL = 65536 };

void lev_sending_free(lev_engine *e, lev_channel *ch) {
    if (ch->sending != NULL) {
        lev_outbuf_deinit(&ch->sending->held, &e->alloc);
        lev_release(&e->alloc, ch->sending);
        ch->sending = NULL;
    }
}

void lev_sending_drop(lev_engine *e, lev_channel *ch) {
    if (ch->sending == NULL) {
        return;
    }
    if (ch->confirm) {
        (void)lev_window_add(&ch->window, &(lev_unsettled){.end = LEV_WINDOW_HALF});
    }
    if (e->error.status != LEV_OK) {
        lev_sending_free(e, ch);
        return;
    }
    ch->sending->filling = true;
    e->filling++;
}

/* The body is complete: the window may know, and what was held back goes. There is room for it. */
static void sending_finish(lev_engine *e, lev_channel *ch) {
    const lev_sending *s = ch->sending;
    lev_span held;
    if (ch->confirm) {
        lev_unsettled u = {.end = e->tx.buf.sent + e->tx.buf.queued, .mandatory = s->mandatory};
        u.digest = lev_digest_of(s->envelope, lev_hasher_end(&s->body));
        (void)lev_window_add(&ch->window, &u);
    }
    if (lev_outbuf_pending(&s->held, &held, 1) > 0) {
        lev_writer w = lev_outbuf_writer(&e->tx.buf);
        lev_writer_bytes(&w, held);
        lev_outbuf_commit(&e->tx.buf, &w);
    }
    lev_sending_free(e, ch);
}

/* Queues zeros up to the end of a body that nobody will read, but little at a time. */
static void sending_fill(lev_engine *e, lev_channel *ch) {
    static const uint8_t zeros[LEV_FRAME_MIN_SIZE - LEV_FRAME_OVERHEAD]; /* fits any frame-max */
    lev_sending *s = ch->sending;
    while (s->left > 0 && e->tx.buf.queued < SENDING_FILL) {
        size_t n = s->left < sizeof zeros ? (size_t)s->left : sizeof zeros;
        size_t behind = n == s->left ? s->held.queued : 0;
        if (!lev_outbuf_grow(&e->tx.buf, &e->alloc, n + LEV_FRAME_OVERHEAD + behind)) {
            lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_MEMORY,
                                            .layer = LEV_LAYER_ENGINE,
                                            .what = "no memory to complete a body"});
            return;
        }
        lev_writer w = lev_outbuf_writer(&e->tx.buf);
        lev_publish_copy(&w, ch->number, (lev_span){zeros, n}, n);
        lev_outbuf_commit(&e->tx.buf, &w);
        s->left -= n;
    }
    if (s->left == 0) {
        sending_finish(e, ch);
        e->filling--;
    }
}

void lev_sending_fill(lev_engine *e) {
    for (size_t i = 0; e->filling > 0 && e->error.status == LEV_OK && i < e->channels_len; i++) {
        lev_channel *ch = e->channels[i];
        if (ch != NULL && ch->sending != NULL && ch->sending->filling) {
            sending_fill(e, ch);
        }
    }
}

lev_status lev_engine_publish_begin(lev_engine *e, uint16_t channel, const lev_publication *p,
                                    uint64_t body_size, uint64_t *number) {
    if (number != NULL) {
        *number = 0;
    }
    if (e->error.status == LEV_OK && (p->body.len > 0 || p->lend)) {
        return LEV_ERR_MISUSE;
    }
    if (body_size == 0) {
        return lev_engine_publish(e, channel, p, number);
    }
    lev_channel *ch = lev_channel_find(e, channel);
    lev_status status = lev_engine_ready(e);
    lev_sending *s = status == LEV_OK ? lev_resize(&e->alloc, NULL, sizeof *s) : NULL;
    if (status == LEV_OK) {
        status = s != NULL ? lev_publish_start(e, ch, p, body_size) : LEV_ERR_MEMORY;
    }
    if (status != LEV_OK) {
        lev_release(&e->alloc, s);
        return status;
    }
    *s = (lev_sending){.left = body_size, .mandatory = ch->confirm && p->mandatory};
    if (s->mandatory) {
        s->envelope = lev_publish_digest(p->exchange, p->routing_key, p->properties);
    }
    if (ch->confirm && number != NULL) {
        *number = ch->window.first + ch->window.count;
    }
    ch->sending = s;
    e->published++;
    return LEV_OK;
}

static lev_status sending_check(lev_engine *e, const lev_channel *ch, lev_span piece) {
    lev_status status = lev_engine_ready(e);
    if (status != LEV_OK) {
        return status;
    }
    if (ch == NULL || ch->sending == NULL || ch->sending->filling) {
        return LEV_ERR_MISUSE;
    }
    if (piece.len > ch->sending->left) {
        return LEV_ERR_LIMIT;
    }
    if (e->tx.buf.queued >= e->set.high_water) {
        e->tx.writable_owed = true;
        return LEV_AGAIN;
    }
    return LEV_OK;
}

lev_status lev_engine_publish_body(lev_engine *e, uint16_t channel, lev_span piece, bool lend,
                                   void *token) {
    lev_channel *ch = lev_channel_find(e, channel);
    lev_status status = sending_check(e, ch, piece);
    if (status != LEV_OK) {
        return status;
    }
    lev_sending *s = ch->sending;
    size_t room = lev_publish_room(e, piece, lend);
    size_t behind = piece.len == s->left ? s->held.queued : 0;
    if (room > SIZE_MAX - behind || !lev_outbuf_grow(&e->tx.buf, &e->alloc, room + behind)) {
        return LEV_ERR_MEMORY;
    }
    if (!lend || piece.len < LEV_PUBLISH_LEND_MIN) {
        lev_writer w = lev_outbuf_writer(&e->tx.buf);
        lev_publish_copy(&w, channel, piece, e->tuned.frame_max - LEV_FRAME_OVERHEAD);
        lev_outbuf_commit(&e->tx.buf, &w);
    }
    if (lend) {
        lev_publish_lend(e, channel, piece, token);
    }
    if (s->mandatory) {
        lev_hasher_add(&s->body, piece);
    }
    s->left -= piece.len;
    if (s->left == 0) {
        sending_finish(e, ch);
    }
    return LEV_OK;
}

uint64_t lev_engine_publish_left(const lev_engine *e, uint16_t channel) {
    const lev_channel *ch = lev_channel_find(e, channel);
    bool half = ch != NULL && ch->sending != NULL && !ch->sending->filling;
    return half ? ch->sending->left : 0;
}
