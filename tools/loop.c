/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One poll over a few descriptors, and those of handlers. Inputs are read, and outputs written,
 * only when poll says that they are ready; nothing is switched to non-blocking, because stdin and
 * stdout are often shared with other processes, which would see the change. A signal is watched
 * only until it has come. */

#include "loop.h"

#include "signals.h"

#include <limits.h>
#include <string.h>
#include <time.h>

enum { LOOP_OWN = 5 };

static short poll_events(unsigned wants) {
    return (short)(((wants & LEV_CLIENT_READ) != 0 ? POLLIN : 0) |
                   ((wants & LEV_CLIENT_WRITE) != 0 ? POLLOUT : 0));
}

int loop_sooner(int a, int b) {
    if (a < 0 || b < 0) {
        return a < 0 ? b : a;
    }
    return a < b ? a : b;
}

void loop_within(loop_watch *watch, int ms) {
    watch->timeout_ms = loop_sooner(watch->timeout_ms, ms);
}

unsigned loop_wait(lev_client *client, const loop_watch *watch) {
    struct pollfd fds[LOOP_OWN + LOOP_MORE_MAX] = {
        {.fd = client != NULL ? lev_client_fd(client) : -1},
        {.fd = signals_caught() == 0 ? signals_fd() : -1, .events = POLLIN},
        {.fd = watch->input, .events = POLLIN},
        {.fd = watch->output, .events = watch->writing ? POLLOUT : 0},
        {.fd = signals_children_fd(), .events = POLLIN},
    };
    int timeout = watch->timeout_ms;
    unsigned ready = 0;
    if (client != NULL) {
        fds[0].events = poll_events(lev_client_wants(client));
        timeout = loop_sooner(timeout, lev_client_timeout(client));
    }
    if (watch->more_count > 0) {
        memcpy(fds + LOOP_OWN, watch->more, watch->more_count * sizeof *fds);
    }
    if (poll(fds, LOOP_OWN + (nfds_t)watch->more_count, timeout) > 0) {
        ready |= fds[2].revents != 0 ? LOOP_INPUT : 0u;
        ready |= (fds[3].revents & POLLOUT) != 0 ? LOOP_OUTPUT : 0u;
        ready |= (fds[3].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? LOOP_HANGUP : 0u;
    }
    signals_children_seen();
    return ready;
}

bool loop_stall(lev_client *client, int output) {
    lev_engine *engine = lev_client_engine(client);
    uint64_t now = lev_net_now();
    uint64_t due = lev_engine_deadline(engine);
    unsigned wants = lev_client_wants(client) & LEV_CLIENT_WRITE;
    struct pollfd fds[] = {
        {.fd = output, .events = POLLOUT},
        {.fd = wants != 0 ? lev_client_fd(client) : -1, .events = POLLOUT},
    };
    int wait = due == UINT64_MAX ? -1 : due > now ? loop_left(loop_now(), due - now) : 0;
    if (poll(fds, 2, wait) > 0 && fds[0].revents != 0) {
        return true;
    }
    lev_client_process(client);
    return false;
}

uint64_t loop_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int loop_left(uint64_t start, uint64_t span_ms) {
    uint64_t spent = loop_now() - start;
    uint64_t left = spent < span_ms ? span_ms - spent : 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}
