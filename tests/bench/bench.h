/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What both programs of the comparison with a real broker share: their arguments and the line they
 * print. */

#ifndef LEVERET_BENCH_H
#define LEVERET_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

typedef struct bench {
    struct timespec start;
    struct rusage usage;
} bench;

static inline void bench_start(bench *b) {
    clock_gettime(CLOCK_MONOTONIC, &b->start);
    getrusage(RUSAGE_SELF, &b->usage);
}

static inline double bench_cpu(const struct rusage *u) {
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static inline void bench_stop(const bench *b, const char *what, unsigned long count) {
    struct timespec end;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &end);
    getrusage(RUSAGE_SELF, &usage);
    double seconds =
        (double)(end.tv_sec - b->start.tv_sec) + (double)(end.tv_nsec - b->start.tv_nsec) / 1e9;
    double cpu = bench_cpu(&usage) - bench_cpu(&b->usage);
    printf("%-28s %9.0f messages/s  %7.3f CPU us/message\n", what, (double)count / seconds,
           cpu * 1e6 / (double)count);
}

#endif
