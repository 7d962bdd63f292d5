/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The two cursors' primitives, inline for the codec's own files; wire.c exports them as the
 * functions of leveret/wire.h, which say what each does.
 *
 * All pointer arithmetic on bytes from or for the wire is here, and every read passes wire_take,
 * every write wire_room: one test each, of what is needed against what is left, never of a sum, so
 * nothing can wrap. Nothing here hands a cursor's address to a function that is not inline, so that
 * a loop over fields can keep its cursor in registers. */

#ifndef LEVERET_CODEC_WIRE_H
#define LEVERET_CODEC_WIRE_H

#include <leveret/wire.h>
#include <string.h>

static inline void wire_fail_read(lev_reader *r, lev_status status) {
    if (r->status == LEV_OK) {
        r->status = status;
    }
    r->left = 0;
}

/* Takes `need` bytes, or fails. `*at` is not to be used where need is 0. */
static inline bool wire_take(lev_reader *r, size_t need, const uint8_t **at) {
    if (need > r->left) {
        wire_fail_read(r, LEV_ERR_SYNTAX);
        return false;
    }
    *at = r->ptr;
    if (need > 0) {
        r->ptr += need;
        r->left -= need;
    }
    return true;
}

static inline uint32_t wire_load_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint8_t wire_read_u8(lev_reader *r) {
    const uint8_t *p;
    return wire_take(r, 1, &p) ? p[0] : 0;
}

static inline uint16_t wire_read_u16(lev_reader *r) {
    const uint8_t *p;
    return (uint16_t)(wire_take(r, 2, &p) ? p[0] << 8 | p[1] : 0);
}

static inline uint32_t wire_read_u32(lev_reader *r) {
    const uint8_t *p;
    return wire_take(r, 4, &p) ? wire_load_u32(p) : 0;
}

static inline uint64_t wire_read_u64(lev_reader *r) {
    const uint8_t *p;
    return wire_take(r, 8, &p) ? (uint64_t)wire_load_u32(p) << 32 | wire_load_u32(p + 4) : 0;
}

static inline lev_span wire_read_bytes(lev_reader *r, size_t n) {
    const uint8_t *p;
    return wire_take(r, n, &p) ? (lev_span){p, n} : (lev_span){NULL, 0};
}

static inline lev_span wire_read_shortstr(lev_reader *r) {
    return wire_read_bytes(r, wire_read_u8(r));
}

static inline lev_span wire_read_longstr(lev_reader *r) {
    return wire_read_bytes(r, wire_read_u32(r));
}

static inline lev_status wire_finish(lev_reader *r) {
    if (r->left > 0) {
        wire_fail_read(r, LEV_ERR_SYNTAX);
    }
    return r->status;
}

static inline void wire_fail_write(lev_writer *w, lev_status status) {
    if (w->status == LEV_OK) {
        w->status = status;
    }
}

/* Makes room for `need` > 0 bytes, or fails. */
static inline bool wire_room(lev_writer *w, size_t need, uint8_t **at) {
    if (w->status != LEV_OK || need > w->cap - w->len) {
        wire_fail_write(w, LEV_ERR_SPACE);
        return false;
    }
    *at = w->ptr + w->len;
    w->len += need;
    return true;
}

static inline void wire_store_u32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void wire_write_u8(lev_writer *w, uint8_t v) {
    uint8_t *p;
    if (wire_room(w, 1, &p)) {
        p[0] = v;
    }
}

static inline void wire_write_u16(lev_writer *w, uint16_t v) {
    uint8_t *p;
    if (wire_room(w, 2, &p)) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

static inline void wire_write_u32(lev_writer *w, uint32_t v) {
    uint8_t *p;
    if (wire_room(w, 4, &p)) {
        wire_store_u32(p, v);
    }
}

static inline void wire_write_u64(lev_writer *w, uint64_t v) {
    uint8_t *p;
    if (wire_room(w, 8, &p)) {
        wire_store_u32(p, (uint32_t)(v >> 32));
        wire_store_u32(p + 4, (uint32_t)v);
    }
}

static inline void wire_write_bytes(lev_writer *w, lev_span bytes) {
    uint8_t *p;
    if (bytes.len > 0 && wire_room(w, bytes.len, &p)) {
        memcpy(p, bytes.ptr, bytes.len);
    }
}

static inline void wire_write_shortstr(lev_writer *w, lev_span bytes) {
    uint8_t len = (uint8_t)bytes.len;
    if (len != bytes.len) {
        wire_fail_write(w, LEV_ERR_LIMIT);
    }
    wire_write_u8(w, len);
    wire_write_bytes(w, bytes);
}

static inline void wire_write_longstr(lev_writer *w, lev_span bytes) {
    uint32_t len = (uint32_t)bytes.len;
    if (len != bytes.len) {
        wire_fail_write(w, LEV_ERR_LIMIT);
    }
    wire_write_u32(w, len);
    wire_write_bytes(w, bytes);
}

static inline size_t wire_begin_u32(lev_writer *w) {
    size_t place = w->len;
    wire_write_u32(w, 0);
    return place;
}

static inline void wire_end_u32(lev_writer *w, size_t place) {
    size_t size = w->len - place - 4;
    uint32_t narrow = (uint32_t)size;
    if (w->status == LEV_OK && narrow != size) {
        w->status = LEV_ERR_LIMIT;
    }
    if (w->status == LEV_OK) {
        wire_store_u32(w->ptr + place, narrow);
    }
}

/* The same into room that wire_room has made for several fields together. Each returns the place
 * behind what it wrote. */
static inline uint8_t *wire_put_u8(uint8_t *p, uint8_t v) {
    p[0] = v;
    return p + 1;
}

static inline uint8_t *wire_put_u16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static inline uint8_t *wire_put_u32(uint8_t *p, uint32_t v) {
    wire_store_u32(p, v);
    return p + 4;
}

static inline uint8_t *wire_put_bytes(uint8_t *p, lev_span bytes) {
    if (bytes.len > 0) {
        memcpy(p, bytes.ptr, bytes.len);
    }
    return p + bytes.len;
}

static inline uint8_t *wire_put_shortstr(uint8_t *p, lev_span bytes) {
    return wire_put_bytes(wire_put_u8(p, (uint8_t)bytes.len), bytes);
}

#endif
