/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the parts of TLS share. */

#ifndef LEVERET_NET_TLS_CONTEXT_H
#define LEVERET_NET_TLS_CONTEXT_H

#include "tls.h"

#include <leveret/memory.h>
#include <openssl/ssl.h>

enum { LEV_TLS_WHY = 256, LEV_TLS_NAME = 256 };

struct lev_tls {
    lev_allocator memory;
    SSL_CTX *context;
    BIO_METHOD *socket; /* how OpenSSL reads and writes */
    char *server_name;  /* NULL: the host's */
    int keylog;         /* a file, or -1 */
    int version_min;
    uint32_t handshake_ms;
    bool insecure;
    SSL_SESSION *session; /* to be offered to session_host and session_port, NULL: none */
    char *session_host;
    uint16_t session_port;
};

/* tls_why.c: what went wrong in words for a person, with what to do. */

/* A certificate of the peer's did not pass. `name` is who the peer should be. */
void lev_tls_why_certificate(lev_writer *w, X509_STORE_CTX *verified, const char *name);

/* The first entry of OpenSSL's queue of errors, in the handshake or later. Returns the status that
 * goes with it. */
lev_status lev_tls_why_error(lev_writer *w, bool handshaking);

/* Puts text into a writer as far as there is room. */
void lev_tls_put(lev_writer *w, const char *text);

/* tls_session.c: the session to resume. lev_tls_session_keep copies one that the peer gave;
 * without memory there is none. lev_tls_session_offer gives it to a connection of the same host and
 * port, once. lev_tls_session_verify verifies the peer that a resumed session stands for. */
void lev_tls_session_keep(lev_tls *t, const SSL_SESSION *session, const char *host, uint16_t port);
void lev_tls_session_offer(lev_tls *t, SSL *ssl, const char *host, uint16_t port);
void lev_tls_session_drop(lev_tls *t);
bool lev_tls_session_verify(SSL *ssl);

/* tls.c: the method of our BIO, NULL without memory; what writes the key log; what takes a new
 * session. */
BIO_METHOD *lev_tls_socket_method(void);
void lev_tls_log_key(const SSL *ssl, const char *line);
int lev_tls_new_session(SSL *ssl, SSL_SESSION *session);

#endif
