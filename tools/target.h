/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where to connect and as whom, put together from arguments, environment and files. */

#ifndef TOOLS_TARGET_H
#define TOOLS_TARGET_H

#include "options.h"
#include "password.h"

typedef struct target {
    char *uri; /* scheme, host, port and virtual host, without credentials: may be printed */
    lev_client_options options;
    lev_uri parts; /* what `options` points to */
    char *user;
    char *password;
} target;

/* Makes the target of one URL, or of AMQP_URL or the defaults where `url` is NULL. The order is
 * argument, environment, default: a URL given as an argument counts before --host and its siblings,
 * which count before AMQP_URL; a password file counts before the password in AMQP_URL, and that
 * before AMQP_PASSWORD. Returns EXIT_DONE, or another code after a line on stderr. The caller calls
 * target_deinit in every case; it cleanses the password. */
int target_init(target *t, const settings *s, const char *url, const secrets *given);
void target_deinit(target *t);

/* Returns the URI of a target made from `url` with all that it says, credentials included: not to
 * be printed, and freed by password_free. NULL without memory. */
char *target_secret_uri(const target *t, const char *url);

#endif
