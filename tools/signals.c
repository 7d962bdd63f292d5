/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The handler notes the signal and writes a byte into a pipe that poll watches, so that no signal
 * slips through between a test and a wait. Only signals_answer reads from it: once asked to stop,
 * the loops leave the pipe out of what they wait for. Whether a signal ends the process at once is
 * one flag, because before the work has begun, and after somebody asked twice, there is nothing to
 * wait for. Handlers that still run then are told to end, too: their messages go to somebody else.
 */

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

enum { SIGNALS_GROUPS_MAX = 256 };

static volatile sig_atomic_t caught;
static volatile sig_atomic_t deferring;
static volatile sig_atomic_t asked;
static int wake[2] = {-1, -1};
static int ended[2] = {-1, -1};
static volatile pid_t groups[SIGNALS_GROUPS_MAX]; /* 0: free */

static void signals_end_now(int number) {
    for (size_t i = 0; i < SIGNALS_GROUPS_MAX; i++) {
        pid_t group = groups[i];
        if (group > 0) {
            kill(-group, SIGTERM);
        }
    }
    _exit(128 + number);
}

/* Wakes the loop; where the pipe is full that was done already. */
static void signals_poke(int fd) {
    int kept = errno;
    ssize_t written = write(fd, "", 1);
    (void)written;
    errno = kept;
}

static void signals_handle(int number) {
    if (!deferring || caught != 0) {
        signals_end_now(number);
    }
    caught = number;
    signals_poke(wake[1]);
}

static void signals_ask(int number) {
    (void)number;
    asked = 1;
    signals_poke(wake[1]);
}

static void signals_child(int number) {
    (void)number;
    signals_poke(ended[1]);
}

bool signals_asked(void) { return asked; }

static void signals_empty(int fd) {
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
}

void signals_answer(void) {
    asked = 0;
    signals_empty(wake[0]);
}

static bool signals_pipe(int ends[2]) {
    if (pipe(ends) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

/* What asks for an end. SIGHUP stays ignored where it was, as by nohup. */
static bool signals_catch_ends(void) {
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = signals_handle};
    struct sigaction was;
    bool caught_all = true;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        sigaddset(&action.sa_mask, ends[i]);
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        bool kept =
            ends[i] == SIGHUP && sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler == SIG_IGN;
        caught_all = caught_all && (kept || sigaction(ends[i], &action, NULL) == 0);
    }
    return caught_all;
}

bool signals_init(void) {
    struct sigaction ask = {.sa_handler = signals_ask, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction child = {.sa_handler = signals_child, .sa_flags = SA_NOCLDSTOP | SA_RESTART};
    if (!signals_pipe(wake) || !signals_pipe(ended)) {
        return false;
    }
    sigemptyset(&ask.sa_mask);
    sigemptyset(&child.sa_mask);
    return signals_catch_ends() && sigaction(SIGUSR1, &ask, NULL) == 0 &&
           sigaction(SIGCHLD, &child, NULL) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0;
}

void signals_defer(void) { deferring = 1; }

int signals_caught(void) { return caught; }

int signals_fd(void) { return wake[0]; }

int signals_children_fd(void) { return ended[0]; }

void signals_children_seen(void) { signals_empty(ended[0]); }

static void group_replace(pid_t old, pid_t new) {
    for (size_t i = 0; i < SIGNALS_GROUPS_MAX; i++) {
        if (groups[i] == old) {
            groups[i] = new;
            return;
        }
    }
}

void signals_add_group(pid_t group) { group_replace(0, group); }

void signals_remove_group(pid_t group) { group_replace(group, 0); }
