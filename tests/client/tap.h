/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What this test program and the brokers really said to each other. The tap sits below the client:
 * the linker puts it in front of lev_net_read and lev_net_write (Makefile), so it sees the bytes of
 * the socket. Where LEVERET_EXCHANGED names a folder, a line goes to PROGRAM.txt in it for
 *
 *     BROKER  sent      CLASS.METHOD         we sent it
 *     BROKER  received  CLASS.METHOD         the broker did
 *     BROKER  refused   CLASS.METHOD  CODE   it closed the channel, or all, for it
 *     BROKER  observed  EXTENSION     WHAT   tap_observed
 *
 * tests/broker/exchanged makes the tables of spec/README.md from these lines. BROKER is the product
 * in connection.start; a scripted peer names none, and no line is written of it. */

#ifndef LEVERET_TESTS_TAP_H
#define LEVERET_TESTS_TAP_H

#include <stdbool.h>
#include <stddef.h>

/* Notes what was seen of an extension with the broker connected to last. */
void tap_observed(const char *extension, const char *what);

/* Counts the calls of lev_net_write. */
extern _Atomic unsigned long tap_writes;

/* The most that a call of lev_net_read takes, as if the engine had no more room; 0: no limit. */
extern _Atomic size_t tap_read_max;

/* Keeps no copy of what is sent. */
extern _Atomic bool tap_off;

#endif
