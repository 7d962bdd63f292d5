/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The shortest login there is, for what comes after it to be anything: protocol header, start-ok
 * with PLAIN, tune-ok with the broker's own limits and no heartbeats, open. */

#ifndef TOOLS_KNOCK_H
#define TOOLS_KNOCK_H

#include "dissect.h"

typedef struct knock {
    const char *user;
    const char *password;
    const char *vhost;
    lev_method_id next; /* what has to come; LEV_NO_METHOD: logged in */
} knock;

/* Begins to log in; the texts are lent. */
void knock_begin(knock *k, const char *user, const char *password, const char *vhost, buffer *out);

/* Takes what the broker says, and adds the answer. Returns EXIT_DONE, or another code after a line
 * on stderr. */
int knock_take(knock *k, const item *i, buffer *out);

bool knock_done(const knock *k);

#endif
