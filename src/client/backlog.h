/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Events that arrived while a call waited for another, kept until they are asked for. */

#ifndef LEVERET_CLIENT_BACKLOG_H
#define LEVERET_CLIENT_BACKLOG_H

#include <leveret/client.h>
#include <leveret/memory.h>

/* A kept event; its pointers point to what stands beside it. Of one without pointers only what
 * comes before `method` is there. */
typedef struct lev_kept {
    struct lev_kept *next;
    size_t size; /* bytes of memory */
    lev_event event;
    lev_method method;
    lev_message message;
    lev_error error;
    uint8_t bytes[];
} lev_kept;

typedef struct lev_backlog {
    const lev_allocator *memory; /* NULL: malloc */
    lev_kept *first;
    lev_kept *last;
    size_t size;     /* bytes of memory in all */
    lev_kept *spare; /* given back, without pointers: for the next such events */
    size_t spares;
} lev_backlog;

/* Keeps a copy of an event, behind the others; an outcome that continues the last one is merged
 * with it. Returns LEV_OK; LEV_ERR_LIMIT where more than `limit` bytes would be kept, unless it is
 * the only one; or LEV_ERR_MEMORY. */
lev_status lev_backlog_push(lev_backlog *b, const lev_event *event, size_t limit);

/* Takes the oldest, NULL where there is none; the caller gives it back. */
lev_kept *lev_backlog_pop(lev_backlog *b);
void lev_backlog_give_back(lev_backlog *b, lev_kept *k);

/* Adds up the outcomes of a channel. */
lev_tally lev_backlog_tally(const lev_backlog *b, uint16_t channel);

/* Drops a channel's outcomes and returns. */
void lev_backlog_drop_confirms(lev_backlog *b, uint16_t channel);

/* Takes the news that a channel was closed. Returns false where it was not. */
bool lev_backlog_take_closed(lev_backlog *b, uint16_t channel, lev_error *error);

void lev_backlog_deinit(lev_backlog *b);

#endif
