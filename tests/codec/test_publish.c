/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The publish written straight down against the same frame by frame: every kind of string length,
 * body, property and room must give the same bytes and the same status. */

#include "../unit.h"
#include "support.h"

#include <leveret/frame.h>
#include <leveret/properties.h>
#include <string.h>

static uint8_t text[70000];

static void by_descriptors(lev_writer *w, const lev_basic_publish *publish,
                           const lev_properties *properties, lev_span body) {
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = body.len};
    if (properties != NULL) {
        header.properties = *properties;
    }
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, 7);
    lev_method_encode(w, LEV_BASIC_PUBLISH, publish);
    lev_frame_end(w, place);
    place = lev_frame_begin(w, LEV_FRAME_HEADER, 7);
    lev_header_encode(w, &header);
    lev_frame_end(w, place);
    if (body.len > 0) {
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, 7, body});
    }
}

/* Returns whether both ways agree when there is room for `cap` bytes. */
static bool agree(const lev_basic_publish *publish, const lev_properties *properties, lev_span body,
                  size_t cap) {
    static uint8_t a[80000];
    static uint8_t b[80000];
    lev_writer quick = lev_writer_init(a, cap);
    lev_writer slow = lev_writer_init(b, cap);
    lev_publish_encode(&quick, 7, publish, properties, body);
    by_descriptors(&slow, publish, properties, body);
    if (quick.status != slow.status) {
        return false;
    }
    return slow.status != LEV_OK || (quick.len == slow.len && memcmp(a, b, quick.len) == 0);
}

static void same_bytes_for_every_length(void) {
    const size_t strings[] = {0, 1, 2, 127, 128, 254, 255, 256, 300, 65536};
    const size_t bodies[] = {0, 1, 15, 16, 17, 255, 4088, 65535, 65536};
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        for (size_t k = 0; k < sizeof strings / sizeof strings[0]; k++) {
            for (size_t n = 0; n < sizeof bodies / sizeof bodies[0]; n++) {
                lev_basic_publish publish = {.exchange = {text, strings[i]},
                                             .routing_key = {text, strings[k]},
                                             .mandatory = i % 2 != 0,
                                             .immediate = k % 2 != 0,
                                             .ticket = (uint16_t)(n * 0x1234)};
                EXPECT(agree(&publish, NULL, (lev_span){text, bodies[n]}, 80000));
            }
        }
    }
}

static void same_bytes_for_every_property(void) {
    lev_basic_publish publish = {.routing_key = lev_span_of("key")};
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        lev_properties p = {.present = (uint16_t)(0x8000U >> i),
                            .content_type = lev_span_of("text/plain"),
                            .delivery_mode = 2,
                            .timestamp = 1234567890,
                            .message_id = {text, i == 3 ? 300 : 3}};
        EXPECT(agree(&publish, &p, lev_span_of("body"), 80000));
    }
    lev_properties wrong = {.present = 1};
    EXPECT(agree(&publish, &wrong, lev_span_of("body"), 80000));
}

static void neither_writes_beyond_its_room(void) {
    lev_basic_publish publish = {.exchange = lev_span_of("exchange"),
                                 .routing_key = lev_span_of("routing.key")};
    lev_properties p = {.present = LEV_HAS_DELIVERY_MODE, .delivery_mode = 2};
    for (size_t cap = 0; cap < 120; cap++) {
        EXPECT(agree(&publish, NULL, lev_span_of("0123456789abcdef"), cap));
        EXPECT(agree(&publish, &p, lev_span_of("0123456789abcdef"), cap));
    }
}

#if SIZE_MAX > UINT32_MAX
/* The body is not there: it is refused before a byte of it is read. */
static void I_refuses_a_body_of_more_than_32_bits(void) {
    uint8_t room[256];
    for (size_t len = UINT32_MAX; len < (size_t)UINT32_MAX + 20; len++) {
        lev_writer w = lev_writer_init(room, sizeof room);
        lev_publish_encode(&w, 1, &(lev_basic_publish){0}, NULL, (lev_span){room, len});
        EXPECT_EQ(w.status, len > UINT32_MAX ? LEV_ERR_LIMIT : LEV_ERR_SPACE);
    }
}
#else
static void I_refuses_a_body_of_more_than_32_bits(void) {} /* no span holds one */
#endif

UNIT_MAIN("publish", CASE(I_refuses_a_body_of_more_than_32_bits), CASE(same_bytes_for_every_length),
          CASE(same_bytes_for_every_property), CASE(neither_writes_beyond_its_room))
