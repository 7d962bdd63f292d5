/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret copy: a consumer at the source, and a connection of its own to the target, which may be
 * another broker. Whatever holds for a consumer (when it ends, signals) holds here. */

#include "command.h"
#include "consumer.h"
#include "copier.h"
#include "exits.h"

#include <stdio.h>
#include <string.h>

enum { COPY_PREFETCH = 1000 };

typedef struct copy_settings {
    settings common;
    consumer_settings consumer;
    copier_settings copier;
    url_list to;
    const char *queue;
    const char *to_queue;
    bool declare;
    bool move;
} copy_settings;

/* clang-format off */
#define AT(member) offsetof(copy_settings, member)
static const option copy_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "take messages from this queue"},
    {0, "to", "URL", option_url, AT(to), 0, 0,
     "the target's broker (the source's); repeatable: tried in order"},
    {0, "to-queue", "NAME", option_text, AT(to_queue), 0, 0,
     "publish straight to this queue"},
    {'e', "exchange", "NAME", option_text, AT(copier.exchange), 0, 0,
     "publish to this exchange"},
    {'r', "routing-key", "KEY", option_text, AT(copier.routing_key), 0, 0,
     "with this routing key (each message's own)"},
    {0, "declare", NULL, option_flag, AT(declare), 0, 0,
     "first declare the target's queue, durable"},
    {0, "move", NULL, option_flag, AT(move), 0, 0,
     "take what is confirmed off the source (the default)"},
    {0, "keep", NULL, option_flag, AT(copier.keep), 0, 0,
     "leave all messages in the source; with -c, --until-empty or --idle"},
};
/* clang-format on */

static const option_table copy_options = OPTION_TABLE("Options", copy_rows);

static const copy_settings copy_default = {
    .common = SETTINGS_DEFAULTS_RETRY,
    .consumer = CONSUMER_DEFAULTS,
};

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help copy", text);
}

/* Can the source's password be read a second time? */
static bool password_once(const settings *o) {
    return o->password_fd != SETTING_UNSET ||
           (o->password_file != NULL && strcmp(o->password_file, "-") == 0);
}

static int copy_check(const copy_settings *s) {
    const consumer_settings *k = &s->consumer;
    bool ends = k->count != SETTING_UNSET || k->until_empty || k->idle_ms != SETTING_UNSET;
    bool elsewhere = s->copier.exchange != NULL || s->copier.routing_key != NULL;
    if (s->queue == NULL) {
        return misuse("where from? give -q QUEUE");
    }
    if (strlen(s->queue) >= NAME_MAX_BYTES) {
        return misuse("a queue's name has at most 255 bytes");
    }
    if ((s->to_queue != NULL) == elsewhere) {
        return misuse("where to? give either --to-queue, or -e EXCHANGE with or without -r KEY");
    }
    if (s->copier.keep && (s->move || !ends)) {
        return misuse("--keep goes with -c, --until-empty or --idle, and not with --move");
    }
    if (s->declare && s->to_queue == NULL) {
        return misuse("--declare goes with --to-queue");
    }
    if (k->auto_ack) {
        return misuse("with -A what the target does not confirm would be lost");
    }
    if (s->to.count == 0 && password_once(&s->common)) {
        return misuse("the password is needed twice; put it into a file, or give --to URL");
    }
    if (s->common.arg_count > 0) {
        return misuse("copy takes no arguments");
    }
    return EXIT_DONE;
}

/* What a second connection goes by. Another broker gets neither address nor password of the first.
 */
static settings target_settings(const copy_settings *s) {
    settings t = s->common;
    t.connection = 2;
    t.window = s->consumer.prefetch > 0 ? s->consumer.prefetch : UINT16_MAX;
    if (s->to.count > 0) {
        t.urls = s->to;
        t.host = t.vhost = t.user = t.password_file = NULL;
        t.port = t.password_fd = SETTING_UNSET;
        t.tls_elsewhere = session_asks_for_tls(&s->common.urls);
    }
    return t;
}

