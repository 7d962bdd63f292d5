/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A bare field table, its length included, or a bare property list: as bytes and as JSON. */

#ifndef TOOLS_VALUE_H
#define TOOLS_VALUE_H

#include "json.h"
#include "print.h"

enum value_kind { VALUE_TABLE, VALUE_PROPERTIES, VALUE_NONE };

/* Writes the value that fills `bytes`, as a line of JSON or of text; or what is wrong with it, as a
 * malformed item of `o`. Returns whether it is well. */
bool value_put(buffer *b, enum value_kind kind, lev_span bytes, const printer *p, const origin *o);

/* Reads a line of JSON and adds the bytes of the value. Returns false with `j->fault`. */
bool value_get(json *j, enum value_kind kind, lev_span line, buffer *bytes);

#endif
