/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The handler notes the signal and writes a byte into a pipe that poll watches, so that no signal
 * slips through between a test and a wait. Only signals_answer reads from it: once asked to stop,
 * the loops leave the pipe out of what they wait for. Whether a signal ends the process at once is
 * one flag, because before the work has begun, and after somebody asked twice, there is nothing to
 * wait for.
 */

#include "signals.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static volatile sig_atomic_t deferring;
static volatile sig_atomic_t asked;
static int wake[2] = {-1, -1};

static void signals_handle(int number) {
    if (!deferring || caught != 0) {
        _exit(128 + number);
    }
    caught = number;
    ssize_t written = write(wake[1], "", 1);
    (void)written; /* a full pipe has woken the loop already */
}

static void signals_ask(int number) {
    (void)number;
    asked = 1;
    ssize_t written = write(wake[1], "", 1);
    (void)written;
}

bool signals_asked(void) { return asked; }

void signals_answer(void) {
    char bytes[16];
    asked = 0;
    while (read(wake[0], bytes, sizeof bytes) > 0) {
    }
}

bool signals_init(void) {
    struct sigaction action = {.sa_handler = signals_handle};
    struct sigaction ask = {.sa_handler = signals_ask, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (pipe(wake) != 0) {
        return false;
    }
    sigemptyset(&ask.sa_mask);
    for (int i = 0; i < 2; i++) {
        fcntl(wake[i], F_SETFD, FD_CLOEXEC);
        fcntl(wake[i], F_SETFL, O_NONBLOCK);
    }
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    return sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0 &&
           sigaction(SIGUSR1, &ask, NULL) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0;
}

void signals_defer(void) { deferring = 1; }

int signals_caught(void) { return caught; }

int signals_fd(void) { return wake[0]; }
