/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What tests of large bodies share: the bytes that all of them consist of, a broker in a process of
 * its own, and how much memory this one needed. */

#ifndef LEVERET_TESTS_LARGE_H
#define LEVERET_TESTS_LARGE_H

#include "peer.h"

#include <sys/types.h>

enum { PERIOD = 65521, FRAME = 131072 - 8 };

#if defined(__SANITIZE_ADDRESS__)
#define RSS_KNOWN false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RSS_KNOWN false
#endif
#endif
#ifndef RSS_KNOWN
#define RSS_KNOWN true
#endif

extern uint64_t body_size; /* of the message that a script expects or sends */

/* Returns the `len` bytes of every body from `at` on; at most three periods. */
lev_span pattern(uint64_t at, size_t len);

/* Returns whether these are the bytes of a body from `at` on. */
bool matches(uint64_t at, lev_span bytes);

/* Returns 64 MiB, or 1 GiB where LEVERET_LONG is set. */
uint64_t large(void);

/* Returns the most memory that this process ever had, in KiB; 0 where that means nothing. */
long resident_peak(void);

typedef struct broker {
    pid_t pid;
    char uri[64];
} broker;

/* Plays a script in a child, which must end well. */
broker broker_start(void (*script)(peer *p));
void broker_end(const broker *b);

/* Sends a delivery of `body_size` bytes of the pattern in full frames. */
void send_large(const peer *p);

#endif
