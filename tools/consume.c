/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret consume: the options, the checks among them, and the queue to consume from: a named one,
 * or a private one, named by the server and gone with the connection, bound to an exchange. */

#include "consumer.h"
#include "exits.h"
#include "options.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const option consume_options[] = {
    {'q', "queue", "NAME", OPTION_TEXT, offsetof(settings, queue), 0, 0,
     "consume from this queue"},
    {'e', "exchange", "NAME", OPTION_TEXT, offsetof(settings, exchange), 0, 0,
     "or from a private queue bound to this exchange"},
    {'r', "routing-key", "KEY", OPTION_TEXT, offsetof(settings, routing_key), 0, 0,
     "by this key"},
    {0, "declare", NULL, OPTION_FLAG, offsetof(settings, declare), 0, 0,
     "first declare the queue, or the exchange, durable"},
    {0, "type", "TYPE", OPTION_TEXT, offsetof(settings, type), 0, 0,
     "type of the exchange to declare (direct)"},
    {'c', "count", "N", OPTION_NUMBER, offsetof(settings, count), 1, INT64_MAX,
     "end after N messages"},
    {0, "idle", "S", OPTION_TIME, offsetof(settings, idle_ms), 1, INT32_MAX,
     "end when none came for S seconds"},
    {0, "until-empty", NULL, OPTION_FLAG, offsetof(settings, until_empty), 0, 0,
     "end when the queue is empty"},
    {'A', "no-ack", NULL, OPTION_FLAG, offsetof(settings, auto_ack), 0, 0,
     "the broker forgets what it has sent: fast, and lost on any failure"},
    {'p', "prefetch", "N", OPTION_NUMBER, offsetof(settings, prefetch), 0, 65535,
     "at most N messages unacked (100); 0: no limit"},
    {0, "raw", NULL, OPTION_FLAG, offsetof(settings, raw), 0, 0,
     "write bodies without a newline after each"},
};
/* clang-format on */

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help consume", text);
}

static int consume_check(const settings *s) {
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
    if (s->arg_count > 0) {
        return say_and(EXIT_USAGE, "\"%s\": consume takes no arguments; see: leveret help consume",
                       s->args[0]);
    }
    return EXIT_DONE;
}

/* Makes a private queue, bound to the exchange. */
static int private_queue(consumer *k) {
    const settings *o = k->session->settings;
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

static int consume_prepare(consumer *k) {
    const settings *o = k->session->settings;
    int rc = session_declare(k->session, o->queue);
    if (rc == EXIT_DONE && o->queue == NULL) {
        rc = private_queue(k);
    } else if (rc == EXIT_DONE) {
        snprintf(k->queue, sizeof k->queue, "%s", o->queue);
    }
    return rc;
}

static int consume_run(settings *s) {
    session conn;
    consumer k = {.session = &conn, .out = output_init(STDOUT_FILENO)};
    int rc = consume_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    s->name = s->name != NULL ? s->name : "leveret consume";
    rc = session_open(&conn, s);
    if (rc == EXIT_DONE) {
        rc = consume_prepare(&k);
    }
    if (rc == EXIT_DONE) {
        signals_defer();
        rc = consumer_start(&k);
    }
    if (rc == EXIT_DONE) {
        rc = consumer_run(&k);
    }
    session_close(&conn);
    output_deinit(&k.out);
    return rc;
}

const command consume_command = {
    .name = "consume",
    .usage = "-q QUEUE | -e EXCHANGE [-r KEY] [OPTION...]",
    .summary = "receive messages to stdout",
    .notes = "Each body is followed by a newline. A message is acked only after it was written. "
             "AMQP_URL and\n"
             "AMQP_PASSWORD fill what the options leave open.\n"
             "\n"
             "Exit status: 0 done; 2 nothing came, or fewer than -c asked for; 1 the broker "
             "refused, or cancelled\n"
             "the consumer; 3 with -A and -c, more was delivered than wanted; 64 usage; 69 cannot "
             "connect, or\n"
             "connection lost; 74 cannot write; 75 no answer in time; 76 no AMQP 0-9-1 there; 77 "
             "credentials or\n"
             "permission refused; 78 bad configuration; 130, 143 stopped by a signal, what was "
             "written is acked;\n"
             "141 stdout was closed, the rest is back in the queue.\n"
             "\n"
             "Examples:\n"
             "  leveret consume -q jobs -c 1\n"
             "  leveret consume -e logs --declare --type fanout\n",
    .options = consume_options,
    .option_count = LEV_COUNTOF(consume_options),
    .run = consume_run,
};
