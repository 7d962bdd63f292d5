/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What goes to the logger; nothing is done where there is none, but for lev_log_event, which the
 * caller leaves out then. */

#ifndef LEVERET_CLIENT_LOG_H
#define LEVERET_CLIENT_LOG_H

#include "state.h"

/* A line about the connection at hand. */
void lev_log_line(const lev_client *c, lev_log_level level, const char *text);

/* What an event of the engine says. */
void lev_log_event(const lev_client *c, const lev_event *event);

/* What recovery does. */
void lev_log_recovery(const lev_client *c, const lev_recovery_news *news);

/* That it is over, as `end` and `orderly` say. */
void lev_log_end(const lev_client *c);

#endif
