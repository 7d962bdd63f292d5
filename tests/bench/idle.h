/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What both programs that measure idle connections share. */

#ifndef LEVERET_BENCH_IDLE_H
#define LEVERET_BENCH_IDLE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef struct idle {
    int port;
    size_t count;
    double start;
    size_t resident;
} idle;

static inline double idle_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Returns the bytes of memory that the process has touched. */
static inline size_t idle_resident(void) {
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*u %zu", &pages) != 1) {
        exit(1);
    }
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static inline idle idle_init(int argc, char **argv) {
    struct rlimit files;
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT CONNECTIONS\n", argv[0]);
        exit(64);
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return (idle){.port = atoi(argv[1]), .count = strtoul(argv[2], NULL, 10)};
}

static inline void idle_start(idle *b) {
    b->resident = idle_resident();
    b->start = idle_now();
}

static inline void idle_print(const idle *b, double seconds) {
    printf("%.3f %zu\n", seconds, (idle_resident() - b->resident) / b->count);
}

#endif
