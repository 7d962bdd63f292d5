/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Of the nine mistakes that AMQP clients made, those that a codec can make: A a size plus a
 * constant overflows, B an offset plus a length wraps, C an undersized frame underflows, D a length
 * field is believed, E a length is signed, F nesting has no limit, I an encoder truncates. The
 * codec has no allocator to misuse (tests/lint/symbols), so D and E are refusals here. */

#include "../unit.h"
#include "support.h"

#include <pthread.h>

static uint8_t wire[1 << 17];

static const uint32_t huge[] = {0x7FFFFFFF, 0x80000000, 0xFFFFFFF7, 0xFFFFFFF8,
                                0xFFFFFFF9, 0xFFFFFFFA, 0xFFFFFFFB, 0xFFFFFFFC,
                                0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF};
enum { HUGE_COUNT = sizeof huge / sizeof huge[0] };

/* What a frame's head alone leads to. */
static lev_status head(uint8_t type, uint32_t size, uint32_t most, size_t *need) {
    const lev_frame_limits limits = {.body = most, .method = most};
    uint8_t bytes[LEV_FRAME_HEAD];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_writer_u8(&w, type);
    lev_writer_u16(&w, type == LEV_FRAME_HEARTBEAT ? 0 : 1);
    lev_writer_u32(&w, size);
    lev_reader r = lev_reader_init(lev_writer_span(&w));
    lev_frame frame;
    lev_status status = lev_frame_decode(&r, &limits, &frame, need);
    EXPECT_EQ(lev_frame_fault(lev_writer_span(&w), &limits)[0] == '\0', status == LEV_NEED_MORE);
    EXPECT_EQ(r.left, LEV_FRAME_HEAD);
    return status;
}

static void judge_size(uint32_t size, uint32_t most) {
    static const uint8_t types[] = {LEV_FRAME_METHOD, LEV_FRAME_HEADER, LEV_FRAME_BODY,
                                    LEV_FRAME_HEARTBEAT};
    static const uint32_t least[] = {4, 14, 0, 0};
    for (size_t i = 0; i < 4; i++) {
        uint64_t whole = (uint64_t)size + LEV_FRAME_OVERHEAD;
        bool fits = size == 0 || (whole <= most && types[i] != LEV_FRAME_HEARTBEAT);
        fits = fits && size >= least[i];
        size_t need = 0;
        EXPECT_EQ(head(types[i], size, most, &need), fits ? LEV_NEED_MORE : LEV_ERR_SYNTAX);
        EXPECT(!fits || need == whole);
    }
}

static void A_compares_frame_sizes_with_what_the_limit_leaves(void) {
    static const uint32_t limits[] = {0, 7, 8, 9, 4096, 131072, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint32_t left = limits[i] < 8 ? 0 : limits[i] - 8;
        const uint32_t sizes[] = {0, 1, left > 0 ? left - 1 : 0, left, left + 1, limits[i]};
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            judge_size(sizes[j], limits[i]);
        }
        for (size_t j = 0; j < HUGE_COUNT; j++) {
            judge_size(huge[j], limits[i]);
        }
    }
}

static void B_compares_need_with_what_is_left_over_its_whole_range(void) {
    uint8_t bytes[3] = {1, 2, 3};
    for (unsigned bit = 0; bit < sizeof(size_t) * 8; bit++) {
        for (size_t off = 0; off < 8; off++) {
            size_t need = ((size_t)1 << bit) - 4 + off;
            lev_reader r = lev_reader_init((lev_span){bytes, 3});
            EXPECT_EQ(lev_reader_bytes(&r, need).len, need <= 3 ? need : 0);
            EXPECT_EQ(r.status, need <= 3 ? LEV_OK : LEV_ERR_SYNTAX);
            EXPECT_EQ(r.left, need <= 3 ? 3 - need : 0);
            r = lev_reader_init((lev_span){bytes, 3});
            EXPECT_EQ(lev_reader_carve(&r, need).left, need <= 3 ? need : 0);
            lev_writer w = lev_writer_init(wire, 3);
            lev_writer_bytes(&w, (lev_span){bytes, need});
            EXPECT_EQ(w.status, need <= 3 ? LEV_OK : LEV_ERR_SPACE);
            EXPECT_EQ(w.len, need <= 3 ? need : 0);
            w = (lev_writer){.ptr = wire, .cap = 3, .len = 2};
            lev_writer_bytes(&w, (lev_span){bytes, need});
            EXPECT_EQ(w.len, need <= 1 ? 2 + need : 2);
        }
    }
}

