/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Messages are taken as long as some are there; then, or when a good deal has collected, the
 * records are written and one multiple ack settles them all. So a busy queue costs one write and
 * one ack a batch, and a quiet one gets each message out at once.
 *
 * consumer_step returns CONSUMER_GOING or an exit code. Whatever the reason to end, what was taken
 * is written and acked first; what was not goes back to the queue when the connection closes.
 *
 * Once messages flow no call blocks: the answer may stand behind more messages than memory holds.
 *
 * An empty queue is believed only when two passive declares in a row say so: a delivery under way
 * while the first was answered comes before the answer to the second. */

#include "consumer.h"

#include "exits.h"
#include "loop.h"
#include "outlet.h"
#include "signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ASK_AGAIN_MS = 100 };

/* clang-format off */
#define AT(member) offsetof(consumer_settings, member)
static const option consumer_rows[] = {
    {'c', "count", "N", option_number, AT(count), 1, INT64_MAX,
     "end after N messages"},
    {0, "idle", "S", option_time, AT(idle_ms), 1, INT32_MAX,
     "end when none came for S seconds"},
    {0, "until-empty", NULL, option_flag, AT(until_empty), 0, 0,
     "end when the queue is empty"},
    {'A', "no-ack", NULL, option_flag, AT(auto_ack), 0, 0,
     "the broker forgets what it has sent: fast, and lost on any failure"},
    {'p', "prefetch", "N", option_number, AT(prefetch), 0, 65535,
     "at most N messages unacked (100); 0: no limit"},
};
/* clang-format on */

const option_table consumer_options = OPTION_TABLE("Receiving", consumer_rows);

static const consumer_settings *wishes(const consumer *k) { return k->settings; }

static int consumer_fail(consumer *k) {
    char doing[NAME_MAX_BYTES + 32];
    snprintf(doing, sizeof doing, "consume from \"%s\"", k->queue);
    k->failed = true;
    return session_fail(k->session, doing);
}

static uint64_t wanted_prefetch(const consumer_settings *o) {
    uint64_t prefetch = o->prefetch != SETTING_UNSET ? o->prefetch : 100;
    return o->count < prefetch || (prefetch == 0 && o->count <= UINT16_MAX) ? o->count : prefetch;
}

static int consumer_start(consumer *k) {
    lev_client *c = k->session->client;
    const consumer_settings *o = wishes(k);
    lev_basic_qos qos = {.prefetch_count = (uint16_t)wanted_prefetch(o)};
    lev_basic_consume fields = {.queue = lev_span_of(k->queue),
                                .no_ack = o->auto_ack,
                                .exclusive = o->exclusive,
                                .arguments = buffer_span(&o->subscription.arguments)};
    lev_method reply;
    k->active = loop_now();
    k->progress = progress_init(k->session->settings, k->sink != NULL ? k->sink->out.fd : -1);
    if (lev_client_basic_qos(c, CHANNEL, &qos, NULL) != LEV_OK ||
        lev_client_basic_consume(c, CHANNEL, &fields, &reply) != LEV_OK) {
        return consumer_fail(k);
    }
    lev_span tag = reply.as.basic_consume_ok.consumer_tag;
    memcpy(k->tag, tag.ptr, tag.len);
    k->tag[tag.len] = '\0';
    k->session->consumed = k->queue;
    if (k->session->settings->verbose) {
        say("consuming from %s", k->queue);
    }
    return EXIT_DONE;
}

static int consumer_write(consumer *k, const lev_message *m) {
    record r = {.message = m, .queue = lev_span_of(k->queue), .tag = k->count + 1};
    int rc = sink_put(k->sink, &r);
    return rc == EXIT_DONE ? CONSUMER_GOING : rc;
}

/* Takes one message. Behind a cancel only those count that the broker has forgotten by now. */
static int consumer_take(consumer *k, const lev_message *m) {
    const consumer_settings *o = wishes(k);
    k->empty_answers = 0;
    k->active = loop_now();
    if (k->broken || (k->cancelling != 0 && !o->auto_ack)) {
        return CONSUMER_GOING;
    }
    if (k->count >= o->count) {
        k->extra++;
        return CONSUMER_GOING;
    }
    if (k->outlet != NULL) {
        k->count++;
        return k->outlet->take(k->outlet, k, m);
    }
    int rc = consumer_write(k, m);
    if (rc != CONSUMER_GOING) {
        return rc;
    }
    k->newest = m->delivery;
    k->owing = !o->auto_ack;
    k->count++;
    return CONSUMER_GOING;
}

