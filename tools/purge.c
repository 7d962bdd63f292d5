/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret purge: drops the messages of a queue. */

#include "command.h"
#include "entity.h"
#include "exits.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct purge_settings {
    settings common;
    const char *queue;
} purge_settings;

/* clang-format off */
static const option purge_rows[] = {
    {'q', "queue", "NAME", option_text, offsetof(purge_settings, queue), 0, 0,
     "as the argument QUEUE"},
};
/* clang-format on */

static const option_table purge_options = OPTION_TABLE("Options", purge_rows);

/* "QUEUE", or "queue QUEUE" as with the other commands. */
static int purge_check(purge_settings *s) {
    settings *common = &s->common;
    if (s->queue == NULL && common->arg_count == 2 && strcmp(common->args[0], "queue") == 0) {
        argument_take(common);
    }
    if (s->queue == NULL) {
        s->queue = argument_take(common);
    }
    if (s->queue == NULL) {
        return say_and(EXIT_USAGE, "purge what? give QUEUE; see: leveret help purge");
    }
    return arguments_end(common, "purge");
}

static int purge_work(session *conn, settings *common) {
    entity e = {false, ((const purge_settings *)common)->queue};
    char doing[ENTITY_DOING];
    lev_method reply;
    lev_queue_purge fields = {.queue = lev_span_of(e.name)};
    if (lev_client_queue_purge(conn->client, CHANNEL, &fields, &reply) != LEV_OK) {
        return session_fail(conn, entity_doing(&e, "purge", doing));
    }
    printf("%" PRIu32 "\n", reply.as.queue_purge_ok.message_count);
    return EXIT_DONE;
}

static int purge_run(settings *common) {
    int rc = purge_check((purge_settings *)common);
    return rc == EXIT_DONE ? session_run(common, "leveret purge", purge_work) : rc;
}

static const purge_settings purge_default = {.common = SETTINGS_DEFAULTS};

const command purge_command = {
    .name = "purge",
    .usage = "QUEUE [OPTION...]",
    .summary = "drop the messages of a queue",
    .about = "Prints how many there were. Messages that somebody has and has not acked stay.",
    .examples = "leveret purge jobs",
    .exits = {{EXIT_DONE, "done"}, EXITS_CONNECTED, {EXIT_OUTPUT, NULL}},
    .options = {{&purge_options, 0}, {&connection_options, 0}, {&general_options, 0}},
    .size = sizeof(purge_settings),
    .defaults = &purge_default,
    .run = purge_run,
};
