/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Which deliveries of a channel need nothing more from us: those the program settled, and those
 * that want no ack. */

#ifndef LEVERET_ENGINE_ACKS_H
#define LEVERET_ENGINE_ACKS_H

#include <stdbool.h>
#include <stdint.h>

enum { LEV_ACKS_AHEAD = 1024 };

/* Every delivery up to `floor` is settled; a bit of `ahead` says so of one of the next
 * LEV_ACKS_AHEAD, by its tag modulo that number. */
typedef struct lev_acks {
    uint64_t floor;
    uint64_t ahead[LEV_ACKS_AHEAD / 64];
} lev_acks;

/* Notes a delivery that wants an ack. */
void lev_acks_deliver(lev_acks *a, uint64_t tag);

/* Returns what `floor` would be if `tag`, and with `multiple` all below it, were settled. */
uint64_t lev_acks_floor_after(const lev_acks *a, uint64_t tag, bool multiple);

/* Notes that `tag`, and with `multiple` all below it, are settled. */
void lev_acks_settle(lev_acks *a, uint64_t tag, bool multiple);

/* The same for a delivery that wants no ack: one more tag, most often, and nothing open below. */
static inline void lev_acks_pass(lev_acks *a, uint64_t tag) {
    uint64_t next = a->ahead[(tag + 1) % LEV_ACKS_AHEAD / 64] >> ((tag + 1) % 64) & 1;
    if (tag == a->floor + 1 && next == 0) {
        a->ahead[tag % LEV_ACKS_AHEAD / 64] &= ~(UINT64_C(1) << (tag % 64));
        a->floor = tag;
    } else {
        lev_acks_settle(a, tag, false);
    }
}

#endif
