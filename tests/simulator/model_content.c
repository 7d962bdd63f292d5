/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishes: read strictly, routed, returned where they are mandatory and go nowhere, and settled
 * in confirm mode. A nack is drawn by chance, as a full queue with reject-publish would give it. */

#include "model.h"

#include <string.h>

/* ---- reading ---- */

static void raw_append(session *s, lev_span bytes) {
    if (s->raw_len + bytes.len > s->raw_cap) {
        s->raw_cap = (s->raw_len + bytes.len) * 2;
        uint8_t *raw = arena_take(s->raw_cap);
        memcpy(raw, s->raw, s->raw_len);
        s->raw = raw;
    }
    if (bytes.len > 0) {
        memcpy(s->raw + s->raw_len, bytes.ptr, bytes.len);
        s->raw_len += bytes.len;
    }
}

void model_content_method(session *s, const lev_frame *frame) {
    s->raw_len = 0;
    raw_append(s, frame->payload);
    s->method_len = s->raw_len;
    s->reading = READING_HEADER;
}

/* A message of what was read, in memory of its own. */
static const message *collect(const session *s) {
    message *msg = arena_take(sizeof *msg);
    const uint8_t *raw = arena_copy(s->raw, s->raw_len);
    lev_method method;
    (void)lev_method_decode((lev_span){raw, s->method_len}, &method);
    (void)lev_header_decode((lev_span){raw + s->method_len, s->header_len}, &msg->header);
    msg->publish = method.as.basic_publish;
    size_t at = s->method_len + s->header_len;
    msg->body = (lev_span){raw + at, s->raw_len - at};
    return msg;
}

static void say_return(model *m, const session *s, const message *msg) {
    lev_basic_return ret = {.reply_code = LEV_NO_ROUTE,
                            .reply_text = lev_span_of("NO_ROUTE"),
                            .exchange = msg->publish.exchange,
                            .routing_key = msg->publish.routing_key};
    model_say(m, s->number, LEV_BASIC_RETURN, &ret);
    model_say_content(m, s->number, msg);
}

/* Routes a message and returns it where need be. Returns its fate. */
static fate route(model *m, session *s, const message *msg) {
    fate f = {.nacked = s->confirm && chance_one_in(&m->dice, 12)};
    uint32_t queues = model_route(m, msg, !f.nacked);
    f.returned = queues == 0 && msg->publish.mandatory && !f.nacked;
    if (f.returned && s->confirm && m->manner.nacks_returns) {
        f.nacked = true; /* the return follows the nack */
    } else if (f.returned) {
        say_return(m, s, msg);
    }
    return f;
}

static void published(model *m, session *s) {
    model_rule(s->published_len < MODEL_PUBLISHES, "the user keeps to the model's room");
    const message *msg = collect(s);
    s->published[++s->published_len] = msg;
    s->reading = READING_METHOD;
    model_rule(!msg->publish.immediate, "nothing is published as immediate");
    if (s->state != SESSION_OPEN || m->state != MODEL_OPEN) {
        return;
    }
    s->accepted = s->published_len;
    if (s->tx) {
        return; /* until tx.commit */
    }
    if (model_exchange(m, msg->publish.exchange) == NULL) {
        lev_method cause = {.id = LEV_BASIC_PUBLISH};
        model_session_exception(m, s, LEV_NOT_FOUND, &cause);
        return;
    }
    fate f = route(m, s, msg);
    s->fates[s->published_len] = f;
}

void model_content_frame(model *m, session *s, const lev_frame *frame) {
    enum reading wanted = frame->type == LEV_FRAME_HEADER ? READING_HEADER : READING_BODY;
    lev_header header;
    model_rule(s->reading == wanted, "content comes as method, header, body");
    raw_append(s, frame->payload);
    if (wanted == READING_HEADER) {
        model_rule(lev_header_decode(frame->payload, &header) == LEV_OK &&
                       header.class_id == LEV_CLASS_BASIC && header.weight == 0,
                   "each content header is well formed");
        s->header_len = frame->payload.len;
        s->body_size = header.body_size;
        s->reading = READING_BODY;
    } else {
        model_rule(frame->payload.len > 0, "no body frame is empty");
    }
    size_t have = s->raw_len - s->method_len - s->header_len;
    model_rule(have <= s->body_size, "no more body comes than was announced");
    if (have == s->body_size) {
        published(m, s);
    }
}

