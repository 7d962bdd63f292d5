/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A subcommand: its settings, its options, its texts and what it does. One file a command,
 * tools/NAME.c, defines its row; commands.c lists all rows. Nothing else knows a command by name.
 *
 * Texts are written once and printed as help and as man page. In them an empty line parts
 * paragraphs, a line that begins with two spaces is kept as it is, and "TERM\tTEXT" is an item of a
 * list. */

#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "options.h"

#include <stdio.h>

enum { COMMAND_GROUPS = 12, COMMAND_EXITS = 24, COMMAND_SECTIONS = 4 };

/* A row of EXIT STATUS; without a text, that of exits_text is printed. */
typedef struct exit_row {
    int code;
    const char *text;
} exit_row;

/* The rows of every command that connects, to go between its own. */
#define EXITS_CONNECTED                                                                            \
    {EXIT_FAILED, NULL}, {EXIT_USAGE, NULL}, {EXIT_INPUT, NULL}, {EXIT_CONNECT, NULL},             \
        {EXIT_INTERNAL, NULL}, {EXIT_TEMPORARY, NULL}, {EXIT_PROTOCOL, NULL},                      \
        {EXIT_REFUSED, NULL}, {                                                                    \
        EXIT_CONFIG, NULL                                                                          \
    }

/* A chapter of its own in the man page, below the options; help is without it. */
typedef struct section {
    const char *title;
    const char *text;
} section;

typedef struct command {
    const char *name;
    const char *usage;       /* what follows the name; a line a form */
    const char *words;       /* "a|b": what its first argument can be; or NULL */
    const char *summary;     /* one line, lower case, no stop */
    const char *about;       /* what it does, and what the options leave unsaid */
    const char *environment; /* what it reads there besides what every connection does; or NULL */
    const char *examples;    /* a line each */
    exit_row exits[COMMAND_EXITS]; /* in any order, its own meaning of 0 first; ends with zeros */
    section sections[COMMAND_SECTIONS];   /* ends with NULL */
    option_group options[COMMAND_GROUPS]; /* ends with NULL; its own first */
    size_t size;                          /* of its settings */
    const void *defaults;                 /* `size` bytes */
    int (*run)(settings *s); /* the first member of its settings; returns the exit code */
} command;

/* All commands, in the order of help; ends with NULL. */
extern const command *const commands[];

/* Returns the command of that name, or NULL. */
const command *command_find(const char *name);

/* Returns the row of EXIT STATUS with the smallest code above `code`, or NULL. */
const exit_row *command_exit(const command *c, int code);

/* Does it connect to a broker? */
bool command_connects(const command *c);

/* Prints the help of a command to stdout. */
void command_help(const command *c);

/* Prints what commands there are. */
void commands_overview(FILE *to);

#endif
