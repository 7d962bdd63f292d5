/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a program has made through a client and what has to be made again after its connection was
 * lost: exchanges, queues and bindings, in the order they were declared, and channels with their
 * modes, limits and consumers. Plain data; recovery.c replays it. */

#ifndef LEVERET_CLIENT_TOPOLOGY_H
#define LEVERET_CLIENT_TOPOLOGY_H

#include <leveret/engine.h>
#include <leveret/memory.h>

/* The turn in which an entry is made again. */
typedef enum lev_turn {
    LEV_TURN_ENTITY,  /* exchanges, queues, bindings */
    LEV_TURN_CHANNEL, /* channels and their modes */
    LEV_TURN_CONSUMER /* limits of consumers, and consumers */
} lev_turn;

/* One call that is to be made again; its spans point to what stands beside it, or to `name`. */
typedef struct lev_entry {
    struct lev_entry *next;
    uint16_t channel;
    bool streams;      /* a consumer that takes large messages in pieces */
    bool server_named; /* a queue whose name the broker made, `name` */
    bool used;         /* an exchange or queue that had a binding or a consumer */
    bool gone;         /* about to be removed */
    char name[256];    /* a name that the broker made, or the queue declared last on a channel */
    uint8_t tag[255];  /* the tag of a consumer for which one was made */
    lev_method method;
    uint8_t bytes[];
} lev_entry;

typedef struct lev_topology {
    lev_entry *first;
} lev_topology;

/* Copies a call before it is made, for `fields` may not live until its answer. Returns NULL for one
 * that leaves nothing behind, with `*status` LEV_OK, and without memory. */
lev_entry *lev_entry_new(const lev_allocator *a, uint16_t channel, lev_method_id id,
                         const void *fields, lev_status *status);

/* Notes that the call has succeeded; `reply` is its answer, NULL where none was due. Takes `e`,
 * which is freed where it only makes something else forgotten. */
void lev_topology_note(lev_topology *t, lev_entry *e, const lev_method *reply);

/* Forgets what ended with a channel, and one consumer. */
void lev_topology_channel_closed(lev_topology *t, uint16_t channel);
void lev_topology_cancelled(lev_topology *t, uint16_t channel, lev_span tag);

/* Forgets one entry and what cannot be without it. */
void lev_topology_drop(lev_topology *t, lev_entry *e);

/* Carries the new name of a queue that the broker named to all that knows the old one. */
void lev_topology_renamed(lev_topology *t, lev_entry *e, lev_span name);

lev_turn lev_entry_turn(const lev_entry *e);

/* Returns whether the program has this channel open. */
bool lev_topology_has_channel(const lev_topology *t, uint16_t channel);

/* ... and in confirm mode. */
bool lev_topology_confirms(const lev_topology *t, uint16_t channel);

/* Is that consumer to be made again? */
bool lev_topology_has_consumer(const lev_topology *t, uint16_t channel, lev_span tag);

void lev_topology_deinit(lev_topology *t);

#endif