/* Lets the outlet do its work. Where the subscription is ending already, a reason to end waits. */
static int consumer_work(consumer *k) {
    int rc = k->outlet->work(k->outlet, k);
    if (rc == CONSUMER_GOING || k->cancelling == 0) {
        return rc;
    }
    k->ending = true;
    k->reason = rc;
    return CONSUMER_GOING;
}

/* Is the connection gone? Then an event will say so, and what was not acked comes again. */
static bool consumer_lost(const consumer *k) {
    lev_client *c = k->session->client;
    return k->session->recovering || lev_engine_error(lev_client_engine(c))->status != LEV_OK;
}

/* Writes what was taken and acks it, or lets the outlet do its work. */
static int consumer_settle(consumer *k) {
    if (k->outlet != NULL) {
        return consumer_work(k);
    }
    int rc = k->broken ? EXIT_DONE : sink_flush(k->sink, k->session->client);
    if (rc != EXIT_DONE) {
        k->broken = true;
        return rc;
    }
    if (k->owing && !k->broken && !k->failed) {
        k->owing = false;
        lev_status status = lev_client_ack(k->session->client, k->newest, true);
        if (status != LEV_OK && (k->cancelled || !consumer_lost(k))) {
            return consumer_fail(k);
        }
    }
    return CONSUMER_GOING;
}

/* Makes a call without waiting for its answer, whose number is then in `*call`. */
static int consumer_call(consumer *k, lev_method_id id, const void *fields, uint32_t *call) {
    lev_error error = {.layer = LEV_LAYER_CLIENT};
    error.status =
        lev_engine_call(lev_client_engine(k->session->client), CHANNEL, id, fields, call);
    k->called = loop_now();
    if (error.status == LEV_OK) {
        return CONSUMER_GOING;
    }
    k->failed = true;
    snprintf(error.text, sizeof error.text, "%s: %s", k->session->where,
             lev_status_text(error.status));
    return session_blame("consume", &error, "");
}

/* Did the queue run empty? */
static int consumer_ask(consumer *k) {
    if (consumer_lost(k)) {
        return CONSUMER_GOING;
    }
    lev_queue_declare fields = {.queue = lev_span_of(k->queue), .passive = true};
    return consumer_call(k, LEV_QUEUE_DECLARE, &fields, &k->asking);
}

static int ran_dry(const consumer *k) {
    return k->count > 0 && wishes(k)->count == SETTING_UNSET ? EXIT_DONE : EXIT_NOTHING;
}

static uint64_t answer_ms(const consumer *k) {
    uint64_t given = k->session->settings->timeout_ms;
    return given != SETTING_UNSET ? given : LEV_CALL_MS;
}

/* An answer did not come in time. */
static int consumer_late(consumer *k) {
    lev_error late = {.status = LEV_ERR_TIMEOUT, .layer = LEV_LAYER_CLIENT};
    snprintf(late.text, sizeof late.text, "%s: no answer for %" PRIu64 " ms", k->session->where,
             answer_ms(k));
    k->failed = true;
    return session_blame("consume", &late, "");
}

/* How long to wait at most for an event, -1 for ever. */
static int consumer_patience(const consumer *k) {
    const consumer_settings *o = wishes(k);
    int left = o->idle_ms != SETTING_UNSET ? loop_left(k->active, o->idle_ms) : -1;
    int other = -1;
    if (k->asking != 0) {
        other = loop_left(k->called, answer_ms(k));
    } else if (o->until_empty) {
        other = loop_left(k->called, ASK_AGAIN_MS); /* others may empty the queue, too */
    }
    return left < 0 || (other >= 0 && other < left) ? other : left;
}

/* Is a message in the outlet's hands? */
static bool consumer_busy(const consumer *k) {
    return k->outlet != NULL && k->outlet->busy(k->outlet);
}

/* Waits for the connection, a signal, the output or the outlet, at most `timeout_ms`; -1 for ever.
 */
