/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The outbound queue. Our own bytes stand in one block between `head` and `tail`; a lent body is
 * only noted, with the number of our own bytes that go before it, so a large body is never copied
 * and any partial write is ordinary.
 *
 * Invariant: `queued` is the sum of our bytes and of the rests of all loans not yet written; a loan
 * is announced (lev_outbuf_take_released) only after its last byte was written or dropped.
 *
 * As long as a secret waits (`own` is below `secret_end`) written bytes are wiped and a growing
 * block is moved by hand, so that no copy of a password stays in the block or in freed memory. A
 * list of chunks was rejected: one block keeps thousands of small publishes in one span of one
 * write. */

#include "outbuf.h"

#include <assert.h>
#include <string.h>

enum { OUTBUF_FIRST = 1024, OUTBUF_RUN = 262144 };

static bool outbuf_is_secret(const lev_outbuf *b) { return b->own < b->secret_end; }

void lev_outbuf_begin_secret(lev_outbuf *b) { b->secret_end = UINT64_MAX; }

void lev_outbuf_end_secret(lev_outbuf *b) {
    if (b->cap > b->tail) {
        lev_wipe(b->data + b->tail, b->cap - b->tail); /* what was written and not committed */
    }
    b->secret_end = b->own + (b->tail - b->head);
}

static uint8_t *outbuf_move(lev_outbuf *b, const lev_allocator *a, size_t cap) {
    if (!outbuf_is_secret(b)) {
        return lev_resize(a, b->data, cap);
    }
    uint8_t *data = lev_resize(a, NULL, cap);
    if (data != NULL && b->cap > 0) {
        memcpy(data, b->data, b->tail);
        lev_wipe(b->data, b->cap);
        lev_release(a, b->data);
    }
    return data;
}

