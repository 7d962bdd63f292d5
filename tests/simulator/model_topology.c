/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The methods of the classes exchange and queue: what they change, and what they are answered. A
 * refusal is the reply code of the channel exception that RabbitMQ would raise. */

#include "model.h"

#include <stdio.h>
#include <string.h>

static void unbind_all(model *m, const exchange *x, const queue *q) {
    for (binding **at = &m->bindings; *at != NULL;) {
        const binding *b = *at;
        bool gone =
            (x != NULL && (b->source == x || b->exchange == x)) || (q != NULL && b->queue == q);
        if (gone) {
            *at = b->next;
        } else {
            at = &(*at)->next;
        }
    }
}

/* Adds or removes a binding. Returns the reply code of the exception, 0 for none. */
static uint16_t bind(model *m, bool adds, binding wanted) {
    if (wanted.source == NULL || (wanted.queue == NULL && wanted.exchange == NULL)) {
        return adds ? LEV_NOT_FOUND : 0;
    }
    if (wanted.source->name[0] == '\0' ||
        (wanted.exchange != NULL && wanted.exchange->name[0] == '\0')) {
        return LEV_ACCESS_REFUSED;
    }
    for (binding **at = &m->bindings; *at != NULL; at = &(*at)->next) {
        const binding *b = *at;
        if (b->source == wanted.source && b->queue == wanted.queue &&
            b->exchange == wanted.exchange && strcmp(b->key, wanted.key) == 0) {
            *at = adds ? *at : b->next;
            return 0;
        }
    }
    if (adds) {
        binding *b = arena_take(sizeof *b);
        *b = wanted;
        b->next = m->bindings;
        m->bindings = b;
    }
    return 0;
}

static uint16_t exchange_declare(model *m, const lev_exchange_declare *d) {
    exchange *x = model_exchange(m, d->exchange);
    if (d->exchange.len == 0) {
        return LEV_ACCESS_REFUSED;
    }
    if (x == NULL && d->passive) {
        return LEV_NOT_FOUND;
    }
    char type = d->type.len > 0 ? (char)d->type.ptr[0] : '?';
    if (x != NULL) {
        bool same = d->passive || (x->type == type && x->durable == d->durable);
        return same ? 0 : LEV_PRECONDITION_FAILED;
    }
    x = arena_take(sizeof *x);
    *x = (exchange){.next = m->exchanges, .type = type, .durable = d->durable};
    model_text(x->name, d->exchange);
    m->exchanges = x;
    return 0;
}

static uint16_t exchange_delete(model *m, const lev_exchange_delete *d) {
    exchange *x = model_exchange(m, d->exchange);
    if (d->exchange.len == 0 || (d->exchange.len > 4 && memcmp(d->exchange.ptr, "amq.", 4) == 0)) {
        return LEV_ACCESS_REFUSED;
    }
    for (const binding *b = m->bindings; x != NULL && d->if_unused && b != NULL; b = b->next) {
        if (b->source == x) {
            return LEV_PRECONDITION_FAILED;
        }
    }
    for (exchange **at = &m->exchanges; x != NULL && *at != NULL; at = &(*at)->next) {
        if (*at == x) {
            unbind_all(m, x, NULL);
            *at = x->next;
            break;
        }
    }
    return 0;
}

static uint16_t queue_declare(model *m, session *s, const lev_queue_declare *d,
                              lev_queue_declare_ok *ok) {
    queue *q = d->queue.len > 0 || d->passive ? model_queue(m, s, d->queue) : NULL;
    if (q == NULL && d->passive) {
        return LEV_NOT_FOUND;
    }
    if (q != NULL && !d->passive && q->durable != d->durable) {
        return LEV_PRECONDITION_FAILED;
    }
    if (q == NULL) {
        q = arena_take(sizeof *q);
        *q = (queue){.next = m->queues, .durable = d->durable};
        model_text(q->name, d->queue);
        if (d->queue.len == 0) {
            snprintf(q->name, sizeof q->name, "amq.gen-%u", ++m->names);
        }
        m->queues = q;
    }
    memcpy(s->last_queue, q->name, MODEL_NAME);
    *ok = (lev_queue_declare_ok){lev_span_of(q->name), q->ready, model_queue_consumers(m, q)};
    return 0;
}

