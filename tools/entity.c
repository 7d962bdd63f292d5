/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Names come from options or from arguments, never from both. */

#include "entity.h"

#include "exits.h"

#include <stdio.h>
#include <string.h>

const char *argument_take(settings *s) {
    if (s->arg_count == 0) {
        return NULL;
    }
    s->arg_count--;
    return *s->args++;
}

int arguments_end(const settings *s, const char *command) {
    return s->arg_count == 0 ? EXIT_DONE
                             : say_and(EXIT_USAGE,
                                       "\"%s\" is one argument too many; see: leveret "
                                       "help %s",
                                       s->args[0], command);
}

int entity_take(entity *e, settings *s, const char *queue, const char *exchange,
                const char *command) {
    if (queue != NULL || exchange != NULL) {
        *e = (entity){queue == NULL, queue != NULL ? queue : exchange};
        return EXIT_DONE;
    }
    const char *kind = argument_take(s);
    bool is_exchange = kind != NULL && strcmp(kind, "exchange") == 0;
    if (kind == NULL || (!is_exchange && strcmp(kind, "queue") != 0)) {
        return say_and(EXIT_USAGE,
                       "%s what? give queue NAME or exchange NAME; see: leveret help %s", command,
                       command);
    }
    *e = (entity){is_exchange, argument_take(s)};
    return EXIT_DONE;
}

const char *entity_doing(const entity *e, const char *verb, char text[ENTITY_DOING]) {
    snprintf(text, ENTITY_DOING, "%s %s \"%.300s\"", verb, e->exchange ? "exchange" : "queue",
             e->name);
    return text;
}
