/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Sockets on the loopback for tests. What cannot be made ends the test program. */

#ifndef LEVERET_TESTS_LOOPBACK_H
#define LEVERET_TESTS_LOOPBACK_H

#include <leveret/net.h>
#include <sys/socket.h>

/* Listens at a numeric address, on `*port` or where that is 0 on any, which is then in `*port`. */
int loopback_listen(const char *address, uint16_t *port);

/* Returns a listening socket whose queue is full: a new attempt gets no answer. `*filler` keeps it
 * so. */
int loopback_black_hole(const char *address, uint16_t *port, int *filler);

/* Accepts one connection; blocking. */
int loopback_accept(int listener);

/* Returns a port where nobody listens. */
uint16_t loopback_dead_port(void);

/* Steps until `n` is connected or has failed, and returns the last status. */
lev_status loopback_settle(lev_net *n);

/* Connects to 127.0.0.1 and returns our end; `*peer` is the other. */
lev_net *loopback_pair(int *peer);

/* Reads at least one byte, or fails: waits for it. */
lev_status loopback_read(lev_net *n, uint8_t *into, size_t room, size_t *got);

/* Ends a connection with a reset. */
void loopback_reset(int fd);

#endif
