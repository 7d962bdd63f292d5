/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Writing JSON: the scalars. Objects and arrays are brackets that the caller writes. */

#ifndef TOOLS_JSON_PUT_H
#define TOOLS_JSON_PUT_H

#include "buffer.h"

/* Writes a comma, unless an object or an array has just been opened. */
void json_put_comma(buffer *b);

/* Writes "name": behind a comma where one is due. `name` is plain. */
void json_put_name(buffer *b, const char *name);

/* Writes a string, in which controls and what a terminal takes for one are escaped; bytes that are
 * not UTF-8 become {"base64":"..."}. */
void json_put_string(buffer *b, lev_span bytes);

/* Writes bytes as a string of base64. */
void json_put_base64(buffer *b, lev_span bytes);

/* Writes `true` or `false`. */
void json_put_boolean(buffer *b, bool v);

/* Write the shortest number that reads back as the same double, or the same float, with a point or
 * an exponent. Neither NaN nor infinite. */
void json_put_double(buffer *b, double v);
void json_put_float(buffer *b, float v);

#endif
