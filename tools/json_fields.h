/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Fields of methods, and properties, as members of JSON objects. */

#ifndef TOOLS_JSON_FIELDS_H
#define TOOLS_JSON_FIELDS_H

#include "buffer.h"
#include "json.h"

#include <leveret/properties.h>

/* Writes the field's value without its name: a boolean, a number, a string or, where it is not
 * UTF-8, {"base64":"..."}, a table. `base` is the struct that `field` describes. */
void json_put_field(buffer *b, const lev_field_desc *field, const void *base);

/* Reads a value into the field. Strings and tables live until the next text. What is wrong is noted
 * in `j`. */
void json_get_field(json *j, const json_node *node, const lev_field_desc *field, void *base);

/* Returns whether the field is zero or empty. */
bool json_field_empty(const lev_field_desc *field, const void *base);

/* Writes an object of the properties that are present, and reads one. */
void json_put_properties(buffer *b, const lev_properties *p);
void json_get_properties(json *j, const json_node *node, lev_properties *p);

#endif
