/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The model broker's queues. An entry is one message in one queue: it is ready, handed out, acked
 * or dropped, and the counters of all four add up to the entries ever made. Routing takes a message
 * from its exchange, through others bound to it, to each queue once. */

#include "model.h"

#include <string.h>

void model_text(char *into, lev_span text) {
    model_rule(text.len < MODEL_NAME, "names come as they were given");
    memset(into, 0, MODEL_NAME);
    if (text.len > 0) {
        memcpy(into, text.ptr, text.len);
    }
}

exchange *model_exchange(model *m, lev_span name) {
    for (exchange *x = m->exchanges; x != NULL; x = x->next) {
        if (lev_span_equal(lev_span_of(x->name), name)) {
            return x;
        }
    }
    return NULL;
}

queue *model_queue(model *m, const session *s, lev_span name) {
    if (name.len == 0) {
        name = lev_span_of(s->last_queue);
    }
    for (queue *q = m->queues; q != NULL; q = q->next) {
        if (lev_span_equal(lev_span_of(q->name), name)) {
            return q;
        }
    }
    return NULL;
}

/* ---- entries ---- */

static void queue_insert(queue *q, entry *e) {
    entry **at = &q->first;
    while (*at != NULL && (*at)->place < e->place) {
        at = &(*at)->next;
    }
    e->next = *at;
    *at = e;
    q->ready++;
}

void model_queue_add(model *m, queue *q, const message *msg) {
    entry *e = arena_take(sizeof *e);
    *e = (entry){.message = msg, .queue = q, .place = ++m->places};
    m->made++;
    queue_insert(q, e);
}

void model_queue_return(model *m, entry *e, bool redelivered) {
    e->redelivered = e->redelivered || redelivered;
    if (e->queue->deleted) {
        m->dropped++;
    } else {
        queue_insert(e->queue, e);
    }
}

entry *model_queue_take(queue *q) {
    entry *e = q->first;
    if (e != NULL) {
        q->first = e->next;
        q->ready--;
    }
    return e;
}

uint32_t model_queue_clear(model *m, queue *q) {
    uint32_t count = q->ready;
    m->dropped += count;
    q->first = NULL;
    q->ready = 0;
    return count;
}

uint32_t model_queue_consumers(const model *m, const queue *q) {
    uint32_t count = 0;
    for (size_t i = 1; i <= MODEL_CHANNELS; i++) {
        const session *s = m->sessions[i];
        for (size_t k = 0; s != NULL && k < MODEL_CONSUMERS; k++) {
            const model_consumer *c = &s->consumers[k];
            count += s->state == SESSION_OPEN && c->state != CONSUMING_NOT && c->queue == q;
        }
    }
    return count;
}

/* ---- routing ---- */

/* Matches a topic: words between dots, `*` for one and `#` for any number of them. */
static bool topic_matches(const char *pattern, const char *key) {
    if (*pattern == '\0') {
        return *key == '\0';
    }
    if (*pattern == '#') {
        const char *rest = pattern[1] == '.' ? pattern + 2 : pattern + 1;
        const char *word = key;
        while (!topic_matches(rest, word)) {
            word = strchr(word, '.');
            if (word == NULL) {
                return *rest == '\0';
            }
            word++;
        }
        return true;
    }
    size_t p = strcspn(pattern, ".");
    size_t k = strcspn(key, ".");
    bool star = p == 1 && *pattern == '*';
    if (!(star && k > 0) && (p != k || memcmp(pattern, key, p) != 0)) {
        return false;
    }
    if (key[k] == '\0') {
        return pattern[p] == '\0' || strcmp(pattern + p, ".#") == 0;
    }
    return pattern[p] == '.' && topic_matches(pattern + p + 1, key + k + 1);
}

static bool binding_matches(const binding *b, const char *key) {
    if (b->source->type == 'f') {
        return true;
    }
    return b->source->type == 't' ? topic_matches(b->key, key) : strcmp(b->key, key) == 0;
}

typedef struct route {
    model *m;
    const message *message;
    char key[MODEL_NAME];
    queue *found[32]; /* a queue takes a message once, however often it is bound */
    uint32_t count;
} route;

static void route_to(route *r, queue *q) {
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->found[i] == q) {
            return;
        }
    }
    model_rule(r->count < 32, "the model has room for its queues");
    r->found[r->count++] = q;
}

static void route_through(route *r, exchange *x) {
    if (x->visited) {
        return;
    }
    x->visited = true;
    for (const binding *b = r->m->bindings; b != NULL; b = b->next) {
        if (b->source == x && binding_matches(b, r->key)) {
            if (b->queue != NULL) {
                route_to(r, b->queue);
            } else {
                route_through(r, b->exchange);
            }
        }
    }
}

uint32_t model_route(model *m, const message *msg, bool store) {
    route r = {.m = m, .message = msg};
    exchange *x = model_exchange(m, msg->publish.exchange);
    model_text(r.key, msg->publish.routing_key);
    for (exchange *each = m->exchanges; each != NULL; each = each->next) {
        each->visited = false;
    }
    if (x != NULL && x->name[0] == '\0') {
        for (queue *q = m->queues; q != NULL; q = q->next) {
            if (strcmp(q->name, r.key) == 0) {
                route_to(&r, q);
            }
        }
    } else if (x != NULL) {
        route_through(&r, x);
    }
    for (uint32_t i = 0; store && i < r.count; i++) {
        model_queue_add(m, r.found[i], msg);
    }
    return r.count;
}
