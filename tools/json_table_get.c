/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* JSON as tables. The encoder is the library's: a value is put together here and written there, so
 * what does not fit its letter, a key over 255 bytes and the like fail as they do everywhere. A
 * table's size is not known ahead; it is written into the room that is there and, where that was
 * not enough, again into twice as much. */

#include "base64.h"
#include "json_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void get_value(json *j, const json_node *node, lev_writer *w);

lev_span json_get_base64(json *j, const json_node *node, const char *what) {
    lev_span text = json_string(j, node, what);
    uint8_t *bytes = arena_take(&j->memory, text.len);
    size_t len = 0;
    if (bytes == NULL || !base64_decode(text, bytes, &len)) {
        json_fail(j, "%s is no base64", what);
        return (lev_span){NULL, 0};
    }
    return (lev_span){bytes, len};
}

lev_span json_get_bytes(json *j, const json_node *node, const char *what) {
    const json_node *text;
    if (json_kind_of(node) == JSON_OBJECT && json_member(node, "base64", &text)) {
        return json_get_base64(j, text, what);
    }
    return json_string(j, node, what);
}

static void get_members(json *j, const json_node *node, lev_writer *w) {
    json_walk walk = json_walk_of(node);
    lev_span key;
    const json_node *value;
    while (json_next(j, &walk, &key, &value)) {
        lev_writer_shortstr(w, key);
        get_value(j, value, w);
    }
}

static void get_entries(json *j, const json_node *node, lev_writer *w) {
    for (size_t i = 0; i < json_length(node); i++) {
        const json_node *pair = json_item(node, i);
        if (json_length(pair) != 2) {
            json_fail(j, "an entry of a table is not [KEY,VALUE]");
            return;
        }
        lev_writer_shortstr(w, json_get_bytes(j, json_item(pair, 0), "a key"));
        get_value(j, json_item(pair, 1), w);
    }
}

static void get_items(json *j, const json_node *node, lev_writer *w) {
    for (size_t i = 0; i < json_length(node); i++) {
        get_value(j, json_item(node, i), w);
    }
}

typedef void nested(json *j, const json_node *node, lev_writer *w);

static void get_nested(json *j, const json_node *node, char letter, nested *get, lev_writer *w) {
    lev_writer_u8(w, (uint8_t)letter);
    size_t place = lev_writer_begin_u32(w);
    get(j, node, w);
    lev_writer_end_u32(w, place);
}

/* Reads hex digits, exactly `digits` of them. */
static uint64_t get_bits(json *j, const json_node *node, size_t digits) {
    static const char hex[] = "0123456789abcdefABCDEF";
    lev_span text = json_string(j, node, "\"bits\"");
    char copy[17] = "";
    if (text.len == digits) {
        memcpy(copy, text.ptr, digits);
    }
    if (strspn(copy, hex) != digits) {
        json_fail(j, "\"bits\" are not %zu hex digits", digits);
        return 0;
    }
    return strtoull(copy, NULL, 16);
}

static uint64_t get_real(json *j, const json_node *node, char letter) {
    const char *text = json_number(j, node, "a floating-point value");
    float f = letter == 'f' ? strtof(text, NULL) : 0;
    double d = letter == 'd' ? strtod(text, NULL) : 0;
    uint32_t single;
    uint64_t bits;
    if (f - f != 0 || d - d != 0) {
        json_fail(j, "a floating-point value is too large");
    }
    memcpy(&single, &f, sizeof single);
    memcpy(&bits, &d, sizeof bits);
    return letter == 'f' ? single : bits;
}

static void get_decimal(json *j, const json_node *node, lev_value *value) {
    const json_node *scale = NULL;
    const json_node *number = NULL;
    if (!json_member(node, "scale", &scale) || !json_member(node, "value", &number)) {
        json_fail(j, "a decimal is not {\"scale\":N,\"value\":N}");
        return;
    }
    value->as.decimal.scale = (uint8_t)json_unsigned(j, scale, UINT8_MAX, "a decimal's scale");
    int64_t v = json_signed(j, number, "a decimal's value");
    if (v < INT32_MIN || v > UINT32_MAX) {
        json_fail(j, "a decimal's value has more than 32 bits");
    }
    value->as.decimal.value = (uint32_t)v;
}

/* Fills the value of a letter that is none of F, A and V. */
static void get_scalar(json *j, const json_node *v, lev_value *value) {
    switch (value->type) {
    case 't':
        value->as.boolean = json_boolean(j, v, "a value of type t");
        break;
    case 'b':
    case 's':
    case 'U':
    case 'I':
    case 'l':
    case 'L':
        value->as.i = json_signed(j, v, "a value of a signed type");
        break;
    case 'B':
    case 'u':
    case 'i':
    case 'T':
        value->as.u = json_unsigned(j, v, UINT64_MAX, "a value of an unsigned type");
        break;
    case 'f':
    case 'd':
        value->as.u = get_real(j, v, value->type);
        break;
    case 'D':
        get_decimal(j, v, value);
        break;
    case 'S':
        value->as.bytes = json_string(j, v, "a value of type S");
        break;
    case 'x':
        value->as.bytes = json_get_base64(j, v, "a value of type x");
        break;
    default:
        json_fail(j, "\"@\" is no type letter");
        break;
    }
}

