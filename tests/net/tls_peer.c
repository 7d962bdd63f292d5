/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Both ends are stepped in turn; neither ever waits. */

#include "tls_peer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void (*tls_peer_tune)(SSL *ssl);

static void peer_need(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "tls_peer: %s failed\n", what);
        exit(1);
    }
}

static X509 *peer_certificate(EVP_PKEY *key, const char *names_text, int seconds) {
    X509 *cert = X509_new();
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names_text);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_set_version(cert, 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), seconds);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"peer", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    peer_need(X509_sign(cert, key, EVP_sha256()) > 0, "X509_sign");
    return cert;
}

SSL *tls_peer_server(char *text, size_t room) {
    return tls_peer_server_for("DNS:localhost,IP:127.0.0.1", 3600, text, room);
}

SSL *tls_peer_server_for(const char *names, int seconds, char *text, size_t room) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = peer_certificate(key, names, seconds);
    BIO *memory = BIO_new(BIO_s_mem());
    memset(text, 0, room);
    peer_need(SSL_CTX_use_certificate(context, cert) == 1, "SSL_CTX_use_certificate");
    peer_need(SSL_CTX_use_PrivateKey(context, key) == 1, "SSL_CTX_use_PrivateKey");
    PEM_write_bio_X509(memory, cert);
    peer_need(BIO_read(memory, text, (int)room - 1) > 0, "BIO_read");
    SSL *ssl = SSL_new(context);
    BIO_free(memory);
    X509_free(cert);
    EVP_PKEY_free(key);
    SSL_CTX_free(context);
    return ssl;
}

lev_status tls_peer_open(tls_peer *p, lev_tls_options options, bool trusted) {
    uint16_t port = 0;
    int listener = loopback_listen("127.0.0.1", &port);
    uint64_t now = lev_net_now();
    lev_status status = LEV_AGAIN;
    lev_error error;
    int on = 1;
    *p = (tls_peer){.fd = -1};
    p->ssl = tls_peer_server(p->cert, sizeof p->cert);
    if (tls_peer_tune != NULL) {
        tls_peer_tune(p->ssl);
    }
    options.ca_pem = trusted ? p->cert : options.ca_pem;
    p->tls = lev_tls_new(&options, &error);
    if (p->tls == NULL) {
        fprintf(stderr, "%s\n", error.text);
    }
    peer_need(p->tls != NULL, "lev_tls_new");
    p->net = lev_net_connect("127.0.0.1", port, now, now + 5000);
    lev_net_secure(p->net, p->tls);
    for (int i = 0; i < 5000 && (status == LEV_AGAIN || SSL_in_init(p->ssl)); i++) {
        status = lev_net_step(p->net, lev_net_now());
        if (p->fd < 0) {
            p->fd = loopback_accept(listener);
            fcntl(p->fd, F_SETFL, O_NONBLOCK);
            setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            SSL_set_fd(p->ssl, p->fd);
        }
        if (status < LEV_OK) {
            break;
        }
        SSL_accept(p->ssl);
        usleep(1000);
    }
    close(listener);
    return status;
}

void tls_peer_close(tls_peer *p) {
    lev_net_close(p->net);
    lev_tls_free(p->tls);
    SSL_free(p->ssl);
    if (p->fd >= 0) {
        close(p->fd);
    }
}

void tls_peer_say(tls_peer *p, const void *bytes, size_t len) {
    peer_need(SSL_write(p->ssl, bytes, (int)len) == (int)len, "SSL_write");
}

size_t tls_peer_hear(tls_peer *p, uint8_t *into, size_t room) {
    size_t got = 0;
    for (int n = 1; n > 0 && got<room; got += n> 0 ? (size_t)n : 0) {
        n = SSL_read(p->ssl, into + got, (int)(room - got)); /* at most one record */
        p->records += n > 0;
    }
    return got;
}
