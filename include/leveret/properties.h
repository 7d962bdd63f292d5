/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The content header and the 14 properties of class basic (AMQP 0-9-1, 4.2.6.1 and 1.8.1). */

#ifndef LEVERET_PROPERTIES_H
#define LEVERET_PROPERTIES_H

#include <leveret/frame.h>
#include <leveret/method.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which properties are there, as in the flag word: LEV_HAS_CONTENT_TYPE | LEV_HAS_HEADERS ... */
enum lev_property_flag {
#define LEV_PROPERTY(NAME, id, wire, bit) LEV_HAS_##NAME = 1 << (bit),
#include "amqp091.def"
    LEV_HAS_NOTHING = 0
};

/* The properties of a message; a member counts only where `present` has its bit. `headers` is a
 * span over the table's entries. */
typedef struct lev_properties {
    uint16_t present;
#define LEV_PROPERTY(NAME, id, wire, bit) lev_wire_##wire id;
#include "amqp091.def"
} lev_properties;

enum { LEV_PROPERTY_COUNT = 14 };

/* A content header frame's payload. */
typedef struct lev_header {
    uint16_t class_id;
    uint16_t weight; /* always 0 in AMQP 0-9-1 */
    uint64_t body_size;
    lev_properties properties;
} lev_header;

/* Returns the i-th property's row, i < LEV_PROPERTY_COUNT, in wire order; its flag is
 * 0x8000 >> i. NULL above that. */
LEV_API const lev_field_desc *lev_property_describe(size_t i);

/* Write a property list (flags and values) or a whole header. A string over 255 bytes or a
 * malformed table fails the writer, as lev_method_encode does; so does a flag that no property has.
 */
LEV_API void lev_properties_encode(lev_writer *w, const lev_properties *p);
LEV_API void lev_header_encode(lev_writer *w, const lev_header *header);

/* Writes a whole publish whose body fits one frame: method, header and, unless the body is empty,
 * body frame (AMQP 0-9-1, 1.8.3.7 and 4.2.6). The same bytes as frame by frame, faster; fails the
 * writer as that would. `properties` may be NULL. */
LEV_API void lev_publish_encode(lev_writer *w, uint16_t channel, const lev_basic_publish *publish,
                                const lev_properties *properties, lev_span body);

/* Decode a property list that fills the span, or a header frame's payload; spans point into it.
 * Return LEV_OK; LEV_ERR_SYNTAX for missing or trailing bytes, unknown flags or a malformed table;
 * LEV_ERR_LIMIT for one that nests too deep. Properties that are not there are zero. */
LEV_API lev_status lev_properties_decode(lev_span list, lev_properties *p);
LEV_API lev_status lev_header_decode(lev_span payload, lev_header *header);

/* Reads a whole delivery from the beginning of `bytes`: basic.deliver, its header and, unless the
 * body is empty, its only body frame, all on the channel that is in `body`. Returns how many bytes
 * it has, or 0 where they are anything else (cut short, in several body frames, malformed, above
 * the limits): lev_frame_decode and its siblings then tell what. `*header` is either zero or what
 * an earlier decode left. */
LEV_API size_t lev_deliver_decode(lev_span bytes, const lev_frame_limits *limits,
                                  lev_basic_deliver *method, lev_header *header, lev_frame *body);

/* Returns whether the same properties are present with equal values. */
LEV_API bool lev_properties_equal(const lev_properties *a, const lev_properties *b);

/* Writes the properties that are there as text: content_type="text/plain" delivery_mode=2. */
LEV_API void lev_properties_print(lev_writer *w, const lev_properties *p);

#ifdef __cplusplus
}
#endif

#endif
