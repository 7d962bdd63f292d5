/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret serve: consume with handlers, where what a handler prints goes back to who asked. */

#include "command.h"
#include "consumer.h"
#include "exits.h"
#include "handler.h"

#include <stdio.h>
#include <string.h>

typedef struct serve_settings {
    settings common;
    consumer_settings consumer;
    handler_settings handlers;
    lev_properties properties;
    const char *queue;
    bool declare;
} serve_settings;

/* clang-format off */
#define AT(member) offsetof(serve_settings, member)
static const option serve_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "take requests from this queue"},
    {0, "declare", NULL, option_flag, AT(declare), 0, 0,
     "first declare the queue, durable"},
};
/* clang-format on */

static const option_table serve_options = OPTION_TABLE("Options", serve_rows);

static const serve_settings serve_default = {
    .common = SETTINGS_DEFAULTS_RETRY,
    .consumer = CONSUMER_DEFAULTS,
    .handlers = HANDLER_DEFAULTS,
};

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help serve", text);
}

static int serve_check(const serve_settings *s) {
    if (s->queue == NULL) {
        return misuse("where do requests come from? give -q QUEUE");
    }
    if (strlen(s->queue) >= NAME_MAX_BYTES) {
        return misuse("a queue's name has at most 255 bytes");
    }
    if (s->common.loose > 0 || s->common.arg_count == 0) {
        return misuse("who answers? give a command behind --");
    }
    if (s->consumer.auto_ack) {
        return misuse("with -A a handler's exit code would mean nothing");
    }
    return EXIT_DONE;
}

static int serve_session(consumer *k, const serve_settings *s) {
    declare_settings what = {.on = s->declare, .queue = s->queue};
    int rc = session_open(k->session, &s->common);
    if (rc == EXIT_DONE) {
        rc = session_declare(k->session, &what);
    }
    if (rc == EXIT_DONE) {
        rc = consumer_run(k);
    }
    session_close(k->session);
    return rc;
}

static int serve_run(settings *common) {
    serve_settings *s = (serve_settings *)common;
    session conn;
    handlers h;
    consumer k = {.session = &conn, .settings = &s->consumer, .outlet = &h.outlet};
    int rc = serve_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    common->name = common->name != NULL ? common->name : "leveret serve";
    if (s->consumer.prefetch == SETTING_UNSET) {
        s->consumer.prefetch = s->handlers.jobs;
    }
    snprintf(k.queue, sizeof k.queue, "%s", s->queue);
    handlers_init(&h, &s->handlers, common->args, &s->properties);
    rc = serve_session(&k, s);
    handlers_deinit(&h);
    return rc;
}

const command serve_command = {
    .name = "serve",
    .usage = "-q QUEUE [OPTION...] -- COMMAND [ARGUMENT...]",
    .summary = "answer requests, each with what a command prints",
    .about =
        "Runs COMMAND for each request: its body on stdin, its metadata in the environment and as "
        "JSON on descriptor 3, as `leveret consume -- COMMAND` does. What it writes to stdout is "
        "the body of the reply, which goes to the request's reply-to, with its correlation-id and "
        "the properties given here; a request without reply-to gets none.\n"
        "\n"
        "When the connection is lost it is made again; a request that was not acked by then comes "
        "once more, and what its first handler printed is dropped.\n"
        "\n"
        "A request is acked behind its reply, if COMMAND ended with 0. Exit code 65 rejects it, 75 "
        "requeues it, any other follows --on-failure; then nothing is answered.",
    .examples = "leveret serve -q square --declare -- awk '{print $1 * $1}'\n"
                "leveret request -q square 12",
    .exits = {{EXIT_DONE, "with -c that many requests were answered, else at least one"},
              {EXIT_FAILED, "the broker refused, or cancelled the consumer"},
              {EXIT_NOTHING, "nothing came, or fewer than -c asked for"},
              {EXIT_PARTIAL, "some handlers failed, or replies found nobody any more; they are "
                             "counted on stderr"},
              {EXIT_USAGE, NULL},
              {EXIT_INPUT, "a password file that cannot be read"},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_TEMPORARY, NULL},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_NOT_EXECUTABLE, NULL},
              {EXIT_NOT_FOUND, NULL},
              {EXIT_STOPPED, NULL}},
    .options = {{&serve_options, 0},
                {&consumer_options, AT(consumer)},
                {&handler_options, AT(handlers)},
                {&property_options, AT(properties)},
                {&connection_options, 0},
                {&retry_options, 0},
                {&general_options, 0}},
    .size = sizeof(serve_settings),
    .defaults = &serve_default,
    .run = serve_run,
};
