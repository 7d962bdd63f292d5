/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing: method frame, header frame and body frames are written into the outbound buffer in
 * one go, so that thousands of small messages leave in one write. A large lent body is not copied:
 * each of its frames is a loan between a frame head and a frame end of ours.
 *
 * Everything that can fail comes first; what follows cannot, so a refused publish has queued
 * nothing. */

#include "state.h"

#include <assert.h>

enum { PUBLISH_HEAD = 1024 };

/* RabbitMQ completes this address of a direct reply, so a returned message has a longer one. */
static lev_span publish_reply_to(lev_span reply_to) {
    lev_span direct = lev_span_of("amq.rabbitmq.reply-to");
    lev_span begin = {reply_to.ptr, reply_to.len < direct.len ? reply_to.len : direct.len};
    return lev_span_equal(begin, direct) ? direct : reply_to;
}

/* Hashes a property if it travels. */
static uint64_t publish_hash_one(uint64_t h, const lev_properties *p, uint16_t flag, lev_span v) {
    return lev_hash(h, (p->present & flag) != 0 ? v : (lev_span){NULL, 0});
}

static uint64_t publish_hash_properties(uint64_t h, const lev_properties *p) {
    h = publish_hash_one(h, p, LEV_HAS_CONTENT_TYPE, p->content_type);
    h = publish_hash_one(h, p, LEV_HAS_CONTENT_ENCODING, p->content_encoding);
    h = publish_hash_one(h, p, LEV_HAS_CORRELATION_ID, p->correlation_id);
    h = publish_hash_one(h, p, LEV_HAS_REPLY_TO, publish_reply_to(p->reply_to));
    h = publish_hash_one(h, p, LEV_HAS_EXPIRATION, p->expiration);
    h = publish_hash_one(h, p, LEV_HAS_MESSAGE_ID, p->message_id);
    h = publish_hash_one(h, p, LEV_HAS_TYPE, p->type);
    h = publish_hash_one(h, p, LEV_HAS_USER_ID, p->user_id);
    h = publish_hash_one(h, p, LEV_HAS_APP_ID, p->app_id);
    h = publish_hash_one(h, p, LEV_HAS_DELIVERY_MODE, (lev_span){&p->delivery_mode, 1});
    h = publish_hash_one(h, p, LEV_HAS_PRIORITY, (lev_span){&p->priority, 1});
    return (p->present & LEV_HAS_TIMESTAMP) != 0 ? h ^ p->timestamp : h;
}

lev_digest lev_publish_digest(lev_span exchange, lev_span routing_key,
                              const lev_properties *properties) {
    uint64_t h = lev_hash(lev_hash(0, exchange), routing_key);
    lev_span headers = {NULL, 0};
    if (properties != NULL && properties->present != 0) {
        h = publish_hash_properties(h, properties);
        if ((properties->present & LEV_HAS_HEADERS) != 0) {
            headers = properties->headers;
        }
    }
    return (lev_digest){.exact = lev_hash(h, headers), .loose = h};
}

uint64_t lev_publish_returned(lev_channel *ch, const lev_message *message) {
    if (ch->window.open == 0) {
        return 0;
    }
    lev_digest envelope =
        lev_publish_digest(message->exchange, message->routing_key, &message->properties);
    return lev_window_return(&ch->window, lev_digest_of(envelope, lev_hash_body(message->body)));
}

static lev_basic_publish publish_method(const lev_publication *p) {
    return (lev_basic_publish){
        .exchange = p->exchange, .routing_key = p->routing_key, .mandatory = p->mandatory};
}

/* Writes method and header. Returns the size of the header's frame; the method's is small. */
static size_t publish_head(lev_writer *w, uint16_t channel, const lev_publication *p,
                           uint64_t body_size) {
    lev_basic_publish publish = publish_method(p);
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = body_size};
    if (p->properties != NULL) {
        header.properties = *p->properties;
    }
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_method_encode(w, LEV_BASIC_PUBLISH, &publish);
    lev_frame_end(w, place);
    size_t header_at = w->len;
    place = lev_frame_begin(w, LEV_FRAME_HEADER, channel);
    lev_header_encode(w, &header);
    lev_frame_end(w, place);
    return w->len - header_at;
}

