/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Options are rows. A row says how an option is called and where its value goes; rows that belong
 * together are a table, and a command has a list of tables, its own and shared ones. Parsing, help,
 * man pages and completions all walk the same list, so they can't disagree.
 *
 * To add an option, add a row and the member that it fills. To add a kind of value, write a
 * function of type option_store. To add a command, see command.h. */

#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "buffer.h"

#include <leveret/leveret.h>

typedef struct option option;

/* Reads a value (never NULL; "" for a flag) into the member at `place`. Returns -1, or the exit
 * code after a line on stderr. It may keep the pointer, which lives as long as the process, and
 * may overwrite what it points to, which other processes can see. */
typedef int option_store(const option *o, char *value, void *place);

struct option {
    char letter;       /* 0: only the long form */
    const char *name;  /* without the dashes */
    const char *value; /* its value in help: NULL for a flag; "a|b" where only these can be given */
    option_store *store; /* NULL: print the help and end */
    size_t at;           /* where the member is in the table's struct */
    uint64_t min;
    uint64_t max;
    const char *help;
};

typedef struct option_table {
    const char *title; /* in help and man page: "Options", "Connection" */
    const option *rows;
    size_t count;
} option_table;

/* A table in use: its struct lies `base` bytes into the command's settings. */
typedef struct option_group {
    const option_table *table;
    size_t base;
    bool long_only; /* the command has other uses for its letters */
} option_group;

#define OPTION_TABLE(heading, array)                                                               \
    { .title = (heading), .rows = (array), .count = LEV_COUNTOF(array) }

/* ---- kinds of values ---------------------------------------------------------------------------
 */

/* Texts that were given one after the other; freed by options_forget. */
typedef struct text_list {
    const char **items;
    size_t count;
} text_list;

option_store option_flag;     /* bool: true */
option_store option_unset;    /* bool: false */
option_store option_text;     /* const char * */
option_store option_texts;    /* text_list: one more */
option_store option_number;   /* uint64_t from min to max */
option_store option_time;     /* uint64_t milliseconds from min to max, given in seconds */
option_store option_choice;   /* unsigned: which of the words in `value`, from 0 */
option_store option_url;      /* url_list: one more */
option_store option_sasl;     /* unsigned: one more of LEV_SASL_... */
option_store option_tls;      /* uint8_t: LEV_TLS_... */
option_store option_entry;    /* buffer: a table, one entry more; freed by options_forget */
option_store option_property; /* lev_properties; `min` is the number of the property */

/* Reads a number as option_number does; for kinds that contain one. */
int option_read_number(const option *o, const char *value, uint64_t *into);

/* Prints '--NAME: "VALUE" is not WANTED' and returns EXIT_USAGE. */
int option_refuse(const option *o, const char *value, const char *wanted);

/* ---- settings that commands share --------------------------------------------------------------
 */

#define SETTING_UNSET UINT64_MAX
enum { SETTINGS_URLS = 16 };

typedef struct url_list {
    char *items[SETTINGS_URLS]; /* copies; argv keeps redacted ones */
    size_t count;
} url_list;

/* What every command has: the connection, what is said on stderr, and the arguments. It is the
 * first member of each command's settings. Times are milliseconds. */
typedef struct settings {
    url_list urls;
    const char *host;
    uint64_t port;
    const char *vhost;
    const char *user;
    const char *password_file;
    uint64_t password_fd;
    const char *name;
    uint64_t heartbeat; /* seconds */
    uint64_t connect_ms;
    uint64_t timeout_ms;
    unsigned mechanisms; /* LEV_SASL_... */
    bool plaintext_auth;
    lev_tls_options tls;
    const char *key_password_file;
    bool tls_elsewhere; /* these are for another connection of the command, too */
    uint64_t window;    /* set by commands that publish: how many may be unconfirmed */
    uint64_t retry; /* rounds of reconnects, SETTING_UNSET: no limit; 0: none, as in commands that
                       never reconnect */
    uint64_t connection; /* which of the command's connections it is, from 1; 0: the only one */
    bool trace;
    bool verbose;
    bool quiet;
    unsigned log_format;
    char **args; /* what is no option */
    size_t arg_count;
    size_t loose; /* how many of them stood before "--" */
    bool dashed;  /* there was a "--" */
} settings;

#define SETTINGS_UNSET                                                                             \
    .port = SETTING_UNSET, .password_fd = SETTING_UNSET, .heartbeat = SETTING_UNSET,               \
    .connect_ms = SETTING_UNSET, .timeout_ms = SETTING_UNSET

#define SETTINGS_DEFAULTS                                                                          \
    { SETTINGS_UNSET }
#define SETTINGS_DEFAULTS_RETRY /* of commands with retry_options */                               \
    { SETTINGS_UNSET, .retry = SETTING_UNSET }

extern const option_table connection_options; /* of settings */
extern const option_table retry_options;      /* of settings: for commands that reconnect */
extern const option_table general_options;    /* of settings: for every command */
extern const option_table property_options;   /* of lev_properties */

/* ---- parsing -----------------------------------------------------------------------------------
 */

struct command;

/* Parses `argv`, up to a NULL, into the command's settings, which get its defaults first. Long
 * options may be given as --name VALUE or --name=VALUE, flags may share a dash, "--" ends options.
 * Returns -1 to go on, or the exit code: EXIT_DONE after --help, EXIT_USAGE after a line on stderr.
 * The caller calls options_forget in every case. */
int options_parse(const struct command *c, char **argv, settings *s);

/* Cleanses and frees what options_parse made. */
void options_forget(const struct command *c, settings *s);

/* A walk over all rows of a command, group by group, without those whose name an earlier group has.
 */
typedef struct option_walk {
    const struct command *command;
    size_t group;
    size_t next;
    size_t base;  /* of the row that came last */
    bool heads;   /* it is the first of its table */
    size_t heard; /* one above its group; 0: none */
    option plain; /* it, where it has lost its letter */
} option_walk;

/* Returns the next row, or NULL after the last; it lives until the next step, as the walk does.
 * Start with {.command = c}. */
const option *option_next(option_walk *w);

#endif