bool lev_outbuf_grow(lev_outbuf *b, const lev_allocator *a, size_t more) {
    if (b->head > 0 && b->head >= b->tail - b->head) {
        memcpy(b->data, b->data + b->head, b->tail - b->head);
        b->tail -= b->head;
        if (outbuf_is_secret(b)) {
            lev_wipe(b->data + b->tail, b->head);
        }
        b->head = 0;
    }
    size_t room = b->cap - b->tail;
    if (more <= room) {
        return true;
    }
    size_t cap = b->cap == 0 ? OUTBUF_FIRST : b->cap;
    while (cap - b->tail < more) {
        if (cap > SIZE_MAX / 2) {
            return false;
        }
        cap *= 2;
    }
    uint8_t *data = outbuf_move(b, a, cap);
    if (data == NULL) {
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

bool lev_outbuf_expect_loans(lev_outbuf *b, const lev_allocator *a, size_t n) {
    if (b->first > b->loans_len - b->first) {
        memmove(b->loans, b->loans + b->first, (b->loans_len - b->first) * sizeof *b->loans);
        b->loans_len -= b->first;
        b->written -= b->first;
        b->first = 0;
    }
    if (n > SIZE_MAX - b->loans_len) {
        return false;
    }
    lev_loan *loans = lev_reserve(a, b->loans, &b->loans_cap, b->loans_len + n, sizeof *loans);
    if (loans == NULL) {
        return false;
    }
    b->loans = loans;
    return true;
}

void lev_outbuf_lend(lev_outbuf *b, lev_span bytes, void *token, bool last) {
    assert(b->loans_len < b->loans_cap);
    uint64_t at = lev_outbuf_end(b);
    b->loans[b->loans_len++] = (lev_loan){.at = at, .rest = bytes, .token = token, .last = last};
    b->queued += bytes.len;
}

uint64_t lev_outbuf_end(const lev_outbuf *b) { return b->own + (b->tail - b->head); }

uint8_t *lev_outbuf_last(const lev_outbuf *b, uint64_t at, size_t len) {
    bool last = at >= b->own && at + len == lev_outbuf_end(b);
    return last ? b->data + b->tail - len : NULL;
}

static size_t outbuf_own_until(const lev_outbuf *b, size_t loan) {
    size_t own = b->tail - b->head;
    return loan < b->loans_len ? (size_t)(b->loans[loan].at - b->own) : own;
}

size_t lev_outbuf_pending(const lev_outbuf *b, lev_span *spans, size_t max) {
    size_t count = 0;
    size_t done = 0;
    for (size_t i = b->written; i <= b->loans_len && count < max; i++) {
        size_t own = outbuf_own_until(b, i);
        if (i < b->loans_len && b->loans[i].rest.len == 0 && own - done < OUTBUF_RUN) {
            continue; /* it only waits to be announced and parts nothing */
        }
        if (own > done) {
            spans[count++] = (lev_span){b->data + b->head + done, own - done};
            done = own;
        }
        if (i < b->loans_len && count < max && b->loans[i].rest.len > 0) {
            spans[count++] = b->loans[i].rest;
        }
    }
    return count;
}

lev_span lev_outbuf_at(const lev_outbuf *b, size_t at) {
    size_t done = 0;
    for (size_t i = b->written; i <= b->loans_len; i++) {
        size_t own = outbuf_own_until(b, i) - done;
        if (at < own) {
            return (lev_span){b->data + b->head + done + at, own - at};
        }
        at -= own;
        done += own;
        lev_span rest = i < b->loans_len ? b->loans[i].rest : (lev_span){NULL, 0};
        if (at < rest.len) {
            return (lev_span){rest.ptr + at, rest.len - at};
        }
        at -= rest.len;
    }
    return (lev_span){NULL, 0};
}

static size_t outbuf_sent_own(lev_outbuf *b, size_t n) {
    size_t own = outbuf_own_until(b, b->written);
    size_t k = n < own ? n : own;
    if (outbuf_is_secret(b) && k > 0) {
        lev_wipe(b->data + b->head, k);
    }
    b->head += k;
    b->own += k;
    if (b->head == b->tail) {
        b->head = b->tail = 0;
    }
    return k;
}

static size_t outbuf_sent_loan(lev_outbuf *b, size_t n) {
    if (b->written == b->loans_len || b->loans[b->written].at != b->own) {
        return 0;
    }
    lev_loan *loan = &b->loans[b->written];
    size_t k = n < loan->rest.len ? n : loan->rest.len;
    if (k > 0) {
        loan->rest.ptr += k;
        loan->rest.len -= k;
    }
    if (loan->rest.len == 0) {
        b->written++;
    }
    return k;
}

void lev_outbuf_sent(lev_outbuf *b, size_t n) {
    assert(n <= b->queued);
    b->queued -= n;
    b->sent += n;
    size_t loans;
    do {
        loans = b->written;
        n -= outbuf_sent_own(b, n);
        n -= outbuf_sent_loan(b, n);
    } while (n > 0 || loans != b->written);
}

bool lev_outbuf_take_released(lev_outbuf *b, void **token) {
    while (b->first < b->written) {
        const lev_loan *loan = &b->loans[b->first++];
        if (loan->last && loan->token != NULL) {
            *token = loan->token;
            return true;
        }
    }
    if (b->first == b->loans_len) {
        b->first = b->written = b->loans_len = 0;
    }
    return false;
}

bool lev_outbuf_has_loans(const lev_outbuf *b) { return b->written < b->loans_len; }

void lev_outbuf_discard(lev_outbuf *b) {
    if (outbuf_is_secret(b) && b->cap > 0) {
        lev_wipe(b->data, b->cap);
    }
    b->own += b->tail - b->head;
    b->head = b->tail = 0;
    b->queued = 0;
    b->written = b->loans_len;
}

void lev_outbuf_rest(lev_outbuf *b, const lev_allocator *a) {
    if (b->head == b->tail && b->cap > 0) {
        lev_release(a, b->data);
        b->data = NULL;
        b->cap = b->head = b->tail = 0;
    }
}

void lev_outbuf_deinit(lev_outbuf *b, const lev_allocator *a) {
    lev_outbuf_discard(b);
    lev_release(a, b->data);
    lev_release(a, b->loans);
    *b = (lev_outbuf){0};
}
