/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The largest content header that a frame takes, to the byte, beside the longest names. */

#include "../unit.h"
#include "stage.h"

enum { HEADER_FRAME = 33 }; /* of a header frame, what is not the value in its table */

/* Publishes with a header frame of `size` bytes, and returns the result. */
static lev_status publish_with(stage *s, size_t size, bool lend) {
    static uint8_t bytes[20000];
    char name[256] = "";
    memset(name, 'n', 255);
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_shortstr(&w, sp("k"));
    lev_writer_u8(&w, 'x');
    lev_writer_u32(&w, (uint32_t)(size - HEADER_FRAME));
    lev_properties p = {.present = LEV_HAS_HEADERS,
                        .headers = {bytes, w.len + size - HEADER_FRAME}};
    lev_publication m = {.exchange = sp(name),
                         .routing_key = sp(name),
                         .properties = &p,
                         .body = {bytes, 5000},
                         .lend = lend};
    return lev_engine_publish(s->e, 1, &m, NULL);
}

static void takes_a_header_as_large_as_a_frame(void) {
    static const uint32_t sizes[] = {8192, 8193, 8500, 9000, 16300, 16384};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        stage s = {0};
        lev_frame frame;
        lev_method m;
        uint32_t most = sizes[i / 2];
        bool lend = i % 2 != 0;
        stage_open_channel(&s, &(lev_engine_options){.frame_max = most});
        EXPECT_EQ(publish_with(&s, most + 1, lend), LEV_ERR_LIMIT);
        EXPECT_EQ(lev_engine_queued(s.e), 0);
        EXPECT_EQ(publish_with(&s, most, lend), LEV_OK);
        EXPECT(stage_sent_is(&s, 1, LEV_BASIC_PUBLISH, &m));
        EXPECT(stage_sent(&s, &frame, &m));
        EXPECT_EQ(frame.payload.len + LEV_FRAME_OVERHEAD, most);
        EXPECT(stage_sent(&s, &frame, &m));
        EXPECT_EQ(frame.payload.len, 5000);
        stage_deinit(&s);
    }
}

UNIT_MAIN("largest", CASE(takes_a_header_as_large_as_a_frame))