void lev_publish_copy(lev_writer *w, uint16_t channel, lev_span body, size_t most) {
    while (body.len > 0) {
        lev_span piece = {body.ptr, body.len < most ? body.len : most};
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, channel, piece});
        body.ptr += piece.len;
        body.len -= piece.len;
    }
}

static size_t publish_frames(size_t len, size_t most) {
    return len <= most ? len != 0 : (len - 1) / most + 1;
}

static bool publish_lends(const lev_publication *p) {
    return p->lend && p->body.len >= LEV_PUBLISH_LEND_MIN;
}

size_t lev_publish_room(lev_engine *e, lev_span body, bool lend) {
    size_t most = e->tuned.frame_max - LEV_FRAME_OVERHEAD;
    size_t frames = publish_frames(body.len, most);
    bool copies = !lend || body.len < LEV_PUBLISH_LEND_MIN;
    size_t room = frames * LEV_FRAME_OVERHEAD + (copies ? body.len : 0);
    if (copies && room < body.len) {
        return SIZE_MAX;
    }
    return lend && !lev_outbuf_expect_loans(&e->tx.buf, &e->alloc, frames + 1) ? SIZE_MAX : room;
}

void lev_publish_lend(lev_engine *e, uint16_t channel, lev_span body, void *token) {
    size_t most = e->tuned.frame_max - LEV_FRAME_OVERHEAD;
    if (body.len < LEV_PUBLISH_LEND_MIN) {
        lev_outbuf_lend(&e->tx.buf, (lev_span){NULL, 0}, token, true);
        return;
    }
    while (body.len > 0) {
        lev_span piece = {body.ptr, body.len < most ? body.len : most};
        body.ptr += piece.len;
        body.len -= piece.len;
        lev_writer head = lev_outbuf_writer(&e->tx.buf);
        lev_writer_u8(&head, LEV_FRAME_BODY);
        lev_writer_u16(&head, channel);
        lev_writer_u32(&head, (uint32_t)piece.len);
        lev_outbuf_commit(&e->tx.buf, &head);
        lev_outbuf_lend(&e->tx.buf, piece, token, body.len == 0);
        lev_writer end = lev_outbuf_writer(&e->tx.buf);
        lev_writer_u8(&end, LEV_FRAME_END);
        lev_outbuf_commit(&e->tx.buf, &end);
    }
}

/* Returns LEV_OK unless brokers would end the connection for the headers. */
static inline lev_status publish_check_headers(const lev_properties *p) {
    bool headers = p != NULL && (p->present & LEV_HAS_HEADERS) != 0;
    return headers ? lev_table_check_finite(p->headers) : LEV_OK;
}

static lev_status publish_check(lev_engine *e, lev_channel *ch, const lev_publication *p) {
    if (!lev_legality_outbound(e, ch, LEV_BASIC_PUBLISH) || ch->committing) {
        return LEV_ERR_MISUSE;
    }
    if (e->tx.buf.queued >= e->set.high_water) {
        e->tx.writable_owed = true;
        return LEV_AGAIN;
    }
    if (ch->flow_stopped || (ch->confirm && ch->window.count >= e->set.window)) {
        lev_channel_stall(e, ch, true);
        return LEV_AGAIN;
    }
    return publish_check_headers(p->properties);
}

/* Returns whether nothing is in the way of a publish: it never says so where publish_check would
 * not. A connection that is open has not failed, and a channel that is open is not ending. */
static inline bool publish_flows(const lev_engine *e, const lev_channel *ch) {
    return e->state == LEV_STATE_OPEN && ch != NULL && ch->state == LEV_STATE_CHANNEL_OPEN &&
           ch->sending == NULL && !ch->committing && !ch->flow_stopped &&
           e->tx.buf.queued < e->set.high_water;
}

/* The short way, for a copied body that fits one frame, into room that is there, on a channel where
 * nothing is in the way. Returns false, and has written nothing, for all else; the general way then
 * makes room or says why not. */
