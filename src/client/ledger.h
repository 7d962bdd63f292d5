/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The publishes in confirm mode that have no outcome yet, in the order of publishing, over all
 * connections of a client. Pure data. */

#ifndef LEVERET_CLIENT_LEDGER_H
#define LEVERET_CLIENT_LEDGER_H

#include "ring.h"

#include <leveret/engine.h>

struct lev_ledger_channel;

/* Outcomes that are being told: of the entries `next` to `behind - 1` of a channel. */
typedef struct lev_ledger_walk {
    struct lev_ledger_channel *ch; /* NULL: nothing is being told */
    size_t next;
    size_t behind;
    lev_outcome outcome;
    bool keeps;   /* what is kept stays, unsent */
    bool unbound; /* the entry has no number of the engine, and leaves no gap behind */
    size_t lent;  /* what was lent of the range told last lies from here */
    size_t lent_behind;
} lev_ledger_walk;

typedef struct lev_ledger {
    size_t count_max; /* kept messages at which a further one is refused */
    size_t bytes_max; /* ... bytes, what holds a message together included */
    lev_ring ring;
    uint64_t cursor; /* the first parcel that was not sent in this connection, or `tail` */
    size_t kept;
    size_t unsent;
    size_t need; /* bytes that a publish would have taken which was refused; 0: none was */
    struct lev_ledger_channel **channels;
    size_t channels_len;
    struct lev_ledger_channel *prepared; /* the channel of what was prepared, and where that is */
    uint64_t prepared_at;
    lev_ledger_walk walk;
    size_t drops; /* how many channels of the table are still to be given up */
} lev_ledger;

/* A message to be sent in this connection. */
typedef struct lev_ledger_message {
    uint16_t channel;
    bool in_doubt;               /* it was sent before, and may have arrived */
    lev_publication publication; /* its token is the engine's, for lev_ledger_written */
    lev_properties properties;
} lev_ledger_message;

void lev_ledger_init(lev_ledger *l, const lev_allocator *a, size_t count_max, size_t bytes_max);
void lev_ledger_deinit(lev_ledger *l);

/* Writes a message behind the others, to be entered by lev_ledger_add unless it cannot be
 * published; until then nothing has changed. Where `keep` is false only its number is entered: its
 * outcome is told when the connection is lost, and the bounds do not count. Returns LEV_OK;
 * LEV_AGAIN at a bound, which one message may pass that is the only one; LEV_ERR_MEMORY; or what
 * keeps it from being encoded. */
lev_status lev_ledger_prepare(lev_ledger *l, uint16_t channel, const lev_publication *p, bool keep);

/* Returns the token with which the engine is lent the body of what was prepared; NULL where nobody
 * waits for it. */
void *lev_ledger_token(const lev_ledger *l);

/* Enters what was prepared last: sent under the engine's number, or not sent yet (0), as all must
 * be behind one that is not. Returns the public number, from 1 on each channel. */
uint64_t lev_ledger_add(lev_ledger *l, uint64_t engine);

/* Enters what was prepared without a number and an outcome: only a lent body, on a channel without
 * confirms, until the engine needs it no more. */
void lev_ledger_lend(lev_ledger *l);

/* Returns whether nothing was refused with LEV_AGAIN, or that could be prepared now. */
bool lev_ledger_has_room(const lev_ledger *l);

/* Shows the next message that is to be sent. Its spans live until the ledger's next call. Returns
 * false where all are. */
bool lev_ledger_unsent(lev_ledger *l, lev_ledger_message *m);

/* The message shown last was sent under the engine's number; it never can be. The latter starts to
 * tell its outcome. */
void lev_ledger_sent(lev_ledger *l, uint64_t engine);
void lev_ledger_refuse(lev_ledger *l);

/* Starts to tell the outcome of what the engine knows as `first` to `last`. With `keeps`, where the
 * connection is lost, LEV_NOT_SENT and LEV_IN_DOUBT of what is kept is only noted. LEV_NOT_SENT of
 * what was in doubt before is told as LEV_IN_DOUBT. */
void lev_ledger_settle(lev_ledger *l, const lev_event *outcome, bool keeps);

/* Starts to tell the outcome of all the rest, or of the rest of a channel: it will not be sent. */
void lev_ledger_give_up(lev_ledger *l);
void lev_ledger_drop(lev_ledger *l, uint16_t channel);

/* Takes the next of what is to be told: LEV_EVENT_OUTCOME with public numbers, or
 * LEV_EVENT_RELEASED of a lent body that has its outcome. Returns false at the end; only then may
 * anything else be told or sent. */
bool lev_ledger_tell(lev_ledger *l, lev_event *event);

/* Returns whether there is more to tell. */
static inline bool lev_ledger_tells(const lev_ledger *l) {
    return l->walk.ch != NULL || l->drops > 0;
}

/* The engine needs a lent body no more. Returns whether this releases it, too, and then turns the
 * engine's token into the program's; else that is told with its outcome. */
bool lev_ledger_written(lev_ledger *l, void **token);

/* The connection is gone and all of its outcomes are told: everything kept is unsent. */
void lev_ledger_lost(lev_ledger *l);

/* Returns the public number of one that the engine knows, 0 where there is none. */
uint64_t lev_ledger_public(const lev_ledger *l, uint16_t channel, uint64_t engine);

/* Returns how many of a channel have no outcome yet. */
uint64_t lev_ledger_open(const lev_ledger *l, uint16_t channel);

#endif
