/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The bytes are overwritten through a volatile pointer, which no compiler may leave out, even right
 * before free. memset would be removed as a dead store; explicit_bzero and memset_s are not
 * everywhere.
 *
 * A string ends at its first NUL, so whoever cuts a secret short must cleanse the rest on its own.
 */

#include "secret.h"

#include <string.h>

char *lev_secret_copy(const lev_allocator *a, const char *text) {
    return lev_memory_string(a, text);
}

void lev_secret_free(char *text) {
    lev_secret_wipe(text, text != NULL ? strlen(text) : 0);
    lev_memory_free(text);
}

void lev_secret_wipe(void *ptr, size_t len) {
    volatile char *p = ptr;
    for (size_t i = 0; i < len; i++) {
        p[i] = '\0';
    }
}
