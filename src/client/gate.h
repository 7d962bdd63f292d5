/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A lock that one can wait behind, on the clock of lev_net_now. Without threads there is nobody to
 * wait for. */

#ifndef LEVERET_CLIENT_GATE_H
#define LEVERET_CLIENT_GATE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef LEV_NO_THREADS

typedef struct lev_gate {
    char none;
} lev_gate;

static inline bool gate_init(lev_gate *g) { return g != NULL; }
static inline void gate_deinit(lev_gate *g) { (void)g; }
static inline void gate_enter(lev_gate *g) { (void)g; }
static inline void gate_leave(lev_gate *g) { (void)g; }
static inline void gate_call(lev_gate *g) { (void)g; }
static inline bool gate_wait(lev_gate *g, uint64_t until) { return g == NULL && until > 0; }

#else

#include <pthread.h>
#include <time.h>

typedef struct lev_gate {
    pthread_mutex_t lock;
    pthread_cond_t news;
} lev_gate;

static inline bool gate_init(lev_gate *g) {
    pthread_condattr_t clock;
    if (pthread_condattr_init(&clock) != 0) {
        return false;
    }
    bool made = pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&g->news, &clock) == 0;
    pthread_condattr_destroy(&clock);
    if (made && pthread_mutex_init(&g->lock, NULL) != 0) {
        pthread_cond_destroy(&g->news);
        return false;
    }
    return made;
}

static inline void gate_deinit(lev_gate *g) {
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->news);
}

static inline void gate_enter(lev_gate *g) { pthread_mutex_lock(&g->lock); }
static inline void gate_leave(lev_gate *g) { pthread_mutex_unlock(&g->lock); }

/* Wakes all up that wait. */
static inline void gate_call(lev_gate *g) { pthread_cond_broadcast(&g->news); }

/* Waits outside for a call and enters again. Returns false where there was none `until` then
 * (UINT64_MAX: for ever). */
static inline bool gate_wait(lev_gate *g, uint64_t until) {
    if (until == UINT64_MAX) {
        return pthread_cond_wait(&g->news, &g->lock) == 0;
    }
    struct timespec t = {.tv_sec = (time_t)(until / 1000),
                         .tv_nsec = (long)(until % 1000) * 1000000};
    return pthread_cond_timedwait(&g->news, &g->lock, &t) == 0;
}

#endif

#endif
