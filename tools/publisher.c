/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* At most --window messages are unconfirmed, so lev_client_publish itself never has to wait: all
 * waiting happens in publisher_wait, where signals, a slow stdin and the connection are watched
 * together. Outcomes are counted as they come. The first failure of the channel or the connection
 * ends the work; what it leaves in doubt still comes as outcomes and is counted in the same line
 * that tells of it.
 *
 * The exit code answers in this order: the failure, messages that were not taken, bad input, a
 * signal. */

#include "publisher.h"

#include "exits.h"
#include "loop.h"
#include "signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { QUEUED_MAX = 65536 }; /* bytes that may wait to be written; above, each publish would try */

/* clang-format off */
#define AT(member) offsetof(publisher_settings, member)
static const option publisher_rows[] = {
    {0, "window", "N", option_number, AT(window), 1, 1000000,
     "at most N messages unconfirmed (1000)"},
    {0, "no-confirm", NULL, option_flag, AT(no_confirm), 0, 0,
     "do not ask for confirms"},
    {0, "no-mandatory", NULL, option_flag, AT(no_mandatory), 0, 0,
     "let the broker drop what no queue takes"},
    {'p', "persistent", NULL, option_flag, AT(persistent), 0, 0,
     "survive a restart of the broker (the default)"},
    {0, "transient", NULL, option_flag, AT(transient), 0, 0,
     "do not: lighter for the broker"},
    {0, "rate", "N/s", option_rate, AT(rate), 1, 1000000000,
     "publish at most N messages a second, evenly"},
    {0, "returned-to", "FILE", option_text, AT(returned_to), 0, 0,
     "keep returned messages in FILE, for publish --jsonl to send them again"},
    {'H', "header", "KEY:=JSON", option_entry, AT(headers), 0, 0,
     "a header: KEY:=JSON, or as text KEY=TEXT or 'KEY: TEXT'; repeatable"},
};
/* clang-format on */

const option_table publisher_options = OPTION_TABLE("Publishing", publisher_rows);

int publisher_check(publisher_settings *o, const char *command) {
    if (o->transient && o->persistent) {
        return say_and(EXIT_USAGE,
                       "--transient and --persistent exclude each other; see: leveret help %s",
                       command);
    }
    if (o->headers.len > 0) {
        o->properties.headers = buffer_span(&o->headers);
        o->properties.present = (uint16_t)(o->properties.present | LEV_HAS_HEADERS);
    }
    if (!o->transient && (o->properties.present & LEV_HAS_DELIVERY_MODE) == 0) {
        o->properties.delivery_mode = 2;
        o->properties.present = (uint16_t)(o->properties.present | LEV_HAS_DELIVERY_MODE);
    }
    return EXIT_DONE;
}

int publisher_init(publisher *p, session *s, const publisher_settings *o) {
    *p = (publisher){.session = s, .settings = o, .since = loop_now(), .limit_ms = LEV_PROGRESS_MS};
    p->progress = progress_init(s->settings, STDIN_FILENO);
    p->pace.rate = o->rate;
    p->message.exchange = lev_span_of(o->exchange);
    p->message.routing_key = lev_span_of(o->routing_key);
    p->message.properties = &o->properties;
    p->message.mandatory = !o->no_mandatory;
    if (s->settings->timeout_ms != SETTING_UNSET) {
        p->limit_ms = s->settings->timeout_ms;
    }
    if (!o->no_confirm &&
        lev_client_confirm_select(s->client, CHANNEL, &(lev_confirm_select){0}, NULL) != LEV_OK) {
        return session_fail(s, "ask for confirms");
    }
    int rc = returns_init(&p->returns, o->returned_to);
    if (rc != EXIT_DONE) {
        returns_deinit(&p->returns);
    }
    return rc;
}

static void publisher_fail(publisher *p, const lev_error *error) {
    if (!p->failed) {
        p->failed = true;
        p->fault = *error;
    }
}

static uint64_t unsettled(const publisher *p) {
    return lev_client_unsettled(p->session->client, CHANNEL);
}

/* A message came back: remember why, and tell at once where somebody may still act on it. */
static void publisher_returned(publisher *p, const lev_event *e) {
    returns_take(&p->returns, e->message);
    if (e->first == 0) {
        p->outcomes[LEV_RETURNED] += p->settings->no_confirm ? 1 : 0;
    }
    if (p->settings->chatty || (p->settings->told && !p->told)) {
        say("message %" PRIu64 " was returned: %s; bind a queue there, or use --no-mandatory",
            e->first, p->returns.latest);
        p->told = true;
    }
}

