/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Preloaded into any program: counts its calls of malloc, calloc and realloc, and prints the number
 * when it ends. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

static atomic_ulong counted;

void *malloc(size_t size) {
    counted++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    counted++;
    return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size) {
    counted++;
    return __libc_realloc(ptr, size);
}

__attribute__((destructor)) static void tell(void) {
    fprintf(stderr, "%lu allocations\n", (unsigned long)counted);
}
