/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What dump does with captures and with nonsense. Captures made from random streams come back
 * whole; a thousand damaged ones and 10 MB of random bytes do no harm, and take no memory. `make
 * check` runs this under the sanitizers, too. The many forms of captures are a matter of
 * test_study.py. */

#include "../../tools/capture.h"
#include "../../tools/json_frame.h"
#include "../../tools/layout.h"
#include "../codec/support.h"
#include "../unit.h"
#include "streams.h"

enum { IP_TCP = 40, FRAMES = 20, CLIENT_PORT = 40000, SERVER_PORT = 5672 };

static void put_le32(buffer *b, uint32_t v) {
    for (int k = 0; k < 4; k++) {
        buffer_byte(b, (uint8_t)(v >> 8 * k));
    }
}

static void put_be(buffer *b, uint32_t v, int size) {
    while (size-- > 0) {
        buffer_byte(b, (uint8_t)(v >> 8 * size));
    }
}

static void put_head(buffer *file) {
    put_le32(file, 0xA1B2C3D4);
    put_le32(file, 2 | 4 << 16);
    put_le32(file, 0);
    put_le32(file, 0);
    put_le32(file, 65536);
    put_le32(file, 101); /* bare IP */
}

/* Adds a packet of IPv4 and TCP. */
static void put_packet(buffer *file, bool to_server, uint32_t seq, uint8_t flags, lev_span data) {
    uint32_t size = IP_TCP + (uint32_t)data.len;
    put_le32(file, 0);
    put_le32(file, 0);
    put_le32(file, size);
    put_le32(file, size);
    put_be(file, 0x4500, 2);
    put_be(file, size, 2);
    put_be(file, 0x00004000, 4);
    put_be(file, 64 << 24 | 6 << 16, 4);
    put_be(file, to_server ? 0x0A000001 : 0x0A000002, 4);
    put_be(file, to_server ? 0x0A000002 : 0x0A000001, 4);
    put_be(file, to_server ? CLIENT_PORT : SERVER_PORT, 2);
    put_be(file, to_server ? SERVER_PORT : CLIENT_PORT, 2);
    put_be(file, seq, 4);
    put_be(file, 0, 4);
    put_be(file, (uint32_t)(0x5000 | flags), 2);
    put_be(file, 0xFFFF0000, 4);
    put_be(file, 0, 2);
    buffer_put(file, data);
}

static void put_stream(buffer *file, bool to_server, lev_span bytes, uint64_t *state) {
    uint32_t seq = 1000;
    put_packet(file, to_server, seq++, to_server ? 0x02 : 0x12, (lev_span){NULL, 0});
    while (bytes.len > 0) {
        size_t n = 1 + random_below(state, 1400);
        n = n < bytes.len ? n : bytes.len;
        put_packet(file, to_server, seq, 0x10, (lev_span){bytes.ptr, n});
        seq += (uint32_t)n;
        bytes = (lev_span){bytes.ptr + n, bytes.len - n};
    }
}

/* What came out: the bytes of each side, and how much of it was malformed. */
typedef struct found {
    buffer sides[2];
    size_t malformed;
} found;

static void take(void *context, const item *i, const origin *o) {
    static buffer line;
    found *f = context;
    line.len = 0;
    json_put_item(&line, i, o, false);
    layout_print(&line, i, false);
    EXPECT(line.len > 0);
    f->malformed += i->kind == ITEM_MALFORMED ? 1 : 0;
    buffer_put(&f->sides[o->from == SIDE_CLIENT ? 0 : 1], i->bytes);
}

static void found_deinit(found *f) {
    buffer_deinit(&f->sides[0]);
    buffer_deinit(&f->sides[1]);
}

/* Reads a capture in pieces. Returns whether it was one. */
static bool read_capture(found *f, const buffer *file, size_t step) {
    capture c;
    bool well = true;
    capture_init(&c, take, f);
    for (size_t at = 0; at < file->len && well; at += step) {
        size_t n = file->len - at < step ? file->len - at : step;
        well = capture_put(&c, (lev_span){file->ptr + at, n});
    }
    capture_end(&c);
    well = well && c.fault[0] == '\0';
    capture_deinit(&c);
    return well;
}

