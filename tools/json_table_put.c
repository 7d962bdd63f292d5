/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Tables as JSON. A table is a plain object wherever that says all: its keys are UTF-8, differ, and
 * none is "@", which marks what is not plain. Keys are compared after sorting, since a peer may
 * send a hundred thousand of them. */

#include "json_put.h"
#include "json_scan.h"
#include "json_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_FEW = 32 };

static int compare_keys(const void *a, const void *b) {
    const lev_span *x = a;
    const lev_span *y = b;
    if (x->len != y->len) {
        return x->len < y->len ? -1 : 1;
    }
    return x->len == 0 ? 0 : memcmp(x->ptr, y->ptr, x->len);
}

static bool keys_repeat(lev_span *keys, size_t count) {
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* How a table has to be written. */
enum table_form { TABLE_PLAIN, TABLE_WRAPPED, TABLE_ENTRIES };

static enum table_form table_form(lev_span table) {
    lev_span few[TABLE_FEW];
    lev_span *keys = few;
    lev_table_iter it = lev_table_walk(table);
    enum table_form form = TABLE_PLAIN;
    size_t count = 0;
    lev_span key;
    lev_value value;
    for (; lev_table_next(&it, &key, &value); count++) {
        if (!json_is_utf8(key)) {
            return TABLE_ENTRIES;
        }
        form = lev_span_equal(key, lev_span_of("@")) ? TABLE_WRAPPED : form;
    }
    if (count > TABLE_FEW) {
        keys = malloc(count * sizeof *keys);
    }
    if (keys == NULL) {
        return TABLE_ENTRIES; /* which is right for any table */
    }
    it = lev_table_walk(table);
    for (size_t i = 0; i < count && lev_table_next(&it, &keys[i], &value); i++) {
    }
    form = count > 1 && keys_repeat(keys, count) ? TABLE_ENTRIES : form;
    if (keys != few) {
        free(keys);
    }
    return form;
}

static void put_members(buffer *b, lev_span table) {
    lev_table_iter it = lev_table_walk(table);
    lev_span key;
    lev_value value;
    buffer_byte(b, '{');
    while (lev_table_next(&it, &key, &value)) {
        json_put_comma(b);
        json_put_string(b, key);
        buffer_byte(b, ':');
        json_put_value(b, &value);
    }
    buffer_byte(b, '}');
}

static void put_entries(buffer *b, lev_span table) {
    lev_table_iter it = lev_table_walk(table);
    lev_span key;
    lev_value value;
    buffer_byte(b, '[');
    while (lev_table_next(&it, &key, &value)) {
        json_put_comma(b);
        buffer_byte(b, '[');
        json_put_string(b, key);
        buffer_byte(b, ',');
        json_put_value(b, &value);
        buffer_byte(b, ']');
    }
    buffer_byte(b, ']');
}

static void put_table(buffer *b, lev_span table) {
    switch (table_form(table)) {
    case TABLE_PLAIN:
        put_members(b, table);
        break;
    case TABLE_WRAPPED:
        buffer_text(b, "{\"@\":\"F\",\"v\":");
        put_members(b, table);
        buffer_byte(b, '}');
        break;
    case TABLE_ENTRIES:
        buffer_text(b, "{\"@\":\"F\",\"entries\":");
        put_entries(b, table);
        buffer_byte(b, '}');
        break;
    }
}

static void put_array(buffer *b, lev_span array) {
    lev_table_iter it = lev_table_walk(array);
    lev_value value;
    buffer_byte(b, '[');
    while (lev_array_next(&it, &value)) {
        json_put_comma(b);
        json_put_value(b, &value);
    }
    buffer_byte(b, ']');
}

static void put_bits(buffer *b, uint64_t bits, int digits) {
    char text[32];
    snprintf(text, sizeof text, "\"bits\":\"%0*llx\"", digits, (unsigned long long)bits);
    buffer_text(b, text);
}

/* Returns whether it is a number; NaN and infinities have only bits. */
static bool put_real(buffer *b, const lev_value *value) {
    uint32_t single = (uint32_t)value->as.u;
    float f;
    double d;
    memcpy(&f, &single, sizeof f);
    memcpy(&d, &value->as.u, sizeof d);
    if (!(value->type == 'f' ? isfinite(f) : isfinite(d))) {
        return false;
    }
    if (value->type == 'f') {
        json_put_float(b, f);
    } else {
        json_put_double(b, d);
    }
    return true;
}

static void put_integer(buffer *b, const lev_value *value) {
    if (strchr("BuiT", value->type) != NULL) {
        buffer_decimal(b, value->as.u);
    } else {
        buffer_signed(b, value->as.i);
    }
}

/* Writes what stands behind {"@":"LETTER", of types that are not plain. */
static void put_tagged(buffer *b, const lev_value *value) {
    size_t before = b->len;
    switch (value->type) {
    case 'S':
        buffer_text(b, "\"base64\":");
        json_put_base64(b, value->as.bytes);
        return;
    case 'x':
        buffer_text(b, "\"v\":");
        json_put_base64(b, value->as.bytes);
        return;
    case 'f':
    case 'd':
        buffer_text(b, "\"v\":");
        if (!put_real(b, value)) {
            b->len = b->failed ? b->len : before;
            put_bits(b, value->as.u, value->type == 'f' ? 8 : 16);
        }
        return;
    case 'D':
        buffer_text(b, "\"v\":{\"scale\":");
        buffer_decimal(b, value->as.decimal.scale);
        buffer_text(b, ",\"value\":");
        buffer_signed(b, (int32_t)value->as.decimal.value);
        buffer_byte(b, '}');
        return;
    default:
        buffer_text(b, "\"v\":");
        put_integer(b, value);
        return;
    }
}

/* Writes a value that is plain JSON. Returns false where it is not. */
static bool put_plain(buffer *b, const lev_value *value) {
    switch (value->type) {
    case 't':
        json_put_boolean(b, value->as.boolean);
        return true;
    case 'l':
        buffer_signed(b, value->as.i);
        return true;
    case 'd':
        return put_real(b, value);
    case 'S':
        if (!json_is_utf8(value->as.bytes)) {
            return false;
        }
        json_put_string(b, value->as.bytes);
        return true;
    case 'V':
        buffer_text(b, "null");
        return true;
    case 'F':
        put_table(b, value->as.bytes);
        return true;
    case 'A':
        put_array(b, value->as.bytes);
        return true;
    default:
        return false;
    }
}

void json_put_value(buffer *b, const lev_value *value) {
    if (!put_plain(b, value)) {
        buffer_text(b, "{\"@\":\"");
        buffer_byte(b, (uint8_t)value->type);
        buffer_text(b, "\",");
        put_tagged(b, value);
        buffer_byte(b, '}');
    }
}

void json_put_bare(buffer *b, const lev_value *value) {
    if (value->type == 'S' || value->type == 'x') {
        buffer_put(b, value->as.bytes);
    } else if (strchr("bBsuIiLUT", value->type) != NULL) {
        put_integer(b, value);
    } else if (value->type != 'f' || !put_real(b, value)) {
        json_put_value(b, value);
    }
}

void json_put_table(buffer *b, lev_span table) { put_table(b, table); }
