/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A consumer: its tag, and which of its answers are awaited. */

#ifndef LEVERET_ENGINE_CONSUMER_H
#define LEVERET_ENGINE_CONSUMER_H

#include "memory.h"

enum lev_consumer_state {
    CONSUMER_AWAIT_CONSUME_OK,
    CONSUMER_ACTIVE,
    CONSUMER_AWAIT_CANCEL_OK,
    CONSUMER_CANCELLED /* without an answer, so deliveries may still come */
};

/* How many of the last are kept. */
enum { CONSUMERS_CANCELLED = 1024 };

typedef struct lev_consumer {
    struct lev_consumer *next;
    enum lev_consumer_state state;
    uint32_t consume_call;
    uint32_t cancel_call;
    bool cancel_wanted; /* as soon as the consume-ok is here */
    bool ended;         /* by the broker, before its consume-ok */
    bool again;         /* its tag was another's, whom the broker may still cancel before then */
    bool no_ack;
    bool stream;
    uint8_t tag_len;
    uint8_t tag[];
} lev_consumer;

/* The list of a channel; the one found last is in front. */
typedef struct lev_consumers {
    lev_consumer *first;
} lev_consumers;

/* Returns the consumer with that tag, or NULL. */
lev_consumer *lev_consumers_find(lev_consumers *list, lev_span tag);

/* Adds a consumer that awaits its consume-ok. `tag` has at most 255 bytes. Returns NULL without
 * memory. */
lev_consumer *lev_consumers_add(lev_consumers *list, const lev_allocator *a, lev_span tag);

/* Ends a consumer that was found or added last: it is kept for what is under way to it, until it is
 * one too many. */
void lev_consumers_retire(lev_consumers *list, const lev_allocator *a, lev_consumer *consumer);

void lev_consumers_remove(lev_consumers *list, const lev_allocator *a, lev_consumer *consumer);
void lev_consumers_deinit(lev_consumers *list, const lev_allocator *a);

/* Returns the consumer's tag, which lives as long as it does. */
lev_span lev_consumer_tag(const lev_consumer *consumer);

#endif
