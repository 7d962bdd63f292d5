/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Four letters for three bytes. Decoding is strict: bits that padding leaves over must be zero, so
 * that only one text stands for some bytes. */

#include "base64.h"

#include <string.h>

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(buffer *b, lev_span bytes) {
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = 0;
        uint8_t group[4];
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < n ? bytes.ptr[i + k] : 0u);
        }
        for (size_t k = 0; k < 4; k++) {
            group[k] = (uint8_t)(k <= n ? base64_letters[bits >> (18 - 6 * k) & 63] : '=');
        }
        buffer_put(b, (lev_span){group, sizeof group});
    }
}

/* Returns the letter's six bits, or 64. */
static uint32_t base64_bits(uint8_t letter) {
    const char *at = letter != '\0' ? strchr(base64_letters, letter) : NULL;
    return at != NULL ? (uint32_t)(at - base64_letters) : 64;
}

bool base64_decode(lev_span text, uint8_t *to, size_t *len) {
    size_t pad = 0;
    *len = 0;
    while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=') {
        pad++;
    }
    if (text.len % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < text.len; i += 4) {
        size_t letters = i + 4 == text.len ? 4 - pad : 4;
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            uint32_t six = k < letters ? base64_bits(text.ptr[i + k]) : 0;
            if (six > 63) {
                return false;
            }
            bits = bits << 6 | six;
        }
        for (size_t k = 0; k + 1 < letters; k++) {
            to[(*len)++] = (uint8_t)(bits >> (16 - 8 * k));
        }
        if ((letters == 3 && (bits & 0xFF) != 0) || (letters == 2 && (bits & 0xFFFF) != 0)) {
            return false;
        }
    }
    return true;
}
