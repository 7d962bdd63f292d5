/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Tables: the input is a table's content. A second checker, which knows the letters' sizes by
 * itself, says what must come out. A good table is walked, rebuilt with the builder, and the
 * rebuilt one rebuilds to itself; any table, good or bad, can be printed. */

#include "support.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes a letter's value has; -1: a string or a nested content, -2: none such. */
static int width(uint8_t letter) {
    static const char *const letters[] = {"V", "tbB", "suU", "", "Iif", "D", "", "", "lLdT"};
    for (int i = 0; i < 9; i++) {
        if (letter != 0 && strchr(letters[i], letter) != NULL) {
            return i;
        }
    }
    return letter != 0 && strchr("SxAF", letter) != NULL ? -1 : -2;
}

static bool finite(uint8_t letter, const uint8_t *p) {
    bool single = letter == 'f' && (p[0] & 0x7F) == 0x7F && (p[1] & 0x80) != 0;
    bool twice = letter == 'd' && (p[0] & 0x7F) == 0x7F && (p[1] & 0xF0) == 0xF0;
    return !single && !twice;
}

static lev_status second_opinion(fuzz_input in, bool array, unsigned depth, bool strict);

/* Judges one value behind its letter. */
static lev_status judge_value(fuzz_input *in, uint8_t letter, unsigned depth, bool strict) {
    int n = width(letter);
    if (n == -2 || (n >= 0 && in->left < (size_t)n) || (n == -1 && in->left < 4)) {
        return LEV_ERR_SYNTAX;
    }
    if (n >= 0) {
        lev_span value = fuzz_bytes(in, (size_t)n);
        return strict && !finite(letter, value.ptr) ? LEV_ERR_LIMIT : LEV_OK;
    }
    uint64_t len = fuzz_u32(in);
    if (len > in->left) {
        return LEV_ERR_SYNTAX;
    }
    lev_span content = fuzz_bytes(in, (size_t)len);
    if (letter == 'S' || letter == 'x') {
        return LEV_OK;
    }
    return second_opinion((fuzz_input){content.ptr, content.len}, letter == 'A', depth + 1, strict);
}

static lev_status second_opinion(fuzz_input in, bool array, unsigned depth, bool strict) {
    if (depth > 32) {
        return LEV_ERR_LIMIT;
    }
    while (in.left > 0) {
        if (!array) {
            size_t key = fuzz_u8(&in);
            if (key > in.left) {
                return LEV_ERR_SYNTAX;
            }
            (void)fuzz_bytes(&in, key);
        }
        if (in.left == 0) {
            return LEV_ERR_SYNTAX;
        }
        lev_status status = judge_value(&in, fuzz_u8(&in), depth, strict);
        if (status != LEV_OK) {
            return status;
        }
    }
    return LEV_OK;
}

/* Puts an entry with the builder's function for it, where there is one. */
static void put(lev_writer *w, const char *key, const lev_value *v) {
    double number;
    memcpy(&number, &v->as.u, sizeof number);
    if (v->type == 't') {
        lev_table_put_bool(w, key, v->as.boolean);
    } else if (v->type == 'l') {
        lev_table_put_int(w, key, v->as.i);
    } else if (v->type == 'd') {
        lev_table_put_double(w, key, number);
    } else if (v->type == 'x') {
        lev_table_put_bytes(w, key, v->as.bytes);
    } else if (v->type == 'T') {
        lev_table_put_time(w, key, v->as.u);
    } else if (v->type == 'V') {
        lev_table_put_void(w, key);
    } else {
        lev_table_put(w, key, v);
    }
}

static void rebuild(lev_writer *w, lev_span content, bool array) {
    lev_table_iter it = lev_table_walk(content);
    lev_span key = {NULL, 0};
    lev_value v;
    while (array ? lev_array_next(&it, &v) : lev_table_next(&it, &key, &v)) {
        char text[256] = {0};
        bool plain = memchr(key.ptr != NULL ? key.ptr : (const uint8_t *)"", 0, key.len) == NULL;
        memcpy(text, key.ptr != NULL ? key.ptr : (const uint8_t *)"", key.len);
        if (v.type == 'A' || v.type == 'F') {
            const char *name = array ? NULL : text;
            size_t place = v.type == 'A' ? lev_array_begin(w, name) : lev_table_begin(w, name);
            rebuild(w, v.as.bytes, v.type == 'A');
            lev_table_end(w, place);
        } else if (array) {
            lev_array_put(w, &v);
        } else if (plain) {
            put(w, text, &v);
        } else {
            lev_table_put_span(w, key, &v);
        }
        fuzz_check_within(key, content);
    }
    CHECK(it.in.status == LEV_OK);
}

