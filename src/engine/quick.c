/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The short way for what a consumer sees most: a whole delivery that stands in the buffer, read
 * once and handed out where it is.
 *
 * Invariant: this is only an abbreviation. Whatever is not exactly such a delivery, or may not come
 * now, is left untouched to the general way, which alone knows how to refuse, wait or assemble. So
 * the same bytes cause the same events however they are cut. */

#include "state.h"

/* Where the channel is open and idle, returns the consumer with that tag. */
static const lev_consumer *quick_consumer(const lev_engine *e, lev_channel *ch, lev_span tag) {
    if (e->state != LEV_STATE_OPEN || ch == NULL || ch->state != LEV_STATE_CHANNEL_OPEN ||
        ch->content.state != CONTENT_NONE) {
        return NULL;
    }
    return lev_consumers_find(&ch->consumers, tag);
}

static void quick_message(lev_message *m, const lev_basic_deliver *deliver,
                          const lev_header *header) {
    m->consumer_tag = deliver->consumer_tag;
    m->exchange = deliver->exchange;
    m->routing_key = deliver->routing_key;
    m->redelivered = deliver->redelivered;
    m->message_count = 0;
    m->reply_code = 0;
    m->reply_text = (lev_span){NULL, 0};
    m->body_size = header->body_size;
    if (header->properties.present != 0 || m->properties.present != 0) {
        m->properties = header->properties;
    }
}

/* Each field for itself: compilers fill a whole event with zeros by an instruction that takes as
 * long as half of what is here. */
static inline void quick_event(lev_event *event, uint16_t channel, const lev_message *m) {
    event->type = LEV_EVENT_DELIVER;
    event->channel = channel;
    event->call = 0;
    event->method = NULL;
    event->message = m;
    event->body = m->body;
    event->first = 0;
    event->last = 0;
    event->outcome = LEV_CONFIRMED;
    event->token = NULL;
    event->error = NULL;
}

bool lev_quick_deliver(lev_engine *e, lev_event *event) {
    lev_basic_deliver deliver;
    lev_frame body;
    size_t size =
        lev_deliver_decode(lev_inbuf_bytes(&e->rx.buf), &e->rx.limits, &deliver, &e->header, &body);
    if (size == 0 || deliver.delivery_tag == 0 || body.payload.len > e->set.message_max) {
        return false;
    }
    lev_channel *ch = lev_channel_find(e, body.channel);
    const lev_consumer *consumer = quick_consumer(e, ch, deliver.consumer_tag);
    if (consumer == NULL) {
        return false;
    }
    lev_inbuf_take(&e->rx.buf, size);
    if (consumer->no_ack) {
        lev_acks_pass(&ch->acks, deliver.delivery_tag);
    } else {
        lev_acks_deliver(&ch->acks, deliver.delivery_tag);
    }
    lev_message *m = &e->message;
    quick_message(m, &deliver, &e->header);
    m->delivery =
        (lev_delivery){body.channel, consumer->no_ack ? 0 : ch->incarnation, deliver.delivery_tag};
    m->body = body.payload;
    e->delivered++;
    quick_event(event, body.channel, m);
    return true;
}
