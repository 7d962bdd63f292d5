/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Consumers of a channel, in a list. Tags are always known here before the broker hears of them,
 * since a delivery may be the first thing seen of a consumer. A lookup moves what it finds to the
 * front: with one consumer, or one busy among many, it is found at once. A hash table was rejected
 * until somebody measures a channel with thousands of equally busy consumers.
 *
 * A consumer that was cancelled without an answer has no end that we could see: deliveries of a
 * queue on another machine may come much later. So the last 1,024 are kept. In this order the one
 * in the list's end is the one that has been of no use for the longest time. */

#include "consumer.h"

#include <string.h>

lev_span lev_consumer_tag(const lev_consumer *consumer) {
    return (lev_span){consumer->tag, consumer->tag_len};
}

static bool consumer_is(const lev_consumer *consumer, lev_span tag) {
    return consumer->tag_len == tag.len && memcmp(consumer->tag, tag.ptr, tag.len) == 0;
}

lev_consumer *lev_consumers_find(lev_consumers *list, lev_span tag) {
    if (list->first != NULL && consumer_is(list->first, tag)) {
        return list->first;
    }
    for (lev_consumer **at = &list->first; *at != NULL; at = &(*at)->next) {
        lev_consumer *found = *at;
        if (consumer_is(found, tag)) {
            *at = found->next;
            found->next = list->first;
            list->first = found;
            return found;
        }
    }
    return NULL;
}

lev_consumer *lev_consumers_add(lev_consumers *list, const lev_allocator *a, lev_span tag) {
    lev_consumer *added = lev_resize(a, NULL, sizeof *added + tag.len);
    if (added == NULL) {
        return NULL;
    }
    *added = (lev_consumer){.next = list->first, .tag_len = (uint8_t)tag.len};
    memcpy(added->tag, tag.ptr, tag.len);
    list->first = added;
    return added;
}

void lev_consumers_retire(lev_consumers *list, const lev_allocator *a, lev_consumer *consumer) {
    lev_consumer *last = consumer;
    size_t count = 0;
    consumer->state = CONSUMER_CANCELLED;
    for (lev_consumer *c = list->first; c != NULL; c = c->next) {
        if (c->state == CONSUMER_CANCELLED) {
            last = c;
            count++;
        }
    }
    if (count > CONSUMERS_CANCELLED) {
        lev_consumers_remove(list, a, last);
    }
}

void lev_consumers_remove(lev_consumers *list, const lev_allocator *a, lev_consumer *consumer) {
    for (lev_consumer **at = &list->first; *at != NULL; at = &(*at)->next) {
        if (*at == consumer) {
            *at = consumer->next;
            lev_release(a, consumer);
            return;
        }
    }
}

void lev_consumers_deinit(lev_consumers *list, const lev_allocator *a) {
    while (list->first != NULL) {
        lev_consumers_remove(list, a, list->first);
    }
}
