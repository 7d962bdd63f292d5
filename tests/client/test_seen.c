/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The window of message-ids against a plain array of the last ones. */

#include "../unit.h"

#include <leveret/leveret.h>

enum { WINDOW = 50, KINDS = 200, STEPS = 20000 };

/* The id of that kind: lengths from 1 to 255, some of which only the last byte tells apart. */
static lev_span id_of(unsigned kind, uint8_t *bytes) {
    size_t len = 1 + kind * 37 % 255;
    memset(bytes, 'a', len);
    bytes[len - 1] = (uint8_t)kind;
    return (lev_span){bytes, len};
}

typedef struct model {
    unsigned kinds[WINDOW]; /* oldest first */
    size_t count;
} model;

static bool model_has(const model *m, unsigned kind) {
    for (size_t i = 0; i < m->count; i++) {
        if (m->kinds[i] == kind) {
            return true;
        }
    }
    return false;
}

static void model_add(model *m, unsigned kind) {
    if (model_has(m, kind)) {
        return;
    }
    if (m->count == WINDOW) {
        m->count--;
        memmove(m->kinds, m->kinds + 1, m->count * sizeof m->kinds[0]);
    }
    m->kinds[m->count++] = kind;
}

static void agrees_with_the_model(void) {
    lev_seen *s = lev_seen_new(WINDOW);
    model m = {.count = 0};
    uint64_t seed = 1;
    int seen = 0;
    size_t wrong = 0;
    for (int i = 0; i < STEPS; i++) {
        uint8_t bytes[256];
        seed = seed * UINT64_C(6364136223846793005) + 1;
        unsigned kind = (unsigned)(seed >> 33) % KINDS;
        bool has = lev_seen_check(s, id_of(kind, bytes));
        wrong += has != model_has(&m, kind);
        seen += has;
        model_add(&m, kind);
        EXPECT_EQ(lev_seen_add(s, id_of(kind, bytes)), LEV_OK);
        wrong += lev_seen_count(s) != m.count || !lev_seen_check(s, id_of(kind, bytes));
        for (unsigned other = 0; i % 100 == 0 && other < KINDS; other++) {
            wrong += lev_seen_check(s, id_of(other, bytes)) != model_has(&m, other);
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT(seen > 1000 && seen < STEPS / 2);
    lev_seen_free(s);
}

static void a_window_of_one_knows_the_last(void) {
    lev_seen *s = lev_seen_new(1);
    EXPECT(!lev_seen_check(s, lev_span_of("a")));
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(lev_seen_add(s, lev_span_of("a")), LEV_OK);
        EXPECT(lev_seen_check(s, lev_span_of("a")) && !lev_seen_check(s, lev_span_of("b")));
        EXPECT_EQ(lev_seen_add(s, lev_span_of("b")), LEV_OK);
        EXPECT(lev_seen_check(s, lev_span_of("b")) && !lev_seen_check(s, lev_span_of("a")));
        EXPECT_EQ(lev_seen_count(s), 1);
    }
    lev_seen_free(s);
}

static void a_message_without_an_id_was_never_seen(void) {
    lev_seen *s = lev_seen_new(3);
    EXPECT_EQ(lev_seen_add(s, lev_span_of("")), LEV_OK);
    EXPECT(!lev_seen_check(s, lev_span_of("")));
    EXPECT_EQ(lev_seen_count(s), 0);
    lev_seen_free(s);
}

static void refuses_windows_of_no_size(void) {
    EXPECT(lev_seen_new(0) == NULL);
    EXPECT(lev_seen_new(SIZE_MAX) == NULL);
    lev_seen_free(NULL);
}

UNIT_MAIN("seen", CASE(agrees_with_the_model), CASE(a_window_of_one_knows_the_last),
          CASE(a_message_without_an_id_was_never_seen), CASE(refuses_windows_of_no_size))
