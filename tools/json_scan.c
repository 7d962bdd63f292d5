/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* json-c builds a good tree, but it is generous: integers above 64 bits become the largest one,
 * half a surrogate pair becomes U+FFFD, the later of two equal keys wins, a key ends at a NUL, and
 * 'a', NaN and 1. pass for JSON. So the text is looked at first, by a scan that knows tokens and no
 * grammar: the grammar stays with json-c. Members are counted here, since a tree that has fewer of
 * them than the text has lost a repeated key. */

#include "json_scan.h"

#include <string.h>

size_t json_utf8(lev_span s) {
    uint8_t lead = s.len > 0 ? s.ptr[0] : 0x80;
    size_t len = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (len > s.len || (lead >= 0x80 && (lead < 0xC2 || lead > 0xF4))) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s.ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((lead == 0xE0 && s.ptr[1] < 0xA0) || (lead == 0xED && s.ptr[1] > 0x9F) ||
        (lead == 0xF0 && s.ptr[1] < 0x90) || (lead == 0xF4 && s.ptr[1] > 0x8F)) {
        return 0;
    }
    return len;
}

bool json_is_utf8(lev_span bytes) {
    size_t i = 0;
    while (i < bytes.len) {
        size_t n = bytes.ptr[i] < 0x80 ? 1 : json_utf8((lev_span){bytes.ptr + i, bytes.len - i});
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

/* Where a scan stands. */
typedef struct scanner {
    lev_span text;
    size_t at;
    json_text found;
} scanner;

static int scan_peek(const scanner *s) { return s->at < s->text.len ? s->text.ptr[s->at] : -1; }

static void scan_fail(scanner *s, const char *fault) {
    if (s->found.fault == NULL) {
        s->found.fault = fault;
    }
    s->at = s->text.len;
}

/* Takes four hex digits and returns their number; others are json-c's to refuse. */
static unsigned scan_hex(scanner *s) {
    unsigned v = 0;
    for (int i = 0; i < 4 && s->at < s->text.len; i++) {
        uint8_t c = s->text.ptr[s->at++];
        v = v << 4 | (c <= '9' ? c - (unsigned)'0' : (c & 0xDFu) - 'A' + 10u);
    }
    return v & 0xFFFF;
}

/* The backslash was taken. */
static void scan_escape(scanner *s) {
    static const char half[] = "half a surrogate pair";
    int c = scan_peek(s);
    s->at++;
    if (c != 'u') {
        return;
    }
    unsigned unit = scan_hex(s);
    s->found.nuls += unit == 0 ? 1 : 0;
    if (unit >= 0xDC00 && unit <= 0xDFFF) {
        scan_fail(s, half);
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
        bool pair = s->text.len - s->at >= 6 && memcmp(s->text.ptr + s->at, "\\u", 2) == 0;
        s->at += pair ? 2 : 0;
        unsigned low = pair ? scan_hex(s) : 0;
        if (low < 0xDC00 || low > 0xDFFF) {
            scan_fail(s, half);
        }
    }
}

/* The opening quote was taken. */
static void scan_string(scanner *s) {
    while (s->at < s->text.len) {
        uint8_t c = s->text.ptr[s->at];
        size_t n = c < 0x80 ? 1 : json_utf8((lev_span){s->text.ptr + s->at, s->text.len - s->at});
        s->at += n;
        if (n == 0) {
            scan_fail(s, "bytes that are no UTF-8; write them as base64");
        } else if (c < 0x20) {
            scan_fail(s, "a control character in a string; write it as \\u00NN");
        } else if (c == '\\') {
            scan_escape(s);
        } else if (c == '"') {
            return;
        }
    }
    scan_fail(s, "a string without its end");
}

static size_t scan_digits(scanner *s) {
    size_t from = s->at;
    while (scan_peek(s) >= '0' && scan_peek(s) <= '9') {
        s->at++;
    }
    return s->at - from;
}

/* Is a number of `n` digits without a leading zero above what 64 bits hold? */
static bool scan_too_large(const uint8_t *digits, size_t n, bool negative) {
    const char *most = negative ? "9223372036854775808" : "18446744073709551615";
    size_t len = strlen(most);
    return n > len || (n == len && memcmp(digits, most, n) > 0);
}

static void scan_number(scanner *s) {
    bool negative = scan_peek(s) == '-';
    s->at += negative ? 1 : 0;
    size_t from = s->at;
    size_t whole = scan_digits(s);
    bool good = whole > 0 && (whole == 1 || s->text.ptr[from] != '0');
    bool integer = true;
    if (scan_peek(s) == '.') {
        s->at++;
        integer = false;
        good = scan_digits(s) > 0 && good;
    }
    if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
        s->at++;
        integer = false;
        s->at += scan_peek(s) == '+' || scan_peek(s) == '-' ? 1 : 0;
        good = scan_digits(s) > 0 && good;
    }
    if (!good) {
        scan_fail(s, "a number that JSON does not know");
    } else if (integer && scan_too_large(s->text.ptr + from, whole, negative)) {
        scan_fail(s, "an integer above 64 bits");
    }
}

json_text json_scan(lev_span text) {
    static const char outside[] = "{}[], \t\r\ntruefalsn";
    scanner s = {.text = text};
    while (s.at < text.len) {
        uint8_t c = text.ptr[s.at];
        if (c == '-' || (c >= '0' && c <= '9')) {
            scan_number(&s);
            continue;
        }
        s.at++;
        if (c == '"') {
            scan_string(&s);
        } else if (c == ':') {
            s.found.members++;
        } else if (c == '\0' || strchr(outside, c) == NULL) {
            scan_fail(&s, "no JSON");
        }
    }
    return s.found;
}
