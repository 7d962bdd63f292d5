/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What was published in confirm mode and lent, and what the engine said became of it: each publish
 * has exactly one outcome that fits it, each lent body comes back exactly once. */

#ifndef LEVERET_FUZZ_LEDGER_H
#define LEVERET_FUZZ_LEDGER_H

#include "support.h"

enum { LEDGER_CHANNELS = 256, LEDGER_PUBLISHES = 8192, LEDGER_CALLS = 8192 };

typedef struct ledger_entry {
    uint64_t number;
    uint64_t end; /* position in the stream of the byte behind it */
    uint16_t channel;
    bool mandatory;
    bool told;
} ledger_entry;

/* A lent body: a block of its own, freed as soon as the engine gives it back. */
typedef struct ledger_loan {
    struct ledger_loan *next;
    uint8_t *bytes;
} ledger_loan;

typedef struct ledger {
    ledger_entry entries[LEDGER_PUBLISHES];
    size_t len;
    uint64_t last[LEDGER_CHANNELS]; /* the highest number of this opening */
    uint64_t open[LEDGER_CHANNELS]; /* publishes that wait for an outcome */
    ledger_loan *loans;
    bool asked[LEDGER_CALLS]; /* calls that wait for an answer */
} ledger;

/* A channel was opened: its numbers start again, and none may be left from before. */
void ledger_opened(ledger *l, uint16_t channel);

void ledger_published(ledger *l, uint16_t channel, const ledger_entry *entry);

/* The last of a half-sent message is queued: it ends there. */
void ledger_completed(ledger *l, uint16_t channel, uint64_t end);

/* An event says what became of some; `written` bytes have gone out. */
void ledger_settle(ledger *l, const lev_event *event, uint64_t written);

/* Makes a copy of the body to lend; it is to be given back by ledger_give_back. */
ledger_loan *ledger_lend(ledger *l, lev_span body);
void ledger_give_back(ledger *l, void *token);

void ledger_asked(ledger *l, uint32_t call);
void ledger_answered(ledger *l, uint32_t call);

/* The end: nothing is left. */
void ledger_check_empty(const ledger *l);

#endif
