/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A message is copied before the lock is taken, and the owner takes all that is there at once, so
 * the lock guards a few pointers and counters, never work. A byte lies in the pipe exactly while
 * `told` is set, and both change under the lock: so there is one wakeup for whatever has come since
 * the owner looked last, and none is lost.
 *
 * What the owner has taken counts as waiting until it is published; what is published is under way
 * in `flight`, by number, until its outcome. Every message is in one of the three places, or told.
 *
 * Publishing never waits here. Where it is refused the outbox is `held`, and has nothing to do
 * until bytes were written or an event came.
 *
 * Rejected: a queue without a lock (it cannot wait, and the malloc of the copy costs more); the
 * lock around the client itself (its calls wait for the broker). */

#include "outbox.h"

#include "flight.h"
#include "gate.h"
#include "pack.h"
#include "state.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <leveret/memory.h>
#include <unistd.h>

typedef struct outbox_item {
    struct outbox_item *next;
    void *tag;
    size_t size;
    lev_publication publication;
    lev_properties properties;
    uint8_t bytes[];
} outbox_item;

/* In the order in which they came. */
typedef struct outbox_list {
    outbox_item *first;
    outbox_item *last;
} outbox_list;

struct lev_outbox {
    lev_outbox_options set;
    lev_allocator memory; /* the client's */
    uint16_t channel;
    int wake[2];
    lev_gate gate;
    atomic_uint_least64_t left;

    /* Behind the gate. */
    outbox_list put;
    size_t count; /* of those that wait, also in `taken` */
    size_t bytes;
    unsigned waiting; /* threads, for room */
    bool closed;
    atomic_bool told; /* the owner may look without the gate */

    /* The owner's. */
    lev_client *client;
    outbox_list taken;
    lev_flight flight;
    lev_outcome outcome; /* of those that land */
    bool held;
};

static void outbox_append(outbox_list *list, outbox_list more) {
    if (list->first == NULL) {
        *list = more;
    } else if (more.first != NULL) {
        list->last->next = more.first;
        list->last = more.last;
    }
}

/* ---- any thread ------------------------------------------------------------------------------ */

static outbox_item *outbox_copy(const lev_allocator *a, const lev_publication *message, void *tag) {
    lev_publication plain = *message;
    lev_publication counted;
    lev_properties properties;
    lev_packer count = {NULL, 0};
    plain.lend = false;
    plain.token = NULL;
    lev_pack_publication(&count, &counted, &properties, &plain);
    outbox_item *item = lev_memory_new(a, sizeof *item + count.len);
    if (item != NULL) {
        lev_packer copy = {item->bytes, 0};
        item->next = NULL;
        item->tag = tag;
        item->size = sizeof *item + count.len;
        lev_pack_publication(&copy, &item->publication, &item->properties, &plain);
    }
    return item;
}

static bool outbox_full(const lev_outbox *o) {
    return o->count >= o->set.count || o->bytes >= o->set.bytes;
}

/* Behind the gate: waits for room. */
static lev_status outbox_wait(lev_outbox *o, int wait_ms) {
    uint64_t until = wait_ms < 0 ? UINT64_MAX : lev_net_now() + (uint64_t)wait_ms;
    bool called = true;
    while (!o->closed && outbox_full(o) && called) {
        if (wait_ms == 0) {
            return LEV_AGAIN;
        }
        o->waiting++;
        called = gate_wait(&o->gate, until);
        o->waiting--;
    }
    if (o->closed) {
        return LEV_ERR_CLOSED;
    }
    return outbox_full(o) ? LEV_ERR_TIMEOUT : LEV_OK;
}

/* Behind the gate: tells the owner. */
static void outbox_wake(lev_outbox *o) {
    if (!o->told) {
        o->told = write(o->wake[1], "", 1) == 1;
    }
}

