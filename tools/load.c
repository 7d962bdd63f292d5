/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The connections are opened one after the other; then the clock starts, consumers subscribe, and
 * one poll waits for all connections. A worker gets its turn when its descriptor says something or
 * its time has come, so that many idle ones cost nothing but their place in the poll.
 *
 * What is measured ends with the load; after that confirms under way are awaited and acks that are
 * due are sent, which counts for the histograms only. */

#include "load.h"

#include "exits.h"
#include "loop.h"
#include "signals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

enum { LOAD_TELL_MS = 1000 };

/* ---- before -------------------------------------------------------------------------------------
 */

static const char *load_exchange(const load *l) {
    const load_settings *o = l->settings;
    const char *name = o->exchange != NULL ? o->exchange : o->type;
    return strcmp(name, "amq.default") == 0 ? "" : name;
}

/* Without one the key is a random one, or, where the exchange is the default one, the queue. */
static int load_choose_key(load *l) {
    const load_settings *o = l->settings;
    uint64_t random[2];
    if (o->routing_key != NULL || (*load_exchange(l) == '\0' && o->queue != NULL)) {
        snprintf(l->routing_key, sizeof l->routing_key, "%s",
                 o->routing_key != NULL ? o->routing_key : o->queue);
    } else if (getrandom(random, sizeof random, 0) == sizeof random) {
        snprintf(l->routing_key, sizeof l->routing_key, "%016" PRIx64 "%016" PRIx64, random[0],
                 random[1]);
    } else {
        return say_and(EXIT_INTERNAL, "no random bytes: %s", strerror(errno));
    }
    return EXIT_DONE;
}

