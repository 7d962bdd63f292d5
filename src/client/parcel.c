/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Properties are kept in their encoding: it is checked on the way in, so reading cannot fail, and
 * is a tenth of the struct's size. */

#include "parcel.h"

#include <assert.h>
#include <string.h>

enum { PARCEL_FIELD = 8 }; /* bytes that a field takes besides those of its span, at most */

_Static_assert(sizeof(lev_parcel) <= LEV_RING_UNIT, "the head of a parcel is one unit");

typedef struct parcel_loan {
    lev_span body;
    void *token;
} parcel_loan;

static uint8_t *parcel_behind(const lev_parcel *r) {
    return (uint8_t *)(uintptr_t)r + LEV_RING_UNIT;
}

/* Returns a size that the list of properties does not pass. */
static size_t parcel_list_size(const lev_properties *p) {
    size_t size = 2;
    unsigned left = p != NULL ? p->present : 0;
    for (size_t i = 0; left != 0 && i < LEV_PROPERTY_COUNT; i++, left = left << 1 & 0xFFFF) {
        if ((left & 0x8000) == 0) {
            continue;
        }
        const lev_field_desc *field = lev_property_describe(i);
        lev_span value = {NULL, 0};
        if (field->wire == LEV_WIRE_SHORTSTR || field->wire == LEV_WIRE_LONGSTR ||
            field->wire == LEV_WIRE_TABLE) {
            memcpy(&value, (const uint8_t *)p + field->offset, sizeof value);
        }
        size += PARCEL_FIELD + value.len;
    }
    return size;
}

static size_t parcel_round(size_t size) {
    return (size + LEV_RING_UNIT - 1) & ~(size_t)(LEV_RING_UNIT - 1);
}

size_t lev_parcel_size(const lev_publication *p) {
    size_t most = SIZE_MAX / 4; /* more than there is memory for either */
    size_t meta = 2 + p->exchange.len + p->routing_key.len + parcel_list_size(p->properties);
    size_t body = p->lend ? sizeof(parcel_loan) : p->body.len;
    return meta < most && body < most ? LEV_RING_UNIT + parcel_round(meta + body) : 0;
}

static void parcel_write_list(lev_writer *w, const lev_properties *p) {
    if (p == NULL || p->present == 0) {
        lev_writer_u16(w, 0);
    } else {
        lev_properties_encode(w, p);
    }
}

static uint8_t parcel_flags(const lev_publication *p) {
    unsigned flags = LEV_PARCEL_KEPT;
    flags |= p->mandatory ? LEV_PARCEL_MANDATORY : 0U;
    flags |= p->lend ? LEV_PARCEL_LENT : 0U;
    flags |= p->lend && p->token != NULL ? LEV_PARCEL_AWAITED : 0U;
    return (uint8_t)flags;
}

lev_status lev_parcel_write(lev_parcel *r, const lev_publication *p) {
    lev_writer w = lev_writer_init(parcel_behind(r), r->block.size - LEV_RING_UNIT);
    lev_writer_shortstr(&w, p->exchange);
    lev_writer_shortstr(&w, p->routing_key);
    parcel_write_list(&w, p->properties);
    r->meta = (uint32_t)w.len;
    if (r->meta != w.len) {
        lev_writer_fail(&w, LEV_ERR_LIMIT);
    }
    if (p->lend) {
        parcel_loan loan = {p->body, p->token};
        lev_writer_bytes(&w, (lev_span){(const uint8_t *)&loan, sizeof loan});
    } else {
        lev_writer_bytes(&w, p->body);
    }
    r->flags = parcel_flags(p);
    r->block.size = LEV_RING_UNIT + parcel_round(w.len);
    r->slack = (uint8_t)(r->block.size - LEV_RING_UNIT - w.len);
    return w.status;
}

static parcel_loan parcel_loan_of(const lev_parcel *r) {
    parcel_loan loan;
    memcpy(&loan, parcel_behind(r) + r->meta, sizeof loan);
    return loan;
}

void *lev_parcel_token(const lev_parcel *r) { return parcel_loan_of(r).token; }

void lev_parcel_read(const lev_parcel *r, lev_publication *p, lev_properties *properties) {
    lev_reader meta = lev_reader_init((lev_span){parcel_behind(r), r->meta});
    *p = (lev_publication){.mandatory = (r->flags & LEV_PARCEL_MANDATORY) != 0,
                           .lend = (r->flags & LEV_PARCEL_LENT) != 0};
    p->exchange = lev_reader_shortstr(&meta);
    p->routing_key = lev_reader_shortstr(&meta);
    lev_status status = lev_properties_decode((lev_span){meta.ptr, meta.left}, properties);
    assert(status == LEV_OK);
    (void)status;
    p->properties = properties->present != 0 ? properties : NULL;
    if (p->lend) {
        parcel_loan loan = parcel_loan_of(r);
        p->body = loan.body;
        p->token = loan.token;
    } else {
        size_t len = r->block.size - LEV_RING_UNIT - r->meta - r->slack;
        p->body = (lev_span){parcel_behind(r) + r->meta, len};
    }
}
