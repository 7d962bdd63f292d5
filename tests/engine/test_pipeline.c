/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Many calls under way at once: each answer belongs to the oldest call of its type, however the
 * types overtake each other. */

#include "../unit.h"
#include "stage.h"

enum { CALLS = 300 };

static uint64_t answer(stage *s, lev_method_id id) {
    lev_method m = {.id = id};
    stage_says(s, 1, id, &m.as);
    stage_deliver(s);
    return s->last_call;
}

/* Each round asks for two declares and a purge, and answers some of both. */
static void matches_answers_by_type_and_age(void) {
    stage s = {0};
    uint32_t declares[2 * CALLS];
    uint32_t purges[CALLS];
    size_t asked = 0;
    size_t declared = 0;
    size_t purged = 0;
    stage_open_channel(&s, NULL);
    for (; asked < CALLS; asked++) {
        for (size_t i = 0; i < 2; i++) {
            EXPECT_EQ(
                lev_engine_queue_declare(s.e, 1, &(lev_queue_declare){0}, &declares[2 * asked + i]),
                LEV_OK);
        }
        EXPECT_EQ(lev_engine_queue_purge(s.e, 1, &(lev_queue_purge){0}, &purges[asked]), LEV_OK);
        if (asked % 3 == 0) {
            EXPECT_EQ(answer(&s, LEV_QUEUE_PURGE_OK), purges[purged++]);
        }
        if (asked % 2 == 0) {
            EXPECT_EQ(answer(&s, LEV_QUEUE_DECLARE_OK), declares[declared++]);
        }
    }
    while (purged < CALLS) {
        EXPECT_EQ(answer(&s, LEV_QUEUE_PURGE_OK), purges[purged++]);
    }
    while (declared < sizeof declares / sizeof *declares) {
        EXPECT_EQ(answer(&s, LEV_QUEUE_DECLARE_OK), declares[declared++]);
    }
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

UNIT_MAIN("pipeline", CASE(matches_answers_by_type_and_age))
