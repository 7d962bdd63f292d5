/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret publish: the options, the checks among them, and where the messages come from: arguments,
 * stdin as one message, or stdin line by line. stdin is read only when poll says that something is
 * there, so that a person who types slowly does not starve the connection. */

#include "exits.h"
#include "options.h"
#include "publisher.h"
#include "records.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const option publish_options[] = {
    {'e', "exchange", "NAME", OPTION_TEXT, offsetof(settings, exchange), 0, 0,
     "publish to this exchange"},
    {'r', "routing-key", "KEY", OPTION_TEXT, offsetof(settings, routing_key), 0, 0,
     "with this routing key"},
    {'q', "queue", "NAME", OPTION_TEXT, offsetof(settings, queue), 0, 0,
     "publish straight to this queue"},
    {'b', "body", "BODY", OPTION_TEXT, offsetof(settings, body), 0, 0,
     "the message, as the argument BODY"},
    {'l', "lines", NULL, OPTION_FLAG, offsetof(settings, lines), 0, 0,
     "each line of stdin is a message"},
    {0, "prompt", "TEXT", OPTION_TEXT, offsetof(settings, prompt), 0, 0,
     "as -l, with TEXT on stderr before each line"},
    {0, "declare", NULL, OPTION_FLAG, offsetof(settings, declare), 0, 0,
     "first declare the exchange, or the queue, durable"},
    {0, "type", "TYPE", OPTION_TEXT, offsetof(settings, type), 0, 0,
     "type of the exchange to declare (direct)"},
    {0, "window", "N", OPTION_NUMBER, offsetof(settings, window), 1, 1000000,
     "at most N messages unconfirmed (1000)"},
    {0, "no-confirm", NULL, OPTION_FLAG, offsetof(settings, no_confirm), 0, 0,
     "do not ask for confirms"},
    {0, "no-mandatory", NULL, OPTION_FLAG, offsetof(settings, no_mandatory), 0, 0,
     "let the broker drop what no queue takes"},
    {'p', "persistent", NULL, OPTION_FLAG, offsetof(settings, persistent), 0, 0,
     "survive a restart of the broker (the default)"},
    {0, "transient", NULL, OPTION_FLAG, offsetof(settings, transient), 0, 0,
     "do not: lighter for the broker"},
    {'C', "content-type", "TEXT", OPTION_PROPERTY, 0, 0, 0,
     "what the body is, such as text/plain"},
    {'E', "content-encoding", "TEXT", OPTION_PROPERTY, 1, 0, 0,
     "how it is packed, such as gzip"},
    {0, "delivery-mode", "N", OPTION_PROPERTY, 3, 0, 255,
     "1: transient, 2: persistent"},
    {0, "priority", "N", OPTION_PROPERTY, 4, 0, 255,
     "0 to 255"},
    {0, "correlation-id", "TEXT", OPTION_PROPERTY, 5, 0, 0,
     "which request this answers"},
    {'t', "reply-to", "TEXT", OPTION_PROPERTY, 6, 0, 0,
     "queue for the answer"},
    {0, "expiration", "MS", OPTION_PROPERTY, 7, 0, 0,
     "milliseconds until the message is dropped"},
    {0, "message-id", "TEXT", OPTION_PROPERTY, 8, 0, 0,
     "its id"},
    {0, "timestamp", "S", OPTION_PROPERTY, 9, 0, INT64_MAX,
     "seconds since 1970"},
    {0, "message-type", "TEXT", OPTION_PROPERTY, 10, 0, 0,
     "what kind of message it is"},
    {0, "user-id", "TEXT", OPTION_PROPERTY, 11, 0, 0,
     "the user who publishes; the broker checks it"},
    {0, "app-id", "TEXT", OPTION_PROPERTY, 12, 0, 0,
     "the program that publishes"},
    {0, "cluster-id", "TEXT", OPTION_PROPERTY, 13, 0, 0,
     "deprecated in AMQP 0-9-1"},
};
/* clang-format on */

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help publish", text);
}

/* What options may not say together, or must. */
static int publish_check(const settings *s) {
    bool lines = s->lines || s->prompt != NULL;
    bool password_on_stdin = s->password_file != NULL && strcmp(s->password_file, "-") == 0;
    if (s->queue != NULL && (s->exchange != NULL || s->routing_key != NULL)) {
        return misuse("-q is the queue itself and goes without -e and -r");
    }
    if (s->exchange == NULL && s->routing_key == NULL && s->queue == NULL) {
        return misuse("where to? give -e EXCHANGE, -r KEY or -q QUEUE");
    }
    if (lines && (s->body != NULL || s->arg_count > 0)) {
        return misuse("-l and --prompt read lines and go without a BODY");
    }
    if (s->transient && s->persistent) {
        return misuse("--transient and --persistent exclude each other");
    }
    if (s->type != NULL && (!s->declare || s->exchange == NULL)) {
        return misuse("--type goes with --declare and -e; a message's type is --message-type");
    }
    if (s->prompt != NULL && password_on_stdin) {
        return misuse("--prompt needs stdin for itself; put the password into a file");
    }
    return EXIT_DONE;
}

