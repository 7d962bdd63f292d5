/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The window over message-ids, by hand and against a model that looks at every id. */

#include "../unit.h"

#include <leveret/seen.h>

static bool before(lev_seen *s, const char *id) { return lev_seen_before(s, lev_span_of(id)); }

static void knows_what_came_and_no_other(void) {
    lev_seen *s = lev_seen_new(3);
    EXPECT(!before(s, "a") && !before(s, "b") && !before(s, ""));
    EXPECT(before(s, "a") && before(s, "b") && before(s, ""));
    EXPECT(!before(s, "ab"));
    EXPECT(!before(s, "a")); /* the oldest had to go for it */
    EXPECT(before(s, ""));
    lev_seen_free(s);
    lev_seen_free(NULL);
}

static void keeps_at_least_one(void) {
    lev_seen *s = lev_seen_new(0);
    EXPECT(!before(s, "a") && before(s, "a") && !before(s, "b") && !before(s, "a"));
    lev_seen_free(s);
}

enum { WINDOW = 17, IDS = 20000 };

static void agrees_with_a_model(void) {
    static uint32_t ring[IDS];
    size_t count = 0;
    uint32_t seed = 5;
    lev_seen *s = lev_seen_new(WINDOW);
    for (int i = 0; i < IDS; i++) {
        seed = seed * 1664525U + 1013904223U;
        uint32_t id = (seed >> 8) % 40;
        bool there = false;
        for (size_t k = count > WINDOW ? count - WINDOW : 0; k < count; k++) {
            there = there || ring[k] == id;
        }
        EXPECT_EQ(lev_seen_before(s, (lev_span){(const uint8_t *)&id, sizeof id}), there);
        if (!there) {
            ring[count++] = id;
        }
    }
    lev_seen_free(s);
}

UNIT_MAIN("seen", CASE(knows_what_came_and_no_other), CASE(keeps_at_least_one),
          CASE(agrees_with_a_model))