static void C_refuses_every_method_cut_at_every_byte_and_with_a_byte_too_many(void) {
    uint64_t state = 6;
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        lev_method m = {.id = (lev_method_id)id};
        random_fields(&state, desc->fields, desc->field_count, &m.as);
        lev_writer w = lev_writer_init(wire, sizeof wire - 1);
        lev_method_encode(&w, m.id, &m.as);
        EXPECT_EQ(w.status, LEV_OK);
        for (size_t len = 0; len < w.len; len++) {
            EXPECT(lev_method_decode((lev_span){wire, len}, &m) != LEV_OK);
            EXPECT_EQ(m.id, LEV_NO_METHOD);
        }
        EXPECT_EQ(lev_method_decode((lev_span){wire, w.len + 1}, &m), LEV_ERR_SYNTAX);
        EXPECT_EQ(m.id, LEV_NO_METHOD);
    }
}

static void C_refuses_every_header_cut_at_every_byte_and_with_a_byte_too_many(void) {
    uint64_t state = 7;
    for (size_t i = 0; i <= LEV_PROPERTY_COUNT; i++) {
        lev_header h = {.class_id = 60, .body_size = 5};
        h.properties.present = (uint16_t)(i < LEV_PROPERTY_COUNT ? 0x8000 >> i : 0xFFFC);
        for (size_t j = 0; j < LEV_PROPERTY_COUNT; j++) {
            random_fields(&state, lev_property_describe(j), 1, &h.properties);
        }
        lev_writer w = lev_writer_init(wire, sizeof wire - 1);
        lev_header_encode(&w, &h);
        EXPECT_EQ(lev_header_decode(lev_writer_span(&w), &h), LEV_OK);
        for (size_t len = 0; len < w.len; len++) {
            EXPECT(lev_header_decode((lev_span){wire, len}, &h) != LEV_OK);
        }
        EXPECT_EQ(lev_header_decode((lev_span){wire, w.len + 1}, &h), LEV_ERR_SYNTAX);
    }
}

/* Writes a length of `width` octets over the one at `place`, which has `rest` bytes behind it: one
 * too many first, then all the huge ones. Returns false behind the last. */
static bool lie(size_t place, size_t width, size_t rest, size_t turn) {
    lev_writer w = lev_writer_init(wire + place, width);
    if (width == 1) {
        lev_writer_u8(&w, turn == 0 && rest < 255 ? (uint8_t)(rest + 1) : 255);
        return turn < 2 && rest < 255;
    }
    lev_writer_u32(&w, turn == 0 ? (uint32_t)rest + 1 : huge[(turn - 1) % HUGE_COUNT]);
    return turn <= HUGE_COUNT;
}

static void D_E_believes_no_length_in_a_method(void) {
    lev_method m;
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        lev_method empty = {.id = (lev_method_id)id};
        bool bits = false;
        size_t place = 4;
        lev_writer w = lev_writer_init(wire, sizeof wire);
        lev_method_encode(&w, empty.id, &empty.as);
        for (size_t i = 0; i < desc->field_count; i++) {
            static const size_t widths[] = {0, 1, 2, 4, 8, 8, 1, 4, 4};
            enum lev_wire_type type = desc->fields[i].wire;
            size_t width = type == LEV_WIRE_BIT && !bits ? 1 : widths[type];
            bool string = type >= LEV_WIRE_SHORTSTR;
            bits = type == LEV_WIRE_BIT;
            for (size_t turn = 0; string && lie(place, width, w.len - place - width, turn);
                 turn++) {
                EXPECT_EQ(lev_method_decode(lev_writer_span(&w), &m), LEV_ERR_SYNTAX);
            }
            memset(wire + place, 0, width);
            place += width;
        }
        EXPECT_EQ(place, w.len);
        EXPECT_EQ(lev_method_decode(lev_writer_span(&w), &m), LEV_OK);
    }
}

static void D_E_believes_no_length_in_a_header_or_a_table(void) {
    for (const char *letter = "SxAF"; *letter != '\0'; letter++) {
        lev_writer w = lev_writer_init(wire, sizeof wire);
        lev_table_put(&w, "k", &(lev_value){.type = *letter});
        EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_OK);
        for (size_t turn = 0; lie(3, 4, 0, turn); turn++) {
            EXPECT_EQ(lev_table_check(lev_writer_span(&w)), LEV_ERR_SYNTAX);
        }
    }
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        enum lev_wire_type type = lev_property_describe(i)->wire;
        lev_properties p = {.present = (uint16_t)(0x8000 >> i)};
        lev_writer w = lev_writer_init(wire, sizeof wire);
        lev_properties_encode(&w, &p);
        EXPECT_EQ(lev_properties_decode(lev_writer_span(&w), &p), LEV_OK);
        size_t width = type == LEV_WIRE_SHORTSTR ? 1 : 4;
        for (size_t turn = 0; type >= LEV_WIRE_SHORTSTR && lie(2, width, 0, turn); turn++) {
            EXPECT_EQ(lev_properties_decode(lev_writer_span(&w), &p), LEV_ERR_SYNTAX);
        }
    }
}

typedef struct descent {
    lev_span table;
    lev_status status[6];
    bool print_stops;
} descent;

