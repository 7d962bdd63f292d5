/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the fuzz targets share: a check that ends the run, a reader of the input that is not the one
 * under test, an allocator that counts, and walks over decoded fields. */

#ifndef LEVERET_FUZZ_SUPPORT_H
#define LEVERET_FUZZ_SUPPORT_H

#include <leveret/engine.h>
#include <leveret/frame.h>

/* The entry of every target, called by libFuzzer and by replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run with the broken invariant, so that libFuzzer keeps the input. */
#define CHECK(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* The input, read from the front. Behind its end there are zeros and empty spans. */
typedef struct fuzz_input {
    const uint8_t *ptr;
    size_t left;
} fuzz_input;

uint8_t fuzz_u8(fuzz_input *in);
uint16_t fuzz_u16(fuzz_input *in);
uint32_t fuzz_u32(fuzz_input *in);
uint64_t fuzz_u64(fuzz_input *in);

/* Takes `n` bytes, or as many as are left. */
lev_span fuzz_bytes(fuzz_input *in, size_t n);

/* Reads every byte, so that a sanitizer sees a span that points into no memory. */
void fuzz_touch(lev_span bytes);

/* The span lies within the other one. */
void fuzz_check_within(lev_span inner, lev_span outer);

/* Calls fuzz_check_within, or where `outer` is NULL fuzz_touch, for each span of a struct. */
void fuzz_check_fields(const lev_field_desc *fields, size_t count, const void *base,
                       const lev_span *outer);
void fuzz_check_method(const lev_method *method, const lev_span *outer);
void fuzz_check_properties(const lev_properties *properties, const lev_span *outer);

/* What a printer wrote has no control characters, unless the writer was full. */
void fuzz_check_text(const lev_writer *w);

/* Memory as the engine sees it. More than `bound` bytes at once end the run. */
typedef struct fuzz_memory {
    size_t balance;
    size_t bound;
    uint64_t allocations;
    uint64_t fail_at; /* this allocation fails; 0: none */
    bool fail_on;     /* and all after it */
    bool failed;      /* one has */
} fuzz_memory;

lev_allocator fuzz_allocator(fuzz_memory *memory);

#endif
