/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How the command ends. */

#ifndef TOOLS_EXITS_H
#define TOOLS_EXITS_H

#include "say.h"

#include <leveret/leveret.h>

#define LEV_COUNTOF(array) (sizeof(array) / sizeof *(array))

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,  /* the broker refused it, and its text was printed */
    EXIT_NOTHING = 2, /* nothing there, or less than was asked for */
    EXIT_PARTIAL = 3, /* returned, nacked, unconfirmed, failed; counted on stderr */
    EXIT_USAGE = 64,
    EXIT_RECORD = 65,  /* bad input record, whose number is told */
    EXIT_INPUT = 66,   /* unreadable input */
    EXIT_CONNECT = 69, /* cannot connect, or connection lost */
    EXIT_INTERNAL = 70,
    EXIT_CREATE = 73,    /* cannot create output */
    EXIT_OUTPUT = 74,    /* cannot write */
    EXIT_TEMPORARY = 75, /* blocked, or an answer or a confirm did not come in time */
    EXIT_PROTOCOL = 76,  /* the peer does not keep to AMQP 0-9-1 */
    EXIT_REFUSED = 77,   /* credentials or permission */
    EXIT_CONFIG = 78,
    EXIT_NOT_EXECUTABLE = 126, /* a handler */
    EXIT_NOT_FOUND = 127,
    EXIT_SIGNAL = 128,  /* plus the signal's number */
    EXIT_STOPPED = 130, /* in texts for all of EXIT_STOPPED_CODES */
    EXIT_PIPE = 141     /* stdout was closed */
};

/* After SIGHUP, SIGINT and SIGTERM. */
#define EXIT_STOPPED_CODES "129, 130, 143"

/* Returns the code for a failure of the library. `opening`: it came before the connection was open,
 * where a deadline that passed means that nobody can be reached. */
int exit_code_of(const lev_error *error, bool opening);

/* Returns what a person can do about a failure: a phrase, never NULL, "" where there is nothing to
 * add. */
const char *exit_advice(const lev_error *error, bool opening);

/* Returns what a code means in general, for EXIT STATUS; "" where it means nothing. */
const char *exit_meaning(int code);

#endif