static unsigned consumer_wait(consumer *k, int timeout_ms) {
    loop_watch watch = {.input = -1, .output = -1, .timeout_ms = timeout_ms};
    loop_within(&watch, progress_left(&k->progress));
    if (k->outlet != NULL) {
        k->outlet->watch(k->outlet, &watch);
    } else if (k->cancelling == 0) {
        watch.output = k->sink->out.fd;
    }
    return loop_wait(k->failed ? NULL : k->session->client, &watch);
}

/* Nothing is there: settle, then find out whether that is the end, or wait. */
static int consumer_rest(consumer *k) {
    const consumer_settings *o = wishes(k);
    int rc = consumer_settle(k);
    if (rc != CONSUMER_GOING) {
        return rc;
    }
    if (k->session->recovering) {
        return (consumer_wait(k, -1) & LOOP_HANGUP) != 0 ? EXIT_PIPE : CONSUMER_GOING;
    }
    if (consumer_busy(k)) {
        k->active = loop_now();
        k->empty_answers = 0;
        consumer_wait(k, -1);
        return CONSUMER_GOING;
    }
    if ((o->until_empty && k->empty_answers == 2) ||
        (o->idle_ms != SETTING_UNSET && loop_left(k->active, o->idle_ms) == 0)) {
        return ran_dry(k);
    }
    if (k->asking != 0 && loop_left(k->called, answer_ms(k)) == 0) {
        return consumer_late(k);
    }
    if (o->until_empty && k->asking == 0 &&
        (k->empty_answers == 1 || loop_left(k->called, ASK_AGAIN_MS) == 0)) {
        return consumer_ask(k);
    }
    unsigned ready = consumer_wait(k, consumer_patience(k));
    return (ready & LOOP_HANGUP) != 0 ? EXIT_PIPE : CONSUMER_GOING;
}

/* The subscription is being cancelled: deliveries come until the answer does. */
static int consumer_rest_cancelling(consumer *k) {
    uint64_t moved = k->active > k->called ? k->active : k->called;
    int left = loop_left(moved, answer_ms(k));
    int rc = consumer_settle(k);
    if (rc != CONSUMER_GOING || k->broken) {
        return rc;
    }
    if (left == 0) {
        return consumer_late(k);
    }
    consumer_wait(k, left);
    return CONSUMER_GOING;
}

/* The connection is lost, or is back. What was taken over it and not settled comes again. */
static int consumer_recover(consumer *k, const lev_event *e) {
    k->session->recovering = e->type == LEV_EVENT_RECOVERING;
    k->active = k->called = loop_now();
    k->owing = false;
    k->asking = 0;
    k->empty_answers = 0;
    if (k->session->recovering && k->outlet != NULL) {
        k->outlet->lost(k->outlet, k);
    }
    if (k->cancelling != 0) { /* nothing is left to come back for */
        k->failed = true;
        return session_blame("consume", e->error, "");
    }
    session_tell_recovery(k->session, e);
    return CONSUMER_GOING;
}

static int consumer_event(consumer *k, const lev_event *e) {
    int rc = CONSUMER_GOING;
    if (e->type == LEV_EVENT_RECOVERING || e->type == LEV_EVENT_RECOVERED) {
        return consumer_recover(k, e);
    }
    if (e->type == LEV_EVENT_REPLY && e->call == k->asking) {
        k->asking = 0;
        k->empty_answers =
            e->method->as.queue_declare_ok.message_count == 0 ? k->empty_answers + 1 : 0;
    } else if (e->type == LEV_EVENT_REPLY && e->call == k->cancelling) {
        k->cancelled = true;
    } else if (e->type == LEV_EVENT_RETURN) {
        k->returned++;
    } else if (e->type == LEV_EVENT_DELIVER) {
        rc = consumer_take(k, e->message);
        if (rc == CONSUMER_GOING && k->count == wishes(k)->count && k->cancelling == 0) {
            return EXIT_DONE; /* the cancel goes before the last ack, or more would be sent */
        }
        if (rc == CONSUMER_GOING && k->outlet == NULL && sink_full(k->sink)) {
            rc = consumer_settle(k);
        }
    }
    return rc;
}

static int consumer_step(consumer *k) {
    lev_event e;
    lev_status status = lev_client_next(k->session->client, &e, 0);
    if (status == LEV_OK) {
        return consumer_event(k, &e);
    }
    if (status == LEV_ERR_TIMEOUT && e.type == LEV_EVENT_NONE) {
        return k->cancelling != 0 ? consumer_rest_cancelling(k) : consumer_rest(k);
    }
    int rc = consumer_fail(k);
    k->cancelled = status == LEV_ERR_CANCELLED;
    k->failed = !k->cancelled;
    return rc;
}

