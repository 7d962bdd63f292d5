/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The encoder: the input chooses a method, a header or a table value and fills its fields, too long
 * ones and malformed tables among them. What must be refused is known beforehand; anything else
 * encodes into a frame of exactly that size and decodes to what went in. Nothing is cut to fit. */

#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { ENCODE_ROOM = 1 << 18, STRINGS = 1024 };

/* What the fields of the input's struct lead to. */
typedef struct expectation {
    bool refused;
    bool huge; /* a span that claims more bytes than there are, and must never be read */
} expectation;

static uint8_t strings[STRINGS];

/* A string: bytes of the input, or, cheaper for it, a stretch of a pattern with a chosen length. */
static lev_span some_string(fuzz_input *in, bool longstr, expectation *expected) {
    uint8_t how = fuzz_u8(in);
    lev_span span = {strings, fuzz_u8(in)};
    if (how % 4 == 0) {
        return fuzz_bytes(in, span.len);
    }
    if (how % 4 == 1) {
        span.len += 250;
    }
    if (how == 0xFE && longstr && SIZE_MAX > UINT32_MAX) {
        span.len += (size_t)UINT32_MAX;
        span.len += 1;
        expected->huge = true;
    }
    expected->refused = expected->refused || expected->huge || (!longstr && span.len > 255);
    return span;
}

static lev_span some_table(fuzz_input *in, expectation *expected) {
    lev_span table = fuzz_bytes(in, fuzz_u8(in));
    expected->refused = expected->refused || lev_table_check(table) != LEV_OK;
    return table;
}

static void fill_field(fuzz_input *in, const lev_field_desc *field, void *base,
                       expectation *expected) {
    uint8_t *at = (uint8_t *)base + field->offset;
    static const size_t widths[] = {0, 1, 2, 4, 8, 8};
    uint64_t v64 = 0;
    uint32_t v32;
    uint16_t v16;
    lev_span span;
    if (field->wire == LEV_WIRE_BIT) {
        *at = fuzz_u8(in) & 1;
        return;
    }
    if (field->wire >= LEV_WIRE_SHORTSTR) {
        span = field->wire == LEV_WIRE_TABLE
                   ? some_table(in, expected)
                   : some_string(in, field->wire == LEV_WIRE_LONGSTR, expected);
        memcpy(at, &span, sizeof span);
        return;
    }
    for (size_t i = 0; i < widths[field->wire]; i++) {
        v64 = v64 << 8 | fuzz_u8(in);
    }
    v32 = (uint32_t)v64;
    v16 = (uint16_t)v64;
    if (widths[field->wire] == 1) {
        *at = (uint8_t)v64;
    } else if (widths[field->wire] == 2) {
        memcpy(at, &v16, 2);
    } else if (widths[field->wire] == 4) {
        memcpy(at, &v32, 4);
    } else {
        memcpy(at, &v64, 8);
    }
}

/* Reads the frame that was written and returns its payload. */
static lev_span check_frame(const lev_writer *w, uint8_t type) {
    const lev_frame_limits limits = {ENCODE_ROOM, ENCODE_ROOM};
    lev_reader r = lev_reader_init(lev_writer_span(w));
    lev_frame frame;
    size_t need;
    CHECK(lev_frame_decode(&r, &limits, &frame, &need) == LEV_OK);
    CHECK(r.left == 0 && frame.type == type && frame.channel == 1);
    return frame.payload;
}

static void encode_method(lev_writer *w, const lev_method *method) {
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, 1);
    lev_method_encode(w, method->id, &method->as);
    lev_frame_end(w, place);
}

static void check_exact(const lev_method *method, size_t size) {
    uint8_t *exact = malloc(size);
    lev_writer w = lev_writer_init(exact, size);
    encode_method(&w, method);
    CHECK(w.status == LEV_OK && w.len == size);
    w = lev_writer_init(exact, size - 1);
    encode_method(&w, method);
    CHECK(w.status == LEV_ERR_SPACE && w.len <= size - 1);
    free(exact);
}

