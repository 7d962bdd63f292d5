/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each message is stamped just before it is published. What it takes until the confirm is known
 * from a ring of the publishes under way, in which a number leads straight to its place; a publish
 * that is overtaken by four windows of others loses its place, and is not timed.
 *
 * A burst ends when the socket is full, so that one connection never keeps the others waiting. */

#include "worker.h"

#include "exits.h"
#include "loop.h"
#include "stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKER_TAG "bench"

enum { WORKER_QUEUED = 256 * 1024, WORKER_BURST = 1024, WORKER_FLIGHTS = 4 };

static int worker_memory(void) { return say_and(EXIT_INTERNAL, "out of memory"); }

static const char *worker_doing(const worker *w) { return w->produces ? "publish" : "consume"; }

static void worker_fail(worker *w) {
    if (!w->failed) {
        w->failed = true;
        w->rc = session_fail(&w->session, worker_doing(w));
    }
}

/* Makes room for the times of all publishes that can be under way. */
static bool worker_track(worker *w) {
    size_t room = 1;
    while (room < WORKER_FLIGHTS * w->settings->window) {
        room *= 2;
    }
    w->flights = calloc(room, sizeof *w->flights);
    w->flight_mask = room - 1;
    return w->flights != NULL;
}

int worker_init_producer(worker *w, const char *exchange, const char *routing_key) {
    const load_settings *o = w->settings;
    w->pace.rate = o->rate;
    w->since = loop_now();
    w->body = calloc(1, o->size);
    w->properties.present = o->persistent ? LEV_HAS_DELIVERY_MODE : 0;
    w->properties.delivery_mode = 2;
    w->message = (lev_publication){.exchange = lev_span_of(exchange),
                                   .routing_key = lev_span_of(routing_key),
                                   .properties = &w->properties,
                                   .body = {w->body, o->size},
                                   .mandatory = o->mandatory};
    if (w->body == NULL || (o->window > 0 && !worker_track(w))) {
        return worker_memory();
    }
    if (o->window > 0 && lev_client_confirm_select(w->session.client, CHANNEL,
                                                   &(lev_confirm_select){0}, NULL) != LEV_OK) {
        return session_fail(&w->session, "ask for confirms");
    }
    return EXIT_DONE;
}

void worker_deinit(worker *w) {
    session_close(&w->session);
    free(w->body);
    free(w->flights);
    *w = (worker){0};
}

int worker_subscribe(worker *w, const char *queue) {
    const load_settings *o = w->settings;
    lev_client *c = w->session.client;
    lev_basic_qos qos = {.prefetch_count = (uint16_t)o->prefetch};
    lev_basic_consume fields = {.queue = lev_span_of(queue),
                                .consumer_tag = lev_span_of(WORKER_TAG),
                                .no_ack = o->auto_ack};
    w->shares = o->queue != NULL && o->consumers > 1;
    w->since = loop_now();
    if ((o->prefetch > 0 && lev_client_basic_qos(c, CHANNEL, &qos, NULL) != LEV_OK) ||
        lev_client_basic_consume(c, CHANNEL, &fields, NULL) != LEV_OK) {
        worker_fail(w);
    }
    return w->rc;
}

/* ---- what comes ---------------------------------------------------------------------------------
 */

static void worker_outcome(worker *w, const lev_event *e) {
    uint64_t now = stamp_now(false);
    w->counts->outcomes[e->outcome] += e->last - e->first + 1;
    w->since = loop_now();
    for (uint64_t n = e->first; n <= e->last && e->outcome == LEV_CONFIRMED; n++) {
        const worker_flight *f = &w->flights[n & w->flight_mask];
        if (f->number == n) {
            histogram_add(&w->counts->confirm, now - f->at);
        }
    }
}

void worker_settle(worker *w) {
    if (w->owing && !w->failed) {
        w->owing = false;
        if (lev_client_ack(w->session.client, w->newest, true) != LEV_OK) {
            worker_fail(w);
        }
    }
}

/* Leaves what else comes to the other consumers of the queue: nothing new is sent, and what is
 * under way is given back. */
static void worker_leave(worker *w) {
    lev_basic_cancel fields = {.consumer_tag = lev_span_of(WORKER_TAG), .nowait = true};
    if (w->shares && lev_client_basic_cancel(w->session.client, CHANNEL, &fields, NULL) != LEV_OK) {
        worker_fail(w);
    }
}

static void worker_give_back(worker *w, const lev_message *m) {
    if (w->shares && !w->settings->auto_ack &&
        lev_client_reject(w->session.client, m->delivery, true) != LEV_OK) {
        worker_fail(w);
    }
}

