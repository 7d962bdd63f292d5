/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The server's side of TLS, for a proxy that clients connect to with amqps. */

#ifndef TOOLS_GUARD_H
#define TOOLS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct guard guard;
typedef struct guard_stream guard_stream;

/* Reads certificate (with the intermediate ones behind it) and key, PEM; `key` NULL: in the same
 * file. Returns NULL after a line on stderr. */
guard *guard_new(const char *certificate, const char *key, const char *key_password);
void guard_free(guard *g);

/* Over an accepted descriptor, which stays the caller's. NULL without memory. */
guard_stream *guard_stream_new(guard *g, int fd);
void guard_stream_free(guard_stream *s);

/* As recv and send, but for these answers. */
enum { GUARD_AGAIN = -1, GUARD_ENDED = 0, GUARD_FAILED = -2 };
long guard_read(guard_stream *s, uint8_t *into, size_t room);
long guard_write(guard_stream *s, const uint8_t *bytes, size_t len);

/* Goes on with the handshake: 1 once it is done, or as above. */
long guard_step(guard_stream *s);

/* Is there something to read although the descriptor is quiet? Does it wait for room to write? */
bool guard_ready(const guard_stream *s);
bool guard_writes(const guard_stream *s);

/* Says goodbye to the peer. */
void guard_finish(guard_stream *s);

/* Returns why it failed. */
const char *guard_why(void);

#endif
