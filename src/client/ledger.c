/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A ring with one parcel a publish, of all channels, in the order of publishing; and for each
 * channel a ring of slots, the positions of its parcels.
 *
 * Invariants: what stands before `cursor` was sent in this connection or has its outcome, what
 * stands behind was not sent. A channel's slots are in order, and the i-th is the engine's number
 * `engine + i` for i < sent; so no number is searched for. Losing the connection closes the gaps of
 * what has its outcome, and the numbers begin with 1 again.
 *
 * A parcel is dead when it has its outcome and, where its body was lent, the engine needs that no
 * more either: an ack may come before the last byte was written.
 *
 * Rejected: a copy of the frames as sent (they depend on the negotiated limits), and a ring a
 * channel (memory would be bounded only for each). */

#include "ledger.h"
#include "parcel.h"

#include <assert.h>
#include <string.h>

enum { LEDGER_SLOTS = 64 };

#define LEDGER_GONE UINT64_MAX /* the slot of what has its outcome */

typedef struct lev_ledger_channel {
    uint64_t last; /* public number */
    uint64_t engine;
    uint64_t *slots;
    size_t cap;
    size_t head;
    size_t count;
    size_t sent;
    size_t open; /* of `count`, without an outcome */
} lev_ledger_channel;

static lev_parcel *ledger_at(const lev_ledger *l, uint64_t at) { return lev_ring_at(&l->ring, at); }

static uint64_t *ledger_slot(const lev_ledger_channel *ch, size_t i) {
    return &ch->slots[(ch->head + i) & (ch->cap - 1)];
}

void lev_ledger_init(lev_ledger *l, const lev_allocator *a, size_t count_max, size_t bytes_max) {
    *l = (lev_ledger){.ring.memory = a, .count_max = count_max, .bytes_max = bytes_max};
}

void lev_ledger_deinit(lev_ledger *l) {
    for (size_t i = 0; i < l->channels_len; i++) {
        if (l->channels[i] != NULL) {
            lev_memory_free(l->channels[i]->slots);
        }
        lev_memory_free(l->channels[i]);
    }
    lev_memory_free(l->channels);
    lev_ring_deinit(&l->ring);
    *l = (lev_ledger){.count_max = 0};
}

/* ---- entering -------------------------------------------------------------------------------- */

static lev_ledger_channel *ledger_find(const lev_ledger *l, uint16_t channel) {
    return channel < l->channels_len ? l->channels[channel] : NULL;
}

static bool ledger_table_grow(lev_ledger *l, size_t len) {
    lev_ledger_channel **table =
        lev_memory_resize(l->ring.memory, l->channels, len * sizeof(lev_ledger_channel *));
    if (table == NULL) {
        return false;
    }
    l->channels = table;
    while (l->channels_len < len) {
        table[l->channels_len++] = NULL;
    }
    return true;
}

static lev_ledger_channel *ledger_obtain(lev_ledger *l, uint16_t channel) {
    lev_ledger_channel *ch = ledger_find(l, channel);
    if (ch != NULL) {
        return ch;
    }
    if (channel >= l->channels_len && !ledger_table_grow(l, (size_t)channel + 1)) {
        return NULL;
    }
    l->channels[channel] = lev_memory_zeroed(l->ring.memory, sizeof *ch);
    return l->channels[channel];
}

