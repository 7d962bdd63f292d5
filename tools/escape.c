/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A decoded text is never longer, so an option's value is decoded in place. */

#include "escape.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool escape_next(const char **at, uint8_t *byte) {
    static const char letters[] = "ntr0\\";
    static const uint8_t bytes[] = {'\n', '\t', '\r', '\0', '\\'};
    const char *text = *at;
    if (text[0] != '\\') {
        *byte = (uint8_t)text[0];
        *at += 1;
        return true;
    }
    const char *found = text[1] != '\0' ? strchr(letters, text[1]) : NULL;
    if (found != NULL) {
        *byte = bytes[found - letters];
        *at += 2;
        return true;
    }
    if (text[1] == 'x' && isxdigit((unsigned char)text[2]) && isxdigit((unsigned char)text[3])) {
        char digits[] = {text[2], text[3], '\0'};
        *byte = (uint8_t)strtoul(digits, NULL, 16);
        *at += 4;
        return true;
    }
    return false;
}

int option_escaped(const option *o, char *value, void *place) {
    const char *at = value;
    lev_span bytes = {(const uint8_t *)value, 0};
    while (*at != '\0') {
        uint8_t byte;
        if (!escape_next(&at, &byte)) {
            return option_refuse(o, at, "one of the escapes \\n \\t \\r \\0 \\\\ \\xNN");
        }
        value[bytes.len++] = (char)byte;
    }
    if (bytes.len == 0) {
        return option_refuse(o, "", "a text");
    }
    memcpy(place, &bytes, sizeof bytes);
    return -1;
}
