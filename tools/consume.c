/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret consume: the options, the checks among them, and where the messages go. */

#include "command.h"
#include "consumer.h"
#include "coprocess.h"
#include "exits.h"
#include "handler.h"
#include "origin.h"

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
    .common = SETTINGS_DEFAULTS_RETRY,
    .consumer = CONSUMER_DEFAULTS,
    .handlers = HANDLER_DEFAULTS,
};

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help consume", text);
}

static bool asks_for_handlers(const handler_settings *o) {
    return o->jobs != 1 || o->kill_ms != SETTING_UNSET || o->on_failure != ON_FAILURE_REQUEUE ||
           o->max_failures != SETTING_UNSET;
}

static bool asks_for_format(const format_settings *o) {
    return o->raw || o->nul || o->length_prefix || o->jsonl || o->delimiter.len > 0 ||
           o->format != NULL;
}

static int consume_check_command(const consume_settings *s) {
    bool handled = s->common.arg_count > 0;
    if (s->common.dashed && !handled) {
        return misuse("which command? it goes behind --");
    }
    if (s->coprocess && (!handled || s->handlers.jobs != 1)) {
        return misuse("--coprocess goes with -- COMMAND, and without --jobs");
    }
    if (!handled && asks_for_handlers(&s->handlers)) {
        return misuse("--jobs, --kill-after, --on-failure and --max-failures go with -- COMMAND");
    }
    if (handled && s->consumer.auto_ack) {
        return misuse("with -A a handler's exit code would mean nothing");
    }
    if (handled && !s->coprocess && asks_for_format(&s->format)) {
        return misuse("--raw and the like are for stdout; a handler gets the body as it is");
    }
    if (handled && s->format.directory != NULL) {
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
             "When the connection is lost it is made again, to any of the hosts, and the messages "
             "go on; what was not acked by then comes once more. -c counts what is written. A "
             "private queue gets a new name, and what was in the old one is gone.\n"
             "\n"
             "With --format each message is written as the text that is given, no newline added, "
             "in which stand for:\n"
             "%s\tits body, as it is\n"
             "%S\tthe size of its body in bytes\n"
             "%e %k %q\texchange, routing key and queue\n"
             "%t %T\tcontent type and timestamp, empty where there is none\n"
             "%h %j\tits headers, and all of it, as JSON\n"
             "%d %r\tdelivery tag, and whether it was redelivered: true or false\n"
             "%{tag}\tthe command's own number, which a --coprocess handler acks\n"
             "%{PROPERTY}\tany property, as %{message_id}\n"
             "%{header:NAME}\ta header: text as it is, numbers without their type, else JSON\n"
             "%%\ta percent sign\n"
             "\\n \\t \\r \\0 \\\\ \\xNN\tnewline, tab, return, NUL, backslash, any byte",
    .sections =
        {{"Handlers",
          "With -- COMMAND, a process of its own runs for each message: the body on its stdin, the "
          "metadata as a JSON record without body on descriptor 3, and in its environment "
          "AMQP_EXCHANGE, AMQP_ROUTING_KEY, AMQP_QUEUE, AMQP_TAG, AMQP_REDELIVERED (true or "
          "false) and, where the message has it, AMQP_CONTENT_TYPE, AMQP_MESSAGE_ID, "
          "AMQP_CORRELATION_ID and AMQP_REPLY_TO. AMQP_URL and AMQP_PASSWORD are not there. It "
          "need not read any of it. Its exit code settles the message:\n"
          "0\tack\n"
          "65\treject: the broker drops it or puts it where dead letters go\n"
          "75\trequeue\n"
          "other\tas --on-failure says; so does the end by a signal\n"
          "\n"
          "A requeued message takes its old place in the queue, so that those that always fail, "
          "as many as are fetched, keep those behind them waiting. Reject them instead, by exit "
          "code or --on-failure, where a dead-letter exchange takes them, or let a quorum queue "
          "end it with x-delivery-limit.\n"
          "\n"
          "After a failure, 75 included, nothing is started for a tenth of a second, twice as long "
          "after each further one in a row, at most ten seconds. As many messages are fetched as "
          "handlers may run, unless --prefetch asks for more. The first SIGHUP, SIGINT or SIGTERM "
          "lets "
          "handlers that run finish; a second one ends them, too."},
         {"One handler for all",
          "With --coprocess COMMAND is started once and reads all messages from its stdin, in the "
          "format of the options, best --jsonl. On its descriptor 4 it writes a line for each, in "
          "any order and whenever it likes, but it gets no more than --prefetch messages ahead:\n"
          "ack TAG\tdone\n"
          "nack TAG\treject\n"
          "nack TAG requeue\tgive back\n"
          "\n"
          "TAG is the record's `tag`, %{tag} of --format: a counter of this command that never "
          "says the same number twice, not even over a reconnect. A line for a delivery whose "
          "connection was lost sends nothing, and is told on stderr; that message comes again with "
          "another number.\n"
          "\n"
          "At the end its stdin is closed; it settles what it has, and ends. If it ends before, "
          "what it has not settled is requeued: after 0 this command ends, too; after a failure "
          "another one is started, unless --on-failure (stop, reject) or --max-failures say "
          "otherwise. --kill-after counts from the end of its stdin."}},
    .examples =
        "leveret consume -q jobs -c 1 --raw > job\n"
        "leveret consume -e logs --declare --type fanout\n"
        "leveret consume -q jobs --until-empty --jsonl > jobs.jsonl\n"
        "leveret consume -q jobs --format '%{message_id} %{header:n} %S\\n'\n"
        "leveret consume -q jobs --until-empty\n"
        "leveret consume -q mails --jobs 4 --kill-after 60 -- ./send-mail --quick\n"
        "leveret consume -q events --coprocess --jsonl -- ./load-into-database\n"
        "leveret consume -q notes --coprocess --format '%{tag} %s\\n' -- \\\n"
        "    sh -c 'while read -r tag body; do echo \"$body\"; echo \"ack $tag\" >&4; done'",
    .exits = {{EXIT_DONE, "with -c that many messages came, else at least one"},
              {EXIT_FAILED, "the broker refused, or cancelled the consumer"},
              {EXIT_NOTHING, "nothing came, or fewer than -c asked for"},
              {EXIT_PARTIAL, "handlers failed, or with -A and -c more was delivered than wanted, "
                             "and is lost; it is counted on stderr"},
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
              {EXIT_NOT_EXECUTABLE, NULL},
              {EXIT_NOT_FOUND, NULL},
              {EXIT_STOPPED,
               "stopped by SIGHUP, SIGINT or SIGTERM; what was written is acked, the rest is "
               "back in the queue; a second signal ends at once"},
              {EXIT_PIPE, NULL}},
    .options = {{&origin_options, AT(origin)},
                {&subscription_options, AT(consumer.subscription)},
                {&consumer_options, AT(consumer)},
                {&handler_options, AT(handlers)},
                {&consume_options, 0},
                {&format_options, AT(format)},
                {&connection_options, 0},
                {&retry_options, 0},
                {&general_options, 0}},
    .size = sizeof(consume_settings),
    .defaults = &consume_default,
    .run = consume_run,
};
