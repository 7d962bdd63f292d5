/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Deliveries. A consumer's credit is its prefetch less what it has not settled; the channel's own
 * limit counts all its consumers. What was handed out stays in the session under its tag, so that
 * what the engine tells its program can be compared with it. */

#include "model.h"

#include <stdio.h>
#include <string.h>

static model_consumer *consumer_find(session *s, lev_span tag) {
    for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
        model_consumer *c = &s->consumers[i];
        if (c->state != CONSUMING_NOT && lev_span_equal(lev_span_of(c->tag), tag)) {
            return c;
        }
    }
    return NULL;
}

static model_consumer *consumer_place(session *s) {
    for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
        if (s->consumers[i].state == CONSUMING_NOT && s->consumers[i].unacked == 0) {
            return &s->consumers[i];
        }
    }
    return NULL;
}

/* ---- handing out ---- */

static handed *hand_out(session *s, queue *q, model_consumer *c) {
    handed *h = &s->handed[++s->handed_len];
    *h = (handed){.entry = model_queue_take(q), .consumer = c, .left = q->ready};
    h->redelivered = h->entry->redelivered;
    memcpy(h->queue, q->name, MODEL_NAME);
    return h;
}

static void await_ack(model *m, session *s, handed *h, bool no_ack) {
    h->no_ack = no_ack;
    h->unacked = !no_ack;
    s->unacked += h->unacked;
    if (h->consumer != NULL) {
        h->consumer->unacked += h->unacked;
    }
    m->acked += no_ack;
}

static bool has_credit(const session *s, const model_consumer *c) {
    return c->no_ack || ((c->prefetch == 0 || c->unacked < c->prefetch) &&
                         (s->prefetch_global == 0 || s->unacked < s->prefetch_global));
}

static void deliver(model *m, session *s, model_consumer *c) {
    handed *h = hand_out(s, c->queue, c);
    const message *msg = h->entry->message;
    memcpy(h->consumer_tag, c->tag, MODEL_NAME);
    await_ack(m, s, h, c->no_ack);
    lev_basic_deliver d = {.consumer_tag = lev_span_of(c->tag),
                           .delivery_tag = s->handed_len,
                           .redelivered = h->redelivered,
                           .exchange = msg->publish.exchange,
                           .routing_key = msg->publish.routing_key};
    model_say(m, s->number, LEV_BASIC_DELIVER, &d);
    model_say_content(m, s->number, msg);
}

bool model_deliver(model *m, session *s) {
    size_t start = (size_t)chance_below(&m->dice, MODEL_CONSUMERS);
    for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
        model_consumer *c = &s->consumers[(start + i) % MODEL_CONSUMERS];
        if (c->state == CONSUMING && s->handed_len < MODEL_HANDED && c->queue->ready > 0 &&
            has_credit(s, c)) {
            deliver(m, s, c);
            return true;
        }
    }
    return false;
}

static void get(model *m, session *s, const lev_method *method) {
    const lev_basic_get *g = &method->as.basic_get;
    queue *q = model_queue(m, s, g->queue);
    lev_basic_get_empty empty = {0};
    if (q == NULL) {
        model_session_exception(m, s, LEV_NOT_FOUND, method);
    } else if (q->ready == 0 || s->handed_len == MODEL_HANDED) {
        model_say(m, s->number, LEV_BASIC_GET_EMPTY, &empty);
    } else {
        handed *h = hand_out(s, q, NULL);
        const message *msg = h->entry->message;
        await_ack(m, s, h, g->no_ack);
        lev_basic_get_ok ok = {.delivery_tag = s->handed_len,
                               .redelivered = h->redelivered,
                               .exchange = msg->publish.exchange,
                               .routing_key = msg->publish.routing_key,
                               .message_count = h->left};
        model_say(m, s->number, LEV_BASIC_GET_OK, &ok);
        model_say_content(m, s->number, msg);
    }
}

/* ---- settling ---- */

static void give_credit(session *s, handed *h) {
    h->unacked = false;
    h->ack_in_tx = false;
    s->unacked--;
    if (h->consumer != NULL) {
        h->consumer->unacked--;
    }
}

void model_handed_settle(model *m, session *s, handed *h) {
    give_credit(s, h);
    if (h->requeue) {
        model_queue_return(m, h->entry, true);
    } else if (h->drop) {
        m->dropped++;
    } else {
        m->acked++;
    }
}

void model_requeue_all(model *m, session *s) {
    for (uint64_t i = 1; i <= s->handed_len; i++) {
        if (s->handed[i].unacked) {
            give_credit(s, &s->handed[i]);
            model_queue_return(m, s->handed[i].entry, true);
        }
    }
}

static bool open_tag(const session *s, uint64_t tag) {
    return tag >= 1 && tag <= s->handed_len && s->handed[tag].unacked && !s->handed[tag].ack_in_tx;
}

/* What an ack, nack or reject says. */
typedef struct settling {
    uint64_t tag;
    bool multiple;
    bool drop;
    bool requeue;
} settling;

