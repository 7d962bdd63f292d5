/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Strings that may hold a password: copied, and overwritten before they are freed. */

#ifndef LEVERET_CLIENT_SECRET_H
#define LEVERET_CLIENT_SECRET_H

#include <leveret/memory.h>
#include <stddef.h>

/* Returns a copy; NULL for NULL, and without memory. */
char *lev_secret_copy(const lev_allocator *a, const char *text);

/* Cleanses and frees; NULL is fine. */
void lev_secret_free(char *text);

/* Cleanses any memory. */
void lev_secret_wipe(void *ptr, size_t len);

#endif
