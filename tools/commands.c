/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The list of commands. */

#include "command.h"

#include <stdio.h>
#include <string.h>

#ifndef COMMANDS /* by make COMMANDS="...", for some of them */
#define COMMANDS(X)                                                                                \
    X(publish)                                                                                     \
    X(consume)                                                                                     \
    X(get)                                                                                         \
    X(declare)                                                                                     \
    X(bind)                                                                                        \
    X(unbind)                                                                                      \
    X(purge)                                                                                       \
    X(delete)                                                                                      \
    X(request)                                                                                     \
    X(copy)                                                                                        \
    X(serve)                                                                                       \
    X(ping)                                                                                        \
    X(uri)                                                                                         \
    X(dump)                                                                                        \
    X(encode)                                                                                      \
    X(proxy)                                                                                       \
    X(send)                                                                                        \
    X(spec)                                                                                        \
    X(bench)
#endif

#define COMMAND_DECLARE(name) extern const command name##_command;
#define COMMAND_LIST(name) &name##_command,

COMMANDS(COMMAND_DECLARE)

const command *const commands[] = {COMMANDS(COMMAND_LIST) NULL};

const command *command_find(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

bool command_connects(const command *c) {
    for (size_t i = 0; i < COMMAND_GROUPS && c->options[i].table != NULL; i++) {
        if (c->options[i].table == &connection_options) {
            return true;
        }
    }
    return false;
}

const exit_row *command_exit(const command *c, int code) {
    const exit_row *found = NULL;
    for (size_t i = 0; i < COMMAND_EXITS && (i == 0 || c->exits[i].code != 0); i++) {
        const exit_row *row = &c->exits[i];
        if (row->code > code && (found == NULL || row->code < found->code)) {
            found = row;
        }
    }
    return found;
}
