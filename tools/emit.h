/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* stdout of a command without a connection: nothing else waits while it is written. */

#ifndef TOOLS_EMIT_H
#define TOOLS_EMIT_H

#include "buffer.h"

/* Writes all of the buffer to stdout and empties it. Returns EXIT_DONE, EXIT_PIPE when the reader
 * is gone, EXIT_INTERNAL where the buffer ran out of memory, or EXIT_OUTPUT; after the latter two a
 * line is on stderr. */
int emit(buffer *b);

/* The same once it is worth a write. */
int emit_some(buffer *b);

#endif
