/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Records cut from an input that comes in pieces of any size. */

#include "../../tools/records.h"
#include "../codec/support.h"
#include "../unit.h"

#include <string.h>
#include <unistd.h>

/* Writes the input into a pipe `step` bytes at a time, and joins the records found, each in
 * brackets. */
static const char *cut(const record_settings *o, lev_span input, size_t step) {
    static char joined[4096];
    int ends[2];
    size_t len = 0;
    EXPECT(pipe(ends) == 0);
    records r = records_init(ends[0], o);
    for (size_t at = 0; !r.ended; at += step) {
        size_t n = at < input.len ? (input.len - at < step ? input.len - at : step) : 0;
        if (n > 0) {
            EXPECT(write(ends[1], input.ptr + at, n) == (ssize_t)n);
        } else if (ends[1] >= 0) {
            close(ends[1]);
            ends[1] = -1;
        }
        EXPECT(records_fill(&r));
        lev_span one;
        while (records_next(&r, &one)) {
            len += (size_t)snprintf(joined + len, sizeof joined - len, "[%.*s]", (int)one.len,
                                    one.len > 0 ? (const char *)one.ptr : "");
        }
    }
    snprintf(joined + len, sizeof joined - len, "%s", r.cut ? "cut" : "");
    close(ends[0]);
    records_deinit(&r);
    return joined;
}

static void expect_cut(const record_settings *o, lev_span input, const char *expected) {
    for (size_t step = 1; step <= input.len + 1; step++) {
        EXPECT_STR(cut(o, input, step), expected);
    }
}

static void cuts_lines(void) {
    record_settings o = {.lines = true};
    expect_cut(&o, sp(""), "");
    expect_cut(&o, sp("a"), "[a]");
    expect_cut(&o, sp("a\n"), "[a]");
    expect_cut(&o, sp("\n\nab\r\n\nc"), "[][][ab\r][][c]");
}

static void cuts_at_a_delimiter_of_several_bytes(void) {
    record_settings o = {.delimiter = sp("--")};
    expect_cut(&o, sp("a--b"), "[a][b]");
    expect_cut(&o, sp("-a--b---c--"), "[-a][b][-c]");
    expect_cut(&o, sp("----"), "[][]");
    expect_cut(&o, sp("a-"), "[a-]");
    o.delimiter = sp("aab");
    expect_cut(&o, sp("aaaabxaabaab"), "[aa][x][]");
}

static void cuts_by_lengths(void) {
    record_settings o = {.length_prefix = true};
    expect_cut(&o, RAW("\0\0\0\2ab\0\0\0\0\0\0\0\1c"), "[ab][][c]");
    expect_cut(&o, RAW("\0\0\0\2ab\0\0\0"), "[ab]cut");
    expect_cut(&o,
               RAW("\0\0\0\2ab\xFF\xFF\xFF\xFF"
                   "c"),
               "[ab]cut");
}

static void takes_the_whole_at_the_end(void) {
    record_settings o = {0};
    expect_cut(&o, sp("a\nb"), "[a\nb]");
    expect_cut(&o, sp(""), "[]");
}

static void cuts_at_nuls(void) {
    static const uint8_t input[] = "a\nb\0\0c";
    record_settings o = {.nul = true};
    expect_cut(&o, (lev_span){input, sizeof input}, "[a\nb][][c]");
}

UNIT_MAIN("records", CASE(cuts_lines), CASE(cuts_at_a_delimiter_of_several_bytes),
          CASE(cuts_by_lengths), CASE(takes_the_whole_at_the_end), CASE(cuts_at_nuls))
