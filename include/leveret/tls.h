/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* TLS for a connection of leveret/net.h, through OpenSSL 3: TLS 1.2 or later, the peer's chain and
 * its name or address verified inside the handshake, no renegotiation, no anonymous ciphers. */

#ifndef LEVERET_TLS_H
#define LEVERET_TLS_H

#include <leveret/allocator.h>
#include <leveret/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ssl_ctx_st;

enum {
    LEV_TLS_HANDSHAKE_MS = 10000,
    LEV_TLS_1_2 = 12, /* what `version_min` may be */
    LEV_TLS_1_3 = 13
};

/* Zero means the default everywhere. Files and texts are PEM. */
typedef struct lev_tls_options {
    const char *ca_file; /* CAs to trust; with this, ca_dir or ca_pem the system's do not count */
    const char *ca_dir;  /* a folder of them, named by hash (openssl rehash) */
    const char *ca_pem;
    const char *cert_file; /* the client's certificate, intermediate ones behind it */
    const char *cert_pem;
    const char *key_file; /* its key; default: in the same file or text */
    const char *key_pem;
    const char *key_password; /* of an encrypted key; nobody is ever asked for one */
    const char *server_name;  /* to be verified, and sent as SNI, instead of the host's name */
    const char *keylog_file;  /* secrets of each session, for Wireshark, are appended to it. Whoever
                                 reads it can read the traffic; it is made with mode 0600 */
    bool depth_set;
    uint8_t depth;         /* intermediate certificates that a peer's chain may have; 100 */
    uint8_t version_min;   /* LEV_TLS_1_2 (default) or LEV_TLS_1_3 */
    uint32_t handshake_ms; /* the longest the whole handshake may take; 10 s */
    bool insecure; /* accept any certificate of anybody: what is sent can be read on the way */
    struct ssl_ctx_st *ssl_ctx; /* an SSL_CTX of the program's own: only server_name, insecure,
                                   version_min and handshake_ms count beside it. Borrowed until
                                   lev_tls_new or lev_client_free has returned */
    lev_allocator allocator;    /* of what is not OpenSSL's own; malloc. A client's counts before */
} lev_tls_options;

/* What connections with the same options share; of no use to one thread while it is in use by
 * another. The last session that a peer gave is part of it: who connects to the same host and port
 * again resumes it (RFC 8446, 2.2; RFC 5246, 7.3), and its certificates are verified again all the
 * same. Not with an SSL_CTX of the program's own. */
typedef struct lev_tls lev_tls;

/* Reads the files and checks them: that they are there, that a certificate and its key fit, that a
 * key's password opens it. `options` need live only during the call. Returns NULL with `*error`:
 * LEV_ERR_TLS saying what is wrong with which file; LEV_ERR_MISUSE; LEV_ERR_MEMORY; or
 * LEV_ERR_UNSUPPORTED in a library made with `make TLS=no`. The caller frees it with lev_tls_free
 * (NULL is fine) after the connections that use it. */
LEV_API lev_tls *lev_tls_new(const lev_tls_options *options, lev_error *error);
LEV_API void lev_tls_free(lev_tls *t);

/* Hands on the session of `from`, for files that are read anew before one connects again; not where
 * the client certificate is another one now. */
LEV_API void lev_tls_inherit(lev_tls *t, lev_tls *from);

#ifdef __cplusplus
}
#endif

#endif
