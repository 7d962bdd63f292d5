/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* See support.h. Every block of the counting allocator is one of malloc's own, with its size in
 * front, so that a sanitizer sees where it ends and the balance is exact. */

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_PREFIX = 16 };

void fuzz_fail(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
    abort();
}

lev_span fuzz_bytes(fuzz_input *in, size_t n) {
    n = n < in->left ? n : in->left;
    lev_span bytes = {n > 0 ? in->ptr : NULL, n};
    if (n > 0) {
        in->ptr += n;
        in->left -= n;
    }
    return bytes;
}

static uint64_t fuzz_number(fuzz_input *in, size_t width) {
    lev_span bytes = fuzz_bytes(in, width);
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++) {
        v = v << 8 | (i < bytes.len ? bytes.ptr[i] : 0);
    }
    return v;
}

uint8_t fuzz_u8(fuzz_input *in) { return (uint8_t)fuzz_number(in, 1); }

uint16_t fuzz_u16(fuzz_input *in) { return (uint16_t)fuzz_number(in, 2); }

uint32_t fuzz_u32(fuzz_input *in) { return (uint32_t)fuzz_number(in, 4); }

uint64_t fuzz_u64(fuzz_input *in) { return fuzz_number(in, 8); }

void fuzz_touch(lev_span bytes) {
    static volatile uint8_t sink;
    uint8_t sum = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        sum ^= bytes.ptr[i];
    }
    sink = sum;
    (void)sink;
}

void fuzz_check_within(lev_span inner, lev_span outer) {
    if (inner.len == 0) {
        return;
    }
    uintptr_t at = (uintptr_t)inner.ptr;
    uintptr_t from = (uintptr_t)outer.ptr;
    CHECK(inner.len <= outer.len);
    CHECK(at >= from && at - from <= outer.len - inner.len);
}

void fuzz_check_fields(const lev_field_desc *fields, size_t count, const void *base,
                       const lev_span *outer) {
    for (size_t i = 0; i < count; i++) {
        lev_span span;
        if (fields[i].wire < LEV_WIRE_SHORTSTR) {
            continue;
        }
        memcpy(&span, (const uint8_t *)base + fields[i].offset, sizeof span);
        if (outer != NULL) {
            fuzz_check_within(span, *outer);
        } else {
            fuzz_touch(span);
        }
    }
}

void fuzz_check_method(const lev_method *method, const lev_span *outer) {
    const lev_method_desc *desc = lev_method_describe(method->id);
    CHECK(desc != NULL);
    fuzz_check_fields(desc->fields, desc->field_count, &method->as, outer);
}

void fuzz_check_properties(const lev_properties *properties, const lev_span *outer) {
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        if ((properties->present & 0x8000U >> i) != 0) {
            fuzz_check_fields(lev_property_describe(i), 1, properties, outer);
        }
    }
}

void fuzz_check_text(const lev_writer *w) {
    CHECK(w->status == LEV_OK || w->status == LEV_ERR_SPACE);
    CHECK(w->len <= w->cap);
    for (size_t i = 0; i < w->len; i++) {
        CHECK(w->ptr[i] >= 0x20 && w->ptr[i] != 0x7F);
    }
}

static bool memory_fails(fuzz_memory *m) {
    m->allocations++;
    bool now = m->fail_at != 0 &&
               (m->allocations == m->fail_at || (m->fail_on && m->allocations > m->fail_at));
    m->failed = m->failed || now;
    return now;
}

static void *memory_resize(void *context, void *ptr, size_t size) {
    fuzz_memory *m = context;
    uint8_t *block = ptr == NULL ? NULL : (uint8_t *)ptr - MEMORY_PREFIX;
    size_t before = 0;
    if (block != NULL) {
        memcpy(&before, block, sizeof before);
    }
    if (size == 0) {
        m->balance -= before;
        free(block);
        return NULL;
    }
    CHECK(size <= m->bound && m->balance - before <= m->bound - size);
    if (memory_fails(m)) {
        return NULL;
    }
    uint8_t *moved = malloc(size + MEMORY_PREFIX);
    CHECK(moved != NULL);
    memcpy(moved, &size, sizeof size);
    if (block != NULL) {
        size_t kept = before < size ? before : size;
        memcpy(moved + MEMORY_PREFIX, block + MEMORY_PREFIX, kept);
        free(block);
    }
    m->balance += size - before;
    return moved + MEMORY_PREFIX;
}

lev_allocator fuzz_allocator(fuzz_memory *memory) { return (lev_allocator){memory_resize, memory}; }