static void fuzz_method(fuzz_input *in, uint8_t *room) {
    expectation expected = {false, false};
    lev_method method = {.id = (lev_method_id)(fuzz_u8(in) % (LEV_METHOD_COUNT + 1))};
    const lev_method_desc *desc = lev_method_describe(method.id);
    lev_method again;
    for (size_t i = 0; desc != NULL && i < desc->field_count; i++) {
        fill_field(in, &desc->fields[i], &method.as, &expected);
    }
    lev_writer w = lev_writer_init(room, ENCODE_ROOM);
    encode_method(&w, &method);
    if (expected.refused || desc == NULL) {
        CHECK(w.status < 0 && w.status != LEV_ERR_SPACE && lev_writer_span(&w).len == 0);
        return;
    }
    CHECK(w.status == LEV_OK);
    CHECK(lev_method_decode(check_frame(&w, LEV_FRAME_METHOD), &again) == LEV_OK);
    CHECK(lev_method_equal(&method, &again));
    check_exact(&method, w.len);
}

static void fuzz_header(fuzz_input *in, uint8_t *room) {
    expectation expected = {false, false};
    lev_header header = {.weight = 0};
    lev_header again;
    header.class_id = fuzz_u16(in);
    header.body_size = fuzz_u64(in);
    header.properties.present = fuzz_u16(in);
    expected.refused = (header.properties.present & 3) != 0;
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        if ((header.properties.present & 0x8000U >> i) != 0) {
            fill_field(in, lev_property_describe(i), &header.properties, &expected);
        }
    }
    lev_writer w = lev_writer_init(room, ENCODE_ROOM);
    size_t place = lev_frame_begin(&w, LEV_FRAME_HEADER, 1);
    lev_header_encode(&w, &header);
    lev_frame_end(&w, place);
    if (expected.refused) {
        CHECK(w.status < 0 && w.status != LEV_ERR_SPACE);
        return;
    }
    CHECK(w.status == LEV_OK);
    CHECK(lev_header_decode(check_frame(&w, LEV_FRAME_HEADER), &again) == LEV_OK);
    CHECK(again.class_id == header.class_id && again.body_size == header.body_size);
    CHECK(lev_properties_equal(&header.properties, &again.properties));
}

/* A whole publish: the short way writes the same bytes as frame by frame, or fails alike. */
static void fuzz_publish(fuzz_input *in, uint8_t *room) {
    expectation ignored = {false, false};
    lev_header header = {.class_id = LEV_CLASS_BASIC};
    lev_method publish = {.id = LEV_BASIC_PUBLISH};
    lev_basic_publish *fields = &publish.as.basic_publish;
    fields->exchange = some_string(in, false, &ignored);
    fields->routing_key = some_string(in, false, &ignored);
    fields->mandatory = fuzz_u8(in) & 1;
    fields->immediate = fuzz_u8(in) & 1;
    header.properties.present = fuzz_u16(in);
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        fill_field(in, lev_property_describe(i), &header.properties, &ignored);
    }
    lev_span body = fuzz_bytes(in, in->left);
    header.body_size = body.len;
    size_t cap = ENCODE_ROOM / 2;
    lev_writer w = lev_writer_init(room, cap);
    encode_method(&w, &publish);
    size_t place = lev_frame_begin(&w, LEV_FRAME_HEADER, 1);
    lev_header_encode(&w, &header);
    lev_frame_end(&w, place);
    if (body.len > 0) {
        lev_frame_encode(&w, &(lev_frame){LEV_FRAME_BODY, 1, body});
    }
    lev_writer quick = lev_writer_init(room + cap, w.status == LEV_OK ? w.len : cap);
    lev_publish_encode(&quick, 1, fields, &header.properties, body);
    CHECK((quick.status == LEV_OK) == (w.status == LEV_OK));
    CHECK(lev_span_equal(lev_writer_span(&quick), lev_writer_span(&w)));
}

