/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where memory comes from. OpenSSL's own memory is OpenSSL's matter (CRYPTO_set_mem_functions), and
 * what a thread of the resolver holds comes from malloc, since it may outlive the connection. */

#ifndef LEVERET_ALLOCATOR_H
#define LEVERET_ALLOCATOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A source of memory. `resize` works as realloc does, and frees (returning NULL) where `size` is 0;
 * it may return NULL for "none left", which ends what was begun with LEV_ERR_MEMORY. Blocks are
 * aligned as malloc's are. `context` is handed to it. It is called by whichever thread uses the
 * object, from within its calls, and must not use the object itself. */
typedef struct lev_allocator {
    void *(*resize)(void *context, void *ptr, size_t size);
    void *context;
} lev_allocator;

#ifdef __cplusplus
}
#endif

#endif
