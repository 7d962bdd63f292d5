/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Everything that a handler needs of its message is copied when the message comes, for more of them
 * may come than handlers run at once. A job is waiting until its process is started, and over when
 * the process has ended: the exit code settles the message, whatever the process has read of it.
 *
 * After a failure nothing is started for a while, longer after each further one in a row, so that a
 * message that nobody can handle, requeued and delivered again, does not keep the machine busy.
 *
 * A reply goes out before the ack on the same channel, where the broker takes both in this order:
 * whoever crashes in between leaves a request that is answered twice, never one that is not. */

#include "handler.h"

#include "environment.h"
#include "exits.h"
#include "json_record.h"
#include "signals.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAUSE_FIRST_MS = 100,
    PAUSE_MAX_MS = 10000,
    KILL_GRACE_MS = 5000,
    CODE_REJECT = 65,
    CODE_REQUEUE = 75
};

/* clang-format off */
#define AT(member) offsetof(handler_settings, member)
static const option handler_rows[] = {
    {0, "jobs", "N", option_number, AT(jobs), 1, HANDLER_JOBS_MAX,
     "run up to N handlers at once (1)"},
    {0, "kill-after", "S", option_time, AT(kill_ms), 1, INT32_MAX,
     "end a handler that takes longer than S seconds; 5 seconds later with SIGKILL"},
    {0, "on-failure", "requeue|reject|stop", option_choice, AT(on_failure), 0, 0,
     "what follows an exit code other than 0, 65 and 75 (requeue)"},
    {0, "max-failures", "N", option_number, AT(max_failures), 1, INT64_MAX,
     "end after N failures in a row"},
};
/* clang-format on */

const option_table handler_options = OPTION_TABLE("Handlers", handler_rows);

/* A message with everything that its handler needs. */
struct job {
    job *next;
    lev_delivery delivery;
    uint64_t tag;
    char **env;
    child child;
    bool started;
    bool lost; /* its connection was, so it comes again */
    uint64_t since;
    unsigned kills; /* how many signals were sent since --kill-after passed */
    buffer reply;   /* what it has written */
    char reply_to[NAME_MAX_BYTES];
    char correlation_id[NAME_MAX_BYTES];
    lev_span correlation;
};

verdict handler_verdict(int code, unsigned on_failure) {
    bool reject = on_failure == ON_FAILURE_REJECT;
    switch (code) {
    case 0:
        return (verdict){VERDICT_ACK, false, false};
    case CODE_REJECT:
        return (verdict){VERDICT_REJECT, false, false};
    case CODE_REQUEUE:
        return (verdict){VERDICT_REQUEUE, true, false};
    default:
        return (verdict){reject ? VERDICT_REJECT : VERDICT_REQUEUE, true,
                         on_failure == ON_FAILURE_STOP};
    }
}

uint64_t handler_pause(uint64_t failures) {
    uint64_t ms = failures > 0 ? PAUSE_FIRST_MS : 0;
    for (uint64_t i = 1; i < failures && ms < PAUSE_MAX_MS; i++) {
        ms *= 2;
    }
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void job_free(job *j) {
    child_deinit(&j->child);
    buffer_deinit(&j->reply);
    free(j->env);
    free(j);
}

/* Copies a short string, and returns the copy. */
static lev_span keep(char room[NAME_MAX_BYTES], lev_span text) {
    if (text.len > 0) {
        memcpy(room, text.ptr, text.len);
    }
    room[text.len] = '\0';
    return (lev_span){(const uint8_t *)room, text.len};
}

static job *job_new(const consumer *k, const lev_message *m) {
    job *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return NULL;
    }
    j->delivery = m->delivery;
    j->tag = k->count;
    j->child = child_init();
    keep(j->reply_to, m->properties.reply_to);
    j->correlation = keep(j->correlation_id, m->properties.correlation_id);
    j->env = environment_new(environ, m, k->queue, j->tag);
    record r = {.message = m, .queue = lev_span_of(k->queue), .tag = j->tag, .body_left = true};
    json_put_record(&j->child.notes.data, &r);
    buffer_byte(&j->child.notes.data, '\n');
    buffer_put(&j->child.in.data, m->body);
    if (j->env == NULL || j->child.in.data.failed || j->child.notes.data.failed) {
        job_free(j);
        return NULL;
    }
    j->child.in.last = true;
    j->child.notes.last = true;
    return j;
}

