/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* See tables.h. */

#include "tables.h"

#include "../codec/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

unsigned case_count(unsigned few, unsigned many) {
    return getenv("LEVERET_LONG") != NULL ? many : few;
}

static lev_span awkward_key(uint64_t *state) {
    switch (random_below(state, 12)) {
    case 0:
        return RAW("@");
    case 1:
        return RAW("");
    case 2:
        return RAW("nul\0inside");
    case 3:
        return RAW("k");
    case 4:
        return random_bytes(state, 255);
    case 5:
        return RAW("\\u0000 is not a NUL \"\\");
    default: {
        lev_span key = random_bytes(state, 10);
        for (size_t i = 0; i < key.len; i++) {
            ((uint8_t *)key.ptr)[i] &= 0x7F;
        }
        return key;
    }
    }
}

static lev_span awkward_bytes(uint64_t *state) {
    static const lev_span texts[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\0\x01\x1F\x7F\"\\/\b\f\n\r\t", 13},
        {(const uint8_t *)"\xC2\x80\xC2\x9F\xC2\xA0\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 15},
        {(const uint8_t *)"\xC0\x80", 2},
        {(const uint8_t *)"\xED\xA0\x80", 3},
        {(const uint8_t *)"\xF4\x90\x80\x80", 4},
        {(const uint8_t *)"cut \xE2\x82", 6},
        {(const uint8_t *)"{\"@\":\"S\"}", 9},
    };
    uint64_t n = random_below(state, sizeof texts / sizeof *texts + 3);
    return n < sizeof texts / sizeof *texts ? texts[n] : random_bytes(state, 20);
}

static uint64_t awkward_double(uint64_t *state) {
    static const double numbers[] = {
        0.0,    -0.0,    1,       -1,        0.1, 1e22,     1e23,
        5e-324, DBL_MIN, DBL_MAX, -INFINITY, NAN, INFINITY, 123456789012345680};
    uint64_t n = random_below(state, 2 * sizeof numbers / sizeof *numbers);
    uint64_t bits = random_below(state, UINT64_MAX);
    if (n < sizeof numbers / sizeof *numbers) {
        memcpy(&bits, &numbers[n], sizeof bits);
    }
    return bits;
}

static uint64_t awkward_float(uint64_t *state) {
    static const float numbers[] = {0.0F,    -0.0F,   1,         0.1F, 16777216, 1e-45F,
                                    FLT_MIN, FLT_MAX, -INFINITY, NAN,  3e-39F};
    uint64_t n = random_below(state, 2 * sizeof numbers / sizeof *numbers);
    uint32_t bits = (uint32_t)random_below(state, UINT64_MAX);
    if (n < sizeof numbers / sizeof *numbers) {
        memcpy(&bits, &numbers[n], sizeof bits);
    }
    return bits;
}

/* An integer of `bits` bits, often the smallest or the largest. */
static uint64_t awkward_integer(uint64_t *state, unsigned bits) {
    uint64_t ones = UINT64_MAX >> (64 - bits);
    switch (random_below(state, 6)) {
    case 0:
        return ones;
    case 1:
        return ones / 2;
    case 2:
        return ones / 2 + 1;
    case 3:
        return 0;
    default:
        return random_below(state, UINT64_MAX) & ones;
    }
}

static int64_t awkward_signed(uint64_t *state, unsigned bits) {
    return (int64_t)(awkward_integer(state, bits) << (64 - bits)) >> (64 - bits);
}

/* flat switch: one case a letter */
static lev_value awkward_scalar(uint64_t *state) {
    static const char letters[] = "tbBsuIilfdDSTVxLU";
    lev_value v = {.type = letters[random_below(state, sizeof letters - 1)]};
    switch (v.type) {
    case 't':
        v.as.boolean = random_below(state, 2) == 1;
        break;
    case 'b':
        v.as.i = awkward_signed(state, 8);
        break;
    case 's':
    case 'U':
        v.as.i = awkward_signed(state, 16);
        break;
    case 'I':
        v.as.i = awkward_signed(state, 32);
        break;
    case 'l':
    case 'L':
        v.as.i = awkward_signed(state, 64);
        break;
    case 'B':
        v.as.u = awkward_integer(state, 8);
        break;
    case 'u':
        v.as.u = awkward_integer(state, 16);
        break;
    case 'i':
        v.as.u = awkward_integer(state, 32);
        break;
    case 'T':
        v.as.u = awkward_integer(state, 64);
        break;
    case 'f':
        v.as.u = awkward_float(state);
        break;
    case 'd':
        v.as.u = awkward_double(state);
        break;
    case 'D':
        v.as.decimal.scale = (uint8_t)awkward_integer(state, 8);
        v.as.decimal.value = (uint32_t)awkward_integer(state, 32);
        break;
    case 'S':
    case 'x':
        v.as.bytes = awkward_bytes(state);
        break;
    default:
        break;
    }
    return v;
}

static void awkward_array(uint64_t *state, lev_writer *w, unsigned depth);

static void awkward_value(uint64_t *state, lev_writer *w, unsigned depth) {
    uint64_t n = depth > 1 ? random_below(state, 6) : 6;
    if (n > 1) {
        lev_value v = awkward_scalar(state);
        lev_array_put(w, &v);
        return;
    }
    lev_writer_u8(w, n == 0 ? 'F' : 'A');
    size_t place = lev_writer_begin_u32(w);
    (n == 0 ? awkward_table : awkward_array)(state, w, depth - 1);
    lev_writer_end_u32(w, place);
}

static void awkward_array(uint64_t *state, lev_writer *w, unsigned depth) {
    for (uint64_t n = random_below(state, 4); n > 0; n--) {
        awkward_value(state, w, depth);
    }
}

void awkward_table(uint64_t *state, lev_writer *w, unsigned depth) {
    for (uint64_t n = random_below(state, 5); n > 0; n--) {
        lev_writer_shortstr(w, awkward_key(state));
        awkward_value(state, w, depth);
    }
}
