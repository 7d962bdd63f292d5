/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The window of unsettled publishes: every number gets exactly one outcome, whatever order a broker
 * settles in. */

#include "../../src/engine/window.h"
#include "../unit.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

static void *plain_resize(void *context, void *ptr, size_t size) {
    (void)context;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static const lev_allocator plain = {plain_resize, NULL};

static uint64_t add(lev_window *w, uint64_t digest, bool mandatory) {
    lev_unsettled u = {.digest = {digest, digest & 0xff},
                       .mandatory = mandatory,
                       .end = (w->first + w->count) * 10};
    EXPECT(lev_window_expect(w, &plain));
    return lev_window_add(w, &u);
}

/* What comes out of the window now, as "1-3c 5-5r". */
static const char *taken(lev_window *w) {
    static char text[512];
    uint64_t first;
    uint64_t last;
    lev_outcome outcome;
    size_t len = 0;
    text[0] = '\0';
    while (lev_window_take(w, &first, &last, &outcome)) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%u-%u%c", len > 0 ? " " : "",
                                (unsigned)first, (unsigned)last, "crnxd"[outcome]);
    }
    return text;
}

static lev_window ten(void) {
    lev_window w = {0};
    lev_window_init(&w);
    for (unsigned i = 1; i <= 10; i++) {
        EXPECT_EQ(add(&w, i, true), i);
    }
    return w;
}

static void settles_singly_in_ranges_and_out_of_order(void) {
    lev_window w = ten();
    EXPECT(lev_window_settle(&w, 4, false, LEV_CONFIRMED));
    EXPECT_STR(taken(&w), "4-4c");
    EXPECT(lev_window_settle(&w, 6, true, LEV_CONFIRMED));
    EXPECT_STR(taken(&w), "1-3c 5-6c");
    EXPECT(lev_window_settle(&w, 8, false, LEV_NACKED));
    EXPECT_STR(taken(&w), "8-8n");
    EXPECT_EQ(w.open, 3);
    EXPECT(lev_window_settle(&w, 0, true, LEV_CONFIRMED));
    EXPECT_STR(taken(&w), "7-7c 9-10c");
    EXPECT_EQ(w.open, 0);
    EXPECT_EQ(w.count, 0);
    lev_window_deinit(&w, &plain);
}

static void ignores_what_is_settled_and_refuses_what_was_never_published(void) {
    lev_window w = ten();
    EXPECT(lev_window_settle(&w, 3, true, LEV_CONFIRMED));
    EXPECT_STR(taken(&w), "1-3c");
    EXPECT(lev_window_settle(&w, 2, false, LEV_NACKED));
    EXPECT_STR(taken(&w), "");
    EXPECT(!lev_window_settle(&w, 11, false, LEV_CONFIRMED));
    EXPECT(!lev_window_settle(&w, UINT64_MAX, true, LEV_CONFIRMED));
    EXPECT(!lev_window_settle(&w, 0, false, LEV_CONFIRMED));
    lev_window_deinit(&w, &plain);
}

static void splits_a_range_at_returned_messages(void) {
    lev_window w = ten();
    EXPECT_EQ(lev_window_return(&w, (lev_digest){5, 5}), 5);
    EXPECT(lev_window_settle(&w, 10, true, LEV_CONFIRMED));
    EXPECT_STR(taken(&w), "1-4c 5-5r 6-10c");
    lev_window_deinit(&w, &plain);
}

static void ties_a_return_to_the_oldest_equal_mandatory_publish(void) {
    lev_window w = {0};
    lev_window_init(&w);
    (void)add(&w, 7, false);
    (void)add(&w, 7, true);
    (void)add(&w, 7, true);
    EXPECT_EQ(lev_window_return(&w, (lev_digest){7, 7}), 2);
    EXPECT_EQ(lev_window_return(&w, (lev_digest){7, 7}), 3);
    EXPECT_EQ(lev_window_return(&w, (lev_digest){7, 7}), 0);
    lev_window_deinit(&w, &plain);
}

