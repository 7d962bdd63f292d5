/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Items as a sequence diagram for Mermaid. */

#ifndef TOOLS_SEQUENCE_H
#define TOOLS_SEQUENCE_H

#include "print.h"

/* {0} is a fresh one. */
typedef struct sequence {
    bool begun;
    enum side from; /* of the item before, where an item itself does not tell */
} sequence;

/* Writes a line of the diagram, and its head before the first. */
void sequence_put(sequence *s, buffer *b, const item *i, const origin *o);

#endif