static inline bool publish_quick(lev_engine *e, const lev_channel *ch, const lev_publication *p) {
    if (!publish_flows(e, ch) || p->lend || p->body.len > e->tuned.frame_max - LEV_FRAME_OVERHEAD ||
        publish_check_headers(p->properties) != LEV_OK) {
        return false;
    }
    if (ch->confirm && (ch->window.count >= e->set.window || ch->window.count == ch->window.cap)) {
        return false;
    }
    lev_writer w = lev_outbuf_writer(&e->tx.buf);
    lev_basic_publish publish = publish_method(p);
    lev_publish_encode(&w, ch->number, &publish, p->properties, p->body);
    if (w.status != LEV_OK || w.len - p->body.len > e->tuned.frame_max) {
        return false;
    }
    lev_outbuf_commit(&e->tx.buf, &w);
    e->published++;
    return true;
}

/* Writes all of the message that is not lent. */
static lev_status publish_write(lev_engine *e, uint16_t channel, const lev_publication *p,
                                uint64_t body_size) {
    size_t most = e->tuned.frame_max - LEV_FRAME_OVERHEAD;
    size_t room = lev_publish_room(e, p->body, p->lend);
    for (size_t head = PUBLISH_HEAD;; head *= 2) {
        if (room > SIZE_MAX - head || !lev_outbuf_grow(&e->tx.buf, &e->alloc, head + room)) {
            return LEV_ERR_MEMORY;
        }
        lev_writer w = lev_outbuf_writer(&e->tx.buf);
        w.cap = publish_lends(p) ? head
                                 : w.cap; /* behind it is the room for the heads of lent frames */
        size_t header = publish_head(&w, channel, p, body_size);
        if (!publish_lends(p)) {
            lev_publish_copy(&w, channel, p->body, most);
        }
        if (w.status == LEV_OK && header <= e->tuned.frame_max) {
            lev_outbuf_commit(&e->tx.buf, &w);
            return LEV_OK;
        }
        if (w.status != LEV_ERR_SPACE) {
            return w.status == LEV_OK ? LEV_ERR_LIMIT : w.status;
        }
        if (head >= e->tuned.frame_max + PUBLISH_HEAD) {
            return LEV_ERR_LIMIT;
        }
    }
}

lev_status lev_publish_start(lev_engine *e, lev_channel *ch, const lev_publication *p,
                             uint64_t body_size) {
    lev_status status = lev_engine_ready(e);
    if (status == LEV_OK) {
        status = publish_check(e, ch, p);
    }
    if (status == LEV_OK && ch->confirm && !lev_window_expect(&ch->window, &e->alloc)) {
        status = LEV_ERR_MEMORY;
    }
    return status == LEV_OK ? publish_write(e, ch->number, p, body_size) : status;
}

/* Enters a publish that has been queued. Returns its number. */
static uint64_t publish_enter(lev_engine *e, lev_channel *ch, const lev_publication *p) {
    lev_unsettled u = {.end = e->tx.buf.sent + e->tx.buf.queued, .mandatory = p->mandatory};
    if (p->mandatory) {
        lev_digest envelope = lev_publish_digest(p->exchange, p->routing_key, p->properties);
        u.digest = lev_digest_of(envelope, lev_hash_body(p->body));
    }
    return lev_window_add(&ch->window, &u);
}

lev_status lev_engine_publish(lev_engine *e, uint16_t channel, const lev_publication *p,
                              uint64_t *number) {
    lev_channel *ch = lev_channel_find(e, channel);
    uint64_t entered = 0;
    lev_status status = LEV_OK;
    if (!publish_quick(e, ch, p)) {
        status = lev_publish_start(e, ch, p, p->body.len);
        e->published += status == LEV_OK;
        if (status == LEV_OK && p->lend) {
            lev_publish_lend(e, channel, p->body, p->token);
        }
    }
    if (status == LEV_OK && ch->confirm) {
        entered = publish_enter(e, ch, p);
    }
    if (number != NULL) {
        *number = entered;
    }
    return status;
}

bool lev_engine_confirms(const lev_engine *e, uint16_t channel) {
    const lev_channel *ch = lev_channel_find(e, channel);
    return ch != NULL && ch->confirm;
}

uint64_t lev_engine_unsettled(const lev_engine *e, uint16_t channel) {
    const lev_channel *ch = lev_channel_find(e, channel);
    if (ch == NULL) {
        return 0;
    }
    return ch->window.open + (ch->sending != NULL && ch->confirm ? 1 : 0);
}
