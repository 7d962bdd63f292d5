/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Bytes to and from a peer, without ever waiting: connect, read, write, close. It knows the
 * operating system and nothing of AMQP.
 *
 * Thread rule: a connection belongs to one thread at a time; different ones are independent. Name
 * resolution runs in a thread of its own, with all signals blocked (with `make THREADS=no` inside
 * lev_net_connect). */

#ifndef LEVERET_NET_H
#define LEVERET_NET_H

#include <leveret/allocator.h>
#include <leveret/status.h>
#include <leveret/tls.h>
#include <leveret/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lev_net lev_net;

/* What a connection waits for, to be given to poll: a set. */
enum { LEV_NET_READ = 1, LEV_NET_WRITE = 2 };

/* Starts to connect to a host (a name, an IPv4 or an IPv6 address) and port, or to a unix socket:
 * `host` is then its path, which begins with '/', and the port is ignored. Every address of the
 * name is tried (in the order of RFC 8305, section 4, each 250 ms after the one before or at once
 * after a failure; the first that answers wins), all before `deadline`, in milliseconds of `now`'s
 * clock. Returns NULL only without memory; all other failures come from lev_net_step, which is due
 * at once. `host` is copied. The caller frees it with lev_net_close. Memory comes from `a`, or from
 * malloc. */
LEV_API lev_net *lev_net_connect(const char *host, uint16_t port, uint64_t now, uint64_t deadline);
LEV_API lev_net *lev_net_connect_with(const lev_allocator *a, const char *host, uint16_t port,
                                      uint64_t now, uint64_t deadline);

/* Called before the first step: the connection will speak TLS, and is connected only when the peer
 * has been verified as `host`, or as the options' server_name, within the options' handshake_ms,
 * which begins when TCP has connected. `tls` is lent until lev_net_close; NULL is plain TCP. */
LEV_API void lev_net_secure(lev_net *n, lev_tls *tls);

/* Called before the first step: adds one to `*calls`, which is lent until lev_net_close, with each
 * system call that moves bytes, or tries to, once connected. */
LEV_API void lev_net_count(lev_net *n, uint64_t *calls);

/* Goes on with connecting. Returns LEV_OK once connected, then always; LEV_AGAIN while under way;
 * LEV_ERR_RESOLVE, LEV_ERR_CONNECT, LEV_ERR_TIMEOUT or LEV_ERR_MEMORY, latched; with TLS also
 * LEV_ERR_TLS (the peer is not verified, or does not speak TLS) and LEV_ERR_LOST (it ended the
 * handshake). */
LEV_API lev_status lev_net_step(lev_net *n, uint64_t now);

/* Returns the descriptor to poll, and in `*wants` (may be NULL) what for while connecting:
 * LEV_NET_READ and LEV_NET_WRITE; once connected LEV_NET_WRITE where TLS still has to send what
 * lev_net_write took, which any read or write does, else 0. It may change with every lev_net_step
 * until then, and is -1, which poll ignores, where a step is due without one and after a failure.
 */
LEV_API int lev_net_fd(const lev_net *n, unsigned *wants);

/* Returns when lev_net_step is due even if the descriptor stays quiet; UINT64_MAX for never. */
LEV_API uint64_t lev_net_due(const lev_net *n);

/* Returns whether lev_net_read may find something although the descriptor stays quiet, because TLS
 * has read it already, or has read so much to no effect that it let the caller look at the clock.
 */
LEV_API bool lev_net_ready(const lev_net *n);

/* Returns whether the connection speaks TLS. */
LEV_API bool lev_net_is_secure(const lev_net *n);

/* Once connected, returns whether the peer's address belongs to this machine alone (127.0.0.0/8,
 * ::1, a unix socket), so that what is written does not leave it. */
LEV_API bool lev_net_is_local(const lev_net *n);

/* Reads up to `room` bytes. Returns LEV_OK and `*got` > 0; LEV_AGAIN when nothing is there;
 * LEV_ERR_LOST at the end of the stream or on an error, or LEV_ERR_TLS, latched. Where `*got` is
 * less than `room`, nothing more was there, unless lev_net_ready says so. */
LEV_API lev_status lev_net_read(lev_net *n, uint8_t *into, size_t room, size_t *got);

/* Writes some of the spans, in order, in one system call (one a record with TLS) that raises no
 * SIGPIPE; at most 64 of them a call. No spans at all are fine. Returns LEV_OK and `*put` > 0;
 * LEV_AGAIN when nothing can be taken; LEV_ERR_LOST, latched. A failed write does not stop reading:
 * what the peer sent before can still be read. */
LEV_API lev_status lev_net_write(lev_net *n, const lev_span *spans, size_t count, size_t *put);

/* Returns why it failed, one line without control characters, such as "cannot connect to
 * localhost:1 (2 addresses): Connection refused" or "the peer closed the connection"; "" where
 * nothing failed. Lives as long as the connection. */
LEV_API const char *lev_net_fault(const lev_net *n);

/* Closes and frees, at once (TLS says goodbye to the peer before); a lookup under way is abandoned.
 * NULL is fine. */
LEV_API void lev_net_close(lev_net *n);

/* Returns the text of an errno value: static, or in `text`. */
LEV_API const char *lev_errno_text(int error, char *text, size_t size);

/* Returns the monotonic clock in milliseconds. */
LEV_API uint64_t lev_net_now(void);

/* The same clock, up to some milliseconds late and far cheaper to read. */
LEV_API uint64_t lev_net_now_coarse(void);

#ifdef __cplusplus
}
#endif

#endif
