/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

#include "stamp.h"

#include <time.h>

enum { NS_A_MS = 1000000 };

uint64_t stamp_now(bool millis) {
    struct timespec now;
    clock_gettime(millis ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return millis ? ns - ns % NS_A_MS : ns;
}

void stamp_put(uint8_t *into, uint32_t sequence, uint64_t at, bool millis) {
    lev_writer w = lev_writer_init(into, STAMP_SIZE);
    lev_writer_u32(&w, sequence);
    lev_writer_u64(&w, millis ? at / NS_A_MS : at);
}

bool stamp_age(lev_span body, uint64_t now, bool millis, uint64_t *age) {
    lev_reader r = lev_reader_init(body);
    lev_reader_u32(&r);
    uint64_t at = lev_reader_u64(&r);
    if (r.status != LEV_OK) {
        return false;
    }
    at = millis ? at * NS_A_MS : at;
    *age = now > at ? now - at : at - now;
    return true;
}
