/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Items of a stream as JSON objects, and the bytes that such an object stands for. */

#ifndef TOOLS_JSON_FRAME_H
#define TOOLS_JSON_FRAME_H

#include "json.h"
#include "print.h"

/* Writes the object, without a newline. What it says does not always tell each byte, such as unused
 * bits: then "raw" has them all. `redacted`: its bytes are not to be shown. */
void json_put_item(buffer *b, const item *i, const origin *o, bool redacted);

/* Reads an object and adds the bytes that it stands for: those of "raw", or of "hex" where it is
 * malformed, or a frame of its fields, where one that is absent is zero or empty. Returns false
 * with `j->fault`, and then adds nothing. */
bool json_get_item(json *j, lev_span line, buffer *bytes, origin *o);

#endif
