/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How libFuzzer changes an input of the table target: now and then the whole table becomes the
 * only entry of another one, since no change of single bytes nests
 * deeper with all lengths right. */

#include "support.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { WRAPPING = 7 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (seed % 8 != 0 || max_size < WRAPPING || size > max_size - WRAPPING) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    const uint8_t head[WRAPPING] = {1,
                                    'k',
                                    'F',
                                    (uint8_t)(size >> 24),
                                    (uint8_t)(size >> 16),
                                    (uint8_t)(size >> 8),
                                    (uint8_t)size};
    memmove(data + WRAPPING, data, size);
    memcpy(data, head, WRAPPING);
    return size + WRAPPING;
}
