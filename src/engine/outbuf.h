/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What is to be written: our own bytes in one block, and between them bodies that the caller lent.
 */

#ifndef LEVERET_ENGINE_OUTBUF_H
#define LEVERET_ENGINE_OUTBUF_H

#include "memory.h"

typedef struct lev_loan {
    uint64_t at; /* how many of our own bytes go before it, since the beginning */
    lev_span rest;
    void *token;
    bool last; /* of its body */
} lev_loan;

typedef struct lev_outbuf {
    uint8_t *data;
    size_t cap;
    size_t head;
    size_t tail;
    uint64_t own;    /* our own bytes written since the beginning: the position of `head` */
    uint64_t sent;   /* bytes written since the beginning, lent ones included */
    size_t queued;   /* bytes that wait, lent ones included */
    lev_loan *loans; /* in order; those before `written` only wait to be announced */
    size_t loans_cap;
    size_t first;
    size_t written;
    size_t loans_len;
    uint64_t secret_end; /* our own bytes before this position are wiped once they are written */
} lev_outbuf;

/* Returns a writer into the room at the end. What it wrote counts after lev_outbuf_commit. */
static inline lev_writer lev_outbuf_writer(lev_outbuf *b) {
    uint8_t *at = b->cap > 0 ? b->data + b->tail : NULL;
    return (lev_writer){.ptr = at, .cap = b->cap - b->tail, .len = 0, .status = LEV_OK};
}

static inline void lev_outbuf_commit(lev_outbuf *b, const lev_writer *w) {
    b->tail += w->len;
    b->queued += w->len;
}

/* What is committed between the two is secret: no copy of it stays once it is written or dropped,
 * nor of what a writer left behind without a commit. */
void lev_outbuf_begin_secret(lev_outbuf *b);
void lev_outbuf_end_secret(lev_outbuf *b);

/* Makes room for `more` bytes at least. Returns false without memory. */
bool lev_outbuf_grow(lev_outbuf *b, const lev_allocator *a, size_t more);

/* Makes room for `n` further loans, so that lev_outbuf_lend cannot fail. */
bool lev_outbuf_expect_loans(lev_outbuf *b, const lev_allocator *a, size_t n);

/* Appends bytes that stay the caller's. */
void lev_outbuf_lend(lev_outbuf *b, lev_span bytes, void *token, bool last);

/* Returns where the next byte of ours will stand, since the beginning. */
uint64_t lev_outbuf_end(const lev_outbuf *b);

/* Returns our own bytes from position `at` on, to be written anew, where they are the last `len`
 * and none of them has been sent; otherwise NULL. */
uint8_t *lev_outbuf_last(const lev_outbuf *b, uint64_t at, size_t len);

/* Returns bytes that wait, from the one behind the first `at` on, as far as they lie together; none
 * where fewer wait. */
lev_span lev_outbuf_at(const lev_outbuf *b, size_t at);

size_t lev_outbuf_pending(const lev_outbuf *b, lev_span *spans, size_t max);
void lev_outbuf_sent(lev_outbuf *b, size_t n);

/* Takes the token of a body that has been written; whoever gave none is not told. Returns false
 * where there is none. */
bool lev_outbuf_take_released(lev_outbuf *b, void **token);

/* Returns whether a lent body is still to be written. */
bool lev_outbuf_has_loans(const lev_outbuf *b);

/* Drops what waits; lent bodies count as released. */
void lev_outbuf_discard(lev_outbuf *b);

/* Gives the block back where all of it is written; the next lev_outbuf_grow makes a small one. */
void lev_outbuf_rest(lev_outbuf *b, const lev_allocator *a);

void lev_outbuf_deinit(lev_outbuf *b, const lev_allocator *a);

#endif
