/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One buffer, filled at the end by large reads and emptied at the front. Records are handed out
 * where they lie. What is left of an unfinished one moves to the front before the next read, and
 * the buffer doubles only when that record fills it, so a record may have any length, a length in
 * front takes no memory before its bytes are there, and short records cost no allocation. The
 * search for a delimiter never looks at a byte twice. */

#include "records.h"

#include "escape.h"
#include "exits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS_CHUNK = 256 * 1024, RECORDS_PREFIX = 4 };

/* clang-format off */
#define AT(member) offsetof(record_settings, member)
static const option record_rows[] = {
    {'l', "lines", NULL, option_flag, AT(lines), 0, 0,
     "each line of stdin is a message"},
    {'0', "null", NULL, option_flag, AT(nul), 0, 0,
     "each message ends with a NUL"},
    {'D', "delimiter", "TEXT", option_escaped, AT(delimiter), 0, 0,
     "each message ends with TEXT, which may have the escapes \\n \\t \\r \\0 \\\\ \\xNN"},
    {0, "length-prefix", NULL, option_flag, AT(length_prefix), 0, 0,
     "each message stands behind its length, 4 bytes, the highest first"},
    {0, "jsonl", NULL, option_flag, AT(jsonl), 0, 0,
     "each line is a JSON object, with all properties: what consume --jsonl prints"},
};
/* clang-format on */

const option_table record_options = OPTION_TABLE("Input", record_rows);

static int records_ways(const record_settings *o) {
    return (o->lines ? 1 : 0) + (o->nul ? 1 : 0) + (o->delimiter.len > 0 ? 1 : 0) +
           (o->length_prefix ? 1 : 0) + (o->jsonl ? 1 : 0);
}

bool record_settings_cut(const record_settings *o) { return records_ways(o) > 0; }

int records_check(const record_settings *o) {
    return records_ways(o) <= 1 ? EXIT_DONE
                                : say_and(EXIT_USAGE, "-l, -0, -D, --length-prefix and --jsonl "
                                                      "exclude each other");
}

records records_init(int fd, const record_settings *o) {
    lev_span newline = {(const uint8_t *)"\n", 1};
    lev_span nul = {(const uint8_t *)"", 1};
    return (records){
        .fd = fd,
        .whole = records_ways(o) == 0,
        .prefixed = o->length_prefix,
        .delimiter = o->delimiter.len > 0 ? o->delimiter
                     : o->nul             ? nul
                                          : newline,
    };
}

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

/* Hands out what lies before `end`, and skips what parts it from the next. */
static bool records_take(records *r, size_t end, size_t skip, lev_span *record) {
    *record = (lev_span){end > r->from ? r->bytes + r->from : NULL, end - r->from};
    r->from = end + skip;
    r->scanned = r->from;
    r->number++;
    return true;
}

static uint8_t *records_find(const records *r) {
    const uint8_t *from = r->bytes + r->scanned;
    size_t size = r->to - r->scanned;
    return r->delimiter.len == 1 ? memchr(from, r->delimiter.ptr[0], size)
                                 : memmem(from, size, r->delimiter.ptr, r->delimiter.len);
}

static bool records_delimited(records *r, lev_span *record) {
    uint8_t *found = r->scanned < r->to ? records_find(r) : NULL;
    if (found != NULL) {
        return records_take(r, (size_t)(found - r->bytes), r->delimiter.len, record);
    }
    size_t tail = r->delimiter.len - 1; /* may be the beginning of one */
    if (r->to - r->scanned > tail) {
        r->scanned = r->to - tail;
    }
    return r->ended && r->from < r->to && records_take(r, r->to, 0, record);
}

static bool records_prefixed(records *r, lev_span *record) {
    size_t left = r->to - r->from;
    if (left >= RECORDS_PREFIX) {
        lev_reader head = lev_reader_init((lev_span){r->bytes + r->from, RECORDS_PREFIX});
        size_t size = lev_reader_u32(&head);
        if (left - RECORDS_PREFIX >= size) {
            r->from += RECORDS_PREFIX;
            return records_take(r, r->from + size, 0, record);
        }
    }
    r->cut = r->ended && left > 0;
    return false;
}

bool records_next(records *r, lev_span *record) {
    if (r->whole) {
        return r->ended && r->number == 0 && records_take(r, r->to, 0, record);
    }
    return r->prefixed ? records_prefixed(r, record) : records_delimited(r, record);
}
