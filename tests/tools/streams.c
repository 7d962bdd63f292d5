/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

#include "streams.h"

#include "../codec/support.h"
#include "../unit.h"

#include <leveret/frame.h>

/* A random frame of any kind, made from the descriptors. */
static void random_frame(uint64_t *state, lev_writer *w) {
    uint16_t channel = (uint16_t)random_below(state, 65536);
    uint64_t kind = random_below(state, 8);
    if (kind == 0) {
        lev_frame_encode(w, &(lev_frame){.type = LEV_FRAME_HEARTBEAT});
        return;
    }
    if (kind == 1) {
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, channel, random_bytes(state, 600)});
        return;
    }
    size_t place = lev_frame_begin(w, kind == 2 ? LEV_FRAME_HEADER : LEV_FRAME_METHOD, channel);
    if (kind == 2) {
        lev_header h = {.class_id = LEV_CLASS_BASIC, .body_size = random_below(state, UINT64_MAX)};
        h.properties.present = (uint16_t)(random_below(state, 1 << 14) << 2);
        for (size_t k = 0; k < LEV_PROPERTY_COUNT; k++) {
            if ((h.properties.present & 0x8000u >> k) != 0) {
                random_fields(state, lev_property_describe(k), 1, &h.properties);
            }
        }
        lev_header_encode(w, &h);
    } else {
        lev_method m = {.id = (lev_method_id)(1 + random_below(state, LEV_METHOD_COUNT - 1))};
        const lev_method_desc *desc = lev_method_describe(m.id);
        random_fields(state, desc->fields, desc->field_count, &m.as);
        lev_method_encode(w, m.id, &m.as);
    }
    lev_frame_end(w, place);
}

lev_span random_stream(uint64_t *state, size_t count) {
    static uint8_t room[1 << 20];
    lev_writer w = lev_writer_init(room, sizeof room);
    while (count-- > 0) {
        random_frame(state, &w);
    }
    EXPECT_EQ(w.status, LEV_OK);
    return lev_writer_span(&w);
}
