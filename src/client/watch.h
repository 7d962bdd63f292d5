/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One descriptor that stands for whatever a client waits for. */

#ifndef LEVERET_CLIENT_WATCH_H
#define LEVERET_CLIENT_WATCH_H

#include <leveret/status.h>
#include <stdbool.h>

typedef struct lev_watch {
    int set;        /* -1: nobody has asked for it */
    int fd;         /* of the connection, in the set; -1: none */
    unsigned wants; /* what for, LEV_NET_... */
} lev_watch;

void lev_watch_init(lev_watch *w);
void lev_watch_deinit(lev_watch *w);

/* Makes the set. Returns 0 or an errno. */
int lev_watch_open(lev_watch *w);

/* Waits from now on for that of `fd` (-1: nothing) on behalf of the connection. With `sure` false
 * `fd` may be another one than before that has got the same number. */
void lev_watch_set(lev_watch *w, int fd, unsigned wants, bool sure);

/* Waits for input on another descriptor, too; no longer. */
void lev_watch_add(lev_watch *w, int fd);
void lev_watch_drop(lev_watch *w, int fd);

#endif
