/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A list of calls in the order they were made. A call that undoes another removes it, so the list
 * never holds more than what is there; what depends on a removed entry goes with it, as it does at
 * the broker.
 *
 * Every entry has a place for one name. For a queue that the broker named it is that name, which
 * bindings and consumers know it by; those copy it to their own place when it changes. For a
 * channel it is the queue declared last there, which an empty name stands for (AMQP 0-9-1,
 * queue.bind). */

#include "topology.h"

#include "pack.h"

#include <string.h>

static bool same(lev_span a, lev_span b) { return lev_span_equal(a, b); }

/* Does a call change what there is? */
static bool topology_counts(lev_method_id id, const void *fields) {
    switch ((int)id) {
    case LEV_EXCHANGE_DECLARE:
        return !((const lev_exchange_declare *)fields)->passive;
    case LEV_CHANNEL_OPEN:
    case LEV_CHANNEL_CLOSE:
    case LEV_EXCHANGE_DELETE:
    case LEV_EXCHANGE_BIND:
    case LEV_EXCHANGE_UNBIND:
    case LEV_QUEUE_DECLARE: /* a passive one, too, is the channel's last */
    case LEV_QUEUE_BIND:
    case LEV_QUEUE_UNBIND:
    case LEV_QUEUE_DELETE:
    case LEV_BASIC_QOS:
    case LEV_BASIC_CONSUME:
    case LEV_BASIC_CANCEL:
    case LEV_CONFIRM_SELECT:
    case LEV_TX_SELECT:
        return true;
    default:
        return false;
    }
}

lev_entry *lev_entry_new(const lev_allocator *a, uint16_t channel, lev_method_id id,
                         const void *fields, lev_status *status) {
    *status = LEV_OK;
    if (!topology_counts(id, fields)) {
        return NULL;
    }
    lev_method method = {.id = id};
    memcpy(&method.as, fields, lev_method_describe(id)->size);
    lev_packer count = {NULL, 0};
    lev_method counted = method;
    lev_pack_method(&count, &counted);
    lev_entry *e = lev_memory_zeroed(a, sizeof *e + count.len);
    if (e == NULL) {
        *status = LEV_ERR_MEMORY;
        return NULL;
    }
    e->channel = channel;
    e->method = method;
    lev_pack_method(&(lev_packer){e->bytes, 0}, &e->method);
    return e;
}

lev_turn lev_entry_turn(const lev_entry *e) {
    switch ((int)e->method.id) {
    case LEV_CHANNEL_OPEN:
    case LEV_CONFIRM_SELECT:
    case LEV_TX_SELECT:
        return LEV_TURN_CHANNEL;
    case LEV_BASIC_QOS:
    case LEV_BASIC_CONSUME:
        return LEV_TURN_CONSUMER;
    default:
        return LEV_TURN_ENTITY;
    }
}

/* Keeps a name, at most the 255 bytes of a short string, as the entry's own. */
static lev_span entry_name(lev_entry *e, lev_span name) {
    size_t len = name.len < sizeof e->name ? name.len : sizeof e->name - 1;
    memmove(e->name, name.ptr, len);
    e->name[len] = '\0';
    return (lev_span){(const uint8_t *)e->name, len};
}

/* The name of the queue that an entry is about; an empty one where it is about none. */
static lev_span *entry_queue(lev_entry *e) {
    switch ((int)e->method.id) {
    case LEV_QUEUE_DECLARE:
        return &e->method.as.queue_declare.queue;
    case LEV_QUEUE_BIND:
        return &e->method.as.queue_bind.queue;
    case LEV_QUEUE_UNBIND:
        return &e->method.as.queue_unbind.queue;
    case LEV_QUEUE_DELETE:
        return &e->method.as.queue_delete.queue;
    case LEV_BASIC_CONSUME:
        return &e->method.as.basic_consume.queue;
    default:
        return NULL;
    }
}

static bool entry_is_queue(lev_entry *e, lev_span name) {
    lev_span known = e->server_named ? lev_span_of(e->name) : e->method.as.queue_declare.queue;
    return e->method.id == LEV_QUEUE_DECLARE && same(known, name);
}

static bool entry_is_exchange(const lev_entry *e, lev_span name) {
    return e->method.id == LEV_EXCHANGE_DECLARE &&
           same(e->method.as.exchange_declare.exchange, name);
}

/* What an entry asks about the others, to find those that are to go. */
typedef bool topology_test(lev_entry *other, const lev_entry *by);

