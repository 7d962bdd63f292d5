/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One handler for all messages: records on its stdin, and what to do with each of them in lines on
 * its descriptor 4. */

#ifndef TOOLS_COPROCESS_H
#define TOOLS_COPROCESS_H

#include "format.h"
#include "handler.h"

/* What a line of the handler's asks for. */
typedef struct request {
    verdict_kind kind;
    uint64_t tag;
} request;

/* Reads "ack TAG", "nack TAG" or "nack TAG requeue", without its newline. Returns false for
 * anything else. */
bool coprocess_line(lev_span line, request *r);

typedef struct coprocess {
    outlet outlet;
    const handler_settings *settings;
    char *const *argv;
    const format *format; /* of records */
    child child;
    buffer lines;        /* read and not yet taken apart */
    lev_delivery *given; /* what was given and is not settled; tag 0: it is */
    uint64_t first;      /* the message that given[0] is */
    size_t given_count;
    size_t given_room;
    uint64_t unsettled;
    uint64_t bad_lines;
    uint64_t failures; /* in a row */
    uint64_t failed_at;
    uint64_t failed; /* of all */
    uint64_t closed; /* when its stdin was */
    unsigned kills;
    bool closing; /* no more messages come */
    bool ended;   /* for good */
    struct pollfd fds[CHILD_PIPES_MAX];
} coprocess;

/* Makes the outlet that gives all messages to one process that runs `argv`. One that ends with 0
 * ends the command; one that fails is started again, and what it has not settled goes where
 * --on-failure says. */
void coprocess_init(coprocess *p, const handler_settings *s, char *const *argv, const format *f);
void coprocess_deinit(coprocess *p);

#endif
