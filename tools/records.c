/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One buffer, filled at the end by large reads and emptied at the front. Lines are handed out where
 * they lie. What is left of an unfinished line moves to the front before the next read, and the
 * buffer doubles only when that line fills it, so a line may have any length and short ones cost no
 * allocation. The search for a newline never looks at a byte twice. */

#include "records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS_CHUNK = 256 * 1024 };

records records_init(int fd) { return (records){.fd = fd}; }

void records_deinit(records *r) {
    free(r->bytes);
    *r = (records){.fd = -1};
}

/* Makes room for a read of half a chunk at least. */
static bool records_room(records *r) {
    if (r->from > 0) {
        memmove(r->bytes, r->bytes + r->from, r->to - r->from);
        r->to -= r->from;
        r->scanned -= r->from;
        r->from = 0;
    }
    if (r->cap - r->to >= RECORDS_CHUNK / 2) {
        return true;
    }
    size_t cap = r->cap == 0 ? RECORDS_CHUNK : r->cap * 2;
    uint8_t *bytes = cap > r->cap ? realloc(r->bytes, cap) : NULL;
    if (bytes == NULL) {
        r->fault = ENOMEM;
        return false;
    }
    r->bytes = bytes;
    r->cap = cap;
    return true;
}

bool records_fill(records *r) {
    if (!records_room(r)) {
        return false;
    }
    ssize_t n = read(r->fd, r->bytes + r->to, r->cap - r->to);
    if (n > 0) {
        r->to += (size_t)n;
    } else if (n == 0) {
        r->ended = true;
    } else if (errno != EINTR && errno != EAGAIN) {
        r->fault = errno;
        return false;
    }
    return true;
}

bool records_line(records *r, lev_span *line) {
    uint8_t *newline =
        r->scanned < r->to ? memchr(r->bytes + r->scanned, '\n', r->to - r->scanned) : NULL;
    if (newline == NULL) {
        r->scanned = r->to;
        if (!r->ended || r->from == r->to) {
            return false;
        }
        *line = records_rest(r);
        r->from = r->to;
        return true;
    }
    size_t end = (size_t)(newline - r->bytes);
    *line = (lev_span){r->bytes + r->from, end - r->from};
    r->from = end + 1;
    r->scanned = r->from;
    return true;
}

lev_span records_rest(const records *r) {
    return (lev_span){r->to > r->from ? r->bytes + r->from : NULL, r->to - r->from};
}