/* A queue takes its consumers with it: each is told with basic.cancel. */
static uint16_t queue_delete(model *m, session *s, const lev_queue_delete *d, uint32_t *count) {
    queue *q = model_queue(m, s, d->queue);
    *count = 0;
    if (q == NULL) {
        return 0;
    }
    if ((d->if_empty && q->ready > 0) || (d->if_unused && model_queue_consumers(m, q) > 0)) {
        return LEV_PRECONDITION_FAILED;
    }
    *count = model_queue_clear(m, q);
    q->deleted = true;
    unbind_all(m, NULL, q);
    for (queue **at = &m->queues; *at != NULL; at = &(*at)->next) {
        if (*at == q) {
            *at = q->next;
            break;
        }
    }
    for (size_t i = 1; i <= MODEL_CHANNELS; i++) {
        session *other = m->sessions[i];
        for (size_t k = 0; other != NULL && k < MODEL_CONSUMERS; k++) {
            model_consumer *c = &other->consumers[k];
            if (other->state == SESSION_OPEN && c->state == CONSUMING && c->queue == q) {
                model_cancel(m, other, c);
            }
        }
    }
    return 0;
}

static void answer(model *m, session *s, uint16_t code, const lev_method *cause, bool nowait) {
    static const uint8_t nothing[64];
    if (code != 0) {
        model_session_exception(m, s, code, cause);
    } else if (!nowait) {
        model_say(m, s->number, lev_method_describe(cause->id)->replies[0], nothing);
    }
}

static void bind_queue(model *m, session *s, const lev_method *method) {
    const lev_queue_bind *b = &method->as.queue_bind;
    const lev_queue_unbind *u = &method->as.queue_unbind;
    bool adds = method->id == LEV_QUEUE_BIND;
    binding wanted = {.source = model_exchange(m, adds ? b->exchange : u->exchange),
                      .queue = model_queue(m, s, adds ? b->queue : u->queue)};
    model_text(wanted.key, adds ? b->routing_key : u->routing_key);
    answer(m, s, bind(m, adds, wanted), method, adds && b->nowait);
}

static void bind_exchange(model *m, session *s, const lev_method *method) {
    const lev_exchange_bind *b = &method->as.exchange_bind;
    const lev_exchange_unbind *u = &method->as.exchange_unbind;
    bool adds = method->id == LEV_EXCHANGE_BIND;
    binding wanted = {.source = model_exchange(m, adds ? b->source : u->source),
                      .exchange = model_exchange(m, adds ? b->destination : u->destination)};
    model_text(wanted.key, adds ? b->routing_key : u->routing_key);
    answer(m, s, bind(m, adds, wanted), method, adds ? b->nowait : u->nowait);
}

static void answer_counted(model *m, session *s, const lev_method *method) {
    lev_queue_declare_ok declared;
    lev_queue_purge_ok purged = {0};
    lev_queue_delete_ok deleted = {0};
    const void *ok = &declared;
    bool nowait = false;
    uint16_t code = 0;
    if (method->id == LEV_QUEUE_DECLARE) {
        code = queue_declare(m, s, &method->as.queue_declare, &declared);
        nowait = method->as.queue_declare.nowait;
    } else if (method->id == LEV_QUEUE_PURGE) {
        queue *q = model_queue(m, s, method->as.queue_purge.queue);
        code = q == NULL ? LEV_NOT_FOUND : 0;
        purged.message_count = q == NULL ? 0 : model_queue_clear(m, q);
        nowait = method->as.queue_purge.nowait;
        ok = &purged;
    } else {
        code = queue_delete(m, s, &method->as.queue_delete, &deleted.message_count);
        nowait = method->as.queue_delete.nowait;
        ok = &deleted;
    }
    if (code != 0) {
        model_session_exception(m, s, code, method);
    } else if (!nowait) {
        model_say(m, s->number, lev_method_describe(method->id)->replies[0], ok);
    }
}

bool model_topology(model *m, session *s, const lev_method *method) {
    const lev_exchange_declare *declare = &method->as.exchange_declare;
    const lev_exchange_delete *delete = &method->as.exchange_delete;
    if (method->id == LEV_EXCHANGE_DECLARE) {
        answer(m, s, exchange_declare(m, declare), method, declare->nowait);
    } else if (method->id == LEV_EXCHANGE_DELETE) {
        answer(m, s, exchange_delete(m, delete), method, delete->nowait);
    } else if (method->id == LEV_EXCHANGE_BIND || method->id == LEV_EXCHANGE_UNBIND) {
        bind_exchange(m, s, method);
    } else if (method->id == LEV_QUEUE_BIND || method->id == LEV_QUEUE_UNBIND) {
        bind_queue(m, s, method);
    } else if (method->id == LEV_QUEUE_DECLARE || method->id == LEV_QUEUE_PURGE ||
               method->id == LEV_QUEUE_DELETE) {
        answer_counted(m, s, method);
    } else {
        return false;
    }
    return true;
}
