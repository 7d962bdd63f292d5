/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The attempts to connect to the addresses of a host: the first that answers wins. */

#ifndef LEVERET_NET_RACE_H
#define LEVERET_NET_RACE_H

#include "address.h"

#include <leveret/status.h>
#include <poll.h>
#include <stdint.h>

enum {
    LEV_RACE_DELAY_MS = 250, /* RFC 8305, section 5 */
    LEV_RACE_LOOK_MS = 10    /* how often to look while more than one attempt is under way */
};

typedef struct lev_race {
    lev_addresses addresses;
    size_t next; /* address to be tried next */
    uint64_t next_at;
    struct pollfd *runners; /* attempts under way, the oldest first */
    size_t running;
    uint64_t looked_at;
    int error; /* errno of the last attempt that failed */
} lev_race;

/* Takes the addresses over. Returns false without memory; deinit is due in either case. */
bool lev_race_init(lev_race *r, lev_addresses *addresses, const lev_allocator *a);
void lev_race_deinit(lev_race *r);

/* Looks at the attempts and starts new ones that are due. Returns LEV_OK with the connected
 * `*winner`, the caller's from then on; LEV_AGAIN; or LEV_ERR_CONNECT when all have failed. */
lev_status lev_race_step(lev_race *r, uint64_t now, int *winner);

/* Returns one descriptor to poll for writing, -1 where there is none, and when a step is due. */
int lev_race_fd(const lev_race *r);
uint64_t lev_race_due(const lev_race *r);

#endif
