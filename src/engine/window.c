/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The window of unsettled publishes: a ring in the order of their numbers. A broker settles in any
 * order, singly or in ranges, so an entry is first marked and leaves the ring when all before it
 * have left.
 *
 * Settling is a walk that can pause after each range of equal outcomes, because an engine hands out
 * one event a call. Invariant: every number that lev_window_add returned comes out of
 * lev_window_take exactly once, with one outcome.
 *
 * The hash only has to tell messages of one channel apart, not to withstand an attacker: the
 * broker, who alone could exploit a collision, could as well drop the message. */

#include "window.h"

#include <assert.h>
#include <string.h>

void lev_window_init(lev_window *w) {
    lev_unsettled *ring = w->ring;
    size_t cap = w->cap;
    *w = (lev_window){.ring = ring, .cap = cap, .first = 1};
}

void lev_window_deinit(lev_window *w, const lev_allocator *a) {
    lev_release(a, w->ring);
    *w = (lev_window){.first = 1};
}

static lev_unsettled *window_entry(const lev_window *w, uint64_t number) {
    return &w->ring[(w->head + (size_t)(number - w->first)) & (w->cap - 1)];
}

bool lev_window_expect(lev_window *w, const lev_allocator *a) {
    if (w->count < w->cap) {
        return true;
    }
    size_t before = w->cap;
    lev_unsettled *ring = lev_reserve(a, w->ring, &w->cap, w->count + 1, sizeof *ring);
    if (ring == NULL) {
        return false;
    }
    w->ring = ring;
    if (w->head > 0) {
        size_t behind = before - w->head;
        memmove(ring + w->cap - behind, ring + w->head, behind * sizeof *ring);
        w->head = w->cap - behind;
    }
    return true;
}

uint64_t lev_window_add(lev_window *w, const lev_unsettled *publish) {
    assert(w->count < w->cap);
    uint64_t number = w->first + w->count;
    w->count++;
    w->open++;
    *window_entry(w, number) = *publish;
    return number;
}

bool lev_window_settle(lev_window *w, uint64_t tag, bool multiple, lev_outcome as) {
    uint64_t behind = w->first + w->count;
    if (tag >= behind || (tag == 0 && !multiple)) {
        return false;
    }
    uint64_t last = tag == 0 ? behind - 1 : tag;
    uint64_t next = multiple || last < w->first ? w->first : last;
    w->settling = last >= w->first;
    w->settle_next = next;
    w->settle_last = last;
    w->settle_as = as;
    return true;
}

void lev_window_abandon(lev_window *w, uint64_t cut) {
    w->settling = w->count > 0;
    w->settle_next = w->first;
    w->settle_last = w->first + w->count - 1;
    w->settle_as = LEV_IN_DOUBT;
    w->cut = cut;
}

static lev_outcome window_outcome(const lev_window *w, const lev_unsettled *u) {
    if (w->settle_as == LEV_NACKED) {
        return LEV_NACKED;
    }
    if (u->returned) {
        return LEV_RETURNED;
    }
    if (w->settle_as == LEV_IN_DOUBT && u->end > w->cut) {
        return LEV_NOT_SENT;
    }
    return w->settle_as;
}

static void window_shrink(lev_window *w) {
    while (w->count > 0 && w->ring[w->head].settled) {
        w->head = (w->head + 1) & (w->cap - 1);
        w->first++;
        w->count--;
    }
    if (w->count == 0) {
        w->head = 0;
    }
}

/* A broker does not nack what it returned, so the return that was tied to a nacked publish belongs
 * to an equal one. */
static void window_pass_return_on(lev_window *w, const lev_unsettled *u) {
    if (u->returned && w->settle_as == LEV_NACKED) {
        (void)lev_window_return(w, u->digest);
    }
}

