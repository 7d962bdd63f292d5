/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where a consumer's messages come from: a queue that has a name, or a private one, named by the
 * broker and gone with the connection, bound to exchanges. */

#ifndef TOOLS_ORIGIN_H
#define TOOLS_ORIGIN_H

#include "session.h"

enum { NAME_MAX_BYTES = 256 }; /* a short string and a NUL */

typedef struct origin_settings {
    const char *queue;
    const char *exchange;
    text_list keys;     /* of the exchange */
    text_list bindings; /* EXCHANGE or EXCHANGE:KEY */
    bool declare;
    const char *type;
    bool exclusive;
} origin_settings;

extern const option_table origin_options; /* of origin_settings */

/* Checks them before anything is connected. Returns EXIT_DONE, or EXIT_USAGE after a line on
 * stderr. */
int origin_check(const origin_settings *o, const char *command);

/* Declares and binds what is asked for, and writes the queue's name to `queue`. Returns EXIT_DONE,
 * or another code after a line on stderr. */
int origin_prepare(const session *s, const origin_settings *o, char queue[NAME_MAX_BYTES]);

#endif