/* {"@":"LETTER", and "v", "bits" or "base64". */
static void get_tagged_scalar(json *j, const json_node *node, char letter, lev_writer *w) {
    lev_value value = {.type = letter};
    const json_node *v = NULL;
    if ((letter == 'f' || letter == 'd') && json_member(node, "bits", &v)) {
        value.as.u = get_bits(j, v, letter == 'f' ? 8 : 16);
    } else if (letter == 'S' && json_member(node, "base64", &v)) {
        value.as.bytes = json_get_base64(j, v, "a value of type S");
    } else if (json_member(node, "v", &v)) {
        get_scalar(j, v, &value);
    } else if (letter != 'V') {
        json_fail(j, "a value of type %c has no \"v\"", letter);
    }
    if (j->fault[0] == '\0') {
        lev_array_put(w, &value);
    }
}

static void get_tagged(json *j, const json_node *node, const json_node *tag, lev_writer *w) {
    lev_span name = json_string(j, tag, "\"@\"");
    char letter =
        (char)(name.len == 1 && name.ptr[0] > ' ' && name.ptr[0] < 0x7F ? name.ptr[0] : '?');
    const json_node *v = NULL;
    if (letter == 'F' && json_member(node, "entries", &v) && json_kind_of(v) == JSON_ARRAY) {
        get_nested(j, v, 'F', get_entries, w);
    } else if (letter == 'F' && json_member(node, "v", &v) && json_kind_of(v) == JSON_OBJECT) {
        get_nested(j, v, 'F', get_members, w);
    } else if (letter == 'A' && json_member(node, "v", &v) && json_kind_of(v) == JSON_ARRAY) {
        get_nested(j, v, 'A', get_items, w);
    } else if (letter == 'F' || letter == 'A') {
        json_fail(j, "a value of type %c has no \"v\" of its kind", letter);
    } else {
        get_tagged_scalar(j, node, letter, w);
    }
}

/* Writes a value with its letter. */
static void get_value(json *j, const json_node *node, lev_writer *w) {
    static const char natural[] = {
        [JSON_NULL] = 'V',   [JSON_BOOLEAN] = 't', [JSON_INTEGER] = 'l',
        [JSON_DOUBLE] = 'd', [JSON_STRING] = 'S',
    };
    enum json_kind kind = json_kind_of(node);
    const json_node *tag;
    if (kind == JSON_ARRAY) {
        get_nested(j, node, 'A', get_items, w);
    } else if (kind == JSON_OBJECT && json_member(node, "@", &tag)) {
        get_tagged(j, node, tag, w);
    } else if (kind == JSON_OBJECT) {
        get_nested(j, node, 'F', get_members, w);
    } else {
        lev_value value = {.type = natural[kind]};
        if (kind != JSON_NULL) {
            get_scalar(j, node, &value);
        }
        lev_array_put(w, &value);
    }
}

/* Writes a value into memory of its own, letter first. */
static lev_span get_encoded(json *j, const json_node *node) {
    lev_writer w = {.status = LEV_ERR_SPACE};
    for (size_t room = 1024; w.status == LEV_ERR_SPACE && j->fault[0] == '\0'; room *= 2) {
        uint8_t *bytes = arena_take(&j->memory, room);
        if (bytes == NULL) {
            json_fail(j, "out of memory");
            break;
        }
        w = lev_writer_init(bytes, room);
        get_value(j, node, &w);
    }
    if (w.status != LEV_OK) {
        json_fail(j, "a key or a value does not fit its type");
    }
    return j->fault[0] == '\0' ? lev_writer_span(&w) : (lev_span){NULL, 0};
}

/* The letter and the length are taken off again. */
lev_span json_get_table(json *j, const json_node *node) {
    lev_span encoded = {NULL, 0};
    if (json_kind_of(node) == JSON_OBJECT) {
        encoded = get_encoded(j, node);
    }
    if (encoded.len < 5 || encoded.ptr[0] != 'F') {
        json_fail(j, "a table is no object");
        return (lev_span){NULL, 0};
    }
    lev_span table = {encoded.ptr + 5, encoded.len - 5};
    if (lev_table_check(table) != LEV_OK) {
        json_fail(j, "a table nests deeper than %d", LEV_TABLE_DEPTH_MAX);
        return (lev_span){NULL, 0};
    }
    return table;
}

bool json_table_add(json *j, buffer *table, lev_span key, lev_span text) {
    lev_span value = json_parse(j, text) ? get_encoded(j, j->root) : (lev_span){NULL, 0};
    size_t before = table->len;
    if (key.len > UINT8_MAX) {
        json_fail(j, "a key has more than 255 bytes");
    }
    if (j->fault[0] == '\0') {
        buffer_byte(table, (uint8_t)key.len);
        buffer_put(table, key);
        buffer_put(table, value);
        if (table->failed) {
            json_fail(j, "out of memory");
        } else if (lev_table_check(buffer_span(table)) != LEV_OK) {
            json_fail(j, "a table nests deeper than %d", LEV_TABLE_DEPTH_MAX);
        }
    }
    table->len = j->fault[0] == '\0' ? table->len : before;
    return j->fault[0] == '\0';
}
