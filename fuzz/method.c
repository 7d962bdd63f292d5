/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Methods: the input is a method frame's payload. What decodes encodes to as many bytes, which
 * decode to an equal method; every prefix of it is refused. */

#include "support.h"

#include <stdlib.h>

enum { CUT_AT_MOST = 400 };

static void check_round_trip(const lev_method *method, size_t size) {
    uint8_t *bytes = malloc(size);
    lev_writer w = lev_writer_init(bytes, size);
    lev_method again;
    lev_method_encode(&w, method->id, &method->as);
    CHECK(w.status == LEV_OK && w.len == size);
    CHECK(lev_method_decode(lev_writer_span(&w), &again) == LEV_OK);
    CHECK(lev_method_equal(method, &again));
    w = lev_writer_init(bytes, size - 1);
    lev_method_encode(&w, method->id, &method->as);
    CHECK(w.status == LEV_ERR_SPACE);
    free(bytes);
}

static void check_text(const lev_method *method) {
    static uint8_t text[1 << 16];
    lev_writer w = lev_writer_init(text, sizeof text);
    lev_method_print(&w, method);
    fuzz_check_text(&w);
}

static void check_names(lev_method_id id) {
    const lev_method_desc *desc = lev_method_describe(id);
    CHECK(lev_method_lookup(desc->class_id, desc->method_id) == id);
    CHECK(lev_method_named(lev_span_of(desc->class_name), lev_span_of(desc->method_name)) == id);
    CHECK(lev_method_named(lev_span_of(desc->class_name), lev_span_of("no-such")) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lev_span input = {data, size};
    lev_method method;
    lev_status status = lev_method_decode(input, &method);
    if (status != LEV_OK) {
        CHECK(method.id == LEV_NO_METHOD);
        CHECK(status == LEV_ERR_SYNTAX || status == LEV_ERR_LIMIT || status == LEV_ERR_UNSUPPORTED);
        check_text(&method);
        return 0;
    }
    fuzz_check_method(&method, &input);
    check_round_trip(&method, size);
    check_text(&method);
    check_names(method.id);
    if (method.id == LEV_CONNECTION_CLOSE) {
        const char *name = lev_reply_code_name(method.as.connection_close.reply_code);
        fuzz_touch(lev_span_of(name));
    }
    for (size_t len = 0; len < size && size <= CUT_AT_MOST; len++) {
        lev_method cut;
        CHECK(lev_method_decode((lev_span){data, len}, &cut) != LEV_OK);
    }
    return 0;
}