static void worker_receive(worker *w, const lev_message *m) {
    const load_settings *o = w->settings;
    uint64_t age;
    if (worker_done(w)) {
        worker_give_back(w, m);
        return;
    }
    if (stamp_age(m->body, stamp_now(o->millis), o->millis, &age)) {
        histogram_add(&w->counts->latency, age);
    }
    w->count++;
    w->counts->consumed++;
    w->counts->consumed_bytes += m->body_size;
    w->newest = m->delivery;
    w->owing = !o->auto_ack;
    if (w->count % o->ack_every == 0) {
        worker_settle(w);
    }
    if (worker_done(w)) {
        worker_leave(w);
    }
}

static void worker_note(worker *w, const lev_event *e) {
    switch ((int)e->type) {
    case LEV_EVENT_DELIVER:
        worker_receive(w, e->message);
        break;
    case LEV_EVENT_OUTCOME:
        worker_outcome(w, e);
        break;
    case LEV_EVENT_RETURN:
        w->counts->returned += w->settings->window == 0 ? 1 : 0;
        break;
    case LEV_EVENT_BLOCKED:
    case LEV_EVENT_UNBLOCKED:
        w->blocked = e->type == LEV_EVENT_BLOCKED;
        w->since = loop_now();
        say("the broker at %s %s publishing", w->session.where, w->blocked ? "blocks" : "allows");
        break;
    default:
        break;
    }
}

void worker_close(worker *w) {
    lev_event e;
    lev_client_close(w->session.client);
    while (lev_client_next(w->session.client, &e, 0) == LEV_OK && e.type != LEV_EVENT_CLOSED) {
        worker_note(w, &e);
    }
}

static void worker_take(worker *w) {
    lev_event e;
    while (!w->failed) {
        lev_status status = lev_client_next(w->session.client, &e, 0);
        if (status == LEV_ERR_TIMEOUT && e.type == LEV_EVENT_NONE) {
            return;
        }
        if (status != LEV_OK) {
            worker_fail(w);
            return;
        }
        worker_note(w, &e);
    }
}

/* ---- what goes ----------------------------------------------------------------------------------
 */

bool worker_done(const worker *w) {
    uint64_t limit = w->produces ? w->settings->publishes : w->settings->receives;
    return limit > 0 && w->count >= limit;
}

uint64_t worker_unsettled(const worker *w) {
    return w->session.client != NULL ? lev_client_unsettled(w->session.client, CHANNEL) : 0;
}

bool worker_settled(const worker *w) {
    return worker_unsettled(w) == 0 && lev_engine_queued(lev_client_engine(w->session.client)) == 0;
}

/* May it publish one more, but for its rate? */
static bool worker_free(const worker *w) {
    const load_settings *o = w->settings;
    return w->produces && !w->failed && !w->blocked && !worker_done(w) &&
           (o->window == 0 || worker_unsettled(w) < o->window) &&
           lev_engine_queued(lev_client_engine(w->session.client)) < WORKER_QUEUED;
}

/* Returns false where nothing more goes now. */
static bool worker_publish(worker *w) {
    const load_settings *o = w->settings;
    uint64_t number = 0;
    uint64_t now = stamp_now(o->millis);
    stamp_put(w->body, (uint32_t)w->count, now, o->millis);
    lev_status status = lev_client_publish(w->session.client, CHANNEL, &w->message, &number);
    if (status == LEV_AGAIN) {
        return false;
    }
    if (status != LEV_OK) {
        worker_fail(w);
        return false;
    }
    if (o->window > 0) {
        w->flights[number & w->flight_mask] =
            (worker_flight){number, o->millis ? stamp_now(false) : now};
    }
    w->count++;
    w->counts->published++;
    w->counts->published_bytes += o->size;
    pace_step(&w->pace);
    return true;
}

void worker_turn(worker *w, bool goes) {
    worker_take(w);
    if (goes && worker_unsettled(w) == 0 && worker_free(w)) {
        w->since = loop_now();
    }
    for (unsigned i = 0; goes && i < WORKER_BURST && worker_free(w) && pace_left(&w->pace) == 0;
         i++) {
        if (!worker_publish(w)) {
            return;
        }
    }
}

int worker_timeout(worker *w, bool goes) {
    int pause = goes && worker_free(w) ? pace_left(&w->pace) : -1;
    return w->failed ? -1 : loop_sooner(pause, lev_client_timeout(w->session.client));
}
