/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each message is published at once; how many are under way is bounded by the prefetch of the
 * source. Its delivery waits under the number of its publish for the outcome. Whatever happens to
 * either connection in between, the source still has the message: it may come twice to the target,
 * and is never lost.
 *
 * A message that the target does not take ends the copying, for the next ones would fare no better,
 * and requeued it would only come again. */

#include "copier.h"

#include "exits.h"

#include <inttypes.h>
#include <stdio.h>

static int copier_fail(copier *p, int code) {
    p->failed = true;
    return code;
}

static int copier_take(outlet *o, consumer *k, const lev_message *m) {
    copier *p = (copier *)o;
    const copier_settings *s = p->settings;
    lev_publication copy = {
        .exchange = lev_span_of(s->exchange),
        .routing_key = s->routing_key != NULL ? lev_span_of(s->routing_key) : m->routing_key,
        .properties = &m->properties,
        .body = m->body,
        .mandatory = true,
    };
    uint64_t number;
    (void)k;
    if (lev_client_publish(p->target->client, CHANNEL, &copy, &number) != LEV_OK) {
        return copier_fail(p, session_fail(p->target, "publish to the target"));
    }
    if (p->given.unsettled == 0) {
        p->since = loop_now();
    }
    return given_add(&p->given, m->delivery, number)
               ? CONSUMER_GOING
               : say_and(EXIT_INTERNAL, "out of memory; the message stays in the queue");
}

/* The target has confirmed one: the source may forget it. */
static void copier_confirmed(copier *p, const consumer *k, lev_delivery d) {
    p->confirmed++;
    if (!p->settings->keep && !k->failed) {
        lev_client_ack(k->session->client, d, false); /* a stale one is delivered again */
    }
}

static int copier_outcome(copier *p, const consumer *k, const lev_event *e) {
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

static int copier_event(copier *p, const consumer *k, const lev_event *e) {
    const lev_message *m = e->message;
    if (e->type == LEV_EVENT_OUTCOME) {
        return copier_outcome(p, k, e);
    }
    if (e->type == LEV_EVENT_RETURN && p->returned == 0) {
        say("the target has no queue for a message: %u %.*s, key \"%.*s\"; bind one there",
            (unsigned)m->reply_code, (int)m->reply_text.len, (const char *)m->reply_text.ptr,
            (int)m->routing_key.len, (const char *)m->routing_key.ptr);
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

static int copier_work(outlet *o, consumer *k) {
    copier *p = (copier *)o;
    int rc = CONSUMER_GOING;
    lev_event e;
    lev_status status = LEV_OK;
    while (!p->failed && (status = lev_client_next(p->target->client, &e, 0)) == LEV_OK) {
        int one = copier_event(p, k, &e);
        rc = rc == CONSUMER_GOING ? one : rc;
    }
    if (p->failed || rc != CONSUMER_GOING) {
        return rc;
    }
    if (status != LEV_ERR_TIMEOUT || e.type != LEV_EVENT_NONE) {
        return copier_fail(p, session_fail(p->target, "publish to the target"));
    }
    if (p->given.unsettled > 0 && loop_left(p->since, p->limit_ms) == 0) {
        return copier_late(p);
    }
    return rc;
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
    if (p->given.unsettled > 0) {
        loop_within(watch, loop_left(p->since, p->limit_ms));
    }
}

static bool copier_busy(const outlet *o) {
    const copier *p = (const copier *)o;
    return !p->failed && p->given.unsettled > 0;
}

static void copier_leave(outlet *o, consumer *k) {
    (void)o;
    (void)k;
}

/* What is under way may still be confirmed; its ack is stale then, and sends nothing. */
static void copier_lost(outlet *o) { (void)o; }

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

void copier_init(copier *p, const copier_settings *s, session *target) {
    *p = (copier){
        .outlet = {copier_take, copier_work, copier_watch, copier_busy, copier_leave, copier_lost,
                   copier_finish},
        .settings = s,
        .target = target,
        .limit_ms = LEV_PROGRESS_MS,
    };
}

void copier_deinit(copier *p) { given_deinit(&p->given); }
