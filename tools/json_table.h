/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Field tables as JSON and back, to the byte. Where a type is the natural one for a JSON value it
 * is plain JSON (S, t, l, d, V, F, A), otherwise {"@":"LETTER","v":VALUE}. */

#ifndef TOOLS_JSON_TABLE_H
#define TOOLS_JSON_TABLE_H

#include "buffer.h"
#include "json.h"

#include <leveret/table.h>

/* Write a table that lev_table_check accepts, or a value of one. */
void json_put_table(buffer *b, lev_span table);
void json_put_value(buffer *b, const lev_value *value);

/* Writes a value for people: strings and bytes as they are, numbers without their type, all else as
 * JSON. */
void json_put_bare(buffer *b, const lev_value *value);

/* Reads an object as a table, which lives until the next text. What is wrong is noted in `j`, and
 * the table is empty then. */
lev_span json_get_table(json *j, const json_node *node);

/* Reads a string, or {"base64":"..."}: any bytes. They live until the next text. */
lev_span json_get_bytes(json *j, const json_node *node, const char *what);

/* Reads a string of base64. */
lev_span json_get_base64(json *j, const json_node *node, const char *what);

/* Adds an entry to a table: the key and the value that the JSON text stands for. Returns false
 * with `j->fault` where that is no JSON or does not fit, and the table as it was. */
bool json_table_add(json *j, buffer *table, lev_span key, lev_span text);

#endif
