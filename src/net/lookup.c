/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* getaddrinfo cannot be interrupted and may take half a minute, so it runs in a thread of its own
 * that says through a pipe when it is done. The block below has two owners, the caller and the
 * thread, and the last one out frees it: a caller who gives up leaves at once, and the thread ends
 * when the resolver lets it. A finished thread is joined, an abandoned one detached.
 *
 * The thread has all signals blocked, so none of the program's handlers ever runs in it. It touches
 * nothing but the block. A path is a unix socket's, and an answer without any question; it lies in
 * the block in the resolver's form. Rejected: getaddrinfo_a, which is glibc's alone and delivers by
 * signal; a resolver of our own, which would ignore nsswitch.conf. */

#include "lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <leveret/net.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef LEV_NO_THREADS
#include <pthread.h>
#include <signal.h>
#endif

struct lev_lookup {
#ifndef LEV_NO_THREADS
    atomic_int owners;
    pthread_t thread;
#endif
    bool threaded; /* a thread runs, or waits to be joined */
    int done_read;
    int done_write;
    int result; /* of getaddrinfo */
    int error;  /* errno, where that is EAI_SYSTEM */
    struct addrinfo *found;
    struct addrinfo path; /* where `found` points for a unix socket */
    struct sockaddr_un at;
    char port[6];
    char host[];
};

static void lookup_port(char *text, unsigned port) {
    char digits[5];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + port % 10);
        port /= 10;
    } while (port > 0);
    while (n > 0) {
        *text++ = digits[--n];
    }
    *text = '\0';
}

static void lookup_run(lev_lookup *l, int flags) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_protocol = IPPROTO_TCP,
                             .ai_flags = AI_NUMERICSERV | flags};
    l->result = getaddrinfo(l->host, l->port, &hints, &l->found);
    l->error = errno;
    if (l->result != 0 && flags == 0 && strcasecmp(l->host, "localhost") == 0) {
        /* This machine by definition (RFC 6761, 6.3), also where no /etc/hosts says so. */
        l->result = getaddrinfo(NULL, l->port, &hints, &l->found);
    }
}

static void lookup_destroy(lev_lookup *l) {
    if (l->found != NULL && l->found != &l->path) {
        freeaddrinfo(l->found);
    }
    if (l->done_read >= 0) {
        close(l->done_read);
        close(l->done_write);
    }
    free(l);
}

#ifdef LEV_NO_THREADS

static void lookup_start(lev_lookup *l) { lookup_run(l, 0); }
static void lookup_join(lev_lookup *l) { l->threaded = false; }
void lev_lookup_free(lev_lookup *l) {
    if (l != NULL) {
        lookup_destroy(l);
    }
}

#else

static void lookup_leave(lev_lookup *l) {
    if (atomic_fetch_sub(&l->owners, 1) == 1) {
        lookup_destroy(l);
    }
}

static void *lookup_thread(void *arg) {
    lev_lookup *l = arg;
    lookup_run(l, 0);
    ssize_t told;
    do {
        told = write(l->done_write, "", 1);
    } while (told < 0 && errno == EINTR);
    lookup_leave(l);
    return NULL;
}

static int lookup_spawn(lev_lookup *l) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return errno;
    }
    l->done_read = ends[0];
    l->done_write = ends[1];
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_store(&l->owners, 2);
    int error = pthread_create(&l->thread, NULL, lookup_thread, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    l->threaded = error == 0;
    return error;
}

static void lookup_start(lev_lookup *l) {
    int error = lookup_spawn(l);
    if (error != 0) {
        atomic_store(&l->owners, 1);
        l->result = EAI_SYSTEM;
        l->error = error;
    }
}

static void lookup_join(lev_lookup *l) {
    pthread_join(l->thread, NULL);
    l->threaded = false;
}

void lev_lookup_free(lev_lookup *l) {
    if (l == NULL) {
        return;
    }
    if (!lev_lookup_done(l)) {
        pthread_detach(l->thread);
    }
    lookup_leave(l);
}

#endif

static void lookup_path(lev_lookup *l, size_t len) {
    if (len >= sizeof l->at.sun_path) {
        l->result = EAI_SYSTEM;
        l->error = ENAMETOOLONG;
        return;
    }
    l->at.sun_family = AF_UNIX;
    memcpy(l->at.sun_path, l->host, len + 1);
    l->path = (struct addrinfo){
        .ai_family = AF_UNIX, .ai_addr = (struct sockaddr *)&l->at, .ai_addrlen = sizeof l->at};
    l->found = &l->path;
}

lev_lookup *lev_lookup_new(const char *host, uint16_t port) {
    size_t len = strlen(host);
    lev_lookup *l = calloc(1, sizeof *l + len + 1);
    if (l == NULL) {
        return NULL;
    }
#ifndef LEV_NO_THREADS
    atomic_init(&l->owners, 1);
#endif
    memcpy(l->host, host, len + 1);
    lookup_port(l->port, port);
    l->done_read = l->done_write = -1;
    if (*host == '/') {
        lookup_path(l, len);
        return l;
    }
    lookup_run(l, AI_NUMERICHOST);
    if (l->result == EAI_NONAME && len > 0) {
        lookup_start(l);
    }
    return l;
}

int lev_lookup_fd(const lev_lookup *l) { return l->threaded ? l->done_read : -1; }

bool lev_lookup_done(lev_lookup *l) {
    char told;
    if (l->threaded && read(l->done_read, &told, 1) == 1) {
        lookup_join(l);
    }
    return !l->threaded;
}

const char *lev_errno_text(int error, char *text, size_t size) {
#if defined(__GLIBC__)
    return strerror_r(error, text, size);
#else
    return strerror_r(error, text, size) == 0 ? text : "unknown error";
#endif
}

const struct addrinfo *lev_lookup_found(const lev_lookup *l, const char **why, char *text,
                                        size_t size) {
    if (l->result == EAI_SYSTEM) {
        *why = lev_errno_text(l->error, text, size);
    } else {
        *why = l->result == 0 ? "" : gai_strerror(l->result);
    }
    return l->result == 0 ? l->found : NULL;
}