static int handlers_take(outlet *o, consumer *k, const lev_message *m) {
    handlers *h = (handlers *)o;
    job **end = &h->first;
    job *j = job_new(k, m);
    if (j == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory; the message stays in the queue");
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = j;
    h->waiting++;
    return CONSUMER_GOING;
}

/* ---- one handler ---------------------------------------------------------------------------- */

static int start_code(int fault) {
    switch (fault) {
    case ENOENT:
    case ENOTDIR:
        return EXIT_NOT_FOUND;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return EXIT_INTERNAL;
    default:
        return EXIT_NOT_EXECUTABLE;
    }
}

int handler_blame(const char *name, int fault) {
    return say_and(start_code(fault), "cannot run \"%s\": %s; check the command behind --", name,
                   strerror(fault));
}

static void job_start(handlers *h, job *j) {
    unsigned pipes = CHILD_NOTES | (h->reply != NULL ? CHILD_STDOUT : 0u);
    int fault = child_start(&j->child, h->argv, j->env, pipes);
    if (fault != 0) {
        h->reason = handler_blame(h->argv[0], fault);
        return;
    }
    signals_add_group(j->child.pid);
    j->started = true;
    j->since = loop_now();
    h->waiting--;
    h->running++;
    feed_pump(&j->child.in);
    feed_pump(&j->child.notes);
}

/* Reads what the handler has written. Without memory for it the reply would be wrong, so that the
 * handler is ended. */
static void job_listen(job *j) {
    uint8_t room[65536];
    size_t n;
    while ((n = child_read(&j->child, room, sizeof room)) > 0) {
        buffer_put(&j->reply, (lev_span){room, n});
    }
    if (j->reply.failed && j->kills <= 1) {
        say("out of memory for the reply to message %" PRIu64, j->tag);
        child_signal(&j->child, SIGKILL);
        j->kills = 2;
    }
}

/* Returns when a handler is to be reminded that its time is up: milliseconds after its start, 0 for
 * never. */
static uint64_t job_limit(const handlers *h, const job *j) {
    if (h->settings->kill_ms == SETTING_UNSET || j->kills > 1) {
        return 0;
    }
    return h->settings->kill_ms + (j->kills == 1 ? KILL_GRACE_MS : 0u);
}

static void job_hurry(const handlers *h, job *j) {
    uint64_t limit = job_limit(h, j);
    if (limit == 0 || loop_left(j->since, limit) > 0) {
        return;
    }
    if (j->kills == 0) {
        say("the handler of message %" PRIu64 " takes longer than --kill-after allows", j->tag);
    }
    child_signal(&j->child, j->kills == 0 ? SIGTERM : SIGKILL);
    j->kills++;
}

/* ---- what its end means --------------------------------------------------------------------- */

/* RabbitMQ 3.10 returns a mandatory direct reply as unroutable although it delivers it. */
static bool direct_reply(const char *reply_to) {
    static const char prefix[] = "amq.rabbitmq.reply-to.";
    return strncmp(reply_to, prefix, sizeof prefix - 1) == 0;
}

static lev_status job_answer(const handlers *h, const consumer *k, const job *j) {
    lev_properties properties = *h->reply;
    if (j->correlation.len > 0) {
        properties.correlation_id = j->correlation;
        properties.present = (uint16_t)(properties.present | LEV_HAS_CORRELATION_ID);
    }
    lev_publication reply = {
        .routing_key = lev_span_of(j->reply_to),
        .properties = &properties,
        .body = buffer_span(&j->reply),
        .mandatory = !direct_reply(j->reply_to),
    };
    return lev_client_publish(k->session->client, CHANNEL, &reply, NULL);
}

static lev_status job_settle(const handlers *h, const consumer *k, const job *j,
                             verdict_kind kind) {
    lev_client *c = k->session->client;
    if (k->failed || j->lost) {
        return LEV_ERR_STALE;
    }
    if (kind != VERDICT_ACK) {
        return lev_client_reject(c, j->delivery, kind == VERDICT_REQUEUE);
    }
    lev_status status = LEV_OK;
    if (h->reply != NULL && j->reply_to[0] != '\0') {
        status = job_answer(h, k, j);
    }
    return status == LEV_OK ? lev_client_ack(c, j->delivery, false) : status;
}

static void handlers_count(handlers *h, verdict_kind kind) {
    h->rejected += kind == VERDICT_REJECT ? 1 : 0;
    h->requeued += kind == VERDICT_REQUEUE ? 1 : 0;
}

/* Notes a failure, and whether it is one too many. */
static void handlers_failed(handlers *h, const verdict *v) {
    h->failures++;
    h->failed_at = loop_now();
    if (v->stop) {
        h->reason = EXIT_PARTIAL;
    } else if (h->failures >= h->settings->max_failures) {
        h->reason = say_and(EXIT_PARTIAL, "%" PRIu64 " failure%s in a row; giving up", h->failures,
                            h->failures == 1 ? "" : "s");
    }
}

/* A handler has ended with an exit code. */
static void job_over(handlers *h, const consumer *k, const job *j, int code) {
    verdict v = handler_verdict(code, h->settings->on_failure);
    h->running--;
    if (code != 0 && !k->session->settings->quiet) {
        say("the handler of message %" PRIu64 " ended with %d; the message is %s", j->tag, code,
            v.kind == VERDICT_REJECT ? "rejected" : "requeued");
    }
    handlers_count(h, v.kind);
    if (v.failed) {
        handlers_failed(h, &v);
    } else {
        h->failures = 0;
    }
    lev_status status = job_settle(h, k, j, v.kind);
    if (status != LEV_OK) {
        say("message %" PRIu64 " cannot be settled: %s; it is back in the queue", j->tag,
            status == LEV_ERR_STALE ? "its connection was lost" : lev_status_text(status));
    }
}

/* Does what a running handler needs. Returns whether it is over. */
static bool job_tend(handlers *h, const consumer *k, job *j) {
    pid_t group = j->child.pid;
    int code;
    feed_pump(&j->child.in);
    feed_pump(&j->child.notes);
    bool ended = child_ended(&j->child, &code);
    if (h->reply != NULL) {
        job_listen(j);
    }
    if (!ended) {
        job_hurry(h, j);
        return false;
    }
    signals_remove_group(group);
    job_over(h, k, j, code);
    return true;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* How long nothing may be started yet. */
static int handlers_pausing(const handlers *h) {
    return h->failures > 0 ? loop_left(h->failed_at, handler_pause(h->failures)) : 0;
}

static void handlers_start(handlers *h, const consumer *k) {
    for (job *j = h->first; j != NULL; j = j->next) {
        if (h->reason != CONSUMER_GOING || k->ending || h->running >= h->settings->jobs ||
            handlers_pausing(h) > 0) {
            return;
        }
        if (!j->started) {
            job_start(h, j);
        }
    }
}

static int handlers_work(outlet *o, consumer *k) {
    handlers *h = (handlers *)o;
    for (job **at = &h->first; *at != NULL;) {
        job *j = *at;
        if (j->started && job_tend(h, k, j)) {
            *at = j->next;
            job_free(j);
        } else {
            at = &j->next;
        }
    }
    handlers_start(h, k);
    int reason = h->reason;
    h->reason = CONSUMER_GOING;
    return k->ending ? CONSUMER_GOING : reason;
}

static void handlers_watch(outlet *o, loop_watch *watch) {
    handlers *h = (handlers *)o;
    size_t count = 0;
    for (const job *j = h->first; j != NULL; j = j->next) {
        if (j->started) {
            uint64_t limit = job_limit(h, j);
            count += child_watch(&j->child, h->fds + count);
            loop_within(watch, limit > 0 ? loop_left(j->since, limit) : -1);
        }
    }
    if (h->waiting > 0 && handlers_pausing(h) > 0) {
        loop_within(watch, handlers_pausing(h));
    }
    watch->more = h->fds;
    watch->more_count = count;
}

static bool handlers_busy(const outlet *o) { return ((const handlers *)o)->first != NULL; }

/* Drops all jobs that wait; with a consumer their messages are given back. */
static void handlers_drop(handlers *h, const consumer *k) {
    for (job **at = &h->first; *at != NULL;) {
        job *j = *at;
        if (j->started) {
            at = &j->next;
            continue;
        }
        if (k != NULL && !k->failed) {
            lev_client_reject(k->session->client, j->delivery, true);
        }
        *at = j->next;
        h->waiting--;
        job_free(j);
    }
}

static void handlers_leave(outlet *o, consumer *k) { handlers_drop((handlers *)o, k); }

static void handlers_lost(outlet *o, consumer *k) {
    handlers *h = (handlers *)o;
    (void)k;
    handlers_drop(h, NULL);
    for (job *j = h->first; j != NULL; j = j->next) {
        j->lost = true;
    }
}

static int handlers_finish(outlet *o, const consumer *k, int reason) {
    const handlers *h = (const handlers *)o;
    if (h->rejected + h->requeued + k->returned == 0) {
        return reason;
    }
    char replies[80] = "";
    if (k->returned > 0) {
        snprintf(replies, sizeof replies, "; %" PRIu64 " repl%s found nobody any more", k->returned,
                 k->returned == 1 ? "y" : "ies");
    }
    say("of %" PRIu64 " message%s %" PRIu64 " rejected, %" PRIu64 " requeued%s", k->count,
        k->count == 1 ? "" : "s", h->rejected, h->requeued, replies);
    return reason == EXIT_DONE ? EXIT_PARTIAL : reason;
}

void handlers_init(handlers *h, const handler_settings *s, char *const *argv,
                   const lev_properties *reply) {
    *h = (handlers){
        .outlet = {handlers_take, handlers_work, handlers_watch, handlers_busy, handlers_leave,
                   handlers_lost, handlers_finish, NULL},
        .settings = s,
        .argv = argv,
        .reply = reply,
        .reason = CONSUMER_GOING,
    };
}

void handlers_deinit(handlers *h) {
    handlers_drop(h, NULL);
    for (job *j = h->first; j != NULL;) {
        job *next = j->next;
        job_free(j);
        j = next;
    }
    h->first = NULL;
}
