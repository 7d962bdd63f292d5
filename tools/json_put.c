/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Strings go out in runs of plain bytes. A number of up to 15 digits (6 of a float) survives the
 * way through binary and back, so %.15g gives the shortest form wherever it reads back at all, and
 * only then more digits are tried; the smallest numbers have fewer digits and are tried from one
 * up. */

#include "json_put.h"

#include "base64.h"
#include "json_scan.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_put_comma(buffer *b) {
    uint8_t last = b->len > 0 ? b->ptr[b->len - 1] : '\n';
    if (last != '{' && last != '[' && last != '\n') {
        buffer_byte(b, ',');
    }
}

void json_put_name(buffer *b, const char *name) {
    json_put_comma(b);
    buffer_byte(b, '"');
    buffer_text(b, name);
    buffer_text(b, "\":");
}

/* Escapes one code point below U+0100. */
static void json_put_escape(buffer *b, unsigned point) {
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *at = point != 0 && point < 0x80 ? strchr(plain, (int)point) : NULL;
    char text[8];
    if (at != NULL) {
        snprintf(text, sizeof text, "\\%c", letters[at - plain]);
    } else {
        snprintf(text, sizeof text, "\\u%04x", point);
    }
    buffer_text(b, text);
}

static bool json_put_plain(uint8_t byte) {
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F && byte != 0xC2;
}

/* C1 controls are C2 80 to C2 9F: some terminals obey them. */
static void json_put_escaped(buffer *b, lev_span bytes) {
    size_t i = 0;
    while (i < bytes.len) {
        size_t from = i;
        while (i < bytes.len && json_put_plain(bytes.ptr[i])) {
            i++;
        }
        buffer_put(b, (lev_span){bytes.ptr + from, i - from});
        if (i < bytes.len && bytes.ptr[i] == 0xC2) {
            if (bytes.ptr[i + 1] < 0xA0) {
                json_put_escape(b, bytes.ptr[i + 1]);
            } else {
                buffer_put(b, (lev_span){bytes.ptr + i, 2});
            }
            i += 2;
        } else if (i < bytes.len) {
            json_put_escape(b, bytes.ptr[i++]);
        }
    }
}

void json_put_base64(buffer *b, lev_span bytes) {
    buffer_byte(b, '"');
    base64_encode(b, bytes);
    buffer_byte(b, '"');
}

void json_put_string(buffer *b, lev_span bytes) {
    if (json_is_utf8(bytes)) {
        buffer_byte(b, '"');
        json_put_escaped(b, bytes);
        buffer_byte(b, '"');
    } else {
        buffer_text(b, "{\"base64\":");
        json_put_base64(b, bytes);
        buffer_byte(b, '}');
    }
}

void json_put_boolean(buffer *b, bool v) { buffer_text(b, v ? "true" : "false"); }

static void json_put_number(buffer *b, const char *text) {
    buffer_text(b, text);
    if (strpbrk(text, ".e") == NULL) {
        buffer_text(b, ".0");
    }
}

void json_put_double(buffer *b, double v) {
    char text[48];
    int digits = isnormal(v) ? DBL_DIG : 1;
    do {
        snprintf(text, sizeof text, "%.*g", digits++, v);
    } while (digits <= DBL_DECIMAL_DIG && strtod(text, NULL) != v);
    json_put_number(b, text);
}

void json_put_float(buffer *b, float v) {
    char text[48];
    int digits = isnormal(v) ? FLT_DIG : 1;
    do {
        snprintf(text, sizeof text, "%.*g", digits++, (double)v);
    } while (digits <= FLT_DECIMAL_DIG && strtof(text, NULL) != v);
    json_put_number(b, text);
}
