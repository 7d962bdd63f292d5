/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Failures of memory and of system calls, at will. The linker puts this in front of the calls
 * (Makefile), so it works under sanitizers, too. It acts only in the thread that has armed it. */

#ifndef LEVERET_TESTS_FAULTS_H
#define LEVERET_TESTS_FAULTS_H

#include <stdbool.h>

typedef enum fault_call {
    FAULT_MEMORY, /* malloc, calloc, realloc */
    FAULT_SOCKET,
    FAULT_CONNECT,
    FAULT_GETSOCKOPT,
    FAULT_SENDMSG,
    FAULT_RECV,
    FAULT_POLL
} fault_call;

/* How it fails, besides with an errno. */
enum { FAULT_SHORT = -1 /* one byte only */, FAULT_END = -2 /* the end of the stream */ };

typedef struct fault {
    fault_call call;
    int how;
    unsigned at; /* how many calls go well before */
    bool on;     /* all calls fail from then on, and not only this one */
} fault;

/* Arms this thread, NULL: only to count, and disarms it. */
void fault_arm(const fault *f);
void fault_disarm(void);

/* Returns whether any call has failed since the last fault_arm. */
bool fault_fired(void);

/* Return what this thread has allocated, or opened, and not given back, since the last fault_arm.
 */
long fault_blocks(void);
long fault_sockets(void);

#endif
