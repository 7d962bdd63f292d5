/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Memory from the caller's allocator, growing arrays, and the wiping of secrets. */

#ifndef LEVERET_ENGINE_MEMORY_H
#define LEVERET_ENGINE_MEMORY_H

#include <leveret/engine.h>

/* Returns `size` > 0 bytes holding what `ptr` held, or NULL with `ptr` unharmed. */
void *lev_resize(const lev_allocator *a, void *ptr, size_t size);

/* Frees; NULL is fine. */
void lev_release(const lev_allocator *a, void *ptr);

/* Makes room for `need` items of `size` bytes in an array of `*cap`, growing by doubling. Returns
 * the array, perhaps moved, or NULL without memory, with the array unharmed. */
void *lev_reserve(const lev_allocator *a, void *array, size_t *cap, size_t need, size_t size);

/* Overwrites with zeros in a way that the compiler keeps. */
void lev_wipe(void *ptr, size_t len);

#endif
