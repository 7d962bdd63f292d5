/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Messages on their way in. One whose method, header and single body frame all stand in the buffer
 * is handed out where it is. Any other is collected: its payloads are copied behind each other into
 * the channel's block, which grows with what arrives and never with what is announced, and decoded
 * again when it is complete. A streamed one keeps only method and header there and hands out each
 * body frame as a piece.
 *
 * Frames of a message that nobody wants (its channel is closing, or it is too large) are still
 * counted, so that the next method is found where it belongs. A returned one is wanted to the end:
 * without it, the ack that follows would pass for a confirm. Anything out of order is 505 (AMQP
 * 0-9-1, 4.2.6). */

#include "content.h"
#include "state.h"

#include <string.h>

/* A block up to KEEP stays with its channel; of larger ones, up to SPARE, the engine keeps one. */
enum { CONTENT_KEEP = 65536, CONTENT_SPARE = 4194304 };

void lev_content_reset(lev_engine *e, lev_content *c) {
    lev_content empty = {.data = c->data, .cap = c->cap};
    e->rx.assembled -= c->len;
    if (c->cap > CONTENT_KEEP) {
        uint8_t *unwanted = c->data;
        if (c->cap <= CONTENT_SPARE && c->cap > e->rx.spare_cap) {
            unwanted = e->rx.spare;
            e->rx.spare = c->data;
            e->rx.spare_cap = c->cap;
        }
        lev_release(&e->alloc, unwanted);
        empty = (lev_content){.data = NULL};
    }
    *c = empty;
}

/* Makes room for `more` bytes: in its own block, in the spare one, or by growing. */
static bool content_room(lev_engine *e, lev_content *c, size_t more) {
    if (more <= c->cap - c->len) {
        return true;
    }
    if (more > SIZE_MAX - c->len) {
        return false;
    }
    uint8_t *data = e->rx.spare;
    if (e->rx.spare_cap > c->len && e->rx.spare_cap - c->len >= more) {
        if (c->len > 0) {
            memcpy(data, c->data, c->len);
        }
        lev_release(&e->alloc, c->data);
        c->cap = e->rx.spare_cap;
        e->rx.spare = NULL;
        e->rx.spare_cap = 0;
    } else {
        data = lev_reserve(&e->alloc, c->data, &c->cap, c->len + more, 1);
    }
    c->data = data != NULL ? data : c->data;
    return data != NULL;
}

/* Closes the channel: the rest of the message is only counted, and what came of it is dropped. */
static void content_refuse(lev_engine *e, lev_channel *ch, const char *why) {
    lev_content *c = &ch->content;
    lev_channel_refuse(e, ch, LEV_CONTENT_TOO_LARGE, why);
    e->rx.assembled -= c->len;
    lev_release(&e->alloc, c->data);
    c->data = NULL;
    c->cap = c->len = 0;
}

/* Collects bytes. Returns false where the failure is latched. */
static bool content_append(lev_engine *e, lev_channel *ch, lev_span bytes) {
    lev_content *c = &ch->content;
    if (e->rx.assembled > e->set.assembly_max ||
        bytes.len > e->set.assembly_max - e->rx.assembled) {
        content_refuse(e, ch, "the unfinished messages of all channels are larger than allowed");
        return e->error.status == LEV_OK;
    }
    if (!content_room(e, c, bytes.len)) {
        lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_MEMORY,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = "no memory for a message"});
        return false;
    }
    if (bytes.len > 0) {
        memcpy(c->data + c->len, bytes.ptr, bytes.len);
        c->len += bytes.len;
        e->rx.assembled += bytes.len;
    }
    return true;
}

static void content_describe(lev_engine *e, const lev_channel *ch) {
    lev_message *m = &e->message;
    lev_delivery delivery = {ch->number, ch->content.no_ack ? 0 : ch->incarnation, 0};
    *m = (lev_message){.properties = e->header.properties, .body_size = e->header.body_size};
    if (e->method.id == LEV_BASIC_DELIVER) {
        const lev_basic_deliver *d = &e->method.as.basic_deliver;
        delivery.tag = d->delivery_tag;
        m->consumer_tag = d->consumer_tag;
        m->exchange = d->exchange;
        m->routing_key = d->routing_key;
        m->redelivered = d->redelivered;
    } else if (e->method.id == LEV_BASIC_GET_OK) {
        const lev_basic_get_ok *g = &e->method.as.basic_get_ok;
        delivery.tag = g->delivery_tag;
        m->exchange = g->exchange;
        m->routing_key = g->routing_key;
        m->redelivered = g->redelivered;
        m->message_count = g->message_count;
    } else {
        const lev_basic_return *r = &e->method.as.basic_return;
        m->exchange = r->exchange;
        m->routing_key = r->routing_key;
        m->reply_code = r->reply_code;
        m->reply_text = r->reply_text;
    }
    m->delivery = delivery;
}