/* Removes all for which the test holds, which may be asked about `by` itself. */
static void topology_sweep(lev_topology *t, topology_test *goes, const lev_entry *by) {
    for (lev_entry *e = t->first; e != NULL; e = e->next) {
        e->gone = goes(e, by);
    }
    for (lev_entry **at = &t->first; *at != NULL;) {
        lev_entry *e = *at;
        if (e->gone) {
            *at = e->next;
            lev_memory_free(e);
        } else {
            at = &e->next;
        }
    }
}

static bool same_entry(lev_entry *e, const lev_entry *by) { return e == by; }

static bool needs_queue(lev_entry *e, const lev_entry *by) {
    const lev_span *queue = entry_queue(e);
    lev_span name =
        by->server_named ? lev_span_of(by->name) : *entry_queue((lev_entry *)(uintptr_t)by);
    return queue != NULL && (entry_is_queue(e, name) || same(*queue, name));
}

static bool needs_exchange(lev_entry *e, const lev_entry *by) {
    lev_span name = by->method.id == LEV_EXCHANGE_DELETE ? by->method.as.exchange_delete.exchange
                                                         : by->method.as.exchange_declare.exchange;
    const lev_exchange_bind *bind = &e->method.as.exchange_bind;
    return entry_is_exchange(e, name) ||
           (e->method.id == LEV_QUEUE_BIND && same(e->method.as.queue_bind.exchange, name)) ||
           (e->method.id == LEV_EXCHANGE_BIND &&
            (same(bind->source, name) || same(bind->destination, name)));
}

static bool redeclared_queue(lev_entry *e, const lev_entry *by) {
    return entry_is_queue(e, by->method.as.queue_declare.queue);
}

static bool redeclared_exchange(lev_entry *e, const lev_entry *by) {
    return entry_is_exchange(e, by->method.as.exchange_declare.exchange);
}

static bool equal_entry(lev_entry *e, const lev_entry *by) {
    bool of_channel = lev_entry_turn(e) != LEV_TURN_ENTITY;
    return (!of_channel || e->channel == by->channel) && lev_method_equal(&e->method, &by->method);
}

static bool unbound_queue(lev_entry *e, const lev_entry *by) {
    const lev_queue_bind *bind = &e->method.as.queue_bind;
    const lev_queue_unbind *u = &by->method.as.queue_unbind;
    return e->method.id == LEV_QUEUE_BIND && same(bind->queue, u->queue) &&
           same(bind->exchange, u->exchange) && same(bind->routing_key, u->routing_key) &&
           lev_table_equal(bind->arguments, u->arguments);
}

static bool unbound_exchange(lev_entry *e, const lev_entry *by) {
    const lev_exchange_bind *bind = &e->method.as.exchange_bind;
    const lev_exchange_unbind *u = &by->method.as.exchange_unbind;
    return e->method.id == LEV_EXCHANGE_BIND && same(bind->destination, u->destination) &&
           same(bind->source, u->source) && same(bind->routing_key, u->routing_key) &&
           lev_table_equal(bind->arguments, u->arguments);
}

static bool of_channel(lev_entry *e, const lev_entry *by) {
    return lev_entry_turn(e) != LEV_TURN_ENTITY && e->channel == by->channel;
}

static bool cancelled(lev_entry *e, const lev_entry *by) {
    return e->method.id == LEV_BASIC_CONSUME && e->channel == by->channel &&
           same(e->method.as.basic_consume.consumer_tag, by->method.as.basic_cancel.consumer_tag);
}

/* A limit without a consumer behind it counts for nobody any more. */
static bool same_limit(lev_entry *e, const lev_entry *by) {
    bool match = e->method.id == LEV_BASIC_QOS && e->channel == by->channel &&
                 e->method.as.basic_qos.global == by->method.as.basic_qos.global;
    for (const lev_entry *k = e->next; match && k != NULL; k = k->next) {
        match = k->method.id != LEV_BASIC_CONSUME || k->channel != by->channel;
    }
    return match;
}

static lev_entry *topology_find(const lev_topology *t, topology_test *is, const lev_entry *by) {
    lev_entry *e = t->first;
    while (e != NULL && !is(e, by)) {
        e = e->next;
    }
    return e;
}

static bool consumes_from(lev_entry *e, const lev_entry *by) {
    return e->method.id == LEV_BASIC_CONSUME && needs_queue(e, by);
}

