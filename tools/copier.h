/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishes what a consumer takes, and acks it at its source only when the target has confirmed. */

#ifndef TOOLS_COPIER_H
#define TOOLS_COPIER_H

#include "given.h"
#include "outlet.h"

typedef struct copier_settings {
    const char *exchange;    /* NULL: the default exchange */
    const char *routing_key; /* NULL: each message's own */
    bool keep;               /* never ack: all go back to the source at the end */
} copier_settings;

typedef struct held held; /* a message that the target does not take yet */

typedef struct copier {
    outlet outlet;
    const copier_settings *settings;
    session *target;
    given given; /* by the number of the publish */
    held *first;
    held *last;
    uint64_t confirmed;
    uint64_t returned;
    uint64_t refused;
    uint64_t since; /* when the target last made progress */
    uint64_t limit_ms;
    bool leaving; /* what is held goes back */
    bool failed;  /* the target is gone */
    struct pollfd fds[1];
} copier;

/* Makes the outlet that publishes on `target`, a session whose channel is in confirm mode when
 * the first message comes. The caller may change `limit_ms`: how long to wait without progress. */
void copier_init(copier *p, const copier_settings *s, session *target);
void copier_deinit(copier *p);

#endif
