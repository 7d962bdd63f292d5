/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A list of fields in a struct: what methods and properties share. */

#ifndef LEVERET_CODEC_FIELD_H
#define LEVERET_CODEC_FIELD_H

#include <leveret/method.h>

/* Each handles one field of `base`, a struct that `field` describes. Bits are not theirs: several
 * share an octet, which is the method's business. */
void lev_field_encode(lev_writer *w, const lev_field_desc *field, const void *base);
void lev_field_decode(lev_reader *r, const lev_field_desc *field, void *base);
bool lev_field_equal(const lev_field_desc *field, const void *a, const void *b);

/* Writes name=value. */
void lev_field_print(lev_writer *w, const lev_field_desc *field, const void *base);

/* Returns whether the field is zero or empty. */
bool lev_field_empty(const lev_field_desc *field, const void *base);

#endif
