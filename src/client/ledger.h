/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishes in confirm mode that have no outcome yet, kept in order until they have one, so that
 * they can be sent again over another connection. Plain data: what it is told, it knows.
 *
 * Two numbers belong to a message: its own, from 1 on for each channel, which the program knows it
 * by, and that of the engine which carries it now. */

#ifndef LEVERET_CLIENT_LEDGER_H
#define LEVERET_CLIENT_LEDGER_H

#include <leveret/engine.h>

/* A message, and what it points to beside it. */
typedef struct lev_owed {
    struct lev_owed *next;
    uint64_t number; /* its own */
    uint64_t sent;   /* the engine's; 0: not sent over this connection */
    bool in_doubt;   /* a connection was lost that may have carried it */
    bool whole;      /* the body is here; else it went in pieces and cannot go again */
    size_t size;     /* bytes of memory */
    lev_publication publication;
    lev_properties properties;
    uint8_t bytes[];
} lev_owed;

/* The messages of a channel, in the order they were published. */
typedef struct lev_account {
    struct lev_account *next;
    uint16_t channel;
    uint64_t numbers; /* given so far */
    size_t count;
    lev_owed *first;
    lev_owed *last;
    lev_owed *before; /* near where the last outcome was found; NULL: begin at the first */
} lev_account;

typedef struct lev_ledger {
    lev_account *accounts;
    size_t count;
    size_t size;   /* bytes of memory */
    size_t unsent; /* how many wait to be sent over this connection */
    size_t count_max;
    size_t size_max;
} lev_ledger;

/* Neighbours that share an outcome: numbers `first` to `last` of a channel. */
typedef struct lev_owed_run {
    uint16_t channel;
    lev_outcome outcome;
    uint64_t first;
    uint64_t last;
} lev_owed_run;

/* Returns a copy of a publication, body included unless it comes in pieces; NULL without memory.
 * The caller frees it, unless lev_ledger_add has taken it. */
lev_owed *lev_owed_new(const lev_publication *from, bool pieces);

/* Returns whether there is room for one more. */
bool lev_ledger_room(const lev_ledger *l);

/* Adds a message that an engine carries as number `sent` (0: not yet). Returns its own number; 0
 * without memory, and then it has not been taken. */
uint64_t lev_ledger_add(lev_ledger *l, uint16_t channel, lev_owed *m, uint64_t sent);

/* The engine says what became of its messages `*first` to `last` of a channel. Takes as many of
 * them as share one fate, from the beginning, and sets `*first` behind them. Returns true with
 * `*run`, which is settled; false where they stay, since `again` says that they will be sent
 * again. */
bool lev_ledger_settle(lev_ledger *l, lev_owed_run *run, uint64_t *first, uint64_t last,
                       bool again);

/* Returns a message's own number; what the engine calls it where it is not known. */
uint64_t lev_ledger_number(const lev_ledger *l, uint16_t channel, uint64_t sent);

/* Notes that the connection is gone: nothing that is still here has been sent over the next one. */
void lev_ledger_lost(lev_ledger *l);

/* Returns the first message of an account that waits to be sent, NULL where there is none. */
lev_owed *lev_account_unsent(const lev_account *a);

/* Takes the next run out, at the end, when nothing will be sent again. Returns false where nothing
 * is left. */
bool lev_ledger_give_up(lev_ledger *l, lev_owed_run *run);

/* Returns how many messages of a channel are here. */
size_t lev_ledger_owed(const lev_ledger *l, uint16_t channel);

void lev_ledger_deinit(lev_ledger *l);

#endif
