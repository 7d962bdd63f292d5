/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* json-c behind a narrow door: only this file knows it, and json_none.c stands in where it is left
 * out. What json-c can't do exactly is done here. A key is a C string there, so \u0000 goes through
 * it as C0 80, two bytes that no UTF-8 has, and comes out as NUL again. Doubles keep their text. A
 * key that came twice is gone from the tree, which then has fewer members than the text. */

#include "json.h"

#include "json_scan.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Tables nest 32 deep, and each may be an array of pairs in an object in a pair. */
enum { JSON_DEPTH = 128 };

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

static void json_clear(json *j) {
    json_object_put(j->root);
    j->root = NULL;
    arena_reset(&j->memory);
    j->fault[0] = '\0';
}

void json_deinit(json *j) {
    json_clear(j);
    if (j->reader != NULL) {
        json_tokener_free(j->reader);
    }
    *j = (json){0};
}

static size_t json_count(const json_node *node) {
    size_t count = 0;
    if (json_object_is_type(node, json_type_object)) {
        json_object_object_foreach((json_node *)node, key, value) {
            (void)key;
            count += 1 + json_count(value);
        }
    }
    for (size_t i = 0; i < json_length(node); i++) {
        count += json_count(json_item(node, i));
    }
    return count;
}

/* Copies the text with \u0000 replaced. Returns an empty span without memory. */
static lev_span json_veil(json *j, lev_span text) {
    uint8_t *to = arena_take(&j->memory, text.len);
    size_t len = 0;
    size_t i = 0;
    while (to != NULL && i < text.len) {
        if (text.len - i >= 6 && memcmp(text.ptr + i, "\\u0000", 6) == 0) {
            to[len++] = 0xC0;
            to[len++] = 0x80;
            i += 6;
            continue;
        }
        size_t n = text.ptr[i] == '\\' && text.len - i > 1 ? 2 : 1;
        memcpy(to + len, text.ptr + i, n);
        len += n;
        i += n;
    }
    return (lev_span){to, len};
}

static lev_span json_unveil(json *j, lev_span text) {
    uint8_t *to = j->nuls ? arena_take(&j->memory, text.len) : NULL;
    size_t len = 0;
    if (to == NULL) {
        if (j->nuls) {
            json_fail(j, "out of memory");
        }
        return text;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool nul = text.ptr[i] == 0xC0;
        to[len++] = nul ? 0 : text.ptr[i];
        i += nul ? 1 : 0;
    }
    return (lev_span){to, len};
}

/* A number at the very end is complete only when something follows: the NUL. */
static enum json_tokener_error json_tokens(json *j, lev_span text) {
    json_tokener_reset(j->reader);
    j->root = json_tokener_parse_ex(j->reader, (const char *)text.ptr, (int)text.len);
    enum json_tokener_error e = json_tokener_get_error(j->reader);
    if (e == json_tokener_continue) {
        j->root = json_tokener_parse_ex(j->reader, "", 1);
        e = json_tokener_get_error(j->reader);
    }
    return e;
}

bool json_parse(json *j, lev_span text) {
    json_clear(j);
    if (j->reader == NULL && (j->reader = json_tokener_new_ex(JSON_DEPTH)) != NULL) {
        json_tokener_set_flags(j->reader, JSON_TOKENER_STRICT);
    }
    json_text found = json_scan(text);
    j->nuls = found.nuls > 0;
    lev_span veiled = j->nuls ? json_veil(j, text) : text;
    if (j->reader == NULL || (veiled.ptr == NULL && text.len > 0)) {
        json_fail(j, "out of memory");
    } else if (found.fault != NULL) {
        json_fail(j, "%s", found.fault);
    } else if (veiled.len >= INT_MAX) {
        json_fail(j, "larger than 2 GiB");
    } else {
        enum json_tokener_error e = json_tokens(j, veiled);
        if (e != json_tokener_success) {
            json_fail(j, "no JSON: %s", json_tokener_error_desc(e));
        } else if (json_count(j->root) != found.members) {
            json_fail(j, "an object with a key that comes twice; of a table write the entries");
        }
    }
    return j->fault[0] == '\0';
}

enum json_kind json_kind_of(const json_node *node) {
    switch (json_object_get_type(node)) {
    case json_type_boolean:
        return JSON_BOOLEAN;
    case json_type_int:
        return JSON_INTEGER;
    case json_type_double:
        return JSON_DOUBLE;
    case json_type_string:
        return JSON_STRING;
    case json_type_array:
        return JSON_ARRAY;
    case json_type_object:
        return JSON_OBJECT;
    case json_type_null:
        break;
    }
    return JSON_NULL;
}

bool json_boolean(json *j, const json_node *node, const char *what) {
    if (json_kind_of(node) != JSON_BOOLEAN) {
        json_fail(j, "%s is neither true nor false", what);
    }
    return json_object_get_boolean(node) != 0;
}

uint64_t json_unsigned(json *j, const json_node *node, uint64_t most, const char *what) {
    bool negative = json_object_get_int64(node) < 0;
    uint64_t v = json_object_get_uint64(node);
    if (json_kind_of(node) != JSON_INTEGER || negative || v > most) {
        json_fail(j, "%s is no integer from 0 to %" PRIu64, what, most);
        return 0;
    }
    return v;
}

int64_t json_signed(json *j, const json_node *node, const char *what) {
    if (json_kind_of(node) != JSON_INTEGER || json_object_get_uint64(node) > INT64_MAX) {
        json_fail(j, "%s is no integer of 64 bits with a sign", what);
        return 0;
    }
    return json_object_get_int64(node);
}

const char *json_number(json *j, const json_node *node, const char *what) {
    if (json_kind_of(node) != JSON_DOUBLE && json_kind_of(node) != JSON_INTEGER) {
        json_fail(j, "%s is no number", what);
        return "0";
    }
    return json_object_get_string((json_node *)node);
}

lev_span json_string(json *j, const json_node *node, const char *what) {
    if (json_kind_of(node) != JSON_STRING) {
        json_fail(j, "%s is no string", what);
        return (lev_span){NULL, 0};
    }
    const char *text = json_object_get_string((json_node *)node);
    return json_unveil(j,
                       (lev_span){(const uint8_t *)text, (size_t)json_object_get_string_len(node)});
}

bool json_member(const json_node *object, const char *key, const json_node **value) {
    json_node *found = NULL;
    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &found)) {
        return false;
    }
    *value = found;
    return true;
}

size_t json_length(const json_node *array) {
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

const json_node *json_item(const json_node *array, size_t i) {
    return json_object_array_get_idx(array, i);
}

json_walk json_walk_of(const json_node *object) {
    bool is = json_object_is_type(object, json_type_object);
    return (json_walk){is ? json_object_get_object(object)->head : NULL};
}

bool json_next(json *j, json_walk *walk, lev_span *key, const json_node **value) {
    if (walk->next == NULL) {
        return false;
    }
    *key = json_unveil(j, lev_span_of(lh_entry_k(walk->next)));
    *value = lh_entry_v(walk->next);
    walk->next = walk->next->next;
    return true;
}
