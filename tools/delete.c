/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret delete: takes a queue or an exchange away. */

#include "command.h"
#include "entity.h"
#include "exits.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct delete_settings {
    settings common;
    const char *queue;
    const char *exchange;
    bool if_unused;
    bool if_empty;
    entity entity;
} delete_settings;

/* clang-format off */
#define AT(member) offsetof(delete_settings, member)
static const option delete_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "as the arguments queue NAME"},
    {'e', "exchange", "NAME", option_text, AT(exchange), 0, 0,
     "as the arguments exchange NAME"},
    {0, "if-unused", NULL, option_flag, AT(if_unused), 0, 0,
     "only a queue without consumers, or an exchange without bindings"},
    {0, "if-empty", NULL, option_flag, AT(if_empty), 0, 0,
     "only a queue without messages"},
};
/* clang-format on */

static const option_table delete_options = OPTION_TABLE("Options", delete_rows);

static int delete_check(delete_settings *s) {
    int rc = entity_take(&s->entity, &s->common, s->queue, s->exchange, "delete");
    if (rc == EXIT_DONE && s->entity.name == NULL) {
        return say_and(EXIT_USAGE, "delete needs a name; see: leveret help delete");
    }
    if (rc == EXIT_DONE && s->entity.exchange && s->if_empty) {
        return say_and(EXIT_USAGE, "--if-empty is for queues; see: leveret help delete");
    }
    return rc == EXIT_DONE ? arguments_end(&s->common, "delete") : rc;
}

static int delete_exchange(session *conn, const delete_settings *s) {
    char doing[ENTITY_DOING];
    lev_exchange_delete fields = {.exchange = lev_span_of(s->entity.name),
                                  .if_unused = s->if_unused};
    if (lev_client_exchange_delete(conn->client, CHANNEL, &fields, NULL) != LEV_OK) {
        return session_fail(conn, entity_doing(&s->entity, "delete", doing));
    }
    return EXIT_DONE;
}

static int delete_queue(session *conn, const delete_settings *s) {
    char doing[ENTITY_DOING];
    lev_method reply;
    lev_queue_delete fields = {
        .queue = lev_span_of(s->entity.name), .if_unused = s->if_unused, .if_empty = s->if_empty};
    if (lev_client_queue_delete(conn->client, CHANNEL, &fields, &reply) != LEV_OK) {
        return session_fail(conn, entity_doing(&s->entity, "delete", doing));
    }
    printf("%" PRIu32 "\n", reply.as.queue_delete_ok.message_count);
    return EXIT_DONE;
}

static int delete_work(session *conn, settings *common) {
    const delete_settings *s = (const delete_settings *)common;
    return s->entity.exchange ? delete_exchange(conn, s) : delete_queue(conn, s);
}

static int delete_run(settings *common) {
    int rc = delete_check((delete_settings *)common);
    return rc == EXIT_DONE ? session_run(common, "leveret delete", delete_work) : rc;
}

static const delete_settings delete_default = {.common = SETTINGS_DEFAULTS};

const command delete_command = {
    .name = "delete",
    .usage = "queue NAME [OPTION...]\n"
             "exchange NAME [OPTION...]",
    .words = "queue|exchange",
    .summary = "take a queue or an exchange away",
    .about = "Prints how many messages went with a queue. What is not there is no error with "
             "RabbitMQ.",
    .examples = "leveret delete queue jobs --if-unused --if-empty\n"
                "leveret delete exchange logs",
    .exits = {{EXIT_DONE, "it is gone"}, EXITS_CONNECTED, {EXIT_OUTPUT, NULL}},
    .options = {{&delete_options, 0}, {&connection_options, 0}, {&general_options, 0}},
    .size = sizeof(delete_settings),
    .defaults = &delete_default,
    .run = delete_run,
};
