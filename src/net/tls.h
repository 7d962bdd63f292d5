/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* TLS over a connected socket, under the verbs of leveret/net.h. */

#ifndef LEVERET_NET_TLS_H
#define LEVERET_NET_TLS_H

#include <leveret/tls.h>
#include <leveret/wire.h>

typedef struct lev_tls_stream lev_tls_stream;

/* Makes the client's side of a session with `host` and `port` over `fd`. `tls`, `host` and `fd`
 * stay the caller's, and `*calls`, to which each call of the socket's adds one. Returns NULL
 * without memory. */
lev_tls_stream *lev_tls_stream_new(lev_tls *tls, int fd, const char *host, uint16_t port,
                                   uint64_t *calls);

/* Says goodbye to the peer as far as that goes without waiting, and frees; NULL is fine. */
void lev_tls_stream_free(lev_tls_stream *s);

/* Goes on with the handshake. Returns LEV_OK once the peer is verified; LEV_AGAIN; LEV_ERR_TLS,
 * LEV_ERR_LOST or LEV_ERR_MEMORY. */
lev_status lev_tls_stream_step(lev_tls_stream *s);

/* As lev_net_read and lev_net_write; LEV_ERR_TLS where the peer's TLS refuses or breaks. */
lev_status lev_tls_stream_read(lev_tls_stream *s, uint8_t *into, size_t room, size_t *got);
lev_status lev_tls_stream_write(lev_tls_stream *s, const lev_span *spans, size_t count,
                                size_t *put);

/* Returns whether encrypted bytes wait for the socket to take them, and whether reading may find
 * something although the socket has nothing. */
bool lev_tls_stream_unsent(const lev_tls_stream *s);
bool lev_tls_stream_ready(const lev_tls_stream *s);

/* Returns why it failed: one escaped line. */
const char *lev_tls_stream_why(const lev_tls_stream *s);

/* The longest time the handshake may take, in milliseconds. */
uint32_t lev_tls_handshake_ms(const lev_tls *tls);

#endif
