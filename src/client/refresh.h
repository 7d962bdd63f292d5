/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A secret that is renewed while the connection runs: lev_client_refresh of leveret/client.h. */

#ifndef LEVERET_CLIENT_REFRESH_H
#define LEVERET_CLIENT_REFRESH_H

#include <leveret/engine.h>

typedef struct lev_refresh {
    char *secret;  /* the last one that the program gave, NULL: none yet */
    bool unsent;   /* ... and it still has to be told to the broker */
    uint64_t due;  /* when there is something to do, where `on` */
    uint64_t next; /* when the program is to be asked again; UINT64_MAX: never */
    uint32_t call; /* number of the update that is not answered yet, or 0 */
    bool on;       /* the connection is open */
} lev_refresh;

struct lev_client;

/* Before a login: the last secret is the password, or a new one where that has become due. Returns
 * false where there is none; the connection has ended then. */
bool lev_refresh_login(struct lev_client *c, uint64_t now);

/* Looks at the client's `event` and returns whether it is the refresh's own. */
bool lev_refresh_takes(struct lev_client *c);

/* Returns when there is something to do, UINT64_MAX for never; does what is due. */
uint64_t lev_refresh_due(const struct lev_client *c);
void lev_refresh_tick(struct lev_client *c, uint64_t now);

/* Cleanses and frees. */
void lev_refresh_forget(struct lev_client *c);

#endif