static void *descend(void *arg) {
    static uint8_t room[NEST_ROOM + 64];
    static char text[4096];
    descent *d = arg;
    lev_method m;
    lev_properties p;
    d->status[0] = lev_table_check(d->table);
    d->status[1] = lev_table_check_finite(d->table);
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_method_encode(&w, LEV_QUEUE_DECLARE, &(lev_queue_declare){.arguments = d->table});
    d->status[2] = w.status;
    w = lev_writer_init(room, sizeof room);
    lev_writer_bytes(&w, RAW("\0\x32\0\x0a\0\0\0\0"));
    lev_writer_longstr(&w, d->table);
    d->status[3] = lev_method_decode(lev_writer_span(&w), &m);
    w = lev_writer_init(room, sizeof room);
    lev_writer_u16(&w, LEV_HAS_HEADERS);
    lev_writer_longstr(&w, d->table);
    d->status[4] = lev_properties_decode(lev_writer_span(&w), &p);
    p = (lev_properties){.present = LEV_HAS_HEADERS, .headers = d->table};
    w = lev_writer_init(room, sizeof room);
    lev_properties_encode(&w, &p);
    d->status[5] = w.status;
    w = lev_writer_init((uint8_t *)text, sizeof text - 1);
    lev_table_print(&w, d->table);
    text[w.len] = '\0';
    d->print_stops = strstr(text, "<too deep>") != NULL;
    return NULL;
}

static void F_bounds_nesting_on_a_small_stack(void) {
    static const unsigned depths[] = {1, 31, 32, 33, NEST_DEEPEST};
    static const char *kinds[] = {"F", "A", "FA", "FFA"};
    pthread_attr_t attr;
    EXPECT_EQ(pthread_attr_init(&attr), 0);
    EXPECT_EQ(pthread_attr_setstacksize(&attr, 65536), 0);
    for (size_t i = 0; i < 20; i++) {
        unsigned depth = depths[i / 4];
        descent d = {.table = nested_table(depth, kinds[i % 4])};
        pthread_t thread;
        EXPECT_EQ(pthread_create(&thread, &attr, descend, &d), 0);
        EXPECT_EQ(pthread_join(thread, NULL), 0);
        for (size_t j = 0; j < 6; j++) {
            EXPECT_EQ(d.status[j], depth <= LEV_TABLE_DEPTH_MAX ? LEV_OK : LEV_ERR_LIMIT);
        }
        EXPECT_EQ(d.print_stops, depth > LEV_TABLE_DEPTH_MAX);
    }
}

static uint8_t source[UINT16_MAX + 2];

/* What becomes of a method with this string in one field. */
static lev_status string_in(lev_method_id id, const lev_field_desc *field, lev_span string) {
    lev_method m = {.id = id};
    lev_writer w = lev_writer_init(wire, sizeof wire);
    memcpy((uint8_t *)&m.as + field->offset, &string, sizeof string);
    lev_method_encode(&w, id, &m.as);
    return w.status;
}

static void refuse_over_255(lev_span string) {
    lev_status expected = string.len <= 255 ? LEV_OK : LEV_ERR_LIMIT;
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        for (const lev_field_desc *f = desc->fields; f < desc->fields + desc->field_count; f++) {
            bool isshort = f->wire == LEV_WIRE_SHORTSTR;
            if (isshort || f->wire == LEV_WIRE_LONGSTR) {
                EXPECT_EQ(string_in((lev_method_id)id, f, string), isshort ? expected : LEV_OK);
            }
        }
    }
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        lev_properties p = {.present = (uint16_t)(0x8000 >> i)};
        if (lev_property_describe(i)->wire == LEV_WIRE_SHORTSTR) {
            memcpy((uint8_t *)&p + lev_property_describe(i)->offset, &string, sizeof string);
            lev_writer w = lev_writer_init(wire, sizeof wire);
            lev_properties_encode(&w, &p);
            EXPECT_EQ(w.status, expected);
        }
    }
    lev_writer w = lev_writer_init(wire, sizeof wire);
    lev_table_put_span(&w, string, &(lev_value){.type = 'V'});
    EXPECT_EQ(w.status, expected);
}

static void I_refuses_strings_over_255_bytes_in_every_method_and_property(void) {
    static const size_t lengths[] = {0, 254, 255, 256, 511, 65535, 65536};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        refuse_over_255((lev_span){source, lengths[i]});
    }
}

UNIT_MAIN("mistakes", CASE(A_compares_frame_sizes_with_what_the_limit_leaves),
          CASE(B_compares_need_with_what_is_left_over_its_whole_range),
          CASE(C_refuses_every_method_cut_at_every_byte_and_with_a_byte_too_many),
          CASE(C_refuses_every_header_cut_at_every_byte_and_with_a_byte_too_many),
          CASE(D_E_believes_no_length_in_a_method),
          CASE(D_E_believes_no_length_in_a_header_or_a_table),
          CASE(F_bounds_nesting_on_a_small_stack),
          CASE(I_refuses_strings_over_255_bytes_in_every_method_and_property))
