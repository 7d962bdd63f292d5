/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Items of a stream for people: dump, --trace and proxy print through this. */

#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include "dissect.h"

enum side { SIDE_UNKNOWN, SIDE_CLIENT, SIDE_SERVER };

/* Where an item comes from. */
typedef struct origin {
    bool streamed; /* there are several streams; this is number `stream` */
    uint64_t stream;
    enum side from;
    uint64_t line; /* of the input, from 1; 0: none */
} origin;

/* How items are printed. */
typedef enum print_form { PRINT_TEXT, PRINT_HEXDUMP, PRINT_JSONL } print_form;

typedef struct printer {
    print_form form;
    bool redact; /* leave secrets out: what a login answers, and new secrets */
} printer;

/* Writes an item, with a newline at the end: one line of text, several of a hexdump, or a JSON
 * object. Text from the wire is escaped. */
void print_item(buffer *b, const printer *p, const item *i, const origin *o);

/* Writes an item as text without a newline and without its origin, a body's first bytes included.
 */
void print_text(buffer *b, const item *i, bool redact);

/* Returns "client", "server" or "". */
const char *side_name(enum side from);

/* Returns who sends this, as far as the item itself tells. */
enum side item_side(const item *i);

#endif
