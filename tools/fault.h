/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a proxy can do to the bytes that pass it. */

#ifndef TOOLS_FAULT_H
#define TOOLS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: nothing is done. */
typedef struct fault_settings {
    uint64_t delay_ms; /* each byte is passed on so much later */
    uint64_t split;    /* at most so many bytes in one piece; 0: any number */
    bool drop_heartbeats;
    uint64_t cut_after; /* reset a connection after so many bytes, both ways together; 0: never */
    double flip_rate;   /* of each byte: how likely one of its bits is turned */
    uint64_t seed;
} fault_settings;

/* Turns bits of a stream of bytes: which ones depends on the seed, and on the place in the stream,
 * but not on the pieces that it comes in. */
typedef struct fault_flips {
    uint64_t random;
    uint64_t below; /* a byte is hit where the next number is less */
} fault_flips;

/* `number` tells the streams of a proxy apart. */
fault_flips fault_flips_init(const fault_settings *s, uint64_t number);
void fault_flip(fault_flips *f, uint8_t *bytes, size_t len);

#endif
