/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each message is published at once, or, while the target blocks or its connection is being made
 * again, held as a copy; how many are under way is bounded by the prefetch of the source. A
 * delivery waits under the number of its publish for the outcome. Whatever happens to either
 * connection in between, the source still has the message: it may come twice to the target, and is
 * never lost.
 *
 * A message that the target does not take ends the copying, for the next ones would fare no better,
 * and requeued it would only come again. */

#include "copier.h"

#include "exits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int copier_fail(copier *p, int code) {
    p->failed = true;
    return code;
}

/* Its bytes lie in one block: routing key, property list, body. */
struct held {
    held *next;
    lev_delivery delivery;
    buffer bytes;
    size_t key_len;
    size_t list_len;
};

static void held_free(held *h) {
    buffer_deinit(&h->bytes);
    free(h);
}

static void print_properties(lev_writer *w, const void *thing) { lev_properties_encode(w, thing); }

static held *held_new(const lev_message *m) {
    held *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return NULL;
    }
    h->delivery = m->delivery;
    h->key_len = m->routing_key.len;
    buffer_put(&h->bytes, m->routing_key);
    lev_status status = buffer_print(&h->bytes, print_properties, &m->properties);
    h->list_len = h->bytes.len - h->key_len;
    buffer_put(&h->bytes, m->body);
    if (status != LEV_OK || h->bytes.failed) {
        held_free(h);
        return NULL;
    }
    return h;
}

/* Returns the part of a message that is published; it points into what is held. */
static lev_message held_message(const held *h) {
    lev_span all = buffer_span(&h->bytes);
    size_t body = h->key_len + h->list_len;
    lev_message m = {.delivery = h->delivery, .routing_key = {all.ptr, h->key_len}};
    lev_properties_decode((lev_span){all.ptr + h->key_len, h->list_len}, &m.properties);
    m.body = (lev_span){all.ptr + body, all.len - body};
    return m;
}

static int copier_hold(copier *p, const lev_message *m) {
    held *h = held_new(m);
    if (h == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory; the message stays in the queue");
    }
    if (p->first == NULL) {
        p->first = h;
    } else {
        p->last->next = h;
    }
    p->last = h;
    return CONSUMER_GOING;
}

static void copier_drop_first(copier *p) {
    held *h = p->first;
    p->first = h->next;
    held_free(h);
}

/* Publishes. Returns LEV_AGAIN where the target does not take it yet, or is lost this moment: an
 * event tells what follows. */
static lev_status copier_try(copier *p, const lev_message *m, uint64_t *number) {
    const copier_settings *s = p->settings;
    lev_client *c = p->target->client;
    lev_publication copy = {
        .exchange = lev_span_of(s->exchange),
        .routing_key = s->routing_key != NULL ? lev_span_of(s->routing_key) : m->routing_key,
        .properties = &m->properties,
        .body = m->body,
        .mandatory = true,
    };
    lev_status status = lev_client_publish(c, CHANNEL, &copy, number);
    bool gone = lev_engine_error(lev_client_engine(c))->status != LEV_OK;
    return status != LEV_OK && gone ? LEV_AGAIN : status;
}

/* Publishes a message, unless the target does not take it: then `*taken` is false. */
static int copier_send(copier *p, const lev_message *m, bool *taken) {
    uint64_t number;
    lev_status status = copier_try(p, m, &number);
    *taken = status == LEV_OK;
    if (status == LEV_AGAIN) {
        return CONSUMER_GOING;
    }
    if (status != LEV_OK) {
        return copier_fail(p, session_fail(p->target, "publish to the target"));
    }
    if (p->given.unsettled == 0) {
        p->since = loop_now();
    }
    return given_add(&p->given, m->delivery, number)
               ? CONSUMER_GOING
               : say_and(EXIT_INTERNAL, "out of memory; the message stays in the queue");
}

static int copier_take(outlet *o, consumer *k, const lev_message *m) {
    copier *p = (copier *)o;
    bool taken = false;
    int rc = CONSUMER_GOING;
    (void)k;
    if (p->first == NULL) {
        rc = copier_send(p, m, &taken);
    }
    return taken || rc != CONSUMER_GOING ? rc : copier_hold(p, m);
}

/* Publishes what is held, as far as the target takes it. */
static int copier_send_held(copier *p) {
    int rc = CONSUMER_GOING;
    bool taken = true;
    while (rc == CONSUMER_GOING && taken && p->first != NULL) {
        lev_message m = held_message(p->first);
        rc = copier_send(p, &m, &taken);
        if (taken) {
            copier_drop_first(p);
        }
    }
    return rc;
}

/* The target has confirmed one: the source may forget it. */
static void copier_confirmed(copier *p, consumer *k, lev_delivery d) {
    lev_status status = LEV_OK;
    if (!p->settings->keep && !k->failed) {
        status = lev_client_ack(k->session->client, d, false);
    }
    if (status == LEV_OK) {
        p->confirmed++;
    } else { /* its connection was lost: it comes again */
        k->count--;
    }
}

static int copier_outcome(copier *p, consumer *k, const lev_event *e) {
    bool lost = false;
    p->since = loop_now();
    for (uint64_t number = e->first; number <= e->last; number++) {
        lev_delivery d;
        if (!given_take(&p->given, number, &d)) {
            continue;
        }
        if (e->outcome == LEV_CONFIRMED) {
            copier_confirmed(p, k, d);
        }
        p->returned += e->outcome == LEV_RETURNED ? 1 : 0;
        p->refused += e->outcome == LEV_NACKED ? 1 : 0;
        lost = lost || e->outcome == LEV_RETURNED || e->outcome == LEV_NACKED;
    }
    return lost ? EXIT_PARTIAL : CONSUMER_GOING;
}