static void copy_defaults(copy_settings *s) {
    consumer_settings *k = &s->consumer;
    s->common.tls_elsewhere = s->to.count > 0 && session_asks_for_tls(&s->to);
    s->common.name = s->common.name != NULL ? s->common.name : "leveret copy";
    s->common.connection = 1;
    if (s->to_queue != NULL) {
        s->copier.routing_key = s->to_queue;
    }
    if (k->prefetch == SETTING_UNSET) {
        k->prefetch = s->copier.keep ? 0 : COPY_PREFETCH;
    }
    if (s->copier.keep) { /* a reconnect would bring all messages anew */
        s->common.retry = 0;
    }
}

static int target_open(session *target, const settings *o, const copy_settings *s) {
    declare_settings what = {.on = s->declare, .queue = s->to_queue};
    int rc = session_open(target, o);
    if (rc == EXIT_DONE) {
        rc = session_declare(target, &what);
    }
    if (rc == EXIT_DONE && lev_client_confirm_select(target->client, CHANNEL,
                                                     &(lev_confirm_select){0}, NULL) != LEV_OK) {
        rc = session_fail(target, "ask for confirms");
    }
    return rc;
}

static int copy_session(consumer *k, session *target, const copy_settings *s) {
    settings to = target_settings(s);
    int rc = session_open(k->session, &s->common);
    if (rc == EXIT_DONE) {
        rc = target_open(target, &to, s);
    }
    if (rc == EXIT_DONE) {
        rc = consumer_run(k);
    }
    session_close(k->session);
    session_close(target);
    return rc;
}

static int copy_run(settings *common) {
    copy_settings *s = (copy_settings *)common;
    session source = {0};
    session target = {0};
    copier p;
    consumer k = {.session = &source, .settings = &s->consumer, .outlet = &p.outlet};
    int rc = copy_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    copy_defaults(s);
    snprintf(k.queue, sizeof k.queue, "%s", s->queue);
    copier_init(&p, &s->copier, &target);
    if (common->timeout_ms != SETTING_UNSET) {
        p.limit_ms = common->timeout_ms;
    }
    rc = copy_session(&k, &target, s);
    copier_deinit(&p);
    return rc;
}

const command copy_command = {
    .name = "copy",
    .usage = "-q QUEUE [--to URL] --to-queue QUEUE [OPTION...]\n"
             "-q QUEUE [--to URL] -e EXCHANGE [-r KEY] [OPTION...]",
    .summary = "move or copy messages to an exchange or a queue, also of another broker",
    .about =
        "Takes messages from a queue and publishes each with the same body, properties and headers "
        "to the target. The source is acked only when the target has confirmed: whatever breaks "
        "in between, a message may come to the target twice, and never gets lost. Without -c, "
        "--until-empty or --idle it goes on until it is stopped; a connection that is lost, on "
        "either side, is made again (with --keep it ends the command).\n"
        "\n"
        "What the target does not take, because no queue is bound there or one is full, ends the "
        "copying and stays in the source.\n"
        "\n"
        "--url and its like are those of the source. The target's user and password come from its "
        "own URL, or AMQP_PASSWORD; options for TLS and times count for both.",
    .examples = "leveret copy -q jobs --to-queue jobs.old --declare --until-empty\n"
                "leveret copy -u amqp://one/ -q jobs --to amqp://two/ --to-queue jobs\n"
                "leveret copy -q dead-letters -e jobs -c 100",
    .exits = {{EXIT_DONE, "with -c that many messages were copied, else at least one"},
              {EXIT_FAILED, "a broker refused, or cancelled the consumer"},
              {EXIT_NOTHING, "nothing came, or fewer than -c asked for"},
              {EXIT_PARTIAL, "the target returned or refused messages; they are counted on stderr, "
                             "and still in the source"},
              {EXIT_USAGE, NULL},
              {EXIT_INPUT, "a password file that cannot be read"},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_TEMPORARY, "blocked by the target, or not confirmed in time"},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED, NULL}},
    .options = {{&copy_options, 0},
                {&consumer_options, AT(consumer)},
                {&connection_options, 0},
                {&retry_options, 0},
                {&general_options, 0}},
    .size = sizeof(copy_settings),
    .defaults = &copy_default,
    .run = copy_run,
};
