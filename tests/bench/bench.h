/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the programs of the comparison share: their arguments, their clocks and the line they print.
 *
 *     PROGRAM PORT WORK COUNT SIZE [CA]    publish | confirm | consume | stream | ack | pingpong
 *
 * CA is a file of certificates; with it the connection is made with TLS, and the peer verified.
 * Each does the same with the same messages: queue `bench-SIZE-COUNT` (`echo` for pingpong), empty
 * exchange, no properties. `publish` ends with a passive declare, so that the peer has read all;
 * `confirm` keeps 1,000 unconfirmed; `ack` has a prefetch of 500 and acks every hundredth with
 * multiple. The line: seconds, CPU seconds, and for pingpong p50, p99, p99.9 in microseconds. */

#ifndef LEVERET_BENCH_H
#define LEVERET_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BENCH_WINDOW = 1000, BENCH_PREFETCH = 500, BENCH_ACK_EVERY = 100 };

typedef struct bench {
    int port;
    const char *work;
    unsigned long count;
    size_t size;
    const char *ca; /* NULL: plain */
    char queue[64];
    uint8_t *body;
    double start;
    double cpu;
    double *took; /* pingpong: each round in seconds */
} bench;

static inline double bench_now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int bench_is(const bench *b, const char *work) { return strcmp(b->work, work) == 0; }

static inline bench bench_init(int argc, char **argv) {
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: %s PORT WORK COUNT SIZE [CA]\n", argv[0]);
        exit(64);
    }
    bench b = {.port = atoi(argv[1]),
               .work = argv[2],
               .count = strtoul(argv[3], NULL, 10),
               .size = strtoul(argv[4], NULL, 10),
               .ca = argv[5]};
    snprintf(b.queue, sizeof b.queue, "bench-%zu-%lu", b.size, b.count);
    b.body = calloc(1, b.size + 1);
    if (bench_is(&b, "pingpong")) {
        strcpy(b.queue, "echo");
        b.took = calloc(b.count, sizeof *b.took);
    }
    return b;
}

static inline void bench_start(bench *b) {
    b->start = bench_now(CLOCK_MONOTONIC);
    b->cpu = bench_now(CLOCK_PROCESS_CPUTIME_ID);
}

static inline int bench_order(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static inline double bench_rank(const bench *b, double share) {
    return b->took[(unsigned long)(share * (double)(b->count - 1))] * 1e6;
}

static inline void bench_stop(const bench *b) {
    double seconds = bench_now(CLOCK_MONOTONIC) - b->start;
    double cpu = bench_now(CLOCK_PROCESS_CPUTIME_ID) - b->cpu;
    printf("%.9f %.9f", seconds, cpu);
    if (b->took != NULL) {
        qsort(b->took, b->count, sizeof *b->took, bench_order);
        printf(" %.2f %.2f %.2f", bench_rank(b, 0.5), bench_rank(b, 0.99), bench_rank(b, 0.999));
    }
    printf("\n");
}

#endif
