/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A command a message: the body on its stdin, the metadata in its environment and on descriptor 3,
 * and its exit code the verdict. */

#ifndef TOOLS_HANDLER_H
#define TOOLS_HANDLER_H

#include "child.h"
#include "outlet.h"

enum { HANDLER_JOBS_MAX = 256 };

/* What to do with a handler that fails in a way of its own. */
enum on_failure { ON_FAILURE_REQUEUE, ON_FAILURE_REJECT, ON_FAILURE_STOP };

typedef struct handler_settings {
    uint64_t jobs;
    uint64_t kill_ms;
    unsigned on_failure;
    uint64_t max_failures;
} handler_settings;

#define HANDLER_DEFAULTS                                                                           \
    { .jobs = 1, .kill_ms = SETTING_UNSET, .max_failures = SETTING_UNSET }

extern const option_table handler_options; /* of handler_settings */

/* What an exit code asks for. */
typedef enum verdict_kind { VERDICT_ACK, VERDICT_REJECT, VERDICT_REQUEUE } verdict_kind;

typedef struct verdict {
    verdict_kind kind;
    bool failed; /* to be followed by a pause, and counted towards --max-failures */
    bool stop;   /* take no more */
} verdict;

/* Returns what an exit code means: 0 acks, 65 rejects, 75 requeues, any other as --on-failure
 * says. */
verdict handler_verdict(int code, unsigned on_failure);

/* Returns how many milliseconds to start nothing after so many failures in a row. */
uint64_t handler_pause(uint64_t failures);

/* Says on stderr that a command can't be started, and returns the exit code for that errno: 126,
 * 127 or EXIT_INTERNAL. */
int handler_blame(const char *name, int fault);

typedef struct job job;

typedef struct handlers {
    outlet outlet;
    const handler_settings *settings;
    char *const *argv;
    const lev_properties *reply; /* of replies; NULL: what a handler prints is no reply */
    job *first;                  /* in the order in which they came */
    size_t running;
    size_t waiting;
    uint64_t rejected;
    uint64_t requeued;
    uint64_t failures; /* in a row */
    uint64_t failed_at;
    int reason; /* to end for, until it was told */
    struct pollfd fds[LOOP_MORE_MAX];
} handlers;

/* Makes the outlet that runs `argv` for each message. With `reply`, which may be empty, what a
 * handler that ends with 0 has written to its stdout goes to where its message says, with these
 * properties. */
void handlers_init(handlers *h, const handler_settings *s, char *const *argv,
                   const lev_properties *reply);
void handlers_deinit(handlers *h);

#endif
