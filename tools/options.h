/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Options of the commands: one table a command, from which parsing and help both come. */

#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <leveret/leveret.h>

enum { SETTINGS_URLS = 16 };
#define SETTING_UNSET UINT64_MAX

/* Everything that options can say. Times are milliseconds. */
typedef struct settings {
    /* where to */
    char *urls[SETTINGS_URLS]; /* copies; argv keeps redacted ones */
    size_t url_count;
    const char *host;
    uint64_t port;
    const char *vhost;
    const char *user;
    const char *password_file;
    const char *name;
    uint64_t heartbeat; /* seconds */
    uint64_t connect_ms;
    uint64_t timeout_ms;
    unsigned mechanisms; /* LEV_SASL_... */
    bool plaintext_auth;
    lev_tls_options tls;
    const char *key_password_file;
    bool verbose;
    bool quiet;
    /* both commands */
    const char *exchange;
    const char *routing_key;
    const char *queue;
    bool declare;
    const char *type;
    /* publish */
    const char *body;
    const char *prompt;
    bool lines;
    bool no_confirm;
    bool no_mandatory;
    bool transient;
    bool persistent;
    uint64_t window;
    lev_properties properties;
    /* consume */
    uint64_t count;
    uint64_t idle_ms;
    bool until_empty;
    bool auto_ack;
    uint64_t prefetch;
    bool raw;
    /* what is left on the command line */
    char **args;
    size_t arg_count;
} settings;

typedef enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_NUMBER,   /* uint64_t from min to max */
    OPTION_TIME,     /* uint64_t milliseconds, given in seconds; min and max are milliseconds */
    OPTION_URL,      /* one more of settings.urls */
    OPTION_TLS,      /* lev_tls_options.version_min */
    OPTION_SASL,     /* one more of settings.mechanisms */
    OPTION_PROPERTY, /* `at` is the number of the message property */
    OPTION_HELP
} option_kind;

/* A row: how the option is called, what its value is called in help (NULL: none), where it goes. */
typedef struct option {
    char letter; /* 0: only the long form */
    const char *name;
    const char *value;
    option_kind kind;
    size_t at;
    uint64_t min;
    uint64_t max;
    const char *help;
} option;

typedef struct command {
    const char *name;
    const char *usage;   /* what follows the name */
    const char *summary; /* one line */
    const char *notes;   /* printed below the options */
    const option *options;
    size_t option_count;
    int (*run)(settings *s);
} command;

/* Parses `argv`, up to a NULL, into `*s`, which gets the defaults first. Long options may
 * be given as --name VALUE or --name=VALUE, flags may share a dash, "--" ends options. Returns -1
 * to go on, or the exit code: EXIT_DONE after --help, EXIT_USAGE after a line on stderr. */
int options_parse(const command *c, char **argv, settings *s);

/* Cleanses and frees the URLs. */
void options_forget(settings *s);

/* Prints the help of a command to stdout. */
void options_help(const command *c);

/* Rows that every command with a connection has. */
extern const option options_shared[];
extern const size_t options_shared_count;

extern const command publish_command;
extern const command consume_command;

#endif
