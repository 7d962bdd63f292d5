/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Random tables with what is awkward in JSON. */

#ifndef LEVERET_TESTS_TOOLS_TABLES_H
#define LEVERET_TESTS_TOOLS_TABLES_H

#include <leveret/table.h>

/* Writes the entries of a table of at most `depth` levels: every letter; keys that repeat, are "@",
 * empty, not UTF-8, or have a NUL; NaN, infinities, -0.0, the smallest and largest numbers. */
void awkward_table(uint64_t *state, lev_writer *w, unsigned depth);

/* How many random cases a test tries: `few`, with LEVERET_LONG=1 `many`. */
unsigned case_count(unsigned few, unsigned many);

#endif