static bool bound_from(lev_entry *e, const lev_entry *by) {
    lev_span name = by->method.as.exchange_declare.exchange;
    return (e->method.id == LEV_QUEUE_BIND && same(e->method.as.queue_bind.exchange, name)) ||
           (e->method.id == LEV_EXCHANGE_BIND && same(e->method.as.exchange_bind.source, name));
}

/* Returns whether the broker has deleted an auto-delete entry, since nothing uses it any more. */
static bool topology_unused(const lev_topology *t, const lev_entry *e) {
    if (!e->used) {
        return false;
    }
    if (e->method.id == LEV_QUEUE_DECLARE) {
        return e->method.as.queue_declare.auto_delete && topology_find(t, consumes_from, e) == NULL;
    }
    return e->method.as.exchange_declare.auto_delete && topology_find(t, bound_from, e) == NULL;
}

/* Removes, and then what has become unused by that: a consumer was a queue's last, that queue's
 * binding an exchange's last, and so on. */
static void topology_remove(lev_topology *t, topology_test *goes, const lev_entry *by) {
    topology_sweep(t, goes, by);
    for (lev_entry *e = t->first; e != NULL;) {
        if (topology_unused(t, e)) {
            topology_sweep(t, e->method.id == LEV_QUEUE_DECLARE ? needs_queue : needs_exchange, e);
            e = t->first;
        } else {
            e = e->next;
        }
    }
}

static void topology_append(lev_topology *t, lev_entry *e) {
    lev_entry **at = &t->first;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = e;
}

/* Takes the place of an earlier declare of the same thing: what was made in between may need it. A
 * name that the broker made stays one, for nobody else may ask for it. Returns false where there
 * was none. */
static bool topology_replace(lev_topology *t, topology_test *is, lev_entry *e) {
    lev_entry **at = &t->first;
    while (*at != NULL && !is(*at, e)) {
        at = &(*at)->next;
    }
    lev_entry *old = *at;
    if (old == NULL) {
        return false;
    }
    e->used = old->used;
    e->next = old->next;
    if (old->server_named) {
        e->server_named = true;
        e->method.as.queue_declare.queue = (lev_span){NULL, 0};
        entry_name(e, lev_span_of(old->name));
    }
    *at = e;
    lev_memory_free(old);
    return true;
}

static bool opens_channel(lev_entry *e, const lev_entry *by) {
    return e->method.id == LEV_CHANNEL_OPEN && e->channel == by->channel;
}

/* Fills an empty queue name in. It stands for the queue declared last on the channel. */
static void topology_resolve(const lev_topology *t, lev_entry *e) {
    lev_span *queue = entry_queue(e);
    const lev_entry *channel = topology_find(t, opens_channel, e);
    if (queue != NULL && queue->len == 0 && e->method.id != LEV_QUEUE_DECLARE && channel != NULL) {
        *queue = entry_name(e, lev_span_of(channel->name));
    }
}

static void topology_use(lev_topology *t, const lev_entry *by) {
    for (lev_entry *e = t->first; e != NULL; e = e->next) {
        if (e->method.id == LEV_QUEUE_DECLARE) {
            e->used = e->used || (by->method.id == LEV_BASIC_CONSUME &&
                                  entry_is_queue(e, by->method.as.basic_consume.queue));
        } else if (e->method.id == LEV_EXCHANGE_DECLARE) {
            lev_entry *binding = (lev_entry *)(uintptr_t)by;
            e->used = e->used || bound_from(binding, e);
        }
    }
}

/* A declared queue is its channel's last. Returns whether it is to be made again, too. */
static bool topology_declared(lev_topology *t, lev_entry *e, const lev_method *reply) {
    lev_queue_declare *queue = &e->method.as.queue_declare;
    lev_span name = queue->queue;
    lev_entry *channel = topology_find(t, opens_channel, e);
    if (reply != NULL && reply->id == LEV_QUEUE_DECLARE_OK) {
        name = reply->as.queue_declare_ok.queue;
    }
    if (channel != NULL) {
        entry_name(channel, name);
    }
    if (queue->passive || name.len == 0) {
        return false;
    }
    if (queue->queue.len == 0) {
        e->server_named = true;
        entry_name(e, name);
    }
    queue->nowait = false;
    return true;
}