static int copier_event(copier *p, consumer *k, const lev_event *e) {
    const lev_message *m = e->message;
    if (e->type == LEV_EVENT_OUTCOME) {
        return copier_outcome(p, k, e);
    }
    if (e->type == LEV_EVENT_RETURN && p->returned == 0) {
        say("the target has no queue for a message: %u %.*s, key \"%.*s\"; bind one there",
            (unsigned)m->reply_code, (int)m->reply_text.len, (const char *)m->reply_text.ptr,
            (int)m->routing_key.len, (const char *)m->routing_key.ptr);
    }
    if (e->type == LEV_EVENT_RECOVERING || e->type == LEV_EVENT_RECOVERED) {
        p->target->recovering = e->type == LEV_EVENT_RECOVERING;
        p->since = loop_now();
        session_tell_recovery(p->target, e);
    }
    if (e->type == LEV_EVENT_BLOCKED || e->type == LEV_EVENT_UNBLOCKED) {
        p->since = loop_now();
        say("the target at %s %s publishing", p->target->where,
            e->type == LEV_EVENT_BLOCKED ? "blocks" : "allows");
    }
    return CONSUMER_GOING;
}

static int copier_late(copier *p) {
    lev_error late = {.status = LEV_ERR_TIMEOUT, .layer = LEV_LAYER_CLIENT};
    snprintf(late.text, sizeof late.text, "%s: no message was confirmed for %" PRIu64 " ms",
             p->target->where, p->limit_ms);
    return copier_fail(p, session_blame("publish to the target", &late, ""));
}

/* How long the target may still go without progress; -1: nothing is awaited of it. While its
 * connection is being made again that has no limit but --retry. */
static int copier_patience(const copier *p) {
    bool awaits = p->given.unsettled > 0 || p->first != NULL;
    return awaits && !p->target->recovering ? loop_left(p->since, p->limit_ms) : -1;
}

/* Takes the target's events. */
static int copier_hear(copier *p, consumer *k) {
    int rc = CONSUMER_GOING;
    lev_event e = {.type = LEV_EVENT_NONE};
    lev_status status = LEV_OK;
    while (!p->failed && (status = lev_client_next(p->target->client, &e, 0)) == LEV_OK) {
        int one = copier_event(p, k, &e);
        rc = rc == CONSUMER_GOING ? one : rc;
    }
    bool quiet = status == LEV_ERR_TIMEOUT && e.type == LEV_EVENT_NONE;
    if (!p->failed && !quiet) {
        int failure = copier_fail(p, session_fail(p->target, "publish to the target"));
        rc = rc == CONSUMER_GOING ? failure : rc;
    }
    return rc;
}

static int copier_work(outlet *o, consumer *k) {
    copier *p = (copier *)o;
    int rc = copier_hear(p, k);
    if (p->failed || rc != CONSUMER_GOING) {
        return rc;
    }
    return copier_patience(p) == 0 ? copier_late(p) : copier_send_held(p);
}

static void copier_watch(outlet *o, loop_watch *watch) {
    copier *p = (copier *)o;
    if (p->failed) {
        return;
    }
    p->fds[0] = loop_fd(p->target->client);
    watch->more = p->fds;
    watch->more_count = 1;
    loop_within(watch, lev_client_timeout(p->target->client));
    loop_within(watch, copier_patience(p));
}

static bool copier_busy(const outlet *o) {
    const copier *p = (const copier *)o;
    bool hopeless = p->failed || (p->leaving && p->target->recovering);
    return !hopeless && (p->given.unsettled > 0 || p->first != NULL);
}

/* Gives up what is held, and returns how many messages those were. */
static uint64_t copier_drop(copier *p) {
    uint64_t count = 0;
    while (p->first != NULL) {
        copier_drop_first(p);
        count++;
    }
    return count;
}

static void copier_leave(outlet *o, consumer *k) {
    copier *p = (copier *)o;
    (void)k;
    p->leaving = true;
    copier_drop(p);
}

/* What is under way may still be confirmed, but only the outcome of its next copy counts. */
static void copier_lost(outlet *o, consumer *k) {
    copier *p = (copier *)o;
    k->count -= copier_drop(p) + p->given.unsettled;
    given_clear(&p->given);
}

static int copier_finish(outlet *o, const consumer *k, int reason) {
    const copier *p = (const copier *)o;
    uint64_t left = k->count - p->confirmed;
    if (left > 0) {
        say("of %" PRIu64 " message%s %" PRIu64 " came back, %" PRIu64
            " refused by the target; %" PRIu64 " not copied, back in the queue",
            k->count, k->count == 1 ? "" : "s", p->returned, p->refused, left);
        return reason == EXIT_DONE ? EXIT_PARTIAL : reason;
    }
    if (k->session->settings->verbose) {
        say("%" PRIu64 " message%s copied", p->confirmed, p->confirmed == 1 ? "" : "s");
    }
    return reason;
}

static void copier_tell(const outlet *o) {
    const copier *p = (const copier *)o;
    session_tell_counters(p->target);
}

void copier_init(copier *p, const copier_settings *s, session *target) {
    *p = (copier){
        .outlet = {copier_take, copier_work, copier_watch, copier_busy, copier_leave, copier_lost,
                   copier_finish, copier_tell},
        .settings = s,
        .target = target,
        .limit_ms = LEV_PROGRESS_MS,
    };
}

void copier_deinit(copier *p) {
    copier_drop(p);
    given_deinit(&p->given);
}
