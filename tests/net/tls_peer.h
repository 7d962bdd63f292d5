/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A TLS server in the same thread, with a certificate made on the spot for localhost and 127.0.0.1.
 * What cannot be made ends the test program. */

#ifndef LEVERET_TESTS_TLS_PEER_H
#define LEVERET_TESTS_TLS_PEER_H

#include "loopback.h"

#include <openssl/ssl.h>

typedef struct tls_peer {
    int fd;
    SSL *ssl;
    lev_tls *tls;
    lev_net *net;    /* our end */
    size_t records;  /* of application data that came */
    char cert[4096]; /* PEM */
} tls_peer;

/* Makes a server's session of a certificate of its own for localhost and 127.0.0.1, PEM in `cert`,
 * of at most `room` bytes; the same for other names, and valid for so many seconds. */
SSL *tls_peer_server(char *cert, size_t room);
SSL *tls_peer_server_for(const char *names, int seconds, char *cert, size_t room);

/* Called with each new server's session before the handshake; NULL: nothing. */
extern void (*tls_peer_tune)(SSL *ssl);

/* Makes the server and starts to connect to it with the options, and with its certificate as CA
 * where `trusted`. Steps until our end is connected or has failed, and returns the last status. */
lev_status tls_peer_open(tls_peer *p, lev_tls_options options, bool trusted);
void tls_peer_close(tls_peer *p);

/* Writes all of it. */
void tls_peer_say(tls_peer *p, const void *bytes, size_t len);

/* Reads what is there, up to `room` bytes, and returns how many. */
size_t tls_peer_hear(tls_peer *p, uint8_t *into, size_t room);

#endif
