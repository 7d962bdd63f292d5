/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing with a ledger: what was sent, what became of it, and the exit code that follows. */

#ifndef TOOLS_PUBLISHER_H
#define TOOLS_PUBLISHER_H

#include "pace.h"
#include "progress.h"
#include "returns.h"
#include "session.h"

/* How and where to. */
typedef struct publisher_settings {
    const char *exchange;
    const char *routing_key;
    bool no_confirm;
    bool no_mandatory;
    bool persistent;
    bool transient;
    uint64_t window;
    uint64_t rate; /* messages a second, 0: as fast as they go */
    const char *returned_to;
    buffer headers;
    lev_properties properties;
    bool chatty; /* tell of each message that was not taken */
    bool told;   /* tell of the first one at once */
} publisher_settings;

#define PUBLISHER_DEFAULTS                                                                         \
    { .window = 1000 }

extern const option_table publisher_options; /* of publisher_settings, without where to */

/* Before anything is connected: checks the settings, and makes messages persistent unless they are
 * transient. Returns EXIT_DONE, or EXIT_USAGE after a line on stderr. */
int publisher_check(publisher_settings *o, const char *command);

typedef struct publisher {
    session *session;
    const publisher_settings *settings;
    lev_publication message; /* all but the body */
    uint64_t published;
    uint64_t outcomes[LEV_IN_DOUBT + 1]; /* how many ended so */
    uint64_t since;                      /* when the last progress was seen, for the time limit */
    uint64_t limit_ms;
    uint32_t fence; /* the call whose answer is awaited, or 0 */
    bool blocked;   /* by the broker */
    bool told;
    bool failed;
    progress progress;
    pace pace;
    returns returns;
    lev_error fault; /* where failed */
} publisher;

/* Makes a publisher on an open session; the settings are lent. Returns EXIT_DONE, or another code
 * after a line on stderr. The caller calls publisher_finish in every case where it is EXIT_DONE. */
int publisher_init(publisher *p, session *s, const publisher_settings *o);

/* Publishes one message, waiting while the window is full or the broker blocks. `lend`: the body
 * stays as it is until the session is closed. Returns false when there is nothing more to do: it
 * failed, or a signal came. */
bool publisher_send(publisher *p, lev_span body, bool lend);

/* Waits until `input` can be read (true), or there is nothing more to do (false). */
bool publisher_await(publisher *p, int input);

/* Waits for the outcome of everything, closes the session, tells what was not delivered, and
 * returns the exit code of the command. `rc` is that of the input so far. */
int publisher_finish(publisher *p, int rc);

#endif