/* Makes room for one slot more. */
static bool ledger_expect_slot(const lev_ledger *l, lev_ledger_channel *ch) {
    if (ch->count < ch->cap) {
        return true;
    }
    size_t cap = ch->cap == 0 ? LEDGER_SLOTS : 2 * ch->cap;
    uint64_t *slots = lev_memory_resize(l->ring.memory, ch->slots, cap * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    memcpy(slots + ch->cap, slots, ch->head * sizeof *slots); /* what had wrapped */
    ch->slots = slots;
    ch->cap = cap;
    return true;
}

/* The ring is never larger than the power of two that holds all that may be kept. */
static bool ledger_fits(const lev_ledger *l, size_t size) {
    size_t used = lev_ring_used(&l->ring);
    if (used == 0) {
        return true;
    }
    size_t cap = lev_ring_cap(&l->ring, size);
    bool bounded = cap == l->ring.cap || (cap != 0 && cap / 2 < l->bytes_max);
    return bounded && l->kept < l->count_max && used < l->bytes_max && size <= l->bytes_max - used;
}

bool lev_ledger_has_room(const lev_ledger *l) { return l->need == 0 || ledger_fits(l, l->need); }

lev_status lev_ledger_prepare(lev_ledger *l, uint16_t channel, const lev_publication *p,
                              bool keep) {
    size_t size = keep ? lev_parcel_size(p) : LEV_RING_UNIT;
    lev_ledger_channel *ch = ledger_obtain(l, channel);
    if (ch == NULL || size == 0 || !ledger_expect_slot(l, ch)) {
        return LEV_ERR_MEMORY;
    }
    if (keep && !ledger_fits(l, size)) {
        l->need = size;
        return LEV_AGAIN;
    }
    l->need = 0;
    if (!lev_ring_expect(&l->ring, size, &l->prepared_at)) {
        return LEV_ERR_MEMORY;
    }
    lev_parcel *r = ledger_at(l, l->prepared_at);
    *r = (lev_parcel){.block = {.size = size}, .channel = channel};
    l->prepared = ch;
    return keep ? lev_parcel_write(r, p) : LEV_OK;
}

/* A position, made to fit a pointer and not to be NULL. */
static void *ledger_token(const lev_parcel *r, uint64_t at) {
    return (r->flags & LEV_PARCEL_AWAITED) != 0 ? (void *)((uintptr_t)at | 1) : NULL;
}

void *lev_ledger_token(const lev_ledger *l) {
    return ledger_token(ledger_at(l, l->prepared_at), l->prepared_at);
}

static void ledger_bind(lev_ledger_channel *ch, uint64_t engine) {
    if (ch->sent == 0) {
        ch->engine = engine;
    }
    assert(ch->engine + ch->sent == engine);
    ch->sent++;
}

uint64_t lev_ledger_add(lev_ledger *l, uint64_t engine) {
    lev_ledger_channel *ch = l->prepared;
    lev_parcel *r = ledger_at(l, l->prepared_at);
    lev_ring_add(&l->ring, l->prepared_at);
    r->number = ++ch->last;
    l->kept += (r->flags & LEV_PARCEL_KEPT) != 0;
    *ledger_slot(ch, ch->count) = l->prepared_at;
    ch->count++;
    ch->open++;
    l->unsent += engine == 0;
    if (engine != 0) {
        ledger_bind(ch, engine);
        l->cursor = l->ring.tail;
    }
    return r->number;
}

void lev_ledger_lend(lev_ledger *l) {
    lev_parcel *r = ledger_at(l, l->prepared_at);
    lev_ring_add(&l->ring, l->prepared_at);
    r->flags |= LEV_PARCEL_SETTLED;
    if (l->unsent == 0) {
        l->cursor = l->ring.tail;
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

bool lev_ledger_unsent(lev_ledger *l, lev_ledger_message *m) {
    if (l->unsent == 0) {
        return false;
    }
    const lev_parcel *r = ledger_at(l, l->cursor);
    while (r->block.dead || (r->flags & LEV_PARCEL_SETTLED) != 0) {
        l->cursor += r->block.size;
        r = ledger_at(l, l->cursor);
    }
    lev_parcel_read(r, &m->publication, &m->properties);
    m->publication.token = ledger_token(r, l->cursor);
    m->channel = r->channel;
    m->in_doubt = (r->flags & LEV_PARCEL_DOUBT) != 0;
    return true;
}

void lev_ledger_sent(lev_ledger *l, uint64_t engine) {
    const lev_parcel *r = ledger_at(l, l->cursor);
    ledger_bind(ledger_find(l, r->channel), engine);
    l->cursor += r->block.size;
    l->unsent--;
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static void ledger_walk(lev_ledger *l, lev_ledger_channel *ch, lev_ledger_walk walk) {
    assert(l->walk.ch == NULL);
    l->walk = walk;
    l->walk.ch = ch;
}

void lev_ledger_settle(lev_ledger *l, const lev_event *outcome, bool keeps) {
    lev_ledger_channel *ch = ledger_find(l, outcome->channel);
    if (ch == NULL || ch->sent == 0 || outcome->last < ch->engine) {
        return;
    }
    uint64_t first = outcome->first > ch->engine ? outcome->first - ch->engine : 0;
    uint64_t behind = outcome->last - ch->engine + 1;
    ledger_walk(l, ch,
                (lev_ledger_walk){.next = (size_t)(first < ch->sent ? first : ch->sent),
                                  .behind = (size_t)(behind < ch->sent ? behind : ch->sent),
                                  .outcome = outcome->outcome,
                                  .keeps = keeps});
}

void lev_ledger_refuse(lev_ledger *l) {
    lev_ledger_channel *ch = ledger_find(l, ledger_at(l, l->cursor)->channel);
    ledger_walk(
        l, ch,
        (lev_ledger_walk){
            .next = ch->sent, .behind = ch->sent + 1, .outcome = LEV_NOT_SENT, .unbound = true});
}

void lev_ledger_drop(lev_ledger *l, uint16_t channel) {
    lev_ledger_channel *ch = ledger_find(l, channel);
    if (ch != NULL && ch->open > 0) {
        ledger_walk(l, ch, (lev_ledger_walk){.behind = ch->count, .outcome = LEV_NOT_SENT});
    }
}

void lev_ledger_give_up(lev_ledger *l) {
    l->need = 0;
    l->drops = l->channels_len;
}

/* Returns the parcel of the walk's next slot; NULL where it has its outcome. */
static lev_parcel *ledger_walk_parcel(const lev_ledger *l) {
    uint64_t at = *ledger_slot(l->walk.ch, l->walk.next);
    lev_parcel *r = at != LEDGER_GONE ? ledger_at(l, at) : NULL;
    return r != NULL && (r->flags & LEV_PARCEL_SETTLED) == 0 ? r : NULL;
}

/* Notes the outcome of a lost connection where that is not the end of it. */
static bool ledger_walk_keeps(const lev_ledger_walk *w, lev_parcel *r) {
    bool ends = w->outcome != LEV_NOT_SENT && w->outcome != LEV_IN_DOUBT;
    if (!w->keeps || ends || (r->flags & LEV_PARCEL_KEPT) == 0) {
        return false;
    }
    r->flags |= w->outcome == LEV_IN_DOUBT ? LEV_PARCEL_DOUBT : 0;
    return true;
}

/* Gives a parcel its outcome. One that was lent keeps its slot until ledger_tell_lent. */
static void ledger_walk_end(lev_ledger *l, lev_parcel *r) {
    lev_ledger_walk *w = &l->walk;
    r->flags |= LEV_PARCEL_SETTLED;
    w->ch->open--;
    l->unsent -= w->next >= w->ch->sent;
    l->kept -= (r->flags & LEV_PARCEL_KEPT) != 0;
    if ((r->flags & LEV_PARCEL_AWAITED) != 0) {
        w->lent_behind = w->next + 1;
    } else {
        r->block.dead = true;
        *ledger_slot(w->ch, w->next) = LEDGER_GONE;
    }
}

static bool ledger_tell_range(lev_ledger *l, lev_event *event) {
    lev_ledger_walk *w = &l->walk;
    bool begun = false;
    for (; w->next < w->behind; w->next++) {
        lev_parcel *r = ledger_walk_parcel(l);
        if (r == NULL || ledger_walk_keeps(w, r)) {
            continue;
        }
        bool doubt = w->outcome == LEV_NOT_SENT && (r->flags & LEV_PARCEL_DOUBT) != 0;
        lev_outcome outcome = doubt ? LEV_IN_DOUBT : w->outcome;
        if (begun && (r->number != event->last + 1 || outcome != event->outcome)) {
            break;
        }
        if (!begun) {
            *event = (lev_event){.type = LEV_EVENT_OUTCOME,
                                 .channel = r->channel,
                                 .first = r->number,
                                 .outcome = outcome};
            w->lent = w->next;
            begun = true;
        }
        event->last = r->number;
        ledger_walk_end(l, r);
    }
    return begun;
}

/* Releases what was lent and has just got its outcome, unless the engine still needs it. */
static bool ledger_tell_lent(lev_ledger *l, lev_event *event) {
    lev_ledger_walk *w = &l->walk;
    while (w->lent < w->lent_behind) {
        uint64_t *slot = ledger_slot(w->ch, w->lent++);
        lev_parcel *r = *slot != LEDGER_GONE ? ledger_at(l, *slot) : NULL;
        if (r == NULL || (r->flags & LEV_PARCEL_SETTLED) == 0) {
            continue;
        }
        bool needed = *slot < l->cursor && (r->flags & LEV_PARCEL_WRITTEN) == 0;
        *slot = LEDGER_GONE;
        if (!needed) {
            r->block.dead = true;
            *event = (lev_event){.type = LEV_EVENT_RELEASED, .token = lev_parcel_token(r)};
            return true;
        }
    }
    return false;
}

static void ledger_shrink(lev_ledger *l) {
    lev_ring_shrink(&l->ring);
    if (l->cursor < l->ring.head || l->cursor > l->ring.tail) {
        l->cursor = l->ring.head;
    }
}

/* An entry without a number of the engine's leaves no gap: those before it move up. */
static void ledger_close_gap(lev_ledger_channel *ch) {
    for (size_t i = ch->sent; i > 0; i--) {
        *ledger_slot(ch, i) = *ledger_slot(ch, i - 1);
    }
    ch->head = (ch->head + 1) & (ch->cap - 1);
    ch->count--;
}

static void ledger_walk_finish(lev_ledger *l) {
    lev_ledger_channel *ch = l->walk.ch;
    if (l->walk.unbound) {
        ledger_close_gap(ch);
    }
    while (ch->count > 0 && *ledger_slot(ch, 0) == LEDGER_GONE) {
        ch->head = (ch->head + 1) & (ch->cap - 1);
        ch->count--;
        ch->engine++;
        ch->sent -= ch->sent > 0;
    }
    ledger_shrink(l);
    l->walk.ch = NULL;
}

bool lev_ledger_tell(lev_ledger *l, lev_event *event) {
    while (l->walk.ch != NULL || l->drops > 0) {
        if (l->walk.ch == NULL) {
            lev_ledger_drop(l, (uint16_t)(l->channels_len - l->drops--));
        } else if (ledger_tell_lent(l, event) || ledger_tell_range(l, event)) {
            return true;
        } else {
            ledger_walk_finish(l);
        }
    }
    return false;
}

bool lev_ledger_written(lev_ledger *l, void **token) {
    uintptr_t position = (uintptr_t)*token & ~(uintptr_t)1;
    lev_parcel *r = ledger_at(l, l->ring.head + (position - (uintptr_t)l->ring.head));
    r->flags |= LEV_PARCEL_WRITTEN;
    if ((r->flags & LEV_PARCEL_SETTLED) == 0) {
        return false;
    }
    *token = lev_parcel_token(r);
    r->block.dead = true;
    ledger_shrink(l);
    return true;
}

static void ledger_channel_lost(lev_ledger *l, lev_ledger_channel *ch) {
    size_t left = 0;
    for (size_t i = 0; i < ch->count; i++) {
        uint64_t at = *ledger_slot(ch, i);
        if (at != LEDGER_GONE) {
            *ledger_slot(ch, left++) = at;
            ledger_at(l, at)->flags &= (uint8_t)~LEV_PARCEL_WRITTEN;
        }
    }
    ch->count = left;
    ch->sent = 0;
    l->unsent += left;
}

void lev_ledger_lost(lev_ledger *l) {
    l->unsent = 0;
    for (size_t i = 0; i < l->channels_len; i++) {
        if (l->channels[i] != NULL) {
            ledger_channel_lost(l, l->channels[i]);
        }
    }
    l->cursor = l->ring.head;
}

/* ---- queries --------------------------------------------------------------------------------- */

uint64_t lev_ledger_public(const lev_ledger *l, uint16_t channel, uint64_t engine) {
    const lev_ledger_channel *ch = ledger_find(l, channel);
    if (ch == NULL || engine < ch->engine || engine - ch->engine >= ch->sent) {
        return 0;
    }
    uint64_t at = *ledger_slot(ch, (size_t)(engine - ch->engine));
    return at != LEDGER_GONE ? ledger_at(l, at)->number : 0;
}

uint64_t lev_ledger_open(const lev_ledger *l, uint16_t channel) {
    const lev_ledger_channel *ch = ledger_find(l, channel);
    return ch != NULL ? ch->open : 0;
}
