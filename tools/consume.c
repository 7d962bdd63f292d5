/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret consume: the options, the checks among them, and where the messages go. */

#include "command.h"
#include "consumer.h"
#include "coprocess.h"
#include "exits.h"
#include "handler.h"
#include "origin.h"
#include "signals.h"

#include <string.h>

typedef struct consume_settings {
    settings common;
    consumer_settings consumer;
    handler_settings handlers;
    format_settings format;
    origin_settings origin;
    bool coprocess;
} consume_settings;

/* clang-format off */
#define AT(member) offsetof(consume_settings, member)
static const option consume_rows[] = {
    {0, "coprocess", NULL, option_flag, AT(coprocess), 0, 0,
     "with -- COMMAND: one process, which takes records and acks them by number"},
};
/* clang-format on */

static const option_table consume_options = OPTION_TABLE("One handler for all", consume_rows);

static const consume_settings consume_default = {
    .common = SETTINGS_DEFAULTS,
    .consumer = CONSUMER_DEFAULTS,
    .handlers = HANDLER_DEFAULTS,
};

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help consume", text);
}

static int consume_check_command(const consume_settings *s) {
    bool given = s->common.arg_count > 0;
    if (s->common.dashed && !given) {
        return misuse("which command? it goes behind --");
    }
    if (s->coprocess && (!given || s->handlers.jobs != 1)) {
        return misuse("--coprocess goes with -- COMMAND, and without --jobs");
    }
    if (!given && memcmp(&s->handlers, &consume_default.handlers, sizeof s->handlers) != 0) {
        return misuse("--jobs, --kill-after, --on-failure and --max-failures go with -- COMMAND");
    }
    if (given && s->consumer.auto_ack) {
        return misuse("with -A a handler's exit code would mean nothing");
    }
    if (given && !s->coprocess &&
        memcmp(&s->format, &consume_default.format, sizeof s->format) != 0) {
        return misuse("--raw and the like are for stdout; a handler gets the body as it is");
    }
    if (given && s->format.directory != NULL) {
        return misuse("--output-dir goes without a command");
    }
    return EXIT_DONE;
}

static int consume_check(const consume_settings *s) {
    int rc = origin_check(&s->origin, "consume");
    if (rc == EXIT_DONE && s->common.loose > 0) {
        return say_and(EXIT_USAGE,
                       "\"%s\": consume takes no arguments; a command goes behind --; see: leveret "
                       "help consume",
                       s->common.args[0]);
    }
    return rc == EXIT_DONE ? consume_check_command(s) : rc;
}

/* Receives, from the first connect to the last close. */
static int consume_with(consumer *k, const consume_settings *s) {
    int rc = session_open(k->session, &s->common);
    if (rc == EXIT_DONE) {
        rc = origin_prepare(k->session, &s->origin, k->queue);
    }
    if (rc == EXIT_DONE) {
        signals_defer();
        rc = consumer_start(k);
    }
    if (rc == EXIT_DONE) {
        rc = consumer_run(k);
    }
    session_close(k->session);
    return rc;
}

static int consume_run(settings *common) {
    consume_settings *s = (consume_settings *)common;
    session conn;
    handlers h;
    coprocess p;
    sink out;
    consumer k = {.session = &conn, .settings = &s->consumer, .sink = &out};
    int rc = consume_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    common->name = common->name != NULL ? common->name : "leveret consume";
    s->consumer.exclusive = s->origin.exclusive;
    handlers_init(&h, &s->handlers, common->args, NULL);
    coprocess_init(&p, &s->handlers, common->args, &out.format);
    if (common->arg_count > 0) {
        k.outlet = s->coprocess ? &p.outlet : &h.outlet;
    }
    if (k.outlet == &h.outlet && s->consumer.prefetch == SETTING_UNSET) {
        s->consumer.prefetch = s->handlers.jobs;
    }
    rc = sink_init(&out, &s->format);
    if (rc == EXIT_DONE) {
        rc = subscription_complete(&s->consumer.subscription)
                 ? consume_with(&k, s)
                 : say_and(EXIT_INTERNAL, "out of memory");
    }
    handlers_deinit(&h);
    coprocess_deinit(&p);
    sink_deinit(&out);
    return rc;
}

const command consume_command = {
    .name = "consume",
    .usage = "-q QUEUE [OPTION...] [-- COMMAND [ARGUMENT...]]\n"
             "-e EXCHANGE [-r KEY]... [OPTION...] [-- COMMAND [ARGUMENT...]]",
    .summary = "receive messages to stdout, or run a command for each",
    .about = "Writes the body of each message, and a newline, to stdout. With -e the messages come "
             "from a private queue, which the broker names and deletes with the connection.\n"
             "\n"
             "A message is acked only after its whole record was written; bytes written to a pipe "
             "count, read or not. What was delivered and not written goes back to the queue.\n"
             "\n"
             "With --format each message is written as the text that is given, no newline added, "
             "in which stand for:\n"
             "%s\tits body, as it is\n"
             "%S\tthe size of its body in bytes\n"
             "%e %k %q\texchange, routing key and queue\n"
             "%t %T\tcontent type and timestamp, empty where there is none\n"
             "%h %j\tits headers, and all of it, as JSON\n"
             "%d %r\tdelivery tag, and whether it was redelivered: true or false\n"
             "%{PROPERTY}\tany property, as %{message_id}\n"
             "%{header:NAME}\ta header: text as it is, numbers without their type, else JSON\n"
             "%%\ta percent sign\n"
             "\\n \\t \\r \\0 \\\\ \\xNN\tnewline, tab, return, NUL, backslash, any byte",
    .examples = "leveret consume -q jobs -c 1 --raw > job\n"
                "leveret consume -e logs --declare --type fanout\n"
                "leveret consume -q jobs --until-empty --jsonl > jobs.jsonl\n"
                "leveret consume -q jobs --format '%{message_id} %{header:n} %S\\n'\n"
                "leveret consume -q jobs --until-empty",
    .exits = {{EXIT_DONE, "with -c that many messages came, else at least one"},
              {EXIT_FAILED, "the broker refused, or cancelled the consumer"},
              {EXIT_NOTHING, "nothing came, or fewer than -c asked for"},
              {EXIT_PARTIAL, "with -A and -c: more was delivered than wanted, and is lost; it is "
                             "counted on stderr"},
              {EXIT_USAGE, NULL},
              {EXIT_INPUT, "a password file that cannot be read"},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_CREATE, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_TEMPORARY, NULL},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED, "stopped by SIGINT or SIGTERM; what was written is acked, the rest is "
                             "back in the queue; a second signal ends at once"},
              {EXIT_PIPE, NULL}},
    .options = {{&origin_options, AT(origin)},
                {&subscription_options, AT(consumer.subscription)},
                {&consumer_options, AT(consumer)},
                {&handler_options, AT(handlers)},
                {&consume_options, 0},
                {&format_options, AT(format)},
                {&connection_options, 0},
                {&general_options, 0}},
    .size = sizeof(consume_settings),
    .defaults = &consume_default,
    .run = consume_run,
};
