/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What must hold when nothing is under way, and when the engine has said its last: both sides agree
 * on every publish, every delivery and every message. */

#include "user.h"

#include <string.h>

static bool same_message(const record *r, const message *msg) {
    const content *c = r->content;
    return lev_span_equal(lev_span_of(c->exchange), msg->publish.exchange) &&
           lev_span_equal(lev_span_of(c->key), msg->publish.routing_key) &&
           r->mandatory == msg->publish.mandatory &&
           lev_properties_equal(&c->properties, &msg->header.properties) &&
           lev_span_equal(c->body, msg->body);
}

static void check_published(const opening *o, const session *s) {
    INVARIANT(s->published_len <= o->published, "the broker has only what was published");
    for (uint64_t i = 1; i <= s->published_len; i++) {
        INVARIANT(same_message(&o->records[i], s->published[i]),
                  "messages come to the broker in order and unharmed");
    }
}

static void check_settled(const model *m, const opening *o, const session *s) {
    uint64_t told = 0;
    uint64_t returned = 0;
    /* A return may also be of an unnumbered publish, or have been tied to an equal one that was
     * nacked, after its own had been acked. */
    bool counts = o->before_confirm == 0 && !m->manner.nacks_returns;
    for (uint64_t i = o->before_confirm + 1; o->confirm && i <= o->published; i++) {
        const record *r = &o->records[i];
        INVARIANT(r->ended && r->outcome <= LEV_NACKED,
                  "on an open channel each publish comes to be settled");
        INVARIANT(s->fates[i].told, "what is settled was answered");
        told += r->outcome == LEV_RETURNED;
        returned += s->fates[i].returned;
        counts = counts && !(s->fates[i].nacked && r->mandatory && user_has_twin(o, r->content));
    }
    INVARIANT(!counts || told == returned, "as many are returned as the broker returned");
}

/* The broker heard it settled as the program settled it. */
static bool same_way(const taken *t, const handed *h) {
    return t->state != TAKEN_SETTLED || t->how == TAKEN_VOID ||
           (h->requeue == (t->how == TAKEN_REQUEUED) && h->drop == (t->how == TAKEN_DROPPED));
}

static void check_taken(const opening *o, const session *s) {
    INVARIANT(o->last_tag == s->handed_len && !o->streaming, "no delivery is lost");
    for (uint64_t i = 1; !o->acks_unsafe && i <= o->last_tag; i++) {
        INVARIANT((o->taken[i].state != TAKEN_SETTLED) == s->handed[i].unacked &&
                      (o->taken[i].state == TAKEN_IN_TX) == s->handed[i].ack_in_tx,
                  "both sides know the same deliveries as unsettled");
        INVARIANT(same_way(&o->taken[i], &s->handed[i]), "acks, nacks and rejects arrive as such");
    }
}

static void check_open(const user *u, const opening *o) {
    const session *s = user_session(u, o);
    INVARIANT(s != NULL && s->state == SESSION_OPEN, "both sides know the same channels as open");
    INVARIANT(o->state == OPENING_OPEN && o->calls_len == 0, "each call is answered");
    INVARIANT(s->published_len == o->published, "what was published has come");
    INVARIANT(lev_engine_unsettled(u->e, o->number) == 0, "nothing is unsettled");
    INVARIANT(!o->again, "who was told to wait is told when to go on");
    check_settled(u->m, o, s);
    check_taken(o, s);
}

/* Every message in every queue is ready, handed out, acked or dropped. */
static void check_entries(const model *m) {
    uint64_t found = m->acked + m->dropped;
    for (const queue *q = m->queues; q != NULL; q = q->next) {
        found += q->ready;
    }
    for (size_t i = 1; i <= MODEL_CHANNELS; i++) {
        found += m->sessions[i] != NULL ? m->sessions[i]->unacked : 0;
    }
    INVARIANT(found == m->made, "the broker accounts for every message");
}

void user_check_quiet(user *u) {
    INVARIANT(u->openings[0]->calls_len == 0, "each call on the connection is answered");
    for (uint16_t i = 1; i <= MODEL_CHANNELS; i++) {
        const opening *o = u->openings[i];
        if (o != NULL && o->state != OPENING_ENDED) {
            check_open(u, o);
        }
    }
    check_entries(u->m);
}

void user_check_over(user *u) {
    INVARIANT(u->over, "a connection that ended says so");
    INVARIANT(u->loans_out == 0, "each lent body comes back");
    for (uint16_t i = 1; i <= MODEL_CHANNELS; i++) {
        for (const opening *o = u->openings[i]; o != NULL; o = o->older) {
            const session *s = user_session(u, o);
            for (uint64_t k = o->before_confirm + 1; o->confirm && k <= o->published; k++) {
                INVARIANT(o->records[k].ended, "each publish has an outcome");
            }
            if (s != NULL) {
                check_published(o, s);
            }
        }
    }
    check_entries(u->m);
}
