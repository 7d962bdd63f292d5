/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Hex digits as bytes. */

#ifndef TOOLS_HEX_H
#define TOOLS_HEX_H

#include "buffer.h"

/* Adds the bytes that pairs of hex digits stand for. Returns false at anything else. */
bool hex_decode(lev_span text, buffer *bytes);

/* The same for a text in pieces, with white space anywhere. {0} is a fresh one. */
typedef struct hex_reader {
    unsigned digits; /* of a byte, that were read: 0 or 1 */
    uint8_t high;
} hex_reader;
bool hex_reader_put(hex_reader *h, lev_span text, buffer *bytes);

#endif