/* Ends the subscription. What still comes with auto-ack is ours and gone from the queue: it is
 * written, or, beyond --count, counted. */
static int consumer_cancel(consumer *k) {
    lev_basic_cancel fields = {.consumer_tag = lev_span_of(k->tag)};
    int rc = consumer_call(k, LEV_BASIC_CANCEL, &fields, &k->cancelling);
    while (rc == CONSUMER_GOING && !k->cancelled) {
        rc = consumer_step(k);
    }
    return rc;
}

static void consumer_tell(consumer *k) {
    char text[64];
    if (progress_due(&k->progress)) {
        snprintf(text, sizeof text, "%" PRIu64 " received", k->count);
        if (progress_tell(&k->progress, text, k->count)) {
            session_tell_counters(k->session);
            if (k->outlet != NULL && k->outlet->tell != NULL) {
                k->outlet->tell(k->outlet);
            }
        }
    }
}

/* Takes what comes while the outlet finishes: nothing but a failure counts. */
static void consumer_drop_events(consumer *k) {
    lev_event e = {.type = LEV_EVENT_NONE};
    lev_status status = LEV_OK;
    while (!k->failed && (status = lev_client_next(k->session->client, &e, 0)) == LEV_OK) {
        k->returned += e.type == LEV_EVENT_RETURN ? 1 : 0;
        if (e.type == LEV_EVENT_RECOVERING) {
            k->session->recovering = true;
            k->outlet->lost(k->outlet, k);
            k->reason = session_blame("consume", e.error, "");
            k->failed = true;
        }
    }
    bool quiet = status == LEV_ERR_TIMEOUT && e.type == LEV_EVENT_NONE;
    if (!k->failed && !quiet && status != LEV_ERR_CANCELLED) {
        k->reason = consumer_fail(k);
    }
}

/* The subscription is over. What the outlet has taken it finishes, while the connection goes on;
 * once there is a reason to hurry, only what it has begun. */
static int consumer_finish(consumer *k, int reason) {
    bool left = false;
    for (;;) {
        int number = signals_caught();
        if (number != 0 && !k->ending) {
            k->ending = true;
            k->reason = EXIT_SIGNAL + number;
        }
        if ((k->ending || k->failed) && !left) {
            k->outlet->leave(k->outlet, k);
            left = true;
        }
        int rc = consumer_work(k);
        if (rc != CONSUMER_GOING) {
            k->ending = true;
            k->reason = rc;
            continue;
        }
        if (!consumer_busy(k)) {
            return k->outlet->finish(k->outlet, k, k->reason != 0 ? k->reason : reason);
        }
        consumer_wait(k, -1);
        consumer_tell(k);
        consumer_drop_events(k);
    }
}

int consumer_run(consumer *k) {
    int reason = CONSUMER_GOING;
    int rc = CONSUMER_GOING;
    signals_defer();
    int started = consumer_start(k);
    if (started != EXIT_DONE) {
        return started;
    }
    while (reason == CONSUMER_GOING) {
        consumer_tell(k);
        int number = signals_caught();
        reason = number != 0 ? EXIT_SIGNAL + number : consumer_step(k);
    }
    say_progress("");
    k->ending = reason != EXIT_DONE;
    k->failed = k->failed || k->session->recovering; /* there is nothing to say goodbye to */
    if (!k->failed && !k->cancelled) {
        rc = consumer_cancel(k);
    }
    if (k->outlet != NULL) {
        return consumer_finish(k, rc != CONSUMER_GOING ? rc : reason);
    }
    if (!k->broken) {
        int settled = consumer_settle(k);
        rc = rc != CONSUMER_GOING ? rc : settled;
    }
    if (k->extra > 0 && wishes(k)->auto_ack) {
        say("%" PRIu64 " more message%s had been delivered already and %s lost; use -c without -A",
            k->extra, k->extra == 1 ? "" : "s", k->extra == 1 ? "is" : "are");
        reason = reason == EXIT_DONE ? EXIT_PARTIAL : reason;
    }
    return rc != CONSUMER_GOING ? rc : reason;
}
