/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A process that runs beside the connection, and its pipes, none of which is ever waited for. */

#ifndef TOOLS_CHILD_H
#define TOOLS_CHILD_H

#include "buffer.h"

#include <poll.h>
#include <sys/types.h>

/* Bytes on their way into a pipe. */
typedef struct feed {
    int fd;      /* -1: closed by us, or by who should read */
    buffer data; /* to be added to at any time */
    size_t done; /* so much of it was written */
    bool last;   /* nothing more will come: close behind it */
} feed;

/* Writes what the pipe takes now. A reader that is gone closes the feed, which is no error. */
void feed_pump(feed *f);

/* Returns how many bytes wait. */
size_t feed_waiting(const feed *f);

void feed_deinit(feed *f);

/* The pipes that a child has besides its stdin. */
enum child_pipes {
    CHILD_NOTES = 1,  /* it reads descriptor 3 */
    CHILD_STDOUT = 2, /* we read its stdout */
    CHILD_LINES = 4,  /* we read its descriptor 4; not together with CHILD_STDOUT */
    CHILD_PIPES_MAX = 3
};

typedef struct child {
    pid_t pid; /* 0: none runs */
    feed in;
    feed notes;
    int out; /* to be read; -1: nothing more comes */
} child;

/* Returns a child that does not run, whose feeds take bytes already. The caller calls
 * child_deinit. */
child child_init(void);

/* Frees; a process that still runs is left alone. */
void child_deinit(child *c);

/* Starts `argv`, found by PATH, with that environment, in a process group of its own, so that a
 * Ctrl-C in the terminal is ours alone. Returns 0 or an errno: ENOENT where there is no such
 * command. */
int child_start(child *c, char *const *argv, char *const *env, unsigned pipes);

/* Fills in what to poll for, at most CHILD_PIPES_MAX, and returns how many. */
size_t child_watch(const child *c, struct pollfd *fds);

/* Reads what there is from `out` into `room`. Returns how much, 0 for nothing now; at the end `out`
 * is -1. */
size_t child_read(child *c, uint8_t *room, size_t size);

/* Has it ended? Then `*code` is its exit code, or 128 and the number of the signal that ended it,
 * and it does not run any more. */
bool child_ended(child *c, int *code);

/* Sends a signal to the process and all that it has started. */
void child_signal(const child *c, int number);

#endif