static void publisher_note(publisher *p, const lev_event *e) {
    switch ((int)e->type) {
    case LEV_EVENT_OUTCOME:
        p->outcomes[e->outcome] += e->last - e->first + 1;
        p->since = loop_now();
        if (p->settings->chatty && e->outcome == LEV_NACKED) {
            say("message %" PRIu64 " was refused by the broker (nack); try it again", e->first);
        }
        break;
    case LEV_EVENT_RETURN:
        publisher_returned(p, e);
        break;
    case LEV_EVENT_BLOCKED:
    case LEV_EVENT_UNBLOCKED:
        p->blocked = e->type == LEV_EVENT_BLOCKED;
        p->since = loop_now();
        if (!p->session->settings->quiet) {
            say("the broker at %s %s publishing%s", p->session->where,
                p->blocked ? "blocks" : "allows", p->blocked ? "; waiting" : " again");
        }
        break;
    case LEV_EVENT_RECOVERING:
    case LEV_EVENT_RECOVERED:
        p->session->recovering = e->type == LEV_EVENT_RECOVERING;
        p->blocked = false;
        p->since = loop_now();
        session_tell_recovery(p->session, e);
        break;
    case LEV_EVENT_REPLY:
        p->fence = e->call == p->fence ? 0 : p->fence;
        break;
    case LEV_EVENT_CHANNEL_CLOSED:
        publisher_fail(p, lev_client_error(p->session->client));
        break;
    default:
        break;
    }
}

/* Takes the events that are there. */
static void publisher_take(publisher *p) {
    lev_event e;
    for (;;) {
        lev_status status = lev_client_next(p->session->client, &e, 0);
        bool quiet = status == LEV_ERR_TIMEOUT && e.type == LEV_EVENT_NONE;
        if (quiet || e.type == LEV_EVENT_CLOSED) {
            return;
        }
        if (status != LEV_OK && e.type != LEV_EVENT_CHANNEL_CLOSED) {
            publisher_fail(p, lev_client_error(p->session->client));
            return;
        }
        publisher_note(p, &e);
    }
}

/* Does the broker owe us something, with nothing else to wait for where `input` is -1? While the
 * connection is being made again it does not: that has no time limit, but --retry. */
static bool publisher_waiting(const publisher *p, int input) {
    return !p->session->recovering &&
           (unsettled(p) > 0 || p->fence != 0 || (p->blocked && input < 0));
}

/* Is that overdue? Then the failure is ours. */
static void publisher_check_time(publisher *p, int input) {
    lev_error late = {.status = LEV_ERR_TIMEOUT, .layer = LEV_LAYER_CLIENT};
    if (!publisher_waiting(p, input) || loop_left(p->since, p->limit_ms) > 0) {
        return;
    }
    snprintf(late.text, sizeof late.text, "%s: %s for %" PRIu64 " ms", p->session->where,
             p->blocked          ? "the broker has blocked publishing"
             : unsettled(p) == 0 ? "no answer"
                                 : "no message was confirmed",
             p->limit_ms);
    publisher_fail(p, &late);
}

static void publisher_tell(publisher *p) {
    char text[200];
    const uint64_t *n = p->outcomes;
    if (!progress_due(&p->progress)) {
        return;
    }
    snprintf(text, sizeof text,
             "%" PRIu64 " published, %" PRIu64 " confirmed, %" PRIu64 " returned, %" PRIu64
             " refused, %" PRIu64 " waiting",
             p->published, n[LEV_CONFIRMED], n[LEV_RETURNED], n[LEV_NACKED], unsettled(p));
    if (progress_tell(&p->progress, text, p->published)) {
        session_tell_counters(p->session);
    }
}

static unsigned publisher_wait(publisher *p, int input) {
    loop_watch watch = {.input = input, .output = -1, .timeout_ms = -1};
    if (publisher_waiting(p, input)) {
        watch.timeout_ms = loop_left(p->since, p->limit_ms);
    }
    int pause = pace_left(&p->pace);
    watch.timeout_ms = loop_sooner(watch.timeout_ms, progress_left(&p->progress));
    watch.timeout_ms = loop_sooner(watch.timeout_ms, pause > 0 ? pause : -1);
    unsigned ready = loop_wait(p->session->client, &watch);
    publisher_take(p);
    publisher_tell(p);
    publisher_check_time(p, input);
    return ready;
}

static bool publisher_full(const publisher *p) {
    return p->blocked || p->session->recovering || unsettled(p) >= p->settings->window ||
           lev_engine_queued(lev_client_engine(p->session->client)) > QUEUED_MAX;
}

/* Waits until the rate allows one more. */
static void publisher_pause(publisher *p) {
    while (!p->failed && signals_caught() == 0 && pace_left(&p->pace) > 0) {
        publisher_wait(p, -1);
    }
    pace_step(&p->pace);
}

/* Returns LEV_AGAIN also where the connection was lost this moment: an event tells what follows. */
static lev_status publisher_try(const publisher *p) {
    lev_client *c = p->session->client;
    lev_status status = lev_client_publish(c, CHANNEL, &p->message, NULL);
    bool gone = lev_engine_error(lev_client_engine(c))->status != LEV_OK;
    return status != LEV_OK && gone ? LEV_AGAIN : status;
}

