/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a JSON library lets pass or can't hold is seen to in the text, before it is parsed. */

#ifndef TOOLS_JSON_SCAN_H
#define TOOLS_JSON_SCAN_H

#include <leveret/wire.h>

typedef struct json_text {
    const char *fault; /* why it is no JSON, or NULL */
    size_t members;    /* how many "key": there are in all objects together */
    size_t nuls;       /* how many \u0000 */
} json_text;

/* Scans a text (RFC 8259). Refused: what is not UTF-8, raw control characters and half a surrogate
 * pair in a string, numbers of another form, integers above 64 bits, and bytes that stand for
 * nothing outside of strings. */
json_text json_scan(lev_span text);

/* Returns the length of the well-formed UTF-8 sequence at the front, 1 to 4, or 0 for none
 * (Unicode, table 3-7). */
size_t json_utf8(lev_span bytes);

/* Returns whether all of it is well-formed UTF-8. */
bool json_is_utf8(lev_span bytes);

#endif
