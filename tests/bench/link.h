/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How the peer reads and writes: plainly, or through TLS where it has been given a certificate.
 * Both return as recv and send do: -1 with EAGAIN where nothing goes now. */

#ifndef LEVERET_BENCH_LINK_H
#define LEVERET_BENCH_LINK_H

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static SSL_CTX *link_context; /* NULL: no TLS */

static inline void link_use(const char *cert, const char *key) {
    link_context = SSL_CTX_new(TLS_server_method());
    if (link_context == NULL || SSL_CTX_use_certificate_chain_file(link_context, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(link_context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_mode(link_context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(link_context, 1);
    SSL_CTX_set_default_read_buffer_len(link_context, 65536);
}

static inline SSL *link_accept(int fd) {
    SSL *tls = link_context != NULL ? SSL_new(link_context) : NULL;
    if (tls != NULL) {
        SSL_set_fd(tls, fd);
        SSL_set_accept_state(tls); /* the first read shakes hands */
    }
    return tls;
}

/* What a call of OpenSSL that moved nothing means to a caller of recv. */
static inline ssize_t link_result(SSL *tls, int result) {
    int why = SSL_get_error(tls, result);
    bool again = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    errno = again ? EAGAIN : ECONNRESET;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* Reads as much as there is: a record of TLS is never longer than 16 KiB. */
static inline ssize_t link_recv(int fd, SSL *tls, void *into, size_t room) {
    if (tls == NULL) {
        return recv(fd, into, room, MSG_DONTWAIT);
    }
    size_t len = 0;
    int n = 1;
    while (len < room && (n = SSL_read(tls, (uint8_t *)into + len, (int)(room - len))) > 0) {
        len += (size_t)n;
    }
    return len > 0 ? (ssize_t)len : link_result(tls, n);
}

static inline ssize_t link_send(int fd, SSL *tls, const void *bytes, size_t len) {
    if (tls == NULL) {
        return send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    int n = SSL_write(tls, bytes, (int)len);
    return n > 0 ? n : link_result(tls, n);
}

#endif