/* Makes the event of a whole message, or of the first piece of a streamed one. */
static bool content_event(lev_engine *e, lev_channel *ch, lev_span body, lev_event *event) {
    content_describe(e, ch);
    e->message.body = body;
    event->channel = ch->number;
    event->message = &e->message;
    event->body = body;
    e->delivered += e->method.id != LEV_BASIC_RETURN;
    if (e->method.id == LEV_BASIC_DELIVER) {
        event->type = LEV_EVENT_DELIVER;
    } else if (e->method.id == LEV_BASIC_GET_OK) {
        event->type = LEV_EVENT_REPLY;
        event->call = ch->content.call;
        event->method = &e->method;
    } else {
        e->returned++;
        event->type = LEV_EVENT_RETURN;
        event->first = lev_publish_returned(ch, &e->message);
    }
    return true;
}

/* Decodes the collected method and header again, whose spans then point into the block. */
static void content_recall(lev_engine *e, const lev_content *c) {
    (void)lev_method_decode((lev_span){c->data, c->method_len}, &e->method);
    (void)lev_header_decode((lev_span){c->data + c->method_len, c->header_len}, &e->header);
}

static bool content_complete(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_content *c = &ch->content;
    c->state = CONTENT_NONE;
    if (c->discard) {
        lev_content_reset(e, c);
        return false;
    }
    content_recall(e, c);
    size_t at = c->method_len + c->header_len;
    e->rx.used = c;
    return content_event(e, ch, (lev_span){c->data + at, c->len - at}, event);
}

/* Takes header and body where they are, if they are whole and next. */
static bool content_in_place(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_span bytes = lev_inbuf_bytes(&e->rx.buf);
    lev_reader r = lev_reader_init(bytes);
    lev_frame header;
    lev_frame body = {.payload = {NULL, 0}};
    size_t need;
    if (lev_frame_decode(&r, &e->rx.limits, &header, &need) != LEV_OK ||
        header.type != LEV_FRAME_HEADER || header.channel != ch->number ||
        lev_header_decode(header.payload, &e->header) != LEV_OK ||
        e->header.class_id != LEV_CLASS_BASIC || e->header.weight != 0 ||
        e->header.body_size > e->set.message_max) {
        return false;
    }
    if (e->header.body_size > 0 && (lev_frame_decode(&r, &e->rx.limits, &body, &need) != LEV_OK ||
                                    body.type != LEV_FRAME_BODY || body.channel != ch->number ||
                                    body.payload.len != e->header.body_size)) {
        return false;
    }
    lev_inbuf_take(&e->rx.buf, bytes.len - r.left);
    if (e->tracer.trace != NULL) {
        lev_trace_received(e, &header);
        if (e->header.body_size > 0) {
            lev_trace_received(e, &body);
        }
    }
    return content_event(e, ch, body.payload, event);
}

static bool content_accept(lev_engine *e, lev_channel *ch, const lev_frame *frame) {
    lev_content *c = &ch->content;
    uint64_t tag = 1;
    if (e->method.id == LEV_BASIC_DELIVER) {
        const lev_basic_deliver *d = &e->method.as.basic_deliver;
        const lev_consumer *consumer = lev_consumers_find(&ch->consumers, d->consumer_tag);
        if (consumer == NULL) {
            lev_engine_violation(e, LEV_COMMAND_INVALID, frame,
                                 "a delivery for a consumer that was never started");
            return false;
        }
        c->no_ack = consumer->no_ack;
        c->stream = consumer->stream;
        tag = d->delivery_tag;
    } else if (e->method.id == LEV_BASIC_GET_OK) {
        lev_call call;
        if (!lev_call_take(ch, LEV_BASIC_GET_OK, &call)) {
            lev_engine_violation(e, LEV_COMMAND_INVALID, frame, "a basic.get-ok to no basic.get");
            return false;
        }
        c->call = call.number;
        c->no_ack = call.no_ack;
        tag = e->method.as.basic_get_ok.delivery_tag;
    }
    if (tag == 0) {
        lev_engine_violation(e, LEV_SYNTAX_ERROR, frame, "a delivery tag of 0");
        return false;
    }
    if (c->no_ack) {
        lev_acks_pass(&ch->acks, tag);
    } else if (!c->returned) {
        lev_acks_deliver(&ch->acks, tag);
    }
    return true;
}

