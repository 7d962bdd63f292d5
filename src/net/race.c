/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Attempts start in the addresses' order: each when the one before has failed, or has been silent
 * for 250 ms. Attempts that are merely slow go on, so a later address never costs an earlier one
 * its chance.
 *
 * A caller can poll one descriptor only. While one attempt is under way, that is its own; while
 * several are (a quarter of a second has been lost already), a step falls due every 10 ms, which is
 * simpler than a descriptor that stands for a set and works on every POSIX system.
 *
 * A connection to a local port that nobody listens on may meet itself, when the kernel picks that
 * very port for our end (TCP's simultaneous open). That counts as refused. */

#include "race.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

bool lev_race_init(lev_race *r, lev_addresses *addresses, const lev_allocator *a) {
    *r = (lev_race){.addresses = *addresses};
    *addresses = (lev_addresses){NULL, 0};
    r->runners = lev_memory_zeroed(a, (r->addresses.count + 1) * sizeof *r->runners);
    return r->runners != NULL;
}

void lev_race_deinit(lev_race *r) {
    for (size_t i = 0; i < r->running; i++) {
        close(r->runners[i].fd);
    }
    lev_memory_free(r->runners);
    lev_addresses_deinit(&r->addresses);
    *r = (lev_race){.next = 0};
}

static bool race_met_itself(int fd) {
    struct sockaddr_storage ours = {0};
    struct sockaddr_storage theirs = {0};
    socklen_t len = sizeof ours;
    socklen_t their_len = sizeof theirs;
    return getsockname(fd, (struct sockaddr *)&ours, &len) == 0 &&
           getpeername(fd, (struct sockaddr *)&theirs, &their_len) == 0 && len == their_len &&
           memcmp(&ours, &theirs, len) == 0;
}

/* Returns 0 where the attempt has connected, or its errno. */
static int race_outcome(int fd) {
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        return errno;
    }
    if (error == 0 && race_met_itself(fd)) {
        return ECONNREFUSED;
    }
    return error;
}

static void race_drop(lev_race *r, size_t i) {
    close(r->runners[i].fd);
    r->running--;
    memmove(r->runners + i, r->runners + i + 1, (r->running - i) * sizeof *r->runners);
}

/* Ends the race: `fd` has won, the others are closed. */
static void race_won(lev_race *r, int fd) {
    for (size_t i = 0; i < r->running; i++) {
        if (r->runners[i].fd != fd) {
            close(r->runners[i].fd);
        }
    }
    r->running = 0;
    r->next = r->addresses.count;
}

/* Returns the descriptor of an attempt that has connected, -1 where there is none. */
static int race_look(lev_race *r, uint64_t now) {
    if (r->running == 0 || poll(r->runners, (nfds_t)r->running, 0) <= 0) {
        return -1;
    }
    for (size_t i = 0; i < r->running;) {
        if (r->runners[i].revents == 0) {
            i++;
            continue;
        }
        int error = race_outcome(r->runners[i].fd);
        if (error == 0) {
            return r->runners[i].fd;
        }
        r->error = error;
        r->next_at = now;
        race_drop(r, i);
    }
    return -1;
}

/* Starts an attempt at the next address. */
static void race_start(lev_race *r, uint64_t now) {
    const lev_address *a = &r->addresses.list[r->next++];
    int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        r->error = errno;
        return;
    }
    int on = 1;
    if (a->at.ss_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    int rc = connect(fd, (const struct sockaddr *)&a->at, a->len);
    if (rc != 0 && errno != EINPROGRESS && errno != EINTR) {
        r->error = errno;
        close(fd);
        return;
    }
    r->runners[r->running++] = (struct pollfd){.fd = fd, .events = POLLOUT};
    r->next_at = now + LEV_RACE_DELAY_MS;
}

lev_status lev_race_step(lev_race *r, uint64_t now, int *winner) {
    r->looked_at = now;
    *winner = race_look(r, now);
    while (*winner < 0 && r->next < r->addresses.count && (r->running == 0 || now >= r->next_at)) {
        race_start(r, now);
        *winner = race_look(r, now);
    }
    if (*winner >= 0) {
        race_won(r, *winner);
        return LEV_OK;
    }
    return r->running > 0 ? LEV_AGAIN : LEV_ERR_CONNECT;
}

int lev_race_fd(const lev_race *r) { return r->running > 0 ? r->runners[0].fd : -1; }

uint64_t lev_race_due(const lev_race *r) {
    if (r->running == 0) {
        return 0;
    }
    uint64_t due = r->next < r->addresses.count ? r->next_at : UINT64_MAX;
    uint64_t look = r->looked_at + LEV_RACE_LOOK_MS;
    return r->running > 1 && look < due ? look : due;
}
