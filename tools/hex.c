/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One digit after the other, so that a text may be cut anywhere. */

#include "hex.h"

/* Returns the digit's value, or 16. */
static unsigned hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') {
        return c - (unsigned)'0';
    }
    uint8_t upper = c & 0xDF;
    return upper >= 'A' && upper <= 'F' ? upper - 'A' + 10u : 16;
}

static bool hex_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool hex_reader_put(hex_reader *h, lev_span text, buffer *bytes) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = hex_digit(text.ptr[i]);
        if (hex_space(text.ptr[i])) {
            continue;
        }
        if (digit > 15) {
            return false;
        }
        if (h->digits == 0) {
            h->high = (uint8_t)(digit << 4);
        } else {
            buffer_byte(bytes, (uint8_t)(h->high | digit));
        }
        h->digits ^= 1;
    }
    return true;
}

bool hex_decode(lev_span text, buffer *bytes) {
    hex_reader h = {0};
    for (size_t i = 0; i < text.len; i++) {
        if (hex_space(text.ptr[i])) {
            return false;
        }
    }
    return hex_reader_put(&h, text, bytes) && h.digits == 0;
}