/* Makes a capture; the streams are in `sides`. */
static void make_capture(buffer *file, buffer sides[2], uint64_t *state) {
    put_head(file);
    buffer_put(&sides[0], (lev_span){(const uint8_t *)"AMQP\0\0\x09\x01", 8});
    for (int k = 0; k < 2; k++) {
        buffer_put(&sides[k], random_stream(state, FRAMES));
        put_stream(file, k == 0, buffer_span(&sides[k]), state);
    }
}

static void they_come_back(void) {
    uint64_t state = 271828182845904523;
    for (int n = 0; n < 100; n++) {
        buffer file = {0};
        found made = {.malformed = 0};
        found got = {.malformed = 0};
        make_capture(&file, made.sides, &state);
        EXPECT(read_capture(&got, &file, 1 + random_below(&state, 3000)));
        EXPECT_EQ(got.malformed, 0);
        for (int k = 0; k < 2; k++) {
            EXPECT_BYTES(got.sides[k].ptr, got.sides[k].len, made.sides[k].ptr, made.sides[k].len);
        }
        buffer_deinit(&file);
        found_deinit(&made);
        found_deinit(&got);
    }
}

/* A flipped bit adds no bytes: what comes out is never more than what went in. */
static void flipped_bits_do_no_harm(void) {
    uint64_t state = 314159265358979323;
    size_t malformed = 0;
    size_t refused = 0;
    for (int n = 0; n < 1000; n++) {
        buffer file = {0};
        found made = {.malformed = 0};
        found got = {.malformed = 0};
        make_capture(&file, made.sides, &state);
        for (uint64_t flips = 1 + random_below(&state, 30); flips > 0; flips--) {
            uint8_t *byte = file.ptr + random_below(&state, file.len);
            *byte = (uint8_t)(*byte ^ 1 << random_below(&state, 8));
        }
        refused += read_capture(&got, &file, 4096) ? 0 : 1;
        malformed += got.malformed;
        EXPECT(got.sides[0].len + got.sides[1].len <= file.len);
        buffer_deinit(&file);
        found_deinit(&made);
        found_deinit(&got);
    }
    EXPECT(malformed > 1000);
    EXPECT(refused > 10 && refused < 900);
}

/* Each item is printed as dump does, and no more is held than what a frame may have. */
static void nonsense_does_no_harm(void) {
    static uint8_t bytes[10 * 1024 * 1024];
    uint64_t state = 161803398874989484;
    dissector d = {0};
    item i = {.kind = ITEM_BODY};
    found f = {.malformed = 0};
    size_t largest = 0;
    for (size_t k = 0; k < sizeof bytes; k++) {
        bytes[k] = (uint8_t)random_below(&state, 256);
    }
    for (size_t at = 0; at < sizeof bytes; at += 64 * 1024) {
        EXPECT(dissector_put(&d, (lev_span){bytes + at, 64 * 1024}));
        while (dissector_next(&d, &i)) {
            take(&f, &i, &(origin){.from = SIDE_CLIENT});
        }
        largest = d.bytes.cap > largest ? d.bytes.cap : largest;
    }
    dissector_end(&d);
    while (dissector_next(&d, &i)) {
        take(&f, &i, &(origin){.from = SIDE_CLIENT});
    }
    EXPECT_BYTES(f.sides[0].ptr, f.sides[0].len, bytes, sizeof bytes);
    EXPECT(f.malformed >= 160);
    EXPECT(largest <= 2 * 1024 * 1024);
    dissector_deinit(&d);
    found_deinit(&f);
}

UNIT_MAIN("capture", CASE(they_come_back), CASE(flipped_bits_do_no_harm),
          CASE(nonsense_does_no_harm))