/* Adds a call to what is to be made again. */
static void topology_add(lev_topology *t, lev_entry *e, const lev_method *reply) {
    if (e->method.id == LEV_BASIC_CONSUME && reply != NULL && reply->id == LEV_BASIC_CONSUME_OK) {
        lev_basic_consume *consume = &e->method.as.basic_consume;
        if (consume->consumer_tag.len == 0) {
            lev_span tag = reply->as.basic_consume_ok.consumer_tag;
            size_t len = tag.len < sizeof e->tag ? tag.len : sizeof e->tag;
            memcpy(e->tag, tag.ptr, len);
            consume->consumer_tag = (lev_span){e->tag, len};
        }
    }
    bool placed = false;
    if (e->method.id == LEV_BASIC_QOS) {
        topology_sweep(t, same_limit, e);
    } else if (e->method.id == LEV_EXCHANGE_DECLARE) {
        placed = topology_replace(t, redeclared_exchange, e);
    } else if (e->method.id == LEV_QUEUE_DECLARE) {
        placed = topology_replace(t, redeclared_queue, e);
    } else {
        topology_sweep(t, equal_entry, e);
    }
    if (!placed) {
        topology_append(t, e);
    }
    topology_use(t, e);
}

/* Returns what a call makes forgotten; NULL for one that makes something. */
static topology_test *topology_undoes(const lev_entry *e) {
    switch ((int)e->method.id) {
    case LEV_CHANNEL_CLOSE:
        return of_channel;
    case LEV_EXCHANGE_DELETE:
        return needs_exchange;
    case LEV_EXCHANGE_UNBIND:
        return unbound_exchange;
    case LEV_QUEUE_DELETE:
        return needs_queue;
    case LEV_QUEUE_UNBIND:
        return unbound_queue;
    case LEV_BASIC_CANCEL:
        return cancelled;
    default:
        return NULL;
    }
}

void lev_topology_note(lev_topology *t, lev_entry *e, const lev_method *reply) {
    topology_resolve(t, e);
    topology_test *goes = topology_undoes(e);
    bool stays = goes == NULL;
    if (!stays) {
        topology_remove(t, goes, e);
    } else if (e->method.id == LEV_QUEUE_DECLARE) {
        stays = topology_declared(t, e, reply);
    }
    if (stays) {
        topology_add(t, e, reply);
    } else {
        lev_memory_free(e);
    }
}

void lev_topology_channel_closed(lev_topology *t, uint16_t channel) {
    topology_remove(t, of_channel, &(lev_entry){.channel = channel});
}

void lev_topology_cancelled(lev_topology *t, uint16_t channel, lev_span tag) {
    lev_entry by = {.channel = channel, .method = {.id = LEV_BASIC_CANCEL}};
    by.method.as.basic_cancel.consumer_tag = tag;
    topology_remove(t, cancelled, &by);
}

void lev_topology_drop(lev_topology *t, lev_entry *e) {
    topology_test *goes = e->method.id == LEV_QUEUE_DECLARE      ? needs_queue
                          : e->method.id == LEV_EXCHANGE_DECLARE ? needs_exchange
                          : e->method.id == LEV_CHANNEL_OPEN     ? of_channel
                                                                 : same_entry;
    topology_remove(t, goes, e);
}

void lev_topology_renamed(lev_topology *t, lev_entry *e, lev_span name) {
    char before[sizeof e->name];
    memcpy(before, e->name, sizeof before);
    for (lev_entry *k = t->first; k != NULL; k = k->next) {
        lev_span *queue = entry_queue(k);
        if (queue != NULL && k != e && same(*queue, lev_span_of(before))) {
            *queue = entry_name(k, name);
        } else if (k->method.id == LEV_CHANNEL_OPEN && strcmp(k->name, before) == 0) {
            entry_name(k, name);
        }
    }
    entry_name(e, name);
}

bool lev_topology_has_channel(const lev_topology *t, uint16_t channel) {
    return topology_find(t, opens_channel, &(lev_entry){.channel = channel}) != NULL;
}

bool lev_topology_has_consumer(const lev_topology *t, uint16_t channel, lev_span tag) {
    lev_entry by = {.channel = channel, .method = {.id = LEV_BASIC_CANCEL}};
    by.method.as.basic_cancel.consumer_tag = tag;
    return topology_find(t, cancelled, &by) != NULL;
}

static bool confirms(lev_entry *e, const lev_entry *by) {
    return e->method.id == LEV_CONFIRM_SELECT && e->channel == by->channel;
}

bool lev_topology_confirms(const lev_topology *t, uint16_t channel) {
    return topology_find(t, confirms, &(lev_entry){.channel = channel}) != NULL;
}

void lev_topology_deinit(lev_topology *t) {
    while (t->first != NULL) {
        lev_entry *e = t->first;
        t->first = e->next;
        lev_memory_free(e);
    }
}
