/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A publication packed into a block of bytes. */

#ifndef LEVERET_CLIENT_PARCEL_H
#define LEVERET_CLIENT_PARCEL_H

#include "ring.h"

#include <leveret/engine.h>

enum {
    LEV_PARCEL_KEPT = 1, /* the message, and not only its number */
    LEV_PARCEL_MANDATORY = 2,
    LEV_PARCEL_LENT = 4,    /* the body stands elsewhere */
    LEV_PARCEL_AWAITED = 8, /* ... and somebody waits for its token */
    LEV_PARCEL_WRITTEN = 16,
    LEV_PARCEL_DOUBT = 32,
    LEV_PARCEL_SETTLED = 64
};

/* What it stands before: exchange, routing key and properties as on the wire, and then the body, or
 * where that is. */
typedef struct lev_parcel {
    lev_block block;
    uint64_t number; /* public */
    uint32_t meta;   /* bytes before the body */
    uint16_t channel;
    uint8_t flags;
    uint8_t slack; /* bytes of the block behind it all */
} lev_parcel;

/* Returns how large a block the publication needs at most, 0 where that cannot be counted. */
size_t lev_parcel_size(const lev_publication *p);

/* Writes a publication into a block of `r->block.size` bytes, and then makes that no larger than
 * needed. Returns LEV_OK, or LEV_ERR_LIMIT or LEV_ERR_SYNTAX where it cannot be encoded. */
lev_status lev_parcel_write(lev_parcel *r, const lev_publication *p);

/* Reads it back; spans point into the parcel, `p->properties` to `*properties` or nowhere, and
 * `p->token` is the program's. */
void lev_parcel_read(const lev_parcel *r, lev_publication *p, lev_properties *properties);

/* Returns the token of a lent body. */
void *lev_parcel_token(const lev_parcel *r);

#endif