lev_status lev_outbox_put(lev_outbox *o, const lev_publication *message, void *tag, int wait_ms) {
    outbox_item *item = outbox_copy(&o->memory, message, tag);
    if (item == NULL) {
        return LEV_ERR_MEMORY;
    }
    gate_enter(&o->gate);
    lev_status status = o->closed || outbox_full(o) ? outbox_wait(o, wait_ms) : LEV_OK;
    if (status == LEV_OK) {
        outbox_append(&o->put, (outbox_list){item, item});
        o->count++;
        o->bytes += item->size;
        atomic_fetch_add_explicit(&o->left, 1, memory_order_relaxed);
        outbox_wake(o);
    }
    gate_leave(&o->gate);
    if (status != LEV_OK) {
        lev_memory_free(item);
    }
    return status;
}

uint64_t lev_outbox_left(const lev_outbox *o) { return atomic_load(&o->left); }

void lev_outbox_close(lev_outbox *o) {
    gate_enter(&o->gate);
    o->closed = true;
    outbox_wake(o);
    gate_call(&o->gate);
    gate_leave(&o->gate);
}

int lev_outbox_fd(const lev_outbox *o) { return o->wake[0]; }

/* ---- the owner ------------------------------------------------------------------------------- */

static void outbox_tell(lev_outbox *o, void *tag, lev_outcome outcome, lev_status status) {
    atomic_fetch_sub(&o->left, 1);
    if (o->set.hook != NULL) {
        o->set.hook(o->set.context, tag, outcome, status);
    }
}

static void outbox_land(void *context, void *tag) {
    lev_outbox *o = context;
    outbox_tell(o, tag, o->outcome, LEV_OK);
}

static void outbox_settle(lev_outbox *o, uint64_t first, uint64_t last, lev_outcome outcome) {
    o->outcome = outcome;
    lev_flight_land(&o->flight, first, last, outbox_land, o);
}

/* Takes what was put. */
static void outbox_collect(lev_outbox *o) {
    char byte;
    if (!o->told) {
        return;
    }
    gate_enter(&o->gate);
    outbox_append(&o->taken, o->put);
    o->put = (outbox_list){NULL, NULL};
    o->told = read(o->wake[0], &byte, 1) != 1;
    gate_leave(&o->gate);
}

/* Makes room for more. */
static void outbox_make_room(lev_outbox *o, size_t count, size_t bytes) {
    gate_enter(&o->gate);
    o->count -= count;
    o->bytes -= bytes;
    if (o->waiting > 0) {
        gate_call(&o->gate);
    }
    gate_leave(&o->gate);
}

/* Returns LEV_AGAIN where the message has to wait. */
static lev_status outbox_publish(lev_client *c, lev_outbox *o, const outbox_item *item) {
    uint64_t number;
    if (!lev_flight_reserve(&o->flight, &o->memory)) {
        return LEV_ERR_MEMORY;
    }
    lev_status status = lev_publish_offer(c, o->channel, &item->publication, &number);
    if (status == LEV_OK) {
        lev_flight_add(&o->flight, number, item->tag);
    }
    return status;
}

/* Publishes, or with `status` gives up, what was taken. */
static void outbox_work(lev_client *c, lev_outbox *o, lev_status status) {
    size_t count = 0;
    size_t bytes = 0;
    while (o->taken.first != NULL) {
        outbox_item *item = o->taken.first;
        lev_status done = status == LEV_OK ? outbox_publish(c, o, item) : status;
        o->held = done == LEV_AGAIN;
        if (o->held) {
            break;
        }
        o->taken.first = item->next;
        count++;
        bytes += item->size;
        if (done != LEV_OK) {
            outbox_tell(o, item->tag, LEV_NOT_SENT, done);
        }
        lev_memory_free(item);
    }
    if (count > 0) {
        outbox_make_room(o, count, bytes);
    }
}

void lev_outbox_drain(lev_client *c) {
    lev_outbox *o = c->outbox;
    if (o == NULL) {
        return;
    }
    outbox_collect(o);
    if (c->phase != CLIENT_RUNNING || o->taken.first == NULL) {
        return;
    }
    if (c->recovery.active || lev_engine_confirms(c->engine, o->channel)) {
        outbox_work(c, o, LEV_OK);
    } else {
        o->held = true;
    }
}

