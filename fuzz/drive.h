/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* An engine under a fuzz target: bytes in, events out, time, and after each step the invariants
 * that hold whatever the input is. */

#ifndef LEVERET_FUZZ_DRIVE_H
#define LEVERET_FUZZ_DRIVE_H

#include "ledger.h"
#include "peer.h"

typedef struct drive {
    lev_engine *e;
    fuzz_memory memory;
    peer_reader reader;
    peer_watcher watcher;
    ledger ledger;
    uint64_t now;
    uint64_t received; /* bytes from the peer */
    uint64_t handed;   /* a bound on what the caller handed in and its bookkeeping, in bytes */
    uint64_t written;
    size_t step;                           /* how many bytes arrive at once; 0: all */
    bool lazy;                             /* events wait to be asked for */
    bool lost;                             /* lev_engine_lost was called */
    bool over;                             /* the last event has come */
    bool opened;                           /* LEV_EVENT_OPEN has come */
    lev_error last;                        /* the latched failure, once there is one */
    uint32_t incarnation[LEDGER_CHANNELS]; /* of the last delivery */
    uint64_t trace;                        /* hash of the events' types and channels */
} drive;

/* Makes an engine in a zeroed `d`, where `step` and the failures of `memory` may be set, with the
 * counting allocator in the options; `e` is NULL where memory failed. */
void drive_init(drive *d, const lev_engine_options *options);

/* The caller is about to hand in `n` bytes. */
void drive_hand(drive *d, size_t n);

/* Bytes arrive; unless `lazy`, events are taken after each read. */
void drive_receive(drive *d, lev_span bytes);

/* Takes at most `most` events. */
void drive_events(drive *d, size_t most);

/* Writes at most `most` of the pending bytes. */
void drive_write(drive *d, size_t most);

/* `ms` pass, then a tick. */
void drive_tick(drive *d, uint64_t ms);

void drive_lose(drive *d, lev_status status);

/* A call that starts work has returned `status`; before it `queued` bytes waited. */
void drive_called(drive *d, lev_status status, size_t queued);

/* Ends the connection if need be, takes what is owed, checks that nothing is left, and frees. */
void drive_finish(drive *d);

#endif
