/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Strings that may hold a password: copied, and overwritten before they are freed. */

#ifndef LEVERET_CLIENT_SECRET_H
#define LEVERET_CLIENT_SECRET_H

/* Returns a copy; NULL for NULL, and without memory. */
char *lev_secret_copy(const char *text);

/* Cleanses and frees; NULL is fine. */
void lev_secret_free(char *text);

#endif
