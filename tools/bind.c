/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret bind and leveret unbind: the same forms, the opposite methods. */

#include "command.h"
#include "entity.h"
#include "exits.h"
#include "session.h"

#include <stdio.h>

typedef struct bind_settings {
    settings common;
    const char *queue;
    const char *exchange;
    text_list keys;
    buffer arguments;
    entity target;
    const char *source;
} bind_settings;

/* clang-format off */
#define AT(member) offsetof(bind_settings, member)
static const option bind_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "with -e: as the arguments queue NAME EXCHANGE"},
    {'e', "exchange", "NAME", option_text, AT(exchange), 0, 0,
     "the exchange from which messages come"},
    {'r', "routing-key", "KEY", option_texts, AT(keys), 0, 0,
     "as the argument KEY; repeatable"},
    {0, "arg", "KEY:=JSON", option_entry, AT(arguments), 0, 0,
     "an argument, such as x-match=all; repeatable"},
};
/* clang-format on */

static const option_table bind_options = OPTION_TABLE("Options", bind_rows);

static int bind_check(bind_settings *s, const char *name) {
    int rc = entity_take(&s->target, &s->common, s->queue, NULL, name);
    if (rc != EXIT_DONE) {
        return rc;
    }
    s->source = s->exchange != NULL ? s->exchange : argument_take(&s->common);
    if (s->target.name == NULL || s->source == NULL) {
        return say_and(EXIT_USAGE, "%s needs two names: %s NAME EXCHANGE; see: leveret help %s",
                       name, s->target.exchange ? "exchange" : "queue", name);
    }
    if (s->keys.count > 0) {
        rc = arguments_end(&s->common, name);
    }
    return rc;
}

/* One binding, by `key`. */
static lev_status bind_one(lev_client *c, const bind_settings *s, const char *key, bool undo) {
    lev_span target = lev_span_of(s->target.name);
    lev_span source = lev_span_of(s->source);
    lev_span routing_key = lev_span_of(key);
    lev_span arguments = buffer_span(&s->arguments);
    if (s->target.exchange) {
        lev_exchange_bind bind = {.destination = target,
                                  .source = source,
                                  .routing_key = routing_key,
                                  .arguments = arguments};
        lev_exchange_unbind unbind = {.destination = target,
                                      .source = source,
                                      .routing_key = routing_key,
                                      .arguments = arguments};
        return undo ? lev_client_exchange_unbind(c, CHANNEL, &unbind, NULL)
                    : lev_client_exchange_bind(c, CHANNEL, &bind, NULL);
    }
    lev_queue_bind bind = {
        .queue = target, .exchange = source, .routing_key = routing_key, .arguments = arguments};
    lev_queue_unbind unbind = {
        .queue = target, .exchange = source, .routing_key = routing_key, .arguments = arguments};
    return undo ? lev_client_queue_unbind(c, CHANNEL, &unbind, NULL)
                : lev_client_queue_bind(c, CHANNEL, &bind, NULL);
}

static int bind_all(session *conn, const bind_settings *s, bool undo) {
    static const char *const no_key[] = {""};
    const char *const *keys = s->keys.count > 0         ? s->keys.items
                              : s->common.arg_count > 0 ? (const char *const *)s->common.args
                                                        : no_key;
    size_t count = s->keys.count + s->common.arg_count;
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        if (bind_one(conn->client, s, keys[i], undo) != LEV_OK) {
            char doing[ENTITY_DOING];
            return session_fail(conn, entity_doing(&s->target, undo ? "unbind" : "bind", doing));
        }
    }
    return EXIT_DONE;
}

static int bind_work(session *conn, settings *common) {
    return bind_all(conn, (const bind_settings *)common, false);
}

static int unbind_work(session *conn, settings *common) {
    return bind_all(conn, (const bind_settings *)common, true);
}

static int bind_run(settings *common) {
    int rc = bind_check((bind_settings *)common, "bind");
    return rc == EXIT_DONE ? session_run(common, "leveret bind", bind_work) : rc;
}

static int unbind_run(settings *common) {
    int rc = bind_check((bind_settings *)common, "unbind");
    return rc == EXIT_DONE ? session_run(common, "leveret unbind", unbind_work) : rc;
}

static const bind_settings bind_default = {.common = SETTINGS_DEFAULTS};

#define BIND_USAGE                                                                                 \
    "queue NAME EXCHANGE [KEY...] [OPTION...]\n"                                                   \
    "exchange NAME EXCHANGE [KEY...] [OPTION...]\n"                                                \
    "-q QUEUE -e EXCHANGE [-r KEY] [OPTION...]"

const command bind_command = {
    .name = "bind",
    .usage = BIND_USAGE,
    .words = "queue|exchange",
    .summary = "route messages of an exchange to a queue or another exchange",
    .about = "Messages of EXCHANGE whose routing key fits KEY go to the queue, or the exchange, "
             "NAME. With several keys there are several bindings; without one the key is empty. A "
             "binding that is there already stays as it is.",
    .examples = "leveret bind queue errors logs '*.error' '*.fatal'\n"
                "leveret bind queue big orders --arg x-match=all --arg size:=5\n"
                "leveret bind exchange archive logs '#'",
    .exits = {{EXIT_DONE, "done"}, EXITS_CONNECTED},
    .options = {{&bind_options, 0}, {&connection_options, 0}, {&general_options, 0}},
    .size = sizeof(bind_settings),
    .defaults = &bind_default,
    .run = bind_run,
};

const command unbind_command = {
    .name = "unbind",
    .usage = BIND_USAGE,
    .words = "queue|exchange",
    .summary = "take a binding away",
    .about = "The opposite of leveret bind: key and arguments must be those of the binding. One "
             "that is not there is no error.",
    .examples = "leveret unbind queue errors logs '*.fatal'",
    .exits = {{EXIT_DONE, "done"}, EXITS_CONNECTED},
    .options = {{&bind_options, 0}, {&connection_options, 0}, {&general_options, 0}},
    .size = sizeof(bind_settings),
    .defaults = &bind_default,
    .run = unbind_run,
};
