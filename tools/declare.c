/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret declare: makes a queue or an exchange, or with --passive looks whether it is there. */

#include "command.h"
#include "entity.h"
#include "exits.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct declare_command_settings {
    settings common;
    const char *queue;
    const char *exchange;
    const char *type;
    bool passive;
    bool durable;
    bool transient;
    bool exclusive;
    bool auto_delete;
    bool internal;
    buffer arguments;
    entity entity;
} declare_command_settings;

/* clang-format off */
#define AT(member) offsetof(declare_command_settings, member)
static const option declare_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "as the arguments queue NAME"},
    {'e', "exchange", "NAME", option_text, AT(exchange), 0, 0,
     "as the arguments exchange NAME, with --type"},
    {0, "type", "TYPE", option_text, AT(type), 0, 0,
     "of an exchange: direct, fanout, topic, headers or another (direct)"},
    {0, "passive", NULL, option_flag, AT(passive), 0, 0,
     "make nothing; fail where it is not there"},
    {'d', "durable", NULL, option_flag, AT(durable), 0, 0,
     "survive a restart of the broker (the default)"},
    {0, "transient", NULL, option_flag, AT(transient), 0, 0,
     "do not; RabbitMQ 4.3 and later refuse that for a queue that is not exclusive"},
    {'x', "exclusive", NULL, option_flag, AT(exclusive), 0, 0,
     "a queue of this connection alone, gone with it: when the command ends"},
    {0, "auto-delete", NULL, option_flag, AT(auto_delete), 0, 0,
     "gone with its last consumer, an exchange with its last binding"},
    {0, "internal", NULL, option_flag, AT(internal), 0, 0,
     "an exchange that takes messages from exchanges only"},
    {0, "arg", "KEY:=JSON", option_entry, AT(arguments), 0, 0,
     "an argument, such as x-max-length:=1000 or x-queue-type=quorum; repeatable"},
};
/* clang-format on */

static const option_table declare_options = OPTION_TABLE("Options", declare_rows);

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help declare", text);
}

static int declare_check(declare_command_settings *s) {
    int rc = entity_take(&s->entity, &s->common, s->queue, s->exchange, "declare");
    const entity *e = &s->entity;
    if (rc != EXIT_DONE) {
        return rc;
    }
    if (e->exchange && e->name == NULL) {
        return misuse("an exchange needs a name");
    }
    if (e->exchange && s->common.arg_count > 0 && s->type == NULL) {
        s->type = argument_take(&s->common);
    }
    if (!e->exchange && (s->type != NULL || s->internal)) {
        return misuse("--type and --internal are for exchanges; a queue's type is "
                      "--arg x-queue-type=TYPE");
    }
    if (e->exchange && s->exclusive) {
        return misuse("--exclusive is for queues");
    }
    if (s->durable && s->transient) {
        return misuse("--durable and --transient exclude each other");
    }
    return arguments_end(&s->common, "declare");
}

static int declare_exchange(session *conn, const declare_command_settings *s) {
    char doing[ENTITY_DOING];
    lev_exchange_declare fields = {
        .exchange = lev_span_of(s->entity.name),
        .type = lev_span_of(s->type != NULL ? s->type : "direct"),
        .passive = s->passive,
        .durable = !s->transient,
        .auto_delete = s->auto_delete,
        .internal = s->internal,
        .arguments = buffer_span(&s->arguments),
    };
    if (lev_client_exchange_declare(conn->client, CHANNEL, &fields, NULL) != LEV_OK) {
        return session_fail(conn, entity_doing(&s->entity, "declare", doing));
    }
    return EXIT_DONE;
}

static int declare_queue(session *conn, const declare_command_settings *s) {
    char doing[ENTITY_DOING];
    lev_method reply;
    entity e = {false, s->entity.name != NULL ? s->entity.name : ""};
    lev_queue_declare fields = {
        .queue = lev_span_of(e.name),
        .passive = s->passive,
        .durable = !s->transient,
        .exclusive = s->exclusive,
        .auto_delete = s->auto_delete,
        .arguments = buffer_span(&s->arguments),
    };
    if (lev_client_queue_declare(conn->client, CHANNEL, &fields, &reply) != LEV_OK) {
        return session_fail(conn, entity_doing(&e, "declare", doing));
    }
    const lev_queue_declare_ok *ok = &reply.as.queue_declare_ok;
    printf("%.*s\n", (int)ok->queue.len, (const char *)ok->queue.ptr);
    if (s->common.verbose) {
        say("%" PRIu32 " messages, %" PRIu32 " consumers", ok->message_count, ok->consumer_count);
    }
    return EXIT_DONE;
}

static int declare_work(session *conn, settings *common) {
    const declare_command_settings *s = (const declare_command_settings *)common;
    return s->entity.exchange ? declare_exchange(conn, s) : declare_queue(conn, s);
}

static int declare_run(settings *common) {
    int rc = declare_check((declare_command_settings *)common);
    return rc == EXIT_DONE ? session_run(common, "leveret declare", declare_work) : rc;
}

static const declare_command_settings declare_default = {.common = SETTINGS_DEFAULTS};

const command declare_command = {
    .name = "declare",
    .usage = "queue [NAME] [OPTION...]\n"
             "exchange NAME [TYPE] [OPTION...]",
    .words = "queue|exchange",
    .summary = "make a queue or an exchange, or see whether it is there",
    .about =
        "A queue's name is printed; without NAME, or with an empty one, the broker makes it up.\n"
        "\n"
        "What is there already is left as it is, provided that it was declared alike. -v tells how "
        "many messages and consumers a queue has.",
    .examples = "leveret declare queue jobs\n"
                "leveret declare queue jobs --arg x-queue-type=quorum --arg x-delivery-limit:=5\n"
                "leveret declare exchange logs topic\n"
                "leveret declare queue jobs --passive -v",
    .exits = {{EXIT_DONE, "it is there"}, EXITS_CONNECTED, {EXIT_OUTPUT, NULL}},
    .options = {{&declare_options, 0}, {&connection_options, 0}, {&general_options, 0}},
    .size = sizeof(declare_command_settings),
    .defaults = &declare_default,
    .run = declare_run,
};