static int load_open(load *l, const secrets *given) {
    const load_settings *o = l->settings;
    int rc = EXIT_DONE;
    l->workers = calloc(o->consumers + o->producers, sizeof *l->workers);
    if (l->workers == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    while (l->count < o->consumers + o->producers && rc == EXIT_DONE) {
        worker *w = &l->workers[l->count];
        w->session = (session){.settings = l->common, .secrets = given};
        w->settings = o;
        w->counts = &l->counts;
        w->produces = l->count++ >= o->consumers;
        rc = session_connect(&w->session);
    }
    return rc;
}

static int load_declare_exchange(const load *l) {
    const load_settings *o = l->settings;
    const session *s = &l->workers[0].session;
    const char *name = load_exchange(l);
    lev_exchange_declare fields = {.exchange = lev_span_of(name), .type = lev_span_of(o->type)};
    if (*name == '\0' || strncmp(name, "amq.", 4) == 0 || o->predeclared) {
        return EXIT_DONE;
    }
    return lev_client_exchange_declare(s->client, CHANNEL, &fields, NULL) == LEV_OK
               ? EXIT_DONE
               : session_fail(s, "declare the exchange");
}

/* Declares a queue and binds it. `name` is "" for one that the broker names, and then gets its
 * name. */
static int load_declare_queue(const load *l, const session *s, char name[LOAD_NAME]) {
    const load_settings *o = l->settings;
    const char *exchange = load_exchange(l);
    lev_queue_declare fields = {
        .queue = lev_span_of(name), .durable = o->persistent, .auto_delete = o->auto_delete != 0};
    lev_method reply;
    if (!o->predeclared || *name == '\0') {
        if (lev_client_queue_declare(s->client, CHANNEL, &fields, &reply) != LEV_OK) {
            return session_fail(s, "declare the queue");
        }
        lev_span made = reply.as.queue_declare_ok.queue;
        snprintf(name, LOAD_NAME, "%.*s", (int)made.len, (const char *)made.ptr);
    }
    lev_queue_bind bind = {.queue = lev_span_of(name),
                           .exchange = lev_span_of(exchange),
                           .routing_key = lev_span_of(l->routing_key)};
    if (*exchange != '\0' && lev_client_queue_bind(s->client, CHANNEL, &bind, NULL) != LEV_OK) {
        return session_fail(s, "bind the queue");
    }
    return EXIT_DONE;
}

/* As with PerfTest, each consumer without a queue's name has one of its own. */
static int load_subscribe(load *l) {
    const load_settings *o = l->settings;
    char name[LOAD_NAME] = "";
    int rc = EXIT_DONE;
    if (o->queue != NULL) {
        snprintf(name, sizeof name, "%s", o->queue);
        rc = load_declare_queue(l, &l->workers[0].session, name);
    }
    for (size_t i = 0; i < o->consumers && rc == EXIT_DONE; i++) {
        if (o->queue == NULL) {
            name[0] = '\0';
            rc = load_declare_queue(l, &l->workers[i].session, name);
        }
        rc = rc == EXIT_DONE ? worker_subscribe(&l->workers[i], name) : rc;
    }
    return rc;
}

static int load_init_producers(load *l) {
    int rc = EXIT_DONE;
    for (size_t i = l->settings->consumers; i < l->count && rc == EXIT_DONE; i++) {
        rc = worker_init_producer(&l->workers[i], load_exchange(l), l->routing_key);
    }
    return rc;
}

/* ---- measuring ----------------------------------------------------------------------------------
 */

static uint64_t load_cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static uint64_t load_calls(const load *l) {
    uint64_t calls = l->waits;
    for (size_t i = 0; i < l->count; i++) {
        calls += lev_client_system_calls(l->workers[i].session.client);
    }
    return calls;
}

static void load_begin(load *l) {
    l->cpu_us = load_cpu_us();
    l->calls = load_calls(l);
    l->began = l->told = loop_now();
}

static void load_point(load *l) {
    series_point p = {loop_now() - l->began, l->counts.published, l->counts.consumed};
    series_add(&l->series, p);
}

static void load_end(load *l) {
    l->cpu_us = load_cpu_us() - l->cpu_us;
    l->calls = load_calls(l) - l->calls;
    l->ended = loop_now();
    load_point(l);
}

static uint64_t a_second(uint64_t count, uint64_t before, uint64_t ms) {
    return (count - before) * 1000 / (ms > 0 ? ms : 1);
}

/* Tells what happened since the last line, as PerfTest does. */
static void load_tell(load *l) {
    const load_counts *now = &l->counts;
    const histogram *h = &now->latency;
    uint64_t at = loop_now();
    uint64_t ms = at - l->told;
    char text[200] = "";
    int length = 0;
    if (l->settings->producers > 0) {
        length = snprintf(text, sizeof text, ", sent %" PRIu64 "/s",
                          a_second(now->published, l->last->published, ms));
    }
    if (l->settings->window > 0) {
        length +=
            snprintf(text + length, sizeof text - (size_t)length, ", confirmed %" PRIu64 "/s",
                     a_second(now->outcomes[LEV_CONFIRMED], l->last->outcomes[LEV_CONFIRMED], ms));
    }
    if (l->settings->consumers > 0) {
        snprintf(text + length, sizeof text - (size_t)length,
                 ", received %" PRIu64 "/s, min/median/95th/99th latency %" PRIu64 "/%" PRIu64
                 "/%" PRIu64 "/%" PRIu64 " us",
                 a_second(now->consumed, l->last->consumed, ms), h->min / 1000,
                 histogram_at(h, 500000) / 1000, histogram_at(h, 950000) / 1000,
                 histogram_at(h, 990000) / 1000);
    }
    say("%.1f s%s", (double)(at - l->began) / 1000, text);
    l->told = at;
    *l->last = *now;
}

static void load_watch(load *l) {
    bool asked = signals_asked();
    if (loop_now() - l->began >= series_due(&l->series)) {
        load_point(l);
    }
    if (asked) {
        signals_answer();
        say("%" PRIu64 " published, %" PRIu64 " confirmed, %" PRIu64 " received",
            l->counts.published, l->counts.outcomes[LEV_CONFIRMED], l->counts.consumed);
    }
    if (l->last != NULL && loop_left(l->told, LOAD_TELL_MS) == 0) {
        load_tell(l);
        histogram_merge(&l->latency, &l->counts.latency);
        l->counts.latency = (histogram){0};
    }
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

/* How long nothing may move while the broker owes confirms, or blocks. */
static uint64_t load_patience(const load *l) {
    uint64_t given = l->common->timeout_ms;
    return given != SETTING_UNSET ? given : LEV_PROGRESS_MS;
}

static int load_check(const load *l) {
    for (size_t i = 0; i < l->count; i++) {
        const worker *w = &l->workers[i];
        if (w->failed) {
            return w->rc;
        }
        if ((w->blocked || worker_unsettled(w) > 0) && loop_left(w->since, load_patience(l)) == 0) {
            return say_and(EXIT_TEMPORARY, "publish: %s: %s for %" PRIu64 " ms", w->session.where,
                           w->blocked ? "the broker has blocked publishing"
                                      : "no message was confirmed",
                           load_patience(l));
        }
    }
    return EXIT_DONE;
}

/* Have all that have a limit reached it, confirms included? */
static bool load_complete(const load *l) {
    bool limited = false;
    for (size_t i = 0; i < l->count; i++) {
        const worker *w = &l->workers[i];
        if ((w->produces ? l->settings->publishes : l->settings->receives) > 0) {
            limited = true;
            if (!worker_done(w) || !worker_settled(w)) {
                return false;
            }
        }
    }
    return limited;
}

static bool load_over(const load *l) {
    uint64_t limit = l->settings->time_ms;
    return signals_caught() != 0 || (limit > 0 && loop_left(l->began, limit) == 0) ||
           load_complete(l);
}

static bool load_unsettled(const load *l) {
    for (size_t i = 0; i < l->count; i++) {
        if (!worker_settled(&l->workers[i])) {
            return true;
        }
    }
    return false;
}

/* How long the poll may wait. */
static int load_timeout(const load *l, bool goes) {
    uint64_t limit = l->settings->time_ms;
    int timeout = loop_left(l->began, series_due(&l->series));
    timeout = l->last != NULL ? loop_sooner(timeout, loop_left(l->told, LOAD_TELL_MS)) : timeout;
    timeout = limit > 0 && goes ? loop_sooner(timeout, loop_left(l->began, limit)) : timeout;
    for (size_t i = 0; i < l->count && timeout != 0; i++) {
        timeout = loop_sooner(timeout, worker_timeout(&l->workers[i], goes));
    }
    return timeout;
}

/* Waits once, and gives a turn to each worker that has something to do. */
static void load_turn(load *l, struct pollfd *fds, bool goes) {
    for (size_t i = 0; i < l->count; i++) {
        fds[i] = loop_fd(l->workers[i].session.client);
    }
    fds[l->count] = (struct pollfd){.fd = goes ? signals_fd() : -1, .events = POLLIN};
    bool some = poll(fds, (nfds_t)l->count + 1, load_timeout(l, goes)) > 0;
    l->waits++;
    for (size_t i = 0; i < l->count; i++) {
        worker *w = &l->workers[i];
        if (!w->failed && ((some && fds[i].revents != 0) || worker_timeout(w, goes) == 0)) {
            worker_turn(w, goes);
        }
    }
}

static int load_go(load *l, struct pollfd *fds) {
    int rc = EXIT_DONE;
    while (rc == EXIT_DONE && !load_over(l)) {
        load_turn(l, fds, true);
        load_watch(l);
        rc = load_check(l);
    }
    load_end(l);
    for (size_t i = 0; i < l->count; i++) {
        worker_settle(&l->workers[i]);
    }
    while (rc == EXIT_DONE && load_unsettled(l)) {
        load_turn(l, fds, false);
        rc = load_check(l);
    }
    for (size_t i = l->settings->consumers; i < l->count && rc == EXIT_DONE; i++) {
        worker_close(&l->workers[i]);
    }
    histogram_merge(&l->latency, &l->counts.latency);
    return rc;
}

/* What the broker did not take, or a signal, is told by the exit code. */
static int load_judge(const load *l) {
    const uint64_t *n = l->counts.outcomes;
    uint64_t returned = n[LEV_RETURNED] + l->counts.returned;
    uint64_t refused = n[LEV_NACKED] + n[LEV_NOT_SENT] + n[LEV_IN_DOUBT];
    if (returned + refused > 0) {
        return say_and(EXIT_PARTIAL,
                       "of %" PRIu64 " messages %" PRIu64 " were returned and %" PRIu64
                       " refused; bind a queue to the exchange with the routing key",
                       l->counts.published, returned, refused);
    }
    return signals_caught() != 0 ? EXIT_SIGNAL + signals_caught() : EXIT_DONE;
}

static int load_prepare(load *l) {
    secrets given = {NULL, NULL};
    int rc = load_choose_key(l);
    if (rc == EXIT_DONE) {
        rc = session_read_secrets(&given, l->common);
    }
    if (rc == EXIT_DONE) {
        rc = load_open(l, &given);
    }
    session_forget_secrets(&given);
    if (rc == EXIT_DONE) {
        rc = load_declare_exchange(l);
    }
    return rc == EXIT_DONE ? load_init_producers(l) : rc;
}

int load_run(load *l, const settings *common, const load_settings *o) {
    l->common = common;
    l->settings = o;
    int rc = load_prepare(l);
    if (rc != EXIT_DONE) {
        return rc;
    }
    struct pollfd *fds = calloc(l->count + 1, sizeof *fds);
    bool lines = say_progress_wanted() && !common->quiet;
    l->last = lines ? calloc(1, sizeof *l->last) : NULL;
    if (fds == NULL || (lines && l->last == NULL)) {
        free(fds);
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    signals_defer();
    load_begin(l);
    rc = load_subscribe(l);
    if (rc == EXIT_DONE) {
        rc = load_go(l, fds);
    }
    free(fds);
    return rc == EXIT_DONE ? load_judge(l) : rc;
}

void load_deinit(load *l) {
    for (size_t i = 0; i < l->count; i++) {
        worker_deinit(&l->workers[i]);
    }
    free(l->workers);
    free(l->last);
    l->workers = NULL;
    l->last = NULL;
    l->count = 0;
}
