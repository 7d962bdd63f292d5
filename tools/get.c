/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret get: asks for messages one by one, without subscribing. Each is acked after it was
 * written; its ack travels with the question for the next one. */

#include "command.h"
#include "entity.h"
#include "exits.h"
#include "session.h"
#include "signals.h"
#include "sink.h"

typedef struct get_settings {
    settings common;
    const char *queue;
    uint64_t count;
    bool until_empty;
    bool auto_ack;
    format_settings format;
    sink out;
} get_settings;

/* clang-format off */
#define AT(member) offsetof(get_settings, member)
static const option get_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "as the argument QUEUE"},
    {'c', "count", "N", option_number, AT(count), 1, INT64_MAX,
     "take N messages (1)"},
    {0, "until-empty", NULL, option_flag, AT(until_empty), 0, 0,
     "take messages until the queue is empty"},
    {'A', "no-ack", NULL, option_flag, AT(auto_ack), 0, 0,
     "the broker forgets what it has sent: lost on any failure"},
};
/* clang-format on */

static const option_table get_options = OPTION_TABLE("Options", get_rows);

static int get_check(get_settings *s) {
    if (s->queue == NULL) {
        s->queue = argument_take(&s->common);
    }
    if (s->queue == NULL) {
        return say_and(EXIT_USAGE, "where from? give -q QUEUE; see: leveret help get");
    }
    if (s->count == SETTING_UNSET && !s->until_empty) {
        s->count = 1;
    }
    return arguments_end(&s->common, "get");
}

/* Writes one message and acks it. */
static int get_write(session *conn, get_settings *s, const record *r) {
    lev_delivery delivery = r->message->delivery;
    int rc = sink_put(&s->out, r);
    if (rc == EXIT_DONE) {
        rc = sink_flush(&s->out, conn->client);
    }
    if (rc == EXIT_DONE && !s->auto_ack &&
        lev_client_ack(conn->client, delivery, false) != LEV_OK) {
        rc = session_fail(conn, "ack");
    }
    return rc;
}

static int get_all(session *conn, get_settings *s) {
    lev_basic_get fields = {.queue = lev_span_of(s->queue), .no_ack = s->auto_ack};
    const entity e = {false, s->queue};
    char doing[ENTITY_DOING];
    uint64_t taken = 0;
    int rc = EXIT_DONE;
    for (; rc == EXIT_DONE && taken < s->count && signals_caught() == 0; taken++) {
        record r = {.queue = fields.queue, .tag = taken + 1};
        lev_status status = lev_client_get(conn->client, CHANNEL, &fields, &r.message);
        if (status == LEV_NEED_MORE) {
            return taken > 0 && s->count == SETTING_UNSET ? EXIT_DONE : EXIT_NOTHING;
        }
        rc = status == LEV_OK ? get_write(conn, s, &r)
                              : session_fail(conn, entity_doing(&e, "get from", doing));
    }
    if (rc == EXIT_DONE && signals_caught() != 0 && taken < s->count) {
        rc = EXIT_SIGNAL + signals_caught();
    }
    return rc;
}

static int get_work(session *conn, settings *common) {
    signals_defer();
    int rc = get_all(conn, (get_settings *)common);
    if (rc == EXIT_DONE && lev_client_close(conn->client) != LEV_OK) { /* with it leave the acks */
        rc = session_fail(conn, "ack");
    }
    return rc;
}

static int get_run(settings *common) {
    get_settings *s = (get_settings *)common;
    int rc = get_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    rc = sink_init(&s->out, &s->format);
    if (rc == EXIT_DONE) {
        rc = session_run(common, "leveret get", get_work);
    }
    sink_deinit(&s->out);
    return rc;
}

static const get_settings get_default = {.common = SETTINGS_DEFAULTS, .count = SETTING_UNSET};

const command get_command = {
    .name = "get",
    .usage = "-q QUEUE [-c N | --until-empty] [OPTION...]",
    .summary = "poll a queue for one message, or drain it",
    .about =
        "Writes the body of a message, and a newline, to stdout. A message is acked only after it "
        "was written. The letters of --format are in leveret-consume(1).\n"
        "\n"
        "Each message costs a round trip: for many of them leveret consume is far faster.",
    .examples = "leveret get -q jobs || echo nothing to do\n"
                "leveret get -q jobs --until-empty > jobs",
    .exits = {{EXIT_DONE, "with -c that many messages came, else at least one"},
              {EXIT_NOTHING, "the queue was empty, or had fewer messages than -c asked for"},
              EXITS_CONNECTED,
              {EXIT_CREATE, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_STOPPED, "stopped by SIGHUP, SIGINT or SIGTERM; what was written is acked"},
              {EXIT_PIPE, NULL}},
    .options = {{&get_options, 0},
                {&format_options, AT(format)},
                {&connection_options, 0},
                {&general_options, 0}},
    .size = sizeof(get_settings),
    .defaults = &get_default,
    .run = get_run,
};
