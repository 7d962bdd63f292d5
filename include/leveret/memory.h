/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Memory of the client, the network and the URI parser, from an allocator, or from malloc where
 * there is none. A block knows where it came from, so whoever frees it need not. */

#ifndef LEVERET_MEMORY_H
#define LEVERET_MEMORY_H

#include <leveret/allocator.h>
#include <leveret/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns a block of `size` bytes, or NULL without memory; `a` may be NULL, and so may its
 * function. The bytes of lev_memory_zeroed are zero, those of lev_memory_new anything. The caller
 * frees it with lev_memory_free. */
LEV_API void *lev_memory_new(const lev_allocator *a, size_t size);
LEV_API void *lev_memory_zeroed(const lev_allocator *a, size_t size);

/* Makes a block larger or smaller, as realloc does; of NULL a new one. Returns NULL without memory,
 * and has then changed nothing. */
LEV_API void *lev_memory_resize(const lev_allocator *a, void *block, size_t size);

/* Frees a block; NULL is fine. */
LEV_API void lev_memory_free(void *block);

/* Returns a copy of a string as a block; NULL without memory, and for NULL. */
LEV_API char *lev_memory_string(const lev_allocator *a, const char *text);

/* Returns `a`, or malloc's where it is NULL or has no function: for an engine. */
LEV_API lev_allocator lev_memory_allocator(const lev_allocator *a);

#ifdef __cplusplus
}
#endif

#endif