bool lev_outbox_ready(const lev_client *c) {
    const lev_outbox *o = c->outbox;
    return o != NULL && !o->held && (o->taken.first != NULL || o->told);
}

void lev_outbox_room(lev_client *c) {
    if (c->outbox != NULL) {
        c->outbox->held = false;
    }
}

bool lev_outbox_takes(lev_client *c) {
    lev_outbox *o = c->outbox;
    if (o == NULL || c->event.type != LEV_EVENT_OUTCOME || c->event.channel != o->channel) {
        return false;
    }
    outbox_settle(o, c->event.first, c->event.last, c->event.outcome);
    return true;
}

void lev_outbox_over(lev_client *c) {
    lev_outbox *o = c->outbox;
    if (o != NULL) {
        lev_outbox_close(o);
        outbox_collect(o);
        outbox_work(c, o, LEV_ERR_CLOSED);
    }
}

void lev_outbox_orphan(lev_client *c) {
    lev_outbox *o = c->outbox;
    if (o != NULL) {
        lev_outbox_over(c);
        outbox_settle(o, 0, UINT64_MAX, LEV_IN_DOUBT);
        lev_watch_drop(&c->watch, o->wake[0]);
        c->outbox = NULL;
        o->client = NULL;
    }
}

static lev_verdict outbox_judge(const lev_wait *w, const lev_event *event) {
    if (event->type == LEV_EVENT_CHANNEL_CLOSED && event->channel == w->channel) {
        return LEV_DONE;
    }
    return event->type == LEV_EVENT_WRITABLE ? LEV_DROP : LEV_KEEP;
}

static bool outbox_met(const lev_wait *w, const lev_client *c) {
    lev_outbox *o = c->outbox;
    (void)w;
    gate_enter(&o->gate);
    bool closed = o->closed;
    gate_leave(&o->gate);
    return closed && lev_outbox_left(o) == 0;
}

lev_status lev_outbox_run(lev_outbox *o) {
    lev_client *c = o->client;
    lev_wait w = {
        .judge = outbox_judge, .met = outbox_met, .ms = LEV_FOREVER, .channel = o->channel};
    if (c == NULL) {
        return LEV_ERR_MISUSE;
    }
    if (c->phase == CLIENT_NEW) {
        return lev_report_call(c, o->channel, "", LEV_ERR_MISUSE);
    }
    lev_status status = lev_loop_until(c, &w);
    return status == LEV_OK && w.event.type == LEV_EVENT_CHANNEL_CLOSED
               ? lev_report_closed(c, w.event.error)
               : status;
}

/* ---- its life -------------------------------------------------------------------------------- */

lev_outbox *lev_outbox_new(lev_client *c, uint16_t channel, const lev_outbox_options *options) {
    lev_outbox *o = c->outbox == NULL ? lev_memory_zeroed(&c->given.allocator, sizeof *o) : NULL;
    if (o == NULL) {
        return NULL;
    }
    if (pipe2(o->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        lev_memory_free(o);
        return NULL;
    }
    if (!gate_init(&o->gate)) {
        close(o->wake[0]);
        close(o->wake[1]);
        lev_memory_free(o);
        return NULL;
    }
    o->set = options != NULL ? *options : (lev_outbox_options){.count = 0};
    o->set.count = o->set.count != 0 ? o->set.count : LEV_OUTBOX_COUNT;
    o->set.bytes = o->set.bytes != 0 ? o->set.bytes : LEV_OUTBOX_BYTES;
    o->memory = c->given.allocator;
    o->channel = channel;
    o->client = c;
    o->closed = c->phase == CLIENT_ENDED;
    atomic_init(&o->left, 0);
    atomic_init(&o->told, false);
    c->outbox = o;
    lev_watch_add(&c->watch, o->wake[0]);
    return o;
}

void lev_outbox_free(lev_outbox *o) {
    if (o == NULL) {
        return;
    }
    if (o->client != NULL) {
        lev_outbox_orphan(o->client);
    }
    lev_flight_deinit(&o->flight);
    gate_deinit(&o->gate);
    close(o->wake[0]);
    close(o->wake[1]);
    lev_memory_free(o);
}
