/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* splitmix64: one number for each byte, of which the low bits say which bit is turned. */

#include "fault.h"

static uint64_t next_number(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

fault_flips fault_flips_init(const fault_settings *s, uint64_t number) {
    uint64_t stream = number;
    fault_flips f = {.random = s->seed ^ next_number(&stream)};
    f.below = s->flip_rate < 1 ? (uint64_t)(s->flip_rate * 18446744073709551616.0) : UINT64_MAX;
    return f;
}

void fault_flip(fault_flips *f, uint8_t *bytes, size_t len) {
    for (size_t i = 0; f->below > 0 && i < len; i++) {
        uint64_t n = next_number(&f->random);
        if (n < f->below) {
            bytes[i] = (uint8_t)(bytes[i] ^ 1u << (next_number(&f->random) & 7));
        }
    }
}
