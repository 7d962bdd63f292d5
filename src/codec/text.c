/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Text for people: numbers, hex, and bytes that a peer sent.
 *
 * Those are never trusted: everything but printable ASCII and well-formed UTF-8 above the C1
 * controls is escaped, byte by byte, so that no terminal sequence and no line break gets through
 * and each byte can be read off the text. Replacing bad bytes by U+FFFD was rejected for that: two
 * different names would look the same.
 *
 * printf was rejected: this layer uses no stdio, and ten lines print an integer. */

#include <leveret/wire.h>

void lev_writer_text(lev_writer *w, const char *text) { lev_writer_bytes(w, lev_span_of(text)); }

void lev_writer_decimal(lev_writer *w, uint64_t v) {
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    lev_writer_bytes(w, (lev_span){digits + at, sizeof digits - at});
}

void lev_writer_signed(lev_writer *w, int64_t v) {
    if (v < 0) {
        lev_writer_u8(w, '-');
        lev_writer_decimal(w, 0 - (uint64_t)v);
    } else {
        lev_writer_decimal(w, (uint64_t)v);
    }
}

static void text_hex_byte(lev_writer *w, uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    lev_writer_u8(w, (uint8_t)digits[byte >> 4]);
    lev_writer_u8(w, (uint8_t)digits[byte & 15]);
}

void lev_writer_hex(lev_writer *w, lev_span bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        text_hex_byte(w, bytes.ptr[i]);
    }
}

/* Returns the length of the well-formed UTF-8 sequence of at least two bytes at the front, 0 for
 * none. No surrogates, no overlong forms, no C1 controls (Unicode, table 3-7). */
static size_t text_utf8(lev_span s) {
    uint8_t lead = s.ptr[0];
    size_t len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || len > s.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s.ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    uint8_t second = s.ptr[1];
    bool bad = (lead == 0xC2 && second < 0xA0) || (lead == 0xE0 && second < 0xA0) ||
               (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
               (lead == 0xF4 && second > 0x8F);
    return bad ? 0 : len;
}

static void text_escape_byte(lev_writer *w, uint8_t byte) {
    lev_writer_u8(w, '\\');
    if (byte == '\n') {
        lev_writer_u8(w, 'n');
    } else if (byte == '\t') {
        lev_writer_u8(w, 't');
    } else if (byte == '"' || byte == '\\') {
        lev_writer_u8(w, byte);
    } else {
        lev_writer_u8(w, 'x');
        text_hex_byte(w, byte);
    }
}

static void text_escape(lev_writer *w, lev_span bytes, bool quotes) {
    size_t i = 0;
    while (i < bytes.len && w->status == LEV_OK) {
        uint8_t byte = bytes.ptr[i];
        size_t len = 1;
        bool plain = byte >= 0x20 && byte < 0x7F && byte != '\\' && (byte != '"' || !quotes);
        if (byte >= 0x80) {
            len = text_utf8((lev_span){bytes.ptr + i, bytes.len - i});
            plain = len > 0;
            len = plain ? len : 1;
        }
        if (plain) {
            lev_writer_bytes(w, (lev_span){bytes.ptr + i, len});
        } else {
            text_escape_byte(w, byte);
        }
        i += len;
    }
}

void lev_writer_quoted(lev_writer *w, lev_span bytes) {
    lev_writer_u8(w, '"');
    text_escape(w, bytes, true);
    lev_writer_u8(w, '"');
}

void lev_writer_escaped(lev_writer *w, lev_span bytes) { text_escape(w, bytes, false); }
