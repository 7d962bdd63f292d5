/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The two cursors. All pointer arithmetic on bytes from or for the wire is in this file, and every
 * read passes wire_take, every write wire_room: one test each, of what is needed against what is
 * left, never of a sum, so nothing can wrap.
 *
 * A failed cursor is emptied, not only marked: even code that forgets to check can read nothing
 * more. Out parameters with a result code at every getter were rejected for that: a caller would
 * have to look after each field, and one that forgot would go on with garbage. Integers are put
 * together by shifts, so that alignment and byte order of the machine never matter; compilers make
 * one load of it. */

#include <leveret/wire.h>

#include <string.h>

lev_span lev_span_of(const char *text) {
    size_t len = 0;
    while (text != NULL && text[len] != '\0') {
        len++;
    }
    return (lev_span){(const uint8_t *)text, len};
}

bool lev_span_equal(lev_span a, lev_span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

lev_reader lev_reader_init(lev_span bytes) {
    return (lev_reader){.ptr = bytes.ptr, .left = bytes.len, .status = LEV_OK};
}

void lev_reader_fail(lev_reader *r, lev_status status) {
    if (r->status == LEV_OK) {
        r->status = status;
    }
    r->left = 0;
}

/* Takes `need` bytes, or fails and returns NULL. With need 0 the pointer is not to be used. */
static const uint8_t *wire_take(lev_reader *r, size_t need) {
    const uint8_t *at = r->ptr;
    if (need > r->left) {
        lev_reader_fail(r, LEV_ERR_SYNTAX);
        return NULL;
    }
    if (need > 0) {
        r->ptr += need;
        r->left -= need;
    }
    return at;
}

uint8_t lev_reader_u8(lev_reader *r) {
    const uint8_t *p = wire_take(r, 1);
    return p == NULL ? 0 : p[0];
}

uint16_t lev_reader_u16(lev_reader *r) {
    const uint8_t *p = wire_take(r, 2);
    if (p == NULL) {
        return 0;
    }
    return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t lev_reader_u32(lev_reader *r) {
    const uint8_t *p = wire_take(r, 4);
    if (p == NULL) {
        return 0;
    }
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t lev_reader_u64(lev_reader *r) {
    const uint8_t *p = wire_take(r, 8);
    if (p == NULL) {
        return 0;
    }
    uint64_t high = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    uint32_t low = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
    return high << 32 | low;
}

lev_span lev_reader_bytes(lev_reader *r, size_t n) {
    const uint8_t *p = wire_take(r, n);
    return (lev_span){p, p == NULL ? 0 : n};
}

lev_span lev_reader_shortstr(lev_reader *r) { return lev_reader_bytes(r, lev_reader_u8(r)); }

lev_span lev_reader_longstr(lev_reader *r) { return lev_reader_bytes(r, lev_reader_u32(r)); }

lev_reader lev_reader_carve(lev_reader *r, size_t n) {
    lev_reader part = lev_reader_init(lev_reader_bytes(r, n));
    part.status = r->status;
    return part;
}

lev_status lev_reader_finish(lev_reader *r) {
    if (r->left > 0) {
        lev_reader_fail(r, LEV_ERR_SYNTAX);
    }
    return r->status;
}

lev_writer lev_writer_init(uint8_t *ptr, size_t cap) {
    return (lev_writer){.ptr = ptr, .cap = cap, .len = 0, .status = LEV_OK};
}

void lev_writer_fail(lev_writer *w, lev_status status) {
    if (w->status == LEV_OK) {
        w->status = status;
    }
}

lev_span lev_writer_span(const lev_writer *w) {
    return w->status == LEV_OK ? (lev_span){w->ptr, w->len} : (lev_span){NULL, 0};
}

/* Makes room for `need` > 0 bytes, or fails and returns NULL. */
static uint8_t *wire_room(lev_writer *w, size_t need) {
    if (w->status != LEV_OK) {
        return NULL;
    }
    if (need > w->cap - w->len) {
        w->status = LEV_ERR_SPACE;
        return NULL;
    }
    uint8_t *at = w->ptr + w->len;
    w->len += need;
    return at;
}

static void wire_store_u32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

void lev_writer_u8(lev_writer *w, uint8_t v) {
    uint8_t *p = wire_room(w, 1);
    if (p != NULL) {
        p[0] = v;
    }
}

void lev_writer_u16(lev_writer *w, uint16_t v) {
    uint8_t *p = wire_room(w, 2);
    if (p != NULL) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

void lev_writer_u32(lev_writer *w, uint32_t v) {
    uint8_t *p = wire_room(w, 4);
    if (p != NULL) {
        wire_store_u32(p, v);
    }
}

void lev_writer_u64(lev_writer *w, uint64_t v) {
    uint8_t *p = wire_room(w, 8);
    if (p != NULL) {
        wire_store_u32(p, (uint32_t)(v >> 32));
        wire_store_u32(p + 4, (uint32_t)v);
    }
}

void lev_writer_bytes(lev_writer *w, lev_span bytes) {
    if (bytes.len == 0) {
        return;
    }
    uint8_t *p = wire_room(w, bytes.len);
    if (p != NULL) {
        memcpy(p, bytes.ptr, bytes.len);
    }
}

void lev_writer_shortstr(lev_writer *w, lev_span bytes) {
    if (bytes.len > UINT8_MAX) {
        lev_writer_fail(w, LEV_ERR_LIMIT);
        return;
    }
    lev_writer_u8(w, (uint8_t)bytes.len);
    lev_writer_bytes(w, bytes);
}

void lev_writer_longstr(lev_writer *w, lev_span bytes) {
    if ((uint64_t)bytes.len > UINT32_MAX) {
        lev_writer_fail(w, LEV_ERR_LIMIT);
        return;
    }
    lev_writer_u32(w, (uint32_t)bytes.len);
    lev_writer_bytes(w, bytes);
}

size_t lev_writer_begin_u32(lev_writer *w) {
    size_t place = w->len;
    lev_writer_u32(w, 0);
    return place;
}

void lev_writer_end_u32(lev_writer *w, size_t place) {
    if (w->status != LEV_OK) {
        return;
    }
    uint64_t size = w->len - place - 4;
    if (size > UINT32_MAX) {
        lev_writer_fail(w, LEV_ERR_LIMIT);
        return;
    }
    wire_store_u32(w->ptr + place, (uint32_t)size);
}

void lev_writer_patch_u16(lev_writer *w, size_t place, uint16_t v) {
    if (w->status == LEV_OK) {
        w->ptr[place] = (uint8_t)(v >> 8);
        w->ptr[place + 1] = (uint8_t)v;
    }
}
