/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How libFuzzer changes an input of the session_login target: half of the time only the payload of
 * one frame, in place. Otherwise the few bytes of connection.tune would hardly ever be met among
 * the hundreds of connection.start. */

#include "support.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { CHOICE = 2, HEAD = 7 }; /* the target's own bytes, a frame's head */

/* Returns the payload of the frame at `at`, or an empty span where there is no whole one. */
static lev_span payload_at(const uint8_t *data, size_t size, size_t at) {
    if (size - at <= HEAD) {
        return (lev_span){NULL, 0};
    }
    const uint8_t *p = data + at;
    size_t len = (size_t)p[5] << 8 | p[6];
    bool whole = p[3] == 0 && p[4] == 0 && len < size - at - HEAD;
    return (lev_span){p + HEAD, whole ? len : 0};
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size_t at = CHOICE;
    lev_span payload = {NULL, 0};
    unsigned skip = seed >> 1 & 3;
    for (unsigned i = 0; size > CHOICE && i <= skip; i++) {
        lev_span next = payload_at(data, size, at);
        if (next.len == 0) {
            break;
        }
        payload = next;
        at += HEAD + next.len + 1;
    }
    if (seed % 2 == 0 || payload.len == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    uint8_t *into = data + (payload.ptr - data);
    size_t fresh = LLVMFuzzerMutate(into, payload.len, payload.len);
    memset(into + fresh, 0, payload.len - fresh);
    return size;
}
