/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret consume: the options, the checks among them, and the queue to consume from: a named one,
 * or a private one, named by the server and gone with the connection, bound to an exchange. */

#include "command.h"
#include "consumer.h"
#include "coprocess.h"
#include "exits.h"
#include "handler.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct consume_settings {
    settings common;
    consumer_settings consumer;
    handler_settings handlers;
    const char *queue;
    const char *exchange;
    const char *routing_key;
    bool declare;
    const char *type;
    bool coprocess;
} consume_settings;

/* clang-format off */
#define AT(member) offsetof(consume_settings, member)
static const option consume_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "consume from this queue"},
    {'e', "exchange", "NAME", option_text, AT(exchange), 0, 0,
     "or from a private queue bound to this exchange"},
    {'r', "routing-key", "KEY", option_text, AT(routing_key), 0, 0,
     "by this key"},
    {0, "declare", NULL, option_flag, AT(declare), 0, 0,
     "first declare the queue, or the exchange, durable"},
    {0, "type", "TYPE", option_text, AT(type), 0, 0,
     "type of the exchange to declare (direct)"},
    {0, "coprocess", NULL, option_flag, AT(coprocess), 0, 0,
     "with -- COMMAND: one process for all messages"},
};
/* clang-format on */

static const option_table consume_options = OPTION_TABLE("Options", consume_rows);

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
    if (!given && memcmp(&s->handlers, &consume_default.handlers, sizeof s->handlers) != 0) {
        return misuse("--jobs, --kill-after, --on-failure and --max-failures go with -- COMMAND");
    }
    if (s->coprocess && (!given || s->handlers.jobs != 1)) {
        return misuse("--coprocess goes with -- COMMAND, and without --jobs");
    }
    if (given && s->consumer.auto_ack) {
        return misuse("with -A a handler's exit code would mean nothing");
    }
    if (given && s->consumer.raw) {
        return misuse("--raw is for stdout; a handler gets the body as it is");
    }
    return EXIT_DONE;
}

static int consume_check(const consume_settings *s) {
    if ((s->queue == NULL) == (s->exchange == NULL)) {
        return misuse("where from? give -q QUEUE, or -e EXCHANGE for a private queue");
    }
    if (s->routing_key != NULL && s->exchange == NULL) {
        return misuse("-r goes with -e");
    }
    if (s->type != NULL && (!s->declare || s->exchange == NULL)) {
        return misuse("--type goes with --declare and -e");
    }
    if (s->queue != NULL && strlen(s->queue) >= NAME_MAX_BYTES) {
        return misuse("a queue's name has at most 255 bytes");
    }
    if (s->common.loose > 0) {
        return say_and(EXIT_USAGE,
                       "\"%s\": consume takes no arguments; a command goes behind --; see: leveret "
                       "help consume",
                       s->common.args[0]);
    }
    return consume_check_command(s);
}

/* Makes a private queue, bound to the exchange. */
static int private_queue(consumer *k, const consume_settings *o) {
    lev_client *c = k->session->client;
    lev_queue_declare fields = {.exclusive = true, .auto_delete = true};
    lev_method reply;
    if (lev_client_queue_declare(c, CHANNEL, &fields, &reply) != LEV_OK) {
        return session_fail(k->session, "declare a private queue");
    }
    lev_span name = reply.as.queue_declare_ok.queue;
    memcpy(k->queue, name.ptr, name.len);
    lev_queue_bind binding = {
        .queue = lev_span_of(k->queue),
        .exchange = lev_span_of(o->exchange),
        .routing_key = lev_span_of(o->routing_key),
    };
    if (lev_client_queue_bind(c, CHANNEL, &binding, NULL) != LEV_OK) {
        return session_fail(k->session, "bind a private queue");
    }
    return EXIT_DONE;
}

static int consume_prepare(consumer *k, const consume_settings *o) {
    declare_settings what = {o->declare, o->exchange, o->type, o->queue};
    int rc = session_declare(k->session, &what);
    if (rc == EXIT_DONE && o->queue == NULL) {
        rc = private_queue(k, o);
    } else if (rc == EXIT_DONE) {
        snprintf(k->queue, sizeof k->queue, "%s", o->queue);
    }
    return rc;
}

/* Receives, with everything that has to be released however it ends. */
static int consume_with(consumer *k, const consume_settings *s) {
    int rc = session_open(k->session, &s->common);
    if (rc == EXIT_DONE) {
        rc = consume_prepare(k, s);
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
    consumer k = {.session = &conn, .settings = &s->consumer};
    int rc = consume_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    common->name = common->name != NULL ? common->name : "leveret consume";
    k.out = output_init(STDOUT_FILENO);
    handlers_init(&h, &s->handlers, common->args, NULL);
    coprocess_init(&p, &s->handlers, common->args);
    if (common->arg_count > 0) {
        k.outlet = s->coprocess ? &p.outlet : &h.outlet;
    }
    if (k.outlet == &h.outlet && s->consumer.prefetch == SETTING_UNSET) {
        s->consumer.prefetch = s->handlers.jobs;
    }
    rc = consume_with(&k, s);
    handlers_deinit(&h);
    coprocess_deinit(&p);
    output_deinit(&k.out);
    return rc;
}

const command consume_command = {
    .name = "consume",
    .usage = "-q QUEUE [OPTION...] [-- COMMAND [ARGUMENT...]]\n"
             "-e EXCHANGE [-r KEY] [OPTION...] [-- COMMAND [ARGUMENT...]]",
    .summary = "receive messages to stdout, or run a command for each",
    .about = "Writes the body of each message, and a newline, to stdout. With -e the messages come "
             "from a private queue, which the broker names and deletes with the connection.\n"
             "\n"
             "A message is acked only after its whole record was written; bytes written to a pipe "
             "count, read or not. What was delivered and not written goes back to the queue.",
    .examples = "leveret consume -q jobs -c 1 --raw > job\n"
                "leveret consume -e logs --declare --type fanout\n"
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
              {EXIT_OUTPUT, NULL},
              {EXIT_TEMPORARY, NULL},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED, "stopped by SIGINT or SIGTERM; what was written is acked, the rest is "
                             "back in the queue; a second signal ends at once"},
              {EXIT_PIPE, NULL}},
    .options = {{&consume_options, 0},
                {&consumer_options, AT(consumer)},
                {&handler_options, AT(handlers)},
                {&connection_options, 0},
                {&general_options, 0}},
    .size = sizeof(consume_settings),
    .defaults = &consume_default,
    .run = consume_run,
};
