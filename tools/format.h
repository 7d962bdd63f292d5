/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How a message that came is written. */

#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include "json_record.h"
#include "options.h"

typedef struct format_settings {
    bool raw;
    bool nul;
    bool length_prefix;
    bool jsonl;
    lev_span delimiter;
    const char *format;
    const char *directory; /* a file for each message, in this folder */
} format_settings;

extern const option_table format_options; /* of format_settings */

struct format_piece;

typedef struct format {
    bool jsonl;
    bool prefixed;
    lev_span end;  /* what follows a body */
    uint8_t *text; /* the plain text of the pieces */
    size_t text_len;
    struct format_piece *pieces; /* of --format, or NULL */
    size_t piece_count;
} format;

/* Makes a format; the caller calls format_deinit in every case. Returns EXIT_DONE, or EXIT_USAGE
 * after a line on stderr: options that exclude each other, an unknown letter or escape. */
int format_init(format *f, const format_settings *o);
void format_deinit(format *f);

/* Writes the whole record. */
void format_put(const format *f, buffer *b, const record *r);

#endif