/* ---- saying ---- */

void model_say_content(model *m, uint16_t channel, const message *msg) {
    uint8_t payload[4096];
    lev_writer w = lev_writer_init(payload, sizeof payload);
    lev_header header = msg->header;
    lev_span body = msg->body;
    size_t most = m->tuned.frame_max - LEV_FRAME_OVERHEAD;
    lev_header_encode(&w, &header);
    model_say_frame(m, &(lev_frame){LEV_FRAME_HEADER, channel, lev_writer_span(&w)});
    while (body.len > 0) {
        size_t n = body.len < most ? body.len : most;
        if (m->manner.ragged) {
            n = (size_t)chance_below(&m->dice, n + 1);
        }
        model_say_frame(m, &(lev_frame){LEV_FRAME_BODY, channel, {body.ptr, n}});
        body.ptr += n;
        body.len -= n;
    }
}

/* ---- confirms ---- */

bool model_unsettled(const session *s) {
    return s->state == SESSION_OPEN && s->confirm && s->settled < s->published_len;
}

static void say_settled(model *m, const session *s, uint64_t index, bool multiple) {
    uint64_t tag = index - s->before_confirm;
    lev_basic_ack ack = {.delivery_tag = tag, .multiple = multiple};
    lev_basic_nack nack = {.delivery_tag = tag, .multiple = multiple, .requeue = true};
    if (s->fates[index].nacked) {
        model_say(m, s->number, LEV_BASIC_NACK, &nack);
    } else {
        model_say(m, s->number, LEV_BASIC_ACK, &ack);
    }
}

/* Marks one as told; its return follows where this broker nacks returned messages. */
static void tell(model *m, session *s, uint64_t index) {
    fate *f = &s->fates[index];
    f->told = true;
    if (f->returned && f->nacked) {
        say_return(m, s, s->published[index]);
    }
}

/* May one confirm stand for all from `first` to `last`? */
static bool share_fate(const session *s, uint64_t first, uint64_t last) {
    for (uint64_t i = first; i < last; i++) {
        if (!s->fates[i].told && s->fates[i].nacked != s->fates[last].nacked) {
            return false;
        }
    }
    return true;
}

/* Settles one publish out of order, or all up to one where they share its fate. */
void model_settle_some(model *m, session *s) {
    if (!model_unsettled(s)) {
        return;
    }
    uint64_t first = s->settled + 1;
    uint64_t last = first + chance_below(&m->dice, s->published_len - s->settled);
    while (s->fates[last].told) {
        last--; /* the first is never told */
    }
    if (m->manner.cumulative && !share_fate(s, first, last)) {
        last = first;
    }
    bool multiple =
        (m->manner.cumulative || chance_one_in(&m->dice, 2)) && share_fate(s, first, last);
    say_settled(m, s, last, multiple);
    for (uint64_t i = multiple ? first : last; i <= last; i++) {
        if (!s->fates[i].told) {
            tell(m, s, i);
        }
    }
    while (s->settled < s->published_len && s->fates[s->settled + 1].told) {
        s->settled++;
    }
}

/* ---- transactions ---- */

void model_tx_rollback(session *s) {
    s->tx_from = s->published_len;
    for (uint64_t i = 1; i <= s->handed_len; i++) {
        s->handed[i].ack_in_tx = false;
    }
}

void model_tx_commit(model *m, session *s) {
    lev_tx_commit_ok ok = {0};
    s->commit_due = false;
    for (uint64_t i = 1; i <= s->handed_len; i++) {
        if (s->handed[i].ack_in_tx) {
            model_handed_settle(m, s, &s->handed[i]);
        }
    }
    while (s->tx_from < s->published_len) {
        const message *msg = s->published[++s->tx_from];
        if (model_exchange(m, msg->publish.exchange) == NULL) {
            lev_method cause = {.id = LEV_TX_COMMIT};
            model_session_exception(m, s, LEV_NOT_FOUND, &cause);
            return;
        }
        (void)route(m, s, msg);
    }
    model_say(m, s->number, LEV_TX_COMMIT_OK, &ok);
}
