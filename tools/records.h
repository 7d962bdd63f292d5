/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Messages cut from an input: lines or what another delimiter parts, behind a length each, or all
 * of it as one. */

#ifndef TOOLS_RECORDS_H
#define TOOLS_RECORDS_H

#include "options.h"

/* How stdin is cut. */
typedef struct record_settings {
    bool lines;
    bool nul;
    bool length_prefix;
    bool jsonl;
    lev_span delimiter;
} record_settings;

extern const option_table record_options; /* of record_settings */

/* Returns whether the settings ask for anything but the whole input as one message. */
bool record_settings_cut(const record_settings *o);

typedef struct records {
    int fd;
    bool whole;
    bool prefixed;
    lev_span delimiter;
    uint8_t *bytes;
    size_t cap;
    size_t from;     /* what was taken ends here */
    size_t to;       /* what was read ends here */
    size_t scanned;  /* up to here no delimiter begins */
    uint64_t number; /* of the record that was taken last, from 1 */
    bool ended;
    bool cut;  /* the input ended within a record */
    int fault; /* errno of a failed read, or ENOMEM; 0 */
} records;

/* Returns EXIT_DONE, or EXIT_USAGE after a line on stderr where the settings exclude each other. */
int records_check(const record_settings *o);

/* Returns an empty reader of `fd`; the caller calls records_deinit. */
records records_init(int fd, const record_settings *o);
void records_deinit(records *r);

/* Reads once, as much as is there, which waits where nothing is. Returns false when reading failed;
 * `fault` tells why. Spans taken before are void afterwards. */
bool records_fill(records *r);

/* Takes the next whole record, without its delimiter or its length; at the end of the input what is
 * left counts as one. Returns false where there is none yet, or none any more (`ended`), or only a
 * part of one (`cut`). A whole input is a record only at its end. */
bool records_next(records *r, lev_span *record);

#endif
