/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret publish: the options, the checks among them, and where the messages come from: arguments,
 * or stdin. */

#include "command.h"
#include "exits.h"
#include "input.h"
#include "publisher.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct publish_settings {
    settings common;
    publisher_settings publisher;
    const char *queue;
    bool declare;
    const char *type;
    const char *body;
    bool files;
    input_settings input;
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
    {'f', "files", NULL, option_flag, AT(files), 0, 0,
     "the arguments are files, each a message, or with -l and its like cut as stdin"},
    {0, "prompt", "TEXT", option_text, AT(input.prompt), 0, 0,
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
    const record_settings *cut = &s->input.records;
    bool stdin_read = record_settings_cut(cut) || s->input.prompt != NULL;
    const char *password_file = s->common.password_file;
    bool password_on_stdin = password_file != NULL && strcmp(password_file, "-") == 0;
    if (s->queue != NULL && (to->exchange != NULL || to->routing_key != NULL)) {
        return misuse("-q is the queue itself and goes without -e and -r");
    }
    bool nowhere = to->exchange == NULL && to->routing_key == NULL && s->queue == NULL;
    if (nowhere && (!cut->jsonl || s->declare)) {
        return misuse("where to? give -e EXCHANGE, -r KEY or -q QUEUE");
    }
    if (s->files && (s->body != NULL || s->common.arg_count == 0 || s->input.prompt != NULL)) {
        return misuse("-f goes with names of files, and without -b and --prompt");
    }
    if (stdin_read && !s->files && (s->body != NULL || s->common.arg_count > 0)) {
        return misuse("-l, --prompt and the like read stdin and go without a BODY");
    }
    if (cut->jsonl &&
        (to->properties.present != 0 || to->headers.len > 0 || to->persistent || to->transient)) {
        return misuse("with --jsonl each record has its own properties; only -e and -r override");
    }
    if (s->type != NULL && (!s->declare || to->exchange == NULL)) {
        return misuse("--type goes with --declare and -e; a message's type is --message-type");
    }
    if (s->input.prompt != NULL && password_on_stdin) {
        return misuse("--prompt needs stdin for itself; put the password into a file");
    }
    return EXIT_DONE;
}

static void publish_defaults(publish_settings *s) {
    bool quiet = s->common.quiet;
    input_settings *in = &s->input;
    if (in->prompt != NULL && !record_settings_cut(&in->records)) {
        in->records.lines = true;
    }
    s->common.name = s->common.name != NULL ? s->common.name : "leveret publish";
    s->common.window = s->publisher.window;
    s->common.retry = s->publisher.no_confirm ? 0 : s->common.retry;
    s->publisher.chatty = !quiet && (s->common.verbose || in->prompt != NULL);
    s->publisher.told = !quiet && record_settings_cut(&in->records);
    if (s->queue != NULL) {
        s->publisher.routing_key = s->queue;
    }
    in->exchange = s->queue != NULL ? "" : s->publisher.exchange;
    in->routing_key = s->publisher.routing_key;
}

static void publish_arguments(publisher *p, const publish_settings *s) {
    bool going = s->body == NULL || publisher_send(p, lev_span_of(s->body), true);
    for (size_t i = 0; going && i < s->common.arg_count; i++) {
        going = publisher_send(p, lev_span_of(s->common.args[i]), true);
    }
}

/* Publishes the files, up to the first that cannot be read. */
static int publish_files(publisher *p, const publish_settings *s) {
    int rc = EXIT_DONE;
    for (size_t i = 0; rc == EXIT_DONE && !p->failed && i < s->common.arg_count; i++) {
        const char *name = s->common.args[i];
        int fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return say_and(EXIT_INPUT, "cannot open %s: %s; messages before that were published",
                           name, strerror(errno));
        }
        input in = input_init(fd, name, &s->input);
        rc = input_publish(&in, p);
        input_deinit(&in);
        close(fd);
    }
    return rc;
}