bool lev_content_method(lev_engine *e, lev_channel *ch, const lev_frame *frame, lev_event *event) {
    lev_content *c = &ch->content;
    bool leaving =
        e->state == LEV_STATE_AWAIT_CLOSE_OK || ch->state == LEV_STATE_AWAIT_CHANNEL_CLOSE_OK;
    lev_content_reset(e, c);
    c->returned = e->method.id == LEV_BASIC_RETURN;
    c->discard = leaving && (!c->returned || ch->refused != NULL);
    if (!c->discard) {
        if (!content_accept(e, ch, frame)) {
            return false;
        }
        if (content_in_place(e, ch, event)) {
            return true;
        }
        if (!content_append(e, ch, frame->payload)) {
            return false;
        }
        c->method_len = c->len;
    }
    c->state = CONTENT_AWAIT_HEADER;
    return false;
}

bool lev_content_header(lev_engine *e, lev_channel *ch, const lev_frame *frame, lev_event *event) {
    lev_content *c = &ch->content;
    if (c->state != CONTENT_AWAIT_HEADER) {
        lev_engine_violation(e, LEV_UNEXPECTED_FRAME, frame, "a content header out of place");
        return false;
    }
    if (lev_header_decode(frame->payload, &e->header) != LEV_OK) {
        lev_engine_violation(e, LEV_FRAME_ERROR, frame, "a malformed content header");
        return false;
    }
    if (e->header.class_id != LEV_CLASS_BASIC || e->header.weight != 0) {
        lev_engine_violation(e, LEV_UNEXPECTED_FRAME, frame,
                             "a content header of another class, or with a weight");
        return false;
    }
    c->left = e->header.body_size;
    c->state = CONTENT_AWAIT_BODY;
    if (!c->discard && !c->stream && c->left > e->set.message_max) {
        content_refuse(e, ch, "a message is larger than the largest whole message allowed");
        if (e->error.status != LEV_OK) {
            return false;
        }
    }
    if (!c->discard) {
        c->header_len = frame->payload.len;
        if (!content_append(e, ch, frame->payload)) {
            return false;
        }
    }
    return c->left == 0 && content_complete(e, ch, event);
}

static bool content_piece(lev_engine *e, lev_channel *ch, lev_span piece, lev_event *event) {
    lev_content *c = &ch->content;
    bool begun = c->begun;
    if (begun) {
        e->method = (lev_method){.id = LEV_BASIC_DELIVER, .as.basic_deliver = c->deliver};
        e->header = c->header;
    } else {
        c->begun = true;
        content_recall(e, c);
        c->deliver = e->method.as.basic_deliver;
        c->header = e->header;
    }
    (void)content_event(e, ch, piece, event);
    if (begun) {
        event->type = LEV_EVENT_BODY;
        e->delivered--; /* it was counted with its first piece */
        e->message.body = (lev_span){NULL, 0};
    }
    e->rx.used = c;
    if (c->left == 0) {
        c->state = CONTENT_NONE;
    }
    return true;
}

bool lev_content_body(lev_engine *e, lev_channel *ch, const lev_frame *frame, lev_event *event) {
    lev_content *c = &ch->content;
    lev_span piece = frame->payload;
    if (c->state != CONTENT_AWAIT_BODY) {
        lev_engine_violation(e, LEV_UNEXPECTED_FRAME, frame, "a body frame out of place");
        return false;
    }
    if (piece.len > c->left) {
        lev_engine_violation(e, LEV_FRAME_ERROR, frame, "more body than its header announced");
        return false;
    }
    c->left -= piece.len;
    if (c->stream && !c->discard) {
        return piece.len > 0 && content_piece(e, ch, piece, event);
    }
    if (!c->discard && !content_append(e, ch, piece)) {
        return false;
    }
    return c->left == 0 && content_complete(e, ch, event);
}
