/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Copies of structs whose spans point elsewhere: the spans' bytes move into memory of the copy's
 * own. */

#ifndef LEVERET_CLIENT_PACK_H
#define LEVERET_CLIENT_PACK_H

#include <leveret/engine.h>

/* Goes over the spans of a struct. With `into` NULL it only counts their bytes; otherwise it copies
 * them there, one behind the other, and points each span to its copy. */
typedef struct lev_packer {
    uint8_t *into;
    size_t len;
} lev_packer;

void lev_pack_span(lev_packer *p, lev_span *span);
void lev_pack_method(lev_packer *p, lev_method *method);
void lev_pack_properties(lev_packer *p, lev_properties *properties);
void lev_pack_message(lev_packer *p, lev_message *message);

/* Makes `into` and `properties`, which it points to where there are any, a copy of `from`; a body
 * that is lent stays where it is. */
void lev_pack_publication(lev_packer *p, lev_publication *into, lev_properties *properties,
                          const lev_publication *from);

#endif
