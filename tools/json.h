/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Reading JSON, exactly: integers of 64 bits, numbers as they were written, any string and key. */

#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include "arena.h"

#include <leveret/wire.h>

/* A value of a parsed text. NULL is JSON's null. */
struct json_object;
typedef struct json_object json_node;

enum { JSON_FAULT = 160 };

/* A reader and the text that it read last. {0} is a fresh one. */
typedef struct json {
    struct json_tokener *reader;
    json_node *root;
    arena memory;           /* what the text does not have as it is wanted; until the next text */
    bool nuls;              /* some string has a NUL */
    char fault[JSON_FAULT]; /* the first thing that was wrong with this text, or "" */
} json;

void json_deinit(json *j);

/* Reads one text; what was read before is gone. Returns false with `fault` where it is no JSON, or
 * has an object with a key twice. In a build without JSON every text is refused. */
bool json_parse(json *j, lev_span text);

/* Notes what is wrong: printf's format. The first one counts. */
void json_fail(json *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum json_kind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_INTEGER, /* -2^63 to 2^64-1 */
    JSON_DOUBLE,  /* a number with a point or an exponent */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};
enum json_kind json_kind_of(const json_node *node);

/* Return the value where it is of that kind; otherwise they note that `what` is something else,
 * and return zero. A number as text is as it was written, a double as well as an integer. A string
 * lives until the next text. */
bool json_boolean(json *j, const json_node *node, const char *what);
uint64_t json_unsigned(json *j, const json_node *node, uint64_t most, const char *what);
int64_t json_signed(json *j, const json_node *node, const char *what);
const char *json_number(json *j, const json_node *node, const char *what);
lev_span json_string(json *j, const json_node *node, const char *what);

/* Finds a member. Returns false where there is none, or `object` is no object. */
bool json_member(const json_node *object, const char *key, const json_node **value);

/* How many items an array has, 0 for anything else, and the i-th of them. */
size_t json_length(const json_node *array);
const json_node *json_item(const json_node *array, size_t i);

/* A walk over the members of an object, in their order. Of anything else there are none. */
typedef struct json_walk {
    struct lh_entry *next;
} json_walk;
json_walk json_walk_of(const json_node *object);
bool json_next(json *j, json_walk *walk, lev_span *key, const json_node **value);

#endif
