/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Getters by name: what a program reads out of headers, arguments and server properties. */

#include "../unit.h"
#include "support.h"

#include <leveret/table.h>

static uint8_t bytes[4096];

static void put(lev_writer *w, const char *key, char type, int64_t i) {
    lev_value value = {.type = type, .as.i = i};
    lev_table_put(w, key, &value);
}

static void finds_an_integer_of_any_width(void) {
    const struct {
        char type;
        int64_t v;
    } numbers[] = {{'b', -128},      {'B', 255},         {'s', -32768},     {'u', 65535},
                   {'U', -32768},    {'I', -2147483647}, {'i', 4294967295}, {'l', INT64_MIN},
                   {'l', INT64_MAX}, {'L', -1}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        int64_t v = 7;
        put(&w, "x-count", numbers[i].type, numbers[i].v);
        EXPECT(w.status == LEV_OK);
        EXPECT(lev_table_get_int(lev_writer_span(&w), "x-count", &v));
        EXPECT(v == numbers[i].v);
    }
}

static void finds_every_other_kind(void) {
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_table_put_bool(&w, "flag", true);
    lev_table_put_double(&w, "ratio", -0.25);
    lev_value single = {.type = 'f', .as.u = 0x3FC00000}; /* 1.5 */
    lev_table_put(&w, "single", &single);
    lev_table_put_time(&w, "when", 1700000000);
    lev_table_put_string(&w, "name", "value");
    lev_table_put_bytes(&w, "raw", lev_span_of("\1\2"));
    lev_span table = lev_writer_span(&w);
    bool flag = false;
    double d = 0;
    uint64_t when = 0;
    lev_span text;
    EXPECT(lev_table_get_bool(table, "flag", &flag) && flag);
    EXPECT(lev_table_get_double(table, "ratio", &d) && d == -0.25);
    EXPECT(lev_table_get_double(table, "single", &d) && d == 1.5);
    EXPECT(lev_table_get_time(table, "when", &when) && when == 1700000000);
    EXPECT(lev_table_get_string(table, "name", &text) &&
           lev_span_equal(text, lev_span_of("value")));
    EXPECT(lev_table_get_bytes(table, "raw", &text) && text.len == 2);
}

static void leaves_the_answer_alone_where_there_is_none(void) {
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_table_put_string(&w, "n", "5");
    lev_table_put_int(&w, "s", 5);
    lev_table_put_void(&w, "void");
    lev_span table = lev_writer_span(&w);
    int64_t n = 7;
    bool flag = true;
    double d = 0.5;
    uint64_t when = 9;
    lev_span span = {bytes, 3};
    EXPECT(!lev_table_get_int(table, "n", &n) && !lev_table_get_int(table, "void", &n));
    EXPECT(!lev_table_get_int(table, "absent", &n) && n == 7);
    EXPECT(!lev_table_get_bool(table, "s", &flag) && flag);
    EXPECT(!lev_table_get_double(table, "s", &d) && d == 0.5);
    EXPECT(!lev_table_get_time(table, "s", &when) && when == 9);
    EXPECT(!lev_table_get_string(table, "s", &span) && !lev_table_get_bytes(table, "n", &span));
    EXPECT(!lev_table_get_table(table, "n", &span) && !lev_table_get_array(table, "n", &span));
    EXPECT(span.ptr == bytes && span.len == 3);
}

static void finds_nothing_of_any_kind_in_an_empty_table(void) {
    const lev_span none = {NULL, 0};
    int64_t n;
    bool flag;
    double d;
    uint64_t when;
    lev_span span;
    EXPECT(!lev_table_get_int(none, "k", &n) && !lev_table_get_bool(none, "k", &flag));
    EXPECT(!lev_table_get_double(none, "k", &d) && !lev_table_get_time(none, "k", &when));
    EXPECT(!lev_table_get_string(none, "k", &span) && !lev_table_get_bytes(none, "k", &span));
    EXPECT(!lev_table_get_table(none, "k", &span) && !lev_table_get_array(none, "k", &span));
}

static void finds_the_first_of_two_entries_with_one_key(void) {
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    int64_t n = 0;
    lev_table_put_int(&w, "other", 9);
    lev_table_put_int(&w, "k", 1);
    lev_table_put_int(&w, "k", 2);
    EXPECT(lev_table_get_int(lev_writer_span(&w), "k", &n) && n == 1);
}

/* How often did a message die, and where first? */
static void reads_a_dead_letter_header_in_a_few_lines(void) {
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    size_t deaths = lev_array_begin(&w, "x-death");
    for (int64_t count = 1; count <= 3; count++) {
        size_t death = lev_table_begin(&w, NULL);
        lev_table_put_int(&w, "count", count);
        lev_table_put_string(&w, "reason", "rejected");
        lev_table_end(&w, death);
    }
    lev_array_put(&w, &(lev_value){.type = 'l', .as.i = -1}); /* not a table: passed over */
    lev_table_end(&w, deaths);
    lev_table_put_string(&w, "x-first-death-queue", "jobs");

    lev_span headers = lev_writer_span(&w);
    lev_span list;
    lev_span queue;
    int64_t total = 0;
    if (lev_table_get_array(headers, "x-death", &list)) {
        lev_table_iter it = lev_table_walk(list);
        lev_value death;
        for (int64_t count; lev_array_next(&it, &death);) {
            lev_span table = lev_value_bytes(&death, 'F');
            total += lev_table_get_int(table, "count", &count) ? count : 0;
        }
    }
    EXPECT(total == 6);
    EXPECT(lev_table_get_string(headers, "x-first-death-queue", &queue));
    EXPECT(lev_span_equal(queue, lev_span_of("jobs")));
}

static void copies_an_entry_and_a_whole_table(void) {
    uint8_t other[512];
    lev_writer from = lev_writer_init(bytes, sizeof bytes);
    lev_writer into = lev_writer_init(other, sizeof other);
    lev_table_put_int(&from, "a", 1);
    size_t nested = lev_table_begin(&from, "nested");
    lev_table_put_string(&from, "b", "two");
    lev_table_end(&from, nested);
    lev_table_iter it = lev_table_walk(lev_writer_span(&from));
    lev_span key;
    for (lev_value value; lev_table_next(&it, &key, &value);) {
        lev_table_put_span(&into, key, &value);
    }
    EXPECT(into.status == LEV_OK);
    EXPECT(lev_table_equal(lev_writer_span(&from), lev_writer_span(&into)));
    into = lev_writer_init(other, sizeof other);
    lev_writer_bytes(&into, lev_writer_span(&from));
    EXPECT(lev_table_equal(lev_writer_span(&from), lev_writer_span(&into)));
}

UNIT_MAIN("table_get", CASE(finds_an_integer_of_any_width), CASE(finds_every_other_kind),
          CASE(leaves_the_answer_alone_where_there_is_none),
          CASE(finds_nothing_of_any_kind_in_an_empty_table),
          CASE(finds_the_first_of_two_entries_with_one_key),
          CASE(reads_a_dead_letter_header_in_a_few_lines), CASE(copies_an_entry_and_a_whole_table))