static void settle(model *m, session *s, const lev_method *method, settling how) {
    if (!open_tag(s, how.tag)) {
        model_session_exception(m, s, LEV_PRECONDITION_FAILED, method);
        return;
    }
    for (uint64_t i = how.multiple ? 1 : how.tag; i <= how.tag; i++) {
        handed *h = &s->handed[i];
        if (!open_tag(s, i)) {
            continue;
        }
        h->requeue = how.requeue;
        h->drop = how.drop;
        h->ack_in_tx = s->tx;
        if (!s->tx) {
            model_handed_settle(m, s, h);
        }
    }
}

/* ---- consumers ---- */

void model_consume_ok(model *m, session *s, model_consumer *c) {
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of(c->tag)};
    c->state = CONSUMING;
    model_say(m, s->number, LEV_BASIC_CONSUME_OK, &ok);
    if (c->queue->deleted) {
        model_cancel(m, s, c);
    }
}

void model_cancel(model *m, session *s, model_consumer *c) {
    bool answer = chance_one_in(&m->dice, 4) && !s->commit_due;
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of(c->tag), .nowait = !answer};
    s->cancels_open += answer;
    c->state = CONSUMING_NOT;
    model_say(m, s->number, LEV_BASIC_CANCEL, &cancel);
}

static void consume(model *m, session *s, const lev_method *method) {
    const lev_basic_consume *wanted = &method->as.basic_consume;
    queue *q = model_queue(m, s, wanted->queue);
    model_rule(wanted->consumer_tag.len > 0, "each consumer has a tag");
    model_rule(consumer_find(s, wanted->consumer_tag) == NULL,
               "no tag of a consumer is used twice");
    if (q == NULL) {
        model_session_exception(m, s, LEV_NOT_FOUND, method);
        return;
    }
    model_consumer *c = consumer_place(s);
    if (c == NULL) {
        model_session_exception(m, s, LEV_ACCESS_REFUSED, method);
        return;
    }
    *c = (model_consumer){.queue = q, .no_ack = wanted->no_ack, .prefetch = s->prefetch};
    model_text(c->tag, wanted->consumer_tag);
    c->state = wanted->nowait ? CONSUMING : CONSUMING_OK_DUE;
    if (!wanted->nowait && chance_one_in(&m->dice, 2)) {
        model_consume_ok(m, s, c);
    }
}

static void cancel(model *m, session *s, const lev_method *method) {
    const lev_basic_cancel *wanted = &method->as.basic_cancel;
    model_consumer *c = consumer_find(s, wanted->consumer_tag);
    lev_basic_cancel_ok ok = {.consumer_tag = wanted->consumer_tag};
    model_rule(c == NULL || c->state == CONSUMING, "no cancel is sent before the consume-ok");
    while (c != NULL && chance_one_in(&m->dice, 2) && model_deliver(m, s)) {
    }
    if (c != NULL) {
        c->state = CONSUMING_NOT;
    }
    if (!wanted->nowait) {
        model_say(m, s->number, LEV_BASIC_CANCEL_OK, &ok);
    }
}

static void recover(model *m, session *s, const lev_method *method) {
    lev_basic_recover_ok ok = {0};
    model_requeue_all(m, s);
    if (method->id == LEV_BASIC_RECOVER) {
        model_say(m, s->number, LEV_BASIC_RECOVER_OK, &ok);
    }
}

static void limit(model *m, session *s, const lev_basic_qos *qos) {
    lev_basic_qos_ok ok = {0};
    model_rule(qos->prefetch_size == 0, "no prefetch-size is asked for");
    if (qos->global) {
        s->prefetch_global = qos->prefetch_count;
    } else {
        s->prefetch = qos->prefetch_count;
    }
    model_say(m, s->number, LEV_BASIC_QOS_OK, &ok);
}

bool model_delivery_method(model *m, session *s, const lev_method *method) {
    const lev_basic_ack *ack = &method->as.basic_ack;
    const lev_basic_nack *nack = &method->as.basic_nack;
    const lev_basic_reject *reject = &method->as.basic_reject;
    if (method->id == LEV_BASIC_ACK) {
        settle(m, s, method, (settling){ack->delivery_tag, ack->multiple, false, false});
    } else if (method->id == LEV_BASIC_NACK) {
        settle(m, s, method,
               (settling){nack->delivery_tag, nack->multiple, !nack->requeue, nack->requeue});
    } else if (method->id == LEV_BASIC_REJECT) {
        settle(m, s, method,
               (settling){reject->delivery_tag, false, !reject->requeue, reject->requeue});
    } else if (method->id == LEV_BASIC_CONSUME) {
        consume(m, s, method);
    } else if (method->id == LEV_BASIC_CANCEL) {
        cancel(m, s, method);
    } else if (method->id == LEV_BASIC_GET) {
        get(m, s, method);
    } else if (method->id == LEV_BASIC_QOS) {
        limit(m, s, &method->as.basic_qos);
    } else if (method->id == LEV_BASIC_RECOVER || method->id == LEV_BASIC_RECOVER_ASYNC) {
        recover(m, s, method);
    } else {
        return false;
    }
    return true;
}
