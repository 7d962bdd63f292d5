/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret publish: the options, the checks among them, and where the messages come from: arguments,
 * stdin as one message, or stdin line by line. stdin is read only when poll says that something is
 * there, so that a person who types slowly does not starve the connection. */

#include "command.h"
#include "exits.h"
#include "publisher.h"
#include "records.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct publish_settings {
    settings common;
    publisher_settings publisher;
    const char *queue;
    bool declare;
    const char *type;
    const char *body;
    const char *prompt;
    bool lines;
} publish_settings;

/* clang-format off */
#define AT(member) offsetof(publish_settings, member)
static const option publish_rows[] = {
    {'e', "exchange", "NAME", option_text, AT(publisher.exchange), 0, 0,
     "publish to this exchange"},
    {'r', "routing-key", "KEY", option_text, AT(publisher.routing_key), 0, 0,
     "with this routing key"},
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "publish straight to this queue"},
    {'b', "body", "BODY", option_text, AT(body), 0, 0,
     "the message, as the argument BODY"},
    {'l', "lines", NULL, option_flag, AT(lines), 0, 0,
     "each line of stdin is a message"},
    {0, "prompt", "TEXT", option_text, AT(prompt), 0, 0,
     "as -l, with TEXT on stderr before each line"},
    {0, "declare", NULL, option_flag, AT(declare), 0, 0,
     "first declare the exchange, or the queue, durable"},
    {0, "type", "TYPE", option_text, AT(type), 0, 0,
     "type of the exchange to declare (direct)"},
};
/* clang-format on */

static const option_table publish_options = OPTION_TABLE("Options", publish_rows);

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help publish", text);
}

/* What options may not say together, or must. */
static int publish_check(const publish_settings *s) {
    const publisher_settings *to = &s->publisher;
    bool lines = s->lines || s->prompt != NULL;
    const char *password_file = s->common.password_file;
    bool password_on_stdin = password_file != NULL && strcmp(password_file, "-") == 0;
    if (s->queue != NULL && (to->exchange != NULL || to->routing_key != NULL)) {
        return misuse("-q is the queue itself and goes without -e and -r");
    }
    if (to->exchange == NULL && to->routing_key == NULL && s->queue == NULL) {
        return misuse("where to? give -e EXCHANGE, -r KEY or -q QUEUE");
    }
    if (lines && (s->body != NULL || s->common.arg_count > 0)) {
        return misuse("-l and --prompt read lines and go without a BODY");
    }
    if (s->type != NULL && (!s->declare || to->exchange == NULL)) {
        return misuse("--type goes with --declare and -e; a message's type is --message-type");
    }
    if (s->prompt != NULL && password_on_stdin) {
        return misuse("--prompt needs stdin for itself; put the password into a file");
    }
    return EXIT_DONE;
}

static void publish_defaults(publish_settings *s) {
    bool quiet = s->common.quiet;
    s->lines = s->lines || s->prompt != NULL;
    s->common.name = s->common.name != NULL ? s->common.name : "leveret publish";
    s->common.window = s->publisher.window;
    s->publisher.chatty = !quiet && (s->common.verbose || s->prompt != NULL);
    s->publisher.told = !quiet && s->lines;
    if (s->queue != NULL) {
        s->publisher.routing_key = s->queue;
    }
}

/* Waits for input and reads some. Returns false when there is no more to be had. */
static bool read_some(publisher *p, records *in) {
    return publisher_await(p, in->fd) && records_fill(in);
}

static void publish_lines(publisher *p, records *in, const char *prompt) {
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

static void publish_arguments(publisher *p, const publish_settings *s) {
    bool going = s->body == NULL || publisher_send(p, lev_span_of(s->body), true);
    for (size_t i = 0; going && i < s->common.arg_count; i++) {
        going = publisher_send(p, lev_span_of(s->common.args[i]), true);
    }
}

static int publish_input(publisher *p, const publish_settings *s, records *in) {
    if (s->body != NULL || s->common.arg_count > 0) {
        publish_arguments(p, s);
    } else if (s->lines) {
        publish_lines(p, in, s->prompt);
    } else {
        publish_whole(p, in);
    }
    if (in->fault != 0) {
        return say_and(EXIT_INPUT, "cannot read stdin: %s; messages before that were published",
                       strerror(in->fault));
    }
    return EXIT_DONE;
}

static int publish_session(session *conn, publish_settings *s) {
    declare_settings what = {s->declare, s->publisher.exchange, s->type, s->publisher.routing_key};
    publisher p;
    int rc = session_declare(conn, &what);
    if (rc == EXIT_DONE) {
        rc = publisher_init(&p, conn, &s->publisher);
    }
    if (rc == EXIT_DONE) {
        records in = records_init(STDIN_FILENO);
        signals_defer();
        rc = publisher_finish(&p, publish_input(&p, s, &in));
        session_close(conn);
        records_deinit(&in);
    }
    return rc;
}

static int publish_run(settings *common) {
    publish_settings *s = (publish_settings *)common;
    session conn;
    int rc = publish_check(s);
    if (rc == EXIT_DONE) {
        rc = publisher_check(&s->publisher, "publish");
    }
    if (rc != EXIT_DONE) {
        return rc;
    }
    publish_defaults(s);
    rc = session_open(&conn, common);
    if (rc == EXIT_DONE) {
        rc = publish_session(&conn, s);
    }
    session_close(&conn);
    return rc;
}

static const publish_settings publish_default = {
    .common = SETTINGS_DEFAULTS,
    .publisher = PUBLISHER_DEFAULTS,
};

const command publish_command = {
    .name = "publish",
    .usage = "[-e EXCHANGE] [-r KEY] [OPTION...] [BODY...]\n"
             "-q QUEUE [OPTION...] [BODY...]",
    .summary = "publish messages from arguments or stdin",
    .about =
        "Each BODY is published as a message. Without one, stdin is one message, or with -l each "
        "of its lines is one: of any length, with any bytes, without its newline.\n"
        "\n"
        "Unless told otherwise, messages are persistent, mandatory (the broker returns what no "
        "queue takes), and confirmed: the command ends with 0 only if the broker confirmed and "
        "routed every message.",
    .examples = "leveret publish -q jobs --declare 'a job'\n"
                "tail -f log | leveret publish -e logs --declare --type fanout -l\n"
                "leveret publish -r pictures --content-type image/png < cat.png",
    .exits = {{EXIT_DONE, "every message was confirmed and routed"},
              {EXIT_FAILED, NULL},
              {EXIT_PARTIAL, "some messages were returned, refused, or are in doubt; they are "
                             "counted on stderr"},
              {EXIT_USAGE, NULL},
              {EXIT_INPUT, NULL},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_TEMPORARY, "blocked by the broker, or not confirmed in time"},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED, "stopped by SIGINT or SIGTERM; what was sent until then is confirmed "
                             "and routed; a second signal ends at once"}},
    .options = {{&publish_options, 0},
                {&publisher_options, AT(publisher)},
                {&property_options, AT(publisher.properties)},
                {&connection_options, 0},
                {&general_options, 0}},
    .size = sizeof(publish_settings),
    .defaults = &publish_default,
    .run = publish_run,
};