bool lev_window_take(lev_window *w, uint64_t *first, uint64_t *last, lev_outcome *outcome) {
    if (!w->settling) {
        return false;
    }
    uint64_t i = w->settle_next;
    while (i <= w->settle_last && window_entry(w, i)->settled) {
        i++;
    }
    if (i > w->settle_last) {
        w->settling = false;
        return false;
    }
    *first = i;
    *outcome = window_outcome(w, window_entry(w, i));
    for (; i <= w->settle_last; i++) {
        lev_unsettled *u = window_entry(w, i);
        if (u->settled || window_outcome(w, u) != *outcome) {
            break;
        }
        u->settled = true;
        w->open--;
        window_pass_return_on(w, u);
    }
    *last = i - 1;
    w->settle_next = i;
    window_shrink(w);
    if (w->settle_next < w->first) {
        w->settle_next = w->first;
    }
    return true;
}

static bool window_may_return(const lev_unsettled *u) {
    return u->mandatory && !u->settled && !u->returned;
}

uint64_t lev_window_return(lev_window *w, lev_digest digest) {
    uint64_t loose = 0;
    uint64_t behind = w->first + w->count;
    w->look = w->look > w->first ? w->look : w->first;
    while (w->look < behind && !window_may_return(window_entry(w, w->look))) {
        w->look++;
    }
    for (uint64_t n = w->look; n < behind; n++) {
        lev_unsettled *u = window_entry(w, n);
        if (!window_may_return(u)) {
            continue;
        }
        if (u->digest.exact == digest.exact) {
            u->returned = true;
            return n;
        }
        if (loose == 0 && u->digest.loose == digest.loose) {
            loose = n;
        }
    }
    if (loose != 0) {
        window_entry(w, loose)->returned = true;
    }
    return loose;
}

static uint64_t hash_load(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t hash_mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

uint64_t lev_hash(uint64_t seed, lev_span bytes) {
    uint64_t h = hash_mix(seed, bytes.len);
    size_t i = 0;
    if (bytes.len >= 64) {
        uint64_t lane[4] = {h, h + 1, h + 2, h + 3};
        for (; bytes.len - i >= 32; i += 32) {
            for (size_t k = 0; k < 4; k++) {
                lane[k] = hash_mix(lane[k], hash_load(bytes.ptr + i + 8 * k));
            }
        }
        h = hash_mix(hash_mix(lane[0], lane[1]), hash_mix(lane[2], lane[3]));
    }
    for (; bytes.len - i >= 8; i += 8) {
        h = hash_mix(h, hash_load(bytes.ptr + i));
    }
    uint64_t rest = 0;
    if (bytes.len > i) {
        memcpy(&rest, bytes.ptr + i, bytes.len - i);
    }
    return hash_mix(h, rest);
}

/* A body is hashed block after block, each with the sum so far as its seed, and last what is left
 * of it. */
uint64_t lev_hash_body(lev_span body) {
    uint64_t sum = 0;
    while (body.len >= LEV_HASH_BLOCK) {
        sum = lev_hash(sum, (lev_span){body.ptr, LEV_HASH_BLOCK});
        body.ptr += LEV_HASH_BLOCK;
        body.len -= LEV_HASH_BLOCK;
    }
    return lev_hash(sum, body);
}

void lev_hasher_add(lev_hasher *h, lev_span piece) {
    while (piece.len > 0) {
        size_t room = LEV_HASH_BLOCK - h->fill;
        size_t n = piece.len < room ? piece.len : room;
        if (n < LEV_HASH_BLOCK) {
            memcpy(h->block + h->fill, piece.ptr, n);
            h->fill += n;
        }
        if (n == room) {
            h->sum = lev_hash(
                h->sum, (lev_span){n < LEV_HASH_BLOCK ? h->block : piece.ptr, LEV_HASH_BLOCK});
            h->fill = 0;
        }
        piece.ptr += n;
        piece.len -= n;
    }
}

uint64_t lev_hasher_end(const lev_hasher *h) {
    return lev_hash(h->sum, (lev_span){h->block, h->fill});
}

lev_digest lev_digest_of(lev_digest envelope, uint64_t body) {
    return (lev_digest){hash_mix(envelope.exact, body), hash_mix(envelope.loose, body)};
}
