/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What fails does nothing. There is one exception: a connect that is interrupted goes on. */

#include "faults.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

static _Thread_local bool armed;
static _Thread_local bool counting;
static _Thread_local fault what;
static _Thread_local unsigned passed;
static _Thread_local bool fired;
static _Thread_local long blocks;
static _Thread_local long sockets;

void fault_arm(const fault *f) {
    counting = true;
    armed = f != NULL;
    fired = false;
    passed = 0;
    blocks = sockets = 0;
    if (f != NULL) {
        what = *f;
    }
}

void fault_disarm(void) { armed = counting = false; }

bool fault_fired(void) { return fired; }

long fault_blocks(void) { return blocks; }
long fault_sockets(void) { return sockets; }

/* Returns whether this call fails. */
static bool fault_strikes(fault_call call) {
    if (!armed || what.call != call) {
        return false;
    }
    bool strikes = what.on ? passed >= what.at : passed == what.at;
    passed++;
    fired = fired || strikes;
    if (strikes && what.how > 0) {
        errno = what.how;
    }
    return strikes;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);

void *__wrap_malloc(size_t size) {
    void *p = fault_strikes(FAULT_MEMORY) ? NULL : __real_malloc(size);
    blocks += counting && p != NULL;
    return p;
}

void *__wrap_calloc(size_t count, size_t size) {
    void *p = fault_strikes(FAULT_MEMORY) ? NULL : __real_calloc(count, size);
    blocks += counting && p != NULL;
    return p;
}

void *__wrap_realloc(void *ptr, size_t size) {
    void *p = fault_strikes(FAULT_MEMORY) ? NULL : __real_realloc(ptr, size);
    blocks += counting && p != NULL && ptr == NULL;
    return p;
}

void __wrap_free(void *ptr) {
    blocks -= counting && ptr != NULL;
    __real_free(ptr);
}

/* ---- system calls ---------------------------------------------------------------------------- */

int __real_socket(int domain, int type, int protocol);
int __real_close(int fd);
int __real_connect(int fd, const struct sockaddr *at, socklen_t len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_recv(int fd, void *into, size_t room, int flags);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_close(int fd);
int __wrap_connect(int fd, const struct sockaddr *at, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_recv(int fd, void *into, size_t room, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

int __wrap_socket(int domain, int type, int protocol) {
    int fd = fault_strikes(FAULT_SOCKET) ? -1 : __real_socket(domain, type, protocol);
    sockets += counting && fd >= 0;
    return fd;
}

/* Not only sockets are closed: a lookup's pipe, too, where its thread has ended before. What is not
 * open at all counts, for it would be a close too many. */
int __wrap_close(int fd) {
    int type;
    socklen_t len = sizeof type;
    bool other = __real_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 && errno == ENOTSOCK;
    sockets -= counting && !other;
    return __real_close(fd);
}

int __wrap_connect(int fd, const struct sockaddr *at, socklen_t len) {
    if (!fault_strikes(FAULT_CONNECT)) {
        return __real_connect(fd, at, len);
    }
    if (what.how == EINTR) {
        (void)__real_connect(fd, at, len);
        errno = EINTR;
    }
    return -1;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
    return fault_strikes(FAULT_GETSOCKOPT) ? -1 : __real_getsockopt(fd, level, name, value, len);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    if (!fault_strikes(FAULT_SENDMSG)) {
        return __real_sendmsg(fd, message, flags);
    }
    if (what.how != FAULT_SHORT) {
        return -1;
    }
    struct iovec first = {message->msg_iov[0].iov_base, 1};
    struct msghdr little = {.msg_iov = &first, .msg_iovlen = 1};
    return __real_sendmsg(fd, &little, flags);
}

ssize_t __wrap_recv(int fd, void *into, size_t room, int flags) {
    if (!fault_strikes(FAULT_RECV)) {
        return __real_recv(fd, into, room, flags);
    }
    if (what.how == FAULT_SHORT) {
        return __real_recv(fd, into, 1, flags);
    }
    return what.how == FAULT_END ? 0 : -1;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout) {
    return fault_strikes(FAULT_POLL) ? -1 : __real_poll(fds, count, timeout);
}
