/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Base64 with the standard alphabet and padding (RFC 4648, 4). */

#ifndef TOOLS_BASE64_H
#define TOOLS_BASE64_H

#include "buffer.h"

/* Adds the bytes in base64. */
void base64_encode(buffer *b, lev_span bytes);

/* Decodes into `to`, which has room for 3 bytes for each 4 of `text`. Returns false for anything
 * but whole groups of the alphabet with padding at the end; `*len` is how many bytes there are. */
bool base64_decode(lev_span text, uint8_t *to, size_t *len);

#endif