bool publisher_send(publisher *p, lev_span body, bool lend) {
    while (!p->failed && signals_caught() == 0 && publisher_full(p)) {
        publisher_wait(p, -1);
    }
    publisher_pause(p);
    if (p->failed || signals_caught() != 0) {
        return false;
    }
    if (unsettled(p) == 0) {
        p->since = loop_now();
    }
    p->message.body = body;
    p->message.lend = lend;
    lev_status status = publisher_try(p);
    while (status == LEV_AGAIN && !p->failed && signals_caught() == 0) {
        publisher_wait(p, -1);
        status = p->failed ? LEV_AGAIN : publisher_try(p);
    }
    if (status == LEV_AGAIN) {
        return false;
    }
    if (status != LEV_OK) {
        publisher_fail(p, lev_client_error(p->session->client));
        publisher_take(p);
        return false;
    }
    p->published++;
    return true;
}

bool publisher_await(publisher *p, int input) {
    while (!p->failed && signals_caught() == 0) {
        if ((publisher_wait(p, input) & LOOP_INPUT) != 0) {
            return !p->failed;
        }
    }
    return false;
}

/* Adds ", 3 returned" and the like to a text. */
static void add_count(char *text, size_t size, uint64_t count, const char *what) {
    size_t length = strlen(text);
    if (count > 0) {
        snprintf(text + length, size - length, ", %" PRIu64 " %s", count, what);
    }
}

static uint64_t publisher_report(publisher *p, char *text, size_t size) {
    p->outcomes[LEV_IN_DOUBT] += unsettled(p); /* we gave up waiting for these */
    uint64_t bad = p->outcomes[LEV_RETURNED] + p->outcomes[LEV_NACKED] + p->outcomes[LEV_NOT_SENT] +
                   p->outcomes[LEV_IN_DOUBT];
    text[0] = '\0';
    add_count(text, size, p->outcomes[LEV_RETURNED], "returned");
    add_count(text, size, p->outcomes[LEV_NACKED], "refused by the broker");
    add_count(text, size, p->outcomes[LEV_NOT_SENT], "not sent");
    add_count(text, size, p->outcomes[LEV_IN_DOUBT], "in doubt");
    return bad;
}

static int publisher_end(publisher *p, int rc) {
    char counts[200];
    uint64_t bad = publisher_report(p, counts, sizeof counts);
    if (p->failed) {
        char remark[300] = "";
        if (bad > 0) {
            snprintf(remark, sizeof remark, "; of %" PRIu64 " message%s%s", p->published,
                     p->published == 1 ? "" : "s", counts);
        }
        return session_blame("publish", &p->fault, remark);
    }
    if (bad > 0) {
        bool returned = p->outcomes[LEV_RETURNED] > 0;
        return say_and(EXIT_PARTIAL, "publish: %s: of %" PRIu64 " message%s%s%s%s%s; %s",
                       p->session->where, p->published, p->published == 1 ? "" : "s", counts,
                       returned ? " (" : "", returned ? p->returns.reason : "", returned ? ")" : "",
                       returned ? "bind a queue there, or use --no-mandatory"
                                : "publish them again");
    }
    if (rc == EXIT_DONE && signals_caught() != 0) {
        rc = EXIT_SIGNAL + signals_caught();
    }
    return rc;
}

/* Without confirms: the answer to any call on the channel says that the broker has seen all before
 * it. Whatever it has to object comes first. */
static void publisher_fence(publisher *p) {
    lev_engine *engine = lev_client_engine(p->session->client);
    uint32_t call = 0;
    while (!p->failed && lev_engine_queued(engine) > 0) {
        publisher_wait(p, -1);
    }
    if (p->failed || lev_engine_basic_qos(engine, CHANNEL, &(lev_basic_qos){0}, &call) != LEV_OK) {
        return;
    }
    p->since = loop_now();
    p->fence = call;
    while (!p->failed && p->fence != 0) {
        publisher_wait(p, -1);
    }
}

int publisher_finish(publisher *p, int rc) {
    if (p->settings->no_confirm) {
        publisher_fence(p);
    }
    while (!p->failed && unsettled(p) > 0 && !(p->session->recovering && signals_caught() != 0)) {
        publisher_wait(p, -1);
    }
    if (!p->failed && !p->session->recovering && lev_client_close(p->session->client) != LEV_OK) {
        publisher_fail(p, lev_client_error(p->session->client));
    }
    publisher_take(p);
    say_progress("");
    int kept = returns_flush(&p->returns);
    rc = publisher_end(p, rc);
    rc = kept != EXIT_DONE && (rc == EXIT_DONE || rc == EXIT_PARTIAL) ? kept : rc;
    returns_deinit(&p->returns);
    if (p->session->settings->verbose) {
        say("%" PRIu64 " published, %" PRIu64 " confirmed", p->published,
            p->outcomes[LEV_CONFIRMED]);
    }
    return rc;
}
