/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* In place of json.c in a build without JSON (make JSON=no): no text can be read, so nothing else
 * here is ever asked. Writing needs no library. */

#include "json.h"

#include <stdarg.h>
#include <stdio.h>

void json_fail(json *j, const char *format, ...) {
    va_list values;
    va_start(values, format);
    if (j->fault[0] == '\0') {
        /* clang-tidy 14 sees no va_start where it has looked at another file before. */
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
        vsnprintf(j->fault, sizeof j->fault, format, values);
    }
    va_end(values);
}

void json_deinit(json *j) { arena_reset(&j->memory); }

bool json_parse(json *j, lev_span text) {
    (void)text;
    j->fault[0] = '\0';
    json_fail(j, "this leveret was built without JSON (make JSON=no)");
    return false;
}

enum json_kind json_kind_of(const json_node *node) {
    (void)node;
    return JSON_NULL;
}

bool json_boolean(json *j, const json_node *node, const char *what) {
    (void)node;
    json_fail(j, "%s", what);
    return false;
}

uint64_t json_unsigned(json *j, const json_node *node, uint64_t most, const char *what) {
    (void)node;
    json_fail(j, "%s", what);
    return most;
}

int64_t json_signed(json *j, const json_node *node, const char *what) {
    (void)node;
    json_fail(j, "%s", what);
    return 0;
}

const char *json_number(json *j, const json_node *node, const char *what) {
    (void)node;
    json_fail(j, "%s", what);
    return "0";
}

lev_span json_string(json *j, const json_node *node, const char *what) {
    (void)node;
    json_fail(j, "%s", what);
    return (lev_span){NULL, 0};
}

bool json_member(const json_node *object, const char *key, const json_node **value) {
    (void)object;
    (void)key;
    *value = NULL;
    return false;
}

size_t json_length(const json_node *array) {
    (void)array;
    return 0;
}

const json_node *json_item(const json_node *array, size_t i) {
    (void)i;
    return array;
}

json_walk json_walk_of(const json_node *object) {
    (void)object;
    return (json_walk){NULL};
}

bool json_next(json *j, json_walk *walk, lev_span *key, const json_node **value) {
    (void)walk;
    *value = NULL;
    *key = (lev_span){NULL, 0};
    json_fail(j, "no JSON");
    return false;
}
