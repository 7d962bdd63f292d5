/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A series stays whole, however long it gets: first, last and growing; and what a body's stamp is,
 * byte by byte. */

#include "../../tools/series.h"
#include "../../tools/stamp.h"
#include "../unit.h"

static series s;

/* Adds a point when it is due, as a load does. */
static uint64_t step(void) {
    uint64_t at = series_due(&s);
    series_add(&s, (series_point){at, at * 3, at * 2});
    return at;
}

static void begins_with_a_point_each_tenth_of_a_second(void) {
    s = (series){0};
    for (uint64_t i = 1; i < SERIES_POINTS; i++) {
        EXPECT(step() == i * SERIES_FIRST_MS);
    }
    EXPECT(s.count == SERIES_POINTS - 1);
    EXPECT(s.doubled == 0);
}

static void thins_out_evenly(void) {
    uint64_t last = 0;
    s = (series){0};
    for (int i = 0; i < 20 * SERIES_POINTS; i++) {
        last = step();
        EXPECT(s.count <= SERIES_POINTS);
    }
    EXPECT(s.doubled > 3);
    EXPECT(s.count >= SERIES_POINTS / 2);
    EXPECT(s.points[s.count - 1].at_ms == last);
    for (size_t i = 0; i < s.count; i++) {
        uint64_t before = i > 0 ? s.points[i - 1].at_ms : 0;
        EXPECT(s.points[i].at_ms - before == (uint64_t)SERIES_FIRST_MS << s.doubled);
        EXPECT(s.points[i].published == s.points[i].at_ms * 3);
        EXPECT(s.points[i].consumed == s.points[i].at_ms * 2);
    }
}

static void stamps_nanoseconds(void) {
    static const uint8_t wanted[STAMP_SIZE] = {0x01, 0x02, 0x03, 0x04, 0x11, 0x22,
                                               0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    uint8_t body[STAMP_SIZE];
    uint64_t age = 0;
    stamp_put(body, 0x01020304, 0x1122334455667788, false);
    EXPECT(memcmp(body, wanted, sizeof body) == 0);
    EXPECT(stamp_age((lev_span){body, sizeof body}, 0x1122334455667788 + 7, false, &age));
    EXPECT(age == 7);
    EXPECT(stamp_age((lev_span){body, sizeof body}, 0x1122334455667788 - 7, false, &age));
    EXPECT(age == 7);
    EXPECT(!stamp_age((lev_span){body, sizeof body - 1}, 0, false, &age));
}

static void stamps_milliseconds(void) {
    uint8_t body[STAMP_SIZE];
    uint64_t age = 0;
    stamp_put(body, 5, UINT64_C(1790000000123000000), true);
    lev_reader r = lev_reader_init((lev_span){body, sizeof body});
    EXPECT(lev_reader_u32(&r) == 5);
    EXPECT(lev_reader_u64(&r) == UINT64_C(1790000000123));
    EXPECT(stamp_age((lev_span){body, sizeof body}, UINT64_C(1790000000125000000), true, &age));
    EXPECT(age == 2000000);
}

UNIT_MAIN("series", CASE(begins_with_a_point_each_tenth_of_a_second), CASE(thins_out_evenly),
          CASE(stamps_nanoseconds), CASE(stamps_milliseconds))
