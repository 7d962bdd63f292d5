/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The bytes are overwritten through a volatile pointer, which no compiler may leave out, even right
 * before free. memset would be removed as a dead store; explicit_bzero and memset_s are not
 * everywhere.
 *
 * The string ends at its first NUL, so whoever cuts a secret short must cleanse the rest on its
 * own. */

#include "secret.h"

#include <stdlib.h>
#include <string.h>

char *lev_secret_copy(const char *text) {
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void lev_secret_free(char *text) {
    for (volatile char *p = text; p != NULL && *p != '\0'; p++) {
        *p = '\0';
    }
    free(text);
}
