/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What makes it safe to ack with `multiple`: a broker then settles all it has delivered up to a
 * tag, so nothing down there may still be the program's to decide. Tags of a channel count all its
 * deliveries, of every consumer and of basic.get, with and without acks.
 *
 * Invariant: no delivery that was seen, wants an ack and is not settled has a tag up to `floor` or
 * a bit in `ahead`. `floor` moves over tags that were seen settled, one by one, and never over a
 * gap; a broker whose tags have gaps, or come twice, gets single acks. So does a program that
 * leaves one delivery open while it settles LEV_ACKS_AHEAD later ones: a farther tag is not noted,
 * and stays a gap until a multiple ack goes over it. Rejected: a set of any size, which a hostile
 * broker could make grow. */

#include "acks.h"

static uint64_t acks_bit(uint64_t tag) { return UINT64_C(1) << (tag % 64); }

static uint64_t *acks_word(lev_acks *a, uint64_t tag) {
    return &a->ahead[tag % LEV_ACKS_AHEAD / 64];
}

static bool acks_ahead(const lev_acks *a, uint64_t tag) {
    return (a->ahead[tag % LEV_ACKS_AHEAD / 64] & acks_bit(tag)) != 0;
}

void lev_acks_deliver(lev_acks *a, uint64_t tag) {
    if (tag <= a->floor) {
        *a = (lev_acks){.floor = tag - 1};
    } else if (tag - a->floor <= LEV_ACKS_AHEAD) {
        *acks_word(a, tag) &= ~acks_bit(tag);
    }
}

uint64_t lev_acks_floor_after(const lev_acks *a, uint64_t tag, bool multiple) {
    if (tag <= a->floor || (tag - a->floor > 1 && !multiple)) {
        return a->floor;
    }
    uint64_t floor = tag;
    while (floor - a->floor < LEV_ACKS_AHEAD && acks_ahead(a, floor + 1)) {
        floor++;
    }
    return floor;
}

void lev_acks_settle(lev_acks *a, uint64_t tag, bool multiple) {
    uint64_t floor = lev_acks_floor_after(a, tag, multiple);
    if (floor - a->floor >= LEV_ACKS_AHEAD) {
        *a = (lev_acks){.floor = floor};
    }
    for (; a->floor < floor; a->floor++) {
        *acks_word(a, a->floor + 1) &= ~acks_bit(a->floor + 1);
    }
    if (tag > floor && tag - floor <= LEV_ACKS_AHEAD) {
        *acks_word(a, tag) |= acks_bit(tag);
    }
}
