/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Content headers: the input is a header frame's payload. What decodes encodes to at most as many
 * bytes (empty further flag words are not written again), which decode to an equal header; every
 * prefix of those is refused. */

#include "support.h"

#include <stdlib.h>

enum { CUT_AT_MOST = 400 };

static bool header_equal(const lev_header *a, const lev_header *b) {
    return a->class_id == b->class_id && a->weight == b->weight && a->body_size == b->body_size &&
           lev_properties_equal(&a->properties, &b->properties);
}

static void check_round_trip(const lev_header *header, size_t size) {
    uint8_t *bytes = malloc(size);
    lev_writer w = lev_writer_init(bytes, size);
    lev_header again;
    lev_header_encode(&w, header);
    CHECK(w.status == LEV_OK && w.len <= size);
    CHECK(lev_header_decode(lev_writer_span(&w), &again) == LEV_OK);
    CHECK(header_equal(header, &again));
    size = w.len;
    for (size_t len = 0; len < size && size <= CUT_AT_MOST; len++) {
        CHECK(lev_header_decode((lev_span){bytes, len}, &again) != LEV_OK);
    }
    w = lev_writer_init(bytes, size - 1);
    lev_header_encode(&w, header);
    CHECK(w.status == LEV_ERR_SPACE);
    free(bytes);
}

/* The list alone, behind class, weight and size. */
static void check_list(lev_span list, const lev_properties *expected) {
    lev_properties properties;
    static uint8_t bytes[1 << 16];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    CHECK(lev_properties_decode(list, &properties) == LEV_OK);
    CHECK(lev_properties_equal(&properties, expected));
    lev_properties_encode(&w, &properties);
    CHECK(list.len > sizeof bytes || (w.status == LEV_OK && w.len <= list.len));
    w = lev_writer_init(bytes, sizeof bytes);
    lev_properties_print(&w, &properties);
    fuzz_check_text(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lev_span input = {data, size};
    lev_header header;
    lev_status status = lev_header_decode(input, &header);
    if (status != LEV_OK) {
        CHECK(status == LEV_ERR_SYNTAX || status == LEV_ERR_LIMIT);
        return 0;
    }
    CHECK(size >= 14);
    fuzz_check_properties(&header.properties, &input);
    check_round_trip(&header, size);
    check_list((lev_span){data + 12, size - 12}, &header.properties);
    return 0;
}