static void passes_a_return_on_when_its_publish_is_nacked(void) {
    lev_window w = {0};
    lev_window_init(&w);
    for (unsigned i = 1; i <= 4; i++) {
        (void)add(&w, i == 2 ? 9 : 7, true);
    }
    EXPECT_EQ(lev_window_return(&w, (lev_digest){7, 7}), 1);
    EXPECT(lev_window_settle(&w, 3, true, LEV_NACKED));
    EXPECT_STR(taken(&w), "1-3n");
    EXPECT(lev_window_settle(&w, 4, false, LEV_CONFIRMED));
    EXPECT_STR(taken(&w), "4-4r");
    lev_window_deinit(&w, &plain);
}

static void prefers_equal_headers_and_settles_for_equal_bodies(void) {
    lev_window w = {0};
    lev_window_init(&w);
    (void)add(&w, 0x107, true);
    (void)add(&w, 0x207, true);
    EXPECT_EQ(lev_window_return(&w, (lev_digest){0x207, 7}), 2);
    EXPECT_EQ(lev_window_return(&w, (lev_digest){0x907, 7}), 1);
    lev_window_deinit(&w, &plain);
}

static void tells_what_was_not_sent_from_what_is_in_doubt(void) {
    lev_window w = ten();
    EXPECT_EQ(lev_window_return(&w, (lev_digest){2, 2}), 2);
    lev_window_abandon(&w, 65);
    EXPECT_STR(taken(&w), "1-1d 2-2r 3-6d 7-10x");
    EXPECT_EQ(w.open, 0);
    lev_window_deinit(&w, &plain);
}

static void gives_every_number_one_outcome_under_random_settling(void) {
    static unsigned char seen[20000];
    lev_window w = {0};
    lev_window_init(&w);
    uint64_t next = 1;
    unsigned seed = 12345;
    for (int round = 0; round < 20000; round++) {
        seed = seed * 1103515245 + 12345;
        if ((seed >> 16) % 3 != 0 && next < 19999) {
            EXPECT_EQ(add(&w, seed, false), next);
            next++;
        } else if (next > 1) {
            uint64_t tag = 1 + (seed >> 8) % (next - 1);
            EXPECT(lev_window_settle(&w, tag, (seed >> 20) % 7 == 0, LEV_CONFIRMED));
        }
        uint64_t first;
        uint64_t last;
        lev_outcome outcome;
        while (lev_window_take(&w, &first, &last, &outcome)) {
            for (; first <= last; first++) {
                EXPECT_EQ(seen[first]++, 0);
            }
        }
    }
    lev_window_abandon(&w, 0);
    uint64_t first;
    uint64_t last;
    lev_outcome outcome;
    while (lev_window_take(&w, &first, &last, &outcome)) {
        for (; first <= last; first++) {
            EXPECT_EQ(seen[first]++, 0);
        }
    }
    for (uint64_t i = 1; i < next; i++) {
        EXPECT_EQ(seen[i], 1);
    }
    lev_window_deinit(&w, &plain);
}

static void hashes_tell_lengths_and_contents_apart(void) {
    uint8_t bytes[200] = {0};
    uint64_t before = lev_hash(0, (lev_span){bytes, 200});
    for (size_t i = 0; i < 200; i++) {
        bytes[i] = 1;
        EXPECT(lev_hash(0, (lev_span){bytes, 200}) != before);
        bytes[i] = 0;
        EXPECT(lev_hash(0, (lev_span){bytes, i}) != before);
    }
}

UNIT_MAIN("window", CASE(settles_singly_in_ranges_and_out_of_order),
          CASE(ignores_what_is_settled_and_refuses_what_was_never_published),
          CASE(splits_a_range_at_returned_messages),
          CASE(ties_a_return_to_the_oldest_equal_mandatory_publish),
          CASE(passes_a_return_on_when_its_publish_is_nacked),
          CASE(prefers_equal_headers_and_settles_for_equal_bodies),
          CASE(tells_what_was_not_sent_from_what_is_in_doubt),
          CASE(gives_every_number_one_outcome_under_random_settling),
          CASE(hashes_tell_lengths_and_contents_apart))
