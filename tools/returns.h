/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Messages that came back because no queue took them. */

#ifndef TOOLS_RETURNS_H
#define TOOLS_RETURNS_H

#include "buffer.h"

#include <leveret/leveret.h>

typedef struct returns {
    int fd; /* of the file that keeps them, or -1 */
    const char *path;
    buffer lines;      /* what is still to be written to it */
    int fault;         /* errno of a failed write, or ENOMEM; 0 */
    char reason[1024]; /* why the first of them came back; "" where none did */
    char latest[1024]; /* the same for the last one */
} returns;

/* Makes an empty one that keeps messages in the file `path`, which is created or emptied; NULL:
 * nowhere. Returns EXIT_DONE, or EXIT_CREATE after a line on stderr. The caller calls
 * returns_deinit in every case. */
int returns_init(returns *r, const char *path);
void returns_deinit(returns *r);

/* Takes a returned message. */
void returns_take(returns *r, const lev_message *m);

/* Writes what was taken. Returns EXIT_DONE, or EXIT_OUTPUT after a line on stderr where not
 * everything could be. */
int returns_flush(returns *r);

#endif
