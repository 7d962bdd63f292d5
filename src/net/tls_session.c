/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One session is kept, for one host and port: the last that a peer gave us. It is a copy, because
 * OpenSSL spoils the original where a connection is cut, and being cut is why one connects again.
 * It is handed out once: a ticket of TLS 1.3 should be (RFC 8446, C.4), and one that a peer chokes
 * on must not be tried for ever. A session of TLS 1.2 is kept anew once it has proved good.
 *
 * In a resumed handshake the peer shows no certificate and OpenSSL verifies nothing. That is not
 * good enough: what was verified may have expired since. So the chain that came with the session is
 * verified again, by the very rules and with the very words of a full handshake.
 *
 * Rejected: a cache for many hosts (a client has one), files (a session is a secret). */

#include "tls_context.h"

#include <string.h>

void lev_tls_session_drop(lev_tls *t) {
    SSL_SESSION_free(t->session);
    lev_memory_free(t->session_host);
    t->session = NULL;
    t->session_host = NULL;
}

void lev_tls_session_keep(lev_tls *t, const SSL_SESSION *session, const char *host, uint16_t port) {
    lev_tls_session_drop(t);
    t->session = SSL_SESSION_dup(session);
    t->session_host = lev_memory_string(&t->memory, host);
    t->session_port = port;
    if (t->session == NULL || t->session_host == NULL) {
        lev_tls_session_drop(t);
    }
}

void lev_tls_session_offer(lev_tls *t, SSL *ssl, const char *host, uint16_t port) {
    if (t->session != NULL && t->session_port == port && strcmp(t->session_host, host) == 0) {
        SSL_set_session(ssl, t->session);
        lev_tls_session_drop(t);
    }
}

/* To the peer, a resumed session is whoever began it. */
void lev_tls_inherit(lev_tls *t, lev_tls *from) {
    X509 *ours = SSL_CTX_get0_certificate(t->context);
    X509 *theirs = SSL_CTX_get0_certificate(from->context);
    bool same = ours == NULL || theirs == NULL ? ours == theirs : X509_cmp(ours, theirs) == 0;
    if (same && from->session != NULL) {
        lev_tls_session_keep(t, from->session, from->session_host, from->session_port);
        lev_tls_session_drop(from);
    }
}

bool lev_tls_session_verify(SSL *ssl) {
    X509_STORE *trusted = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    X509_STORE_CTX *verified = X509_STORE_CTX_new();
    bool good =
        verified != NULL &&
        X509_STORE_CTX_init(verified, trusted, SSL_get0_peer_certificate(ssl),
                            SSL_get_peer_cert_chain(ssl)) == 1 &&
        X509_STORE_CTX_set_ex_data(verified, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl) == 1 &&
        X509_STORE_CTX_set_default(verified, "ssl_server") == 1;
    if (good) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(verified);
        X509_VERIFY_PARAM_set1(param, SSL_get0_param(ssl));
        X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ssl));
        X509_STORE_CTX_set_verify_cb(verified, SSL_get_verify_callback(ssl));
        good = X509_verify_cert(verified) == 1;
    }
    X509_STORE_CTX_free(verified);
    return good;
}