static int publish_input(publisher *p, const publish_settings *s, input *in) {
    if (s->files) {
        return publish_files(p, s);
    }
    if (s->body != NULL || s->common.arg_count > 0) {
        publish_arguments(p, s);
        return EXIT_DONE;
    }
    return input_publish(in, p);
}

static int publish_session(session *conn, publish_settings *s) {
    declare_settings what = {s->declare, s->publisher.exchange, s->type, s->publisher.routing_key};
    publisher p;
    int rc = session_declare(conn, &what);
    if (rc == EXIT_DONE) {
        rc = publisher_init(&p, conn, &s->publisher);
    }
    if (rc == EXIT_DONE) {
        input in = input_init(STDIN_FILENO, "stdin", &s->input);
        in.lent = true;
        signals_defer();
        rc = publisher_finish(&p, publish_input(&p, s, &in));
        session_close(conn);
        input_deinit(&in);
    }
    return rc;
}

static int publish_run(settings *common) {
    publish_settings *s = (publish_settings *)common;
    session conn;
    int rc = publish_check(s);
    if (rc == EXIT_DONE) {
        rc = records_check(&s->input.records);
    }
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
    .common = SETTINGS_DEFAULTS_RETRY,
    .publisher = PUBLISHER_DEFAULTS,
};

const command publish_command = {
    .name = "publish",
    .usage = "[-e EXCHANGE] [-r KEY] [OPTION...] [BODY...]\n"
             "-q QUEUE [OPTION...] [BODY...]\n"
             "--jsonl [OPTION...]\n"
             "-f FILE... [OPTION...]",
    .summary = "publish messages from arguments, files or stdin",
    .about =
        "Each BODY is published as a message. Without one, stdin is one message, or with -l each "
        "of its lines is one: of any length, with any bytes, without its newline; -0, -D and "
        "--length-prefix cut it otherwise.\n"
        "\n"
        "With -f the arguments are names of files. Each file is a message; with -l, -0, -D, "
        "--length-prefix or --jsonl each is cut as stdin would be.\n"
        "\n"
        "With --jsonl each line is a JSON object, as consume --jsonl prints it: exchange, "
        "routing_key, properties, and body or body_base64. It is published with exactly the "
        "properties that it has; -e, -r and -q, where they are given, say where to instead of the "
        "record.\n"
        "\n"
        "Unless told otherwise, messages are persistent, mandatory (the broker returns what no "
        "queue takes), and confirmed: the command ends with 0 only if the broker confirmed and "
        "routed every message.\n"
        "\n"
        "When the connection is lost it is made again, to any of the hosts, and what was not "
        "confirmed is sent again, in order; some of it may then be in the queue twice. Without "
        "confirms nothing tells what got lost, so with --no-confirm the command ends instead. The "
        "first signal ends the wait for a host, too.",
    .examples = "leveret publish -q jobs --declare 'a job'\n"
                "tail -f log | leveret publish -e logs --declare --type fanout -l\n"
                "leveret publish -r pictures --content-type image/png < cat.png\n"
                "leveret publish -q jobs -H retries:=3 -H from=shell -f job*.json",
    .exits = {{EXIT_DONE, "every message was confirmed and routed"},
              {EXIT_FAILED, NULL},
              {EXIT_PARTIAL, "some messages were returned, refused, or are in doubt; they are "
                             "counted on stderr"},
              {EXIT_USAGE, NULL},
              {EXIT_RECORD, NULL},
              {EXIT_INPUT, NULL},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_CREATE, "the file of --returned-to cannot be created"},
              {EXIT_OUTPUT, "it cannot be written"},
              {EXIT_TEMPORARY, "blocked by the broker, or not confirmed in time"},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED,
               "stopped by SIGHUP, SIGINT or SIGTERM; what was sent until then is confirmed "
               "and routed; a second signal ends at once"}},
    .options = {{&publish_options, 0},
                {&record_options, AT(input.records)},
                {&publisher_options, AT(publisher)},
                {&property_options, AT(publisher.properties)},
                {&connection_options, 0},
                {&retry_options, 0},
                {&general_options, 0}},
    .size = sizeof(publish_settings),
    .defaults = &publish_default,
    .run = publish_run,
};
