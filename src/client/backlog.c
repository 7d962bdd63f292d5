/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A list in the order of arrival. Each kept event is one block of memory: the event, what it points
 * to, and behind them all bytes of their spans. Whoever takes one off the list owns the block, so
 * an event stays valid for as long as its taker likes.
 *
 * Ranges of outcomes merge while they continue each other: a program that only publishes keeps one
 * entry for a million confirms. What a program that lends its bodies is told again and again, that
 * one is its own again, goes into blocks that it has given back. Rejected: a ring of bytes, which
 * would have to move what it has handed out. */

#include "backlog.h"
#include "pack.h"

enum { BACKLOG_PLAIN = offsetof(lev_kept, method), BACKLOG_SPARES = 32 };

static bool backlog_merge(lev_backlog *b, const lev_event *event) {
    if (b->last == NULL || event->type != LEV_EVENT_OUTCOME) {
        return false;
    }
    lev_event *last = &b->last->event;
    bool continues = last->type == LEV_EVENT_OUTCOME && last->channel == event->channel &&
                     last->outcome == event->outcome && last->last + 1 == event->first;
    if (continues) {
        last->last = event->last;
    }
    return continues;
}

/* Points the event to its neighbours in the block. */
static void backlog_attach(lev_kept *k, const lev_event *event) {
    k->event = *event;
    if (event->method != NULL) {
        k->method = *event->method;
        k->event.method = &k->method;
    }
    if (event->message != NULL) {
        k->message = *event->message;
        k->event.message = &k->message;
    }
    if (event->error != NULL) {
        k->error = *event->error;
        k->event.error = &k->error;
    }
}

static void backlog_pack(lev_packer *p, lev_kept *k) {
    if (k->event.method != NULL) {
        lev_pack_method(p, &k->method);
    }
    bool whole = k->event.message != NULL && k->event.body.ptr == k->message.body.ptr;
    if (k->event.message != NULL) {
        lev_pack_message(p, &k->message);
    }
    if (whole) {
        k->event.body = k->message.body;
    } else {
        lev_pack_span(p, &k->event.body);
    }
}

/* Returns how large a block the event needs. */
static size_t backlog_size(const lev_event *event) {
    if (event->method == NULL && event->message == NULL && event->error == NULL &&
        event->body.len == 0) {
        return BACKLOG_PLAIN;
    }
    lev_kept counted = {.next = NULL};
    lev_packer count = {NULL, 0};
    backlog_attach(&counted, event);
    backlog_pack(&count, &counted);
    return sizeof counted + count.len;
}

static lev_kept *backlog_obtain(lev_backlog *b, size_t size) {
    lev_kept *k = size == BACKLOG_PLAIN ? b->spare : NULL;
    if (k == NULL) {
        return lev_memory_new(b->memory, size);
    }
    b->spare = k->next;
    b->spares--;
    return k;
}

void lev_backlog_give_back(lev_backlog *b, lev_kept *k) {
    if (k == NULL || k->size != BACKLOG_PLAIN || b->spares == BACKLOG_SPARES) {
        lev_memory_free(k);
        return;
    }
    k->next = b->spare;
    b->spare = k;
    b->spares++;
}

lev_status lev_backlog_push(lev_backlog *b, const lev_event *event, size_t limit) {
    if (backlog_merge(b, event)) {
        return LEV_OK;
    }
    size_t size = backlog_size(event);
    if (b->first != NULL && (b->size >= limit || size > limit - b->size)) {
        return LEV_ERR_LIMIT;
    }
    lev_kept *k = backlog_obtain(b, size);
    if (k == NULL) {
        return LEV_ERR_MEMORY;
    }
    if (size == BACKLOG_PLAIN) {
        k->next = NULL;
        k->event = *event;
        k->event.body.ptr = NULL;
    } else {
        *k = (lev_kept){.next = NULL};
        backlog_attach(k, event);
        backlog_pack(&(lev_packer){k->bytes, 0}, k);
    }
    k->size = size;
    if (b->first == NULL) {
        b->first = k;
    } else {
        b->last->next = k;
    }
    b->last = k;
    b->size += size;
    return LEV_OK;
}

/* Takes out the one behind `before`, or the first where that is NULL. */
static lev_kept *backlog_take(lev_backlog *b, lev_kept *before) {
    lev_kept *k = before == NULL ? b->first : before->next;
    if (k == NULL) {
        return NULL;
    }
    if (before == NULL) {
        b->first = k->next;
    } else {
        before->next = k->next;
    }
    if (b->last == k) {
        b->last = before;
    }
    b->size -= k->size;
    return k;
}

lev_kept *lev_backlog_pop(lev_backlog *b) { return backlog_take(b, NULL); }

lev_tally lev_backlog_tally(const lev_backlog *b, uint16_t channel) {
    uint64_t sums[LEV_IN_DOUBT + 1] = {0};
    for (const lev_kept *k = b->first; k != NULL; k = k->next) {
        if (k->event.type == LEV_EVENT_OUTCOME && k->event.channel == channel) {
            sums[k->event.outcome] += k->event.last - k->event.first + 1;
        }
    }
    return (lev_tally){.confirmed = sums[LEV_CONFIRMED],
                       .returned = sums[LEV_RETURNED],
                       .nacked = sums[LEV_NACKED],
                       .not_sent = sums[LEV_NOT_SENT],
                       .in_doubt = sums[LEV_IN_DOUBT]};
}

void lev_backlog_drop_confirms(lev_backlog *b, uint16_t channel) {
    lev_kept *before = NULL;
    lev_kept *k = b->first;
    while (k != NULL) {
        bool confirm = k->event.type == LEV_EVENT_OUTCOME || k->event.type == LEV_EVENT_RETURN;
        if (confirm && k->event.channel == channel) {
            lev_backlog_give_back(b, backlog_take(b, before));
        } else {
            before = k;
        }
        k = before == NULL ? b->first : before->next;
    }
}

bool lev_backlog_take_closed(lev_backlog *b, uint16_t channel, lev_error *error) {
    lev_kept *before = NULL;
    for (lev_kept *k = b->first; k != NULL; before = k, k = k->next) {
        if (k->event.type == LEV_EVENT_CHANNEL_CLOSED && k->event.channel == channel) {
            *error = k->error;
            lev_backlog_give_back(b, backlog_take(b, before));
            return true;
        }
    }
    return false;
}

static void backlog_free(lev_kept *k) {
    while (k != NULL) {
        lev_kept *next = k->next;
        lev_memory_free(k);
        k = next;
    }
}

void lev_backlog_deinit(lev_backlog *b) {
    backlog_free(b->first);
    backlog_free(b->spare);
    *b = (lev_backlog){.first = NULL};
}