static void publish_defaults(settings *s) {
    s->lines = s->lines || s->prompt != NULL;
    s->name = s->name != NULL ? s->name : "leveret publish";
    if (!s->transient && (s->properties.present & LEV_HAS_DELIVERY_MODE) == 0) {
        s->properties.delivery_mode = 2;
        s->properties.present = (uint16_t)(s->properties.present | LEV_HAS_DELIVERY_MODE);
    }
}

static int publish_prepare(session *s, const settings *o) {
    int rc = session_declare(s, o->queue != NULL ? o->queue : o->routing_key);
    if (rc == EXIT_DONE && !o->no_confirm &&
        lev_client_confirm_select(s->client, CHANNEL, &(lev_confirm_select){0}, NULL) != LEV_OK) {
        rc = session_fail(s, "ask for confirms");
    }
    return rc;
}

/* Waits for input and reads some. Returns false when there is no more to be had. */
static bool read_some(publisher *p, records *in) {
    return publisher_await(p, in->fd) && records_fill(in);
}

static void publish_lines(publisher *p, records *in) {
    const char *prompt = p->session->settings->prompt;
    lev_span line;
    bool going = true;
    while (going) {
        while (going && records_line(in, &line)) {
            going = publisher_send(p, line, false);
        }
        if (!going || in->ended) {
            return;
        }
        if (prompt != NULL) {
            fprintf(stderr, "%s", prompt);
        }
        going = read_some(p, in);
    }
}

static void publish_whole(publisher *p, records *in) {
    while (!in->ended) {
        if (!read_some(p, in)) {
            return;
        }
    }
    publisher_send(p, records_rest(in), true);
}

static void publish_arguments(publisher *p, const settings *s) {
    bool going = s->body == NULL || publisher_send(p, lev_span_of(s->body), true);
    for (size_t i = 0; going && i < s->arg_count; i++) {
        going = publisher_send(p, lev_span_of(s->args[i]), true);
    }
}

static int publish_input(publisher *p, const settings *s, records *in) {
    if (s->body != NULL || s->arg_count > 0) {
        publish_arguments(p, s);
    } else if (s->lines) {
        publish_lines(p, in);
    } else {
        publish_whole(p, in);
    }
    if (in->fault != 0) {
        return say_and(EXIT_INPUT, "cannot read stdin: %s; messages before that were published",
                       strerror(in->fault));
    }
    return EXIT_DONE;
}

static int publish_run(settings *s) {
    session conn;
    int rc = publish_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    publish_defaults(s);
    rc = session_open(&conn, s);
    if (rc == EXIT_DONE) {
        rc = publish_prepare(&conn, s);
    }
    if (rc == EXIT_DONE) {
        publisher p = publisher_init(&conn);
        records in = records_init(STDIN_FILENO);
        signals_defer();
        rc = publisher_finish(&p, publish_input(&p, s, &in));
        session_close(&conn);
        records_deinit(&in);
        return rc;
    }
    session_close(&conn);
    return rc;
}

const command publish_command = {
    .name = "publish",
    .usage = "[-e EXCHANGE] [-r KEY] [OPTION...] [BODY...]",
    .summary = "publish messages from arguments or stdin",
    .notes =
        "Without BODY stdin is one message, or with -l one message a line. Confirms are on, "
        "messages are\n"
        "mandatory and persistent. AMQP_URL and AMQP_PASSWORD fill what the options leave open.\n"
        "\n"
        "Exit status: 0 every message was confirmed and routed; 3 some were not, counted on "
        "stderr; 1 the\n"
        "broker refused; 64 usage; 66 unreadable input; 69 cannot connect, or connection lost; 75 "
        "blocked or\n"
        "not confirmed in time; 76 no AMQP 0-9-1 there; 77 credentials or permission refused; 78 "
        "bad\n"
        "configuration; 130, 143 stopped by a signal, what was sent is confirmed.\n"
        "\n"
        "Examples:\n"
        "  leveret publish -q jobs 'a job'\n"
        "  tail -f log | leveret publish -e logs --declare --type fanout -l\n",
    .options = publish_options,
    .option_count = LEV_COUNTOF(publish_options),
    .run = publish_run,
};
