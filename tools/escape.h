/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Escapes in option values: \n \t \r \0 \\ \xNN. */

#ifndef TOOLS_ESCAPE_H
#define TOOLS_ESCAPE_H

#include "options.h"

/* Takes one byte, plain or escaped, from the text at `*at`, which moves on. Returns false at a
 * backslash that begins no escape. */
bool escape_next(const char **at, uint8_t *byte);

/* A kind of option value: lev_span, a text with escapes, not empty; decoded where it stands. */
option_store option_escaped;

#endif