/* Whether a number goes into a letter of its width. */
static bool fits(const lev_value *v) {
    int64_t i = v->as.i;
    switch (v->type) {
    case 'b':
        return i >= INT8_MIN && i <= INT8_MAX;
    case 's':
    case 'U':
        return i >= INT16_MIN && i <= INT16_MAX;
    case 'I':
        return i >= INT32_MIN && i <= INT32_MAX;
    case 'B':
        return v->as.u <= UINT8_MAX;
    case 'u':
        return v->as.u <= UINT16_MAX;
    case 'i':
    case 'f':
        return v->as.u <= UINT32_MAX;
    default:
        return strchr("lLdT", v->type) != NULL && v->type != '\0';
    }
}

/* A number under any letter, in a table of one entry: no encoder may fold it. */
static void fuzz_value(fuzz_input *in, uint8_t *room) {
    lev_value v = {.type = (char)fuzz_u8(in)};
    lev_value again;
    expectation expected = {false, false};
    lev_span key = some_string(in, false, &expected);
    v.as.u = fuzz_u64(in);
    if (strchr("tDSxAFV", v.type) != NULL && v.type != '\0') {
        return; /* not numbers */
    }
    lev_writer w = lev_writer_init(room, ENCODE_ROOM);
    lev_table_put_span(&w, key, &v);
    CHECK((w.status == LEV_OK) == (fits(&v) && !expected.refused));
    if (w.status != LEV_OK) {
        CHECK(w.status == LEV_ERR_LIMIT);
        return;
    }
    lev_span name;
    lev_table_iter it = lev_table_walk(lev_writer_span(&w));
    CHECK(lev_table_next(&it, &name, &again) && it.in.left == 0);
    CHECK(lev_span_equal(key, name) && again.type == v.type && again.as.u == v.as.u);
}

/* Short text, hex and a string that may be too long, by themselves. */
static void fuzz_text(fuzz_input *in, uint8_t *room) {
    expectation expected = {false, false};
    uint64_t number = fuzz_u64(in);
    lev_writer w = lev_writer_init(room, fuzz_u8(in));
    lev_writer_signed(&w, (int64_t)number);
    lev_writer_decimal(&w, number);
    lev_writer_hex(&w, fuzz_bytes(in, 8));
    lev_writer_escaped(&w, fuzz_bytes(in, fuzz_u8(in)));
    fuzz_check_text(&w);
    fuzz_touch(lev_span_of(lev_status_text((lev_status)(int8_t)number)));
    fuzz_touch(lev_span_of(lev_status_name((lev_status)(int8_t)number)));
    fuzz_touch(lev_span_of(lev_reply_code_name((uint16_t)number)));
    lev_span text = some_string(in, true, &expected);
    w = lev_writer_init(room, ENCODE_ROOM);
    lev_writer_longstr(&w, text);
    CHECK((w.status == LEV_OK) == !expected.huge);
    lev_reader r = lev_reader_init(lev_writer_span(&w));
    CHECK(expected.huge || lev_span_equal(lev_reader_longstr(&r), text));
    CHECK(lev_reader_finish(&r) == LEV_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    uint8_t *room = malloc(ENCODE_ROOM);
    for (size_t i = 0; i < STRINGS; i++) {
        strings[i] = (uint8_t)(i * 7 + 1);
    }
    switch (fuzz_u8(&in) % 5) {
    case 0:
        fuzz_method(&in, room);
        break;
    case 1:
        fuzz_header(&in, room);
        break;
    case 2:
        fuzz_value(&in, room);
        break;
    case 3:
        fuzz_publish(&in, room);
        break;
    default:
        fuzz_text(&in, room);
        break;
    }
    free(room);
    return 0;
}