/* Whether a getter of these letters must find the value. */
static bool is_of(const lev_value *v, const char *letters) {
    return strchr(letters, v->type) != NULL;
}

static void check_get_bytes(lev_span table, const char *key, const lev_value *v) {
    lev_span got[4] = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    CHECK(lev_table_get_string(table, key, &got[0]) == is_of(v, "S"));
    CHECK(lev_table_get_bytes(table, key, &got[1]) == is_of(v, "x"));
    CHECK(lev_table_get_table(table, key, &got[2]) == is_of(v, "F"));
    CHECK(lev_table_get_array(table, key, &got[3]) == is_of(v, "A"));
    for (size_t i = 0; i < 4; i++) {
        bool wanted = v->type == "SxFA"[i];
        fuzz_check_within(got[i], table);
        CHECK(wanted ? lev_span_equal(got[i], v->as.bytes) : got[i].ptr == NULL);
        CHECK(lev_span_equal(lev_value_bytes(v, "SxFA"[i]), got[i]));
    }
}

/* Each getter finds what is of its kind, and nothing else. */
static void check_get(lev_span table, const char *key, const lev_value *v) {
    bool boolean = false;
    int64_t number = 0;
    double real = 0;
    uint64_t seconds = 0;
    CHECK(lev_table_get_bool(table, key, &boolean) == is_of(v, "t"));
    CHECK(boolean == (v->type == 't' && v->as.boolean));
    CHECK(lev_table_get_int(table, key, &number) == is_of(v, "bBsuUIilL"));
    CHECK(number == (is_of(v, "bBsuUIilL") ? v->as.i : 0));
    CHECK(lev_table_get_double(table, key, &real) == is_of(v, "fd"));
    CHECK(v->type != 'd' || memcmp(&real, &v->as.u, sizeof real) == 0);
    CHECK(lev_table_get_time(table, key, &seconds) == is_of(v, "T"));
    CHECK(seconds == (v->type == 'T' ? v->as.u : 0));
    check_get_bytes(table, key, v);
}

/* The first entry of a key is the one that is found. */
static void check_find(lev_span table) {
    lev_table_iter it = lev_table_walk(table);
    lev_span key;
    lev_value v;
    lev_value found;
    char text[256] = {0};
    CHECK(!lev_table_find((lev_span){NULL, 0}, "", &found));
    if (lev_table_next(&it, &key, &v) &&
        memchr(key.len > 0 ? key.ptr : table.ptr, 0, key.len) == NULL) {
        memcpy(text, key.len > 0 ? key.ptr : table.ptr, key.len);
        CHECK(lev_table_find(table, text, &found) && found.type == v.type);
        check_get(table, text, &v);
    }
}

static void check_good(lev_span table) {
    uint8_t *first = malloc(table.len + 1);
    uint8_t *second = malloc(table.len + 1);
    lev_writer a = lev_writer_init(first, table.len + 1);
    lev_writer b = lev_writer_init(second, table.len + 1);
    rebuild(&a, table, false);
    /* a nested key with a NUL is cut by the builder that takes a C string */
    CHECK(a.status == LEV_OK && a.len <= table.len);
    CHECK(lev_table_check(lev_writer_span(&a)) == LEV_OK);
    rebuild(&b, lev_writer_span(&a), false);
    CHECK(lev_table_equal(lev_writer_span(&a), lev_writer_span(&b)));
    check_find(table);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t text[1 << 16];
    lev_span table = {data, size};
    fuzz_input in = {data, size};
    lev_status status = lev_table_check(table);
    CHECK(status == second_opinion(in, false, 1, false));
    CHECK(lev_table_check_finite(table) == second_opinion(in, false, 1, true));
    lev_writer w = lev_writer_init(text, sizeof text);
    lev_table_print(&w, table);
    fuzz_check_text(&w);
    lev_table_iter it = lev_table_walk(table);
    lev_span key;
    lev_value v;
    while (lev_table_next(&it, &key, &v)) {
        fuzz_check_within(key, table);
        if (width((uint8_t)v.type) == -1) {
            fuzz_check_within(v.as.bytes, table);
        }
        w = lev_writer_init(text, size % 100);
        lev_value_print(&w, &v);
        fuzz_check_text(&w);
    }
    if (status == LEV_OK) {
        check_good(table);
    }
    return 0;
}
