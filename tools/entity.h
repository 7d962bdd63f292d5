/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a command of the topology is about: a queue or an exchange. */

#ifndef TOOLS_ENTITY_H
#define TOOLS_ENTITY_H

#include "options.h"

enum { ENTITY_DOING = 700 };

typedef struct entity {
    bool exchange;    /* else a queue */
    const char *name; /* NULL where it was not given */
} entity;

/* Finds it: `queue` or `exchange` where an option gave a name, or else the command's first
 * arguments, "queue NAME" or "exchange NAME", which are taken. Returns EXIT_DONE, or EXIT_USAGE
 * after a line on stderr. */
int entity_take(entity *e, settings *s, const char *queue, const char *exchange,
                const char *command);

/* Takes the next argument, or returns NULL where there is none. */
const char *argument_take(settings *s);

/* Returns EXIT_DONE where no argument is left, or EXIT_USAGE after a line on stderr. */
int arguments_end(const settings *s, const char *command);

/* Writes 'VERB queue "NAME"' or 'VERB exchange "NAME"' into `text`, and returns it. */
const char *entity_doing(const entity *e, const char *verb, char text[ENTITY_DOING]);

#endif
