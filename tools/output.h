/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A buffered output that never starves the connection while its reader is slow. */

#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include "buffer.h"

#include <leveret/leveret.h>

enum { OUTPUT_FULL = 64 * 1024 }; /* from here on it is worth writing */

typedef struct output {
    int fd;
    size_t piece; /* how much a write may take without waiting once poll saw room */
    buffer bytes; /* what is to be written */
} output;

/* Returns an output to a descriptor; the caller calls output_deinit, which writes nothing. */
output output_init(int fd);
void output_deinit(output *o);

/* Writes everything that is in the buffer, while the connection goes on. Returns EXIT_DONE,
 * EXIT_PIPE when the reader is gone, or EXIT_OUTPUT with a line on stderr. */
int output_flush(output *o, lev_client *client);

#endif
