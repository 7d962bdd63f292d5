/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What dump and encode share: an input read in pieces, and choices that were not made. */

#ifndef TOOLS_STUDY_H
#define TOOLS_STUDY_H

#include "options.h"
#include "print.h"

enum { CHOICE_NONE = 2 }; /* default of a choice between two words */

/* Returns the side that --from client|server chose. */
enum side study_side(unsigned choice);

/* Opens the only argument, or stdin for none and for "-". `*name` is what it is called. Returns
 * EXIT_DONE, or EXIT_USAGE or EXIT_INPUT after a line on stderr. */
int study_open(const settings *s, const char *command, int *fd, const char **name);

/* Reads a piece of at most `room` bytes. Returns how many there are, 0 at the end, or -1 after a
 * line on stderr. */
long study_read(int fd, const char *name, uint8_t *piece, size_t room);

#endif
