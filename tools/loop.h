/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Waiting for the connection, a signal, an input and an output at the same time. */

#ifndef TOOLS_LOOP_H
#define TOOLS_LOOP_H

#include <leveret/leveret.h>

#include <poll.h>

enum { LOOP_MORE_MAX = 3 * 256 };

/* What to wait for besides the connection and a signal. A descriptor of -1 is not waited for;
 * `timeout_ms` -1 is for ever. */
typedef struct loop_watch {
    int input;
    int output;   /* always watched for a reader that went away */
    bool writing; /* wait for room in `output`, too */
    int timeout_ms;
    struct pollfd *more; /* others, at most LOOP_MORE_MAX; room for as many */
    size_t more_count;
} loop_watch;

enum loop_ready { LOOP_INPUT = 1, LOOP_OUTPUT = 2, LOOP_HANGUP = 4 };

/* Waits once, and not longer than the connection can be left alone. Returns the set of what is
 * ready, which may be empty; a process of ours that ended ends the wait, too. The caller then takes
 * events with lev_client_next, or calls lev_client_process: either keeps the connection going.
 * `client` may be NULL, for a connection that is gone. */
unsigned loop_wait(lev_client *client, const loop_watch *watch);

/* Makes a wait end after `ms` at the latest. */
void loop_within(loop_watch *watch, int ms);

/* Waits until `output` takes bytes, or its reader is gone: true. Meanwhile the connection gets only
 * what its heartbeats need, for what it receives has nowhere to go; after that: false. */
bool loop_stall(lev_client *client, int output);

/* Returns of two timeouts, where -1 is for ever, the one that passes first. */
int loop_sooner(int a, int b);

/* Returns the monotonic clock in milliseconds. */
uint64_t loop_now(void);

/* Returns what is left of `span_ms` since `start`, at least 0: a timeout for loop_watch. */
int loop_left(uint64_t start, uint64_t span_ms);

#endif
