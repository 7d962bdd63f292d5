/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Before each block stands the allocator that it came from. Blocks change owners here: strings of a
 * URI become options, an event that was kept becomes the caller's. So none of them has to know of
 * an allocator, and no block can go back to the wrong one. That costs 16 bytes a block, of which a
 * connection has few; an engine's, of which there may be many, go without. */

#include <leveret/memory.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef union memory_head {
    lev_allocator from;
    max_align_t align;
} memory_head;

static void *memory_libc(void *context, void *ptr, size_t size) {
    (void)context;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

lev_allocator lev_memory_allocator(const lev_allocator *a) {
    return a != NULL && a->resize != NULL ? *a : (lev_allocator){memory_libc, NULL};
}

void *lev_memory_resize(const lev_allocator *a, void *block, size_t size) {
    memory_head *head = block != NULL ? (memory_head *)block - 1 : NULL;
    lev_allocator from = head != NULL ? head->from : lev_memory_allocator(a);
    if (size > SIZE_MAX - sizeof *head) {
        return NULL;
    }
    head = from.resize(from.context, head, sizeof *head + size);
    if (head == NULL) {
        return NULL;
    }
    head->from = from;
    return head + 1;
}

void *lev_memory_new(const lev_allocator *a, size_t size) {
    return lev_memory_resize(a, NULL, size);
}

void *lev_memory_zeroed(const lev_allocator *a, size_t size) {
    void *block = lev_memory_resize(a, NULL, size);
    return block != NULL ? memset(block, 0, size) : NULL;
}

void lev_memory_free(void *block) {
    if (block != NULL) {
        memory_head *head = (memory_head *)block - 1;
        (void)head->from.resize(head->from.context, head, 0);
    }
}

char *lev_memory_string(const lev_allocator *a, const char *text) {
    size_t size = text != NULL ? strlen(text) + 1 : 0;
    char *copy = text != NULL ? lev_memory_new(a, size) : NULL;
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}
