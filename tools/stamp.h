/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The first bytes of a message that is timed, as RabbitMQ's PerfTest writes and reads them: a
 * sequence number of 32 bits, and the time of 64 bits when it was published, big-endian. The time
 * is in nanoseconds of the machine's monotonic clock, which is Java's System.nanoTime on Linux, or,
 * where both sides were told so, in milliseconds since 1970. */

#ifndef TOOLS_STAMP_H
#define TOOLS_STAMP_H

#include <leveret/wire.h>

enum { STAMP_SIZE = 12 };

/* Return the time in nanoseconds: of the monotonic clock, or since 1970, to the millisecond. */
uint64_t stamp_now(bool millis);

/* Writes a stamp of a time that stamp_now gave. `into` has STAMP_SIZE bytes. */
void stamp_put(uint8_t *into, uint32_t sequence, uint64_t at, bool millis);

/* Reads how long ago, at `now`, a body was stamped, in nanoseconds; as in PerfTest the sign does
 * not count. Returns false where the body is too short to have a stamp. */
bool stamp_age(lev_span body, uint64_t now, bool millis, uint64_t *age);

#endif
