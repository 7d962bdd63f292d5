/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A connection that is lost and made again: when, where, and what has to be repeated there. */

#ifndef LEVERET_CLIENT_RECOVERY_H
#define LEVERET_CLIENT_RECOVERY_H

#include "topology.h"

#include <leveret/recovery.h>

/* What is under way once the login is over. */
typedef enum lev_recovery_work {
    RECOVERY_BEGIN,
    RECOVERY_OPEN, /* a channel for the entities */
    RECOVERY_ENTITIES,
    RECOVERY_CLOSE,
    RECOVERY_CHANNELS,
    RECOVERY_CONSUMERS,
    RECOVERY_END
} lev_recovery_work;

typedef struct lev_recovery {
    const lev_allocator *memory;
    char **uris; /* where to connect, in turn; they may hold passwords */
    size_t uri_count;
    size_t turn;  /* which one is next */
    size_t tried; /* how many were in this round */
    bool opened;  /* has been connected once */
    bool active;  /* lost, and not back yet */
    bool leaving; /* no more attempts */
    uint32_t attempt;
    uint64_t due; /* the next attempt, or the end of waiting for a step's answer */
    uint64_t random;

    lev_topology topology;
    lev_recovery_work work;
    lev_entry *step; /* what was asked last; NULL at the beginning of a work */
    uint32_t call;   /* its call, 0: none outstanding */
    uint16_t channel;
    uint16_t spare; /* the channel for the entities */
    lev_error lost; /* why */
} lev_recovery;

#endif
