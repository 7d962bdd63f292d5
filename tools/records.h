/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Messages cut from an input: line by line, or all of it as one. */

#ifndef TOOLS_RECORDS_H
#define TOOLS_RECORDS_H

#include <leveret/wire.h>

typedef struct records {
    int fd;
    uint8_t *bytes;
    size_t cap;
    size_t from;    /* what was taken ends here */
    size_t to;      /* what was read ends here */
    size_t scanned; /* up to here there is no newline */
    bool ended;
    int fault; /* errno of a failed read, or ENOMEM; 0 */
} records;

/* Returns an empty reader of `fd`; the caller calls records_deinit. */
records records_init(int fd);
void records_deinit(records *r);

/* Reads once, as much as is there, which waits where nothing is. Returns false when reading failed;
 * `fault` tells why. Spans taken before are void afterwards. */
bool records_fill(records *r);

/* Takes the next whole line, without its newline; at the end of the input what is left counts as
 * one. Returns false where there is none yet, or none any more (`ended`). */
bool records_line(records *r, lev_span *line);

/* Returns everything that was read and not taken. */
lev_span records_rest(const records *r);

#endif
