/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* OpenSSL as it comes. A write that has to wait is repeated with the same bytes by the caller,
 * wherever they lie by then. */

#include "guard.h"

#include "say.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

struct guard {
    SSL_CTX *context;
};

struct guard_stream {
    SSL *ssl;
    bool writes;
};

const char *guard_why(void) {
    static char text[160];
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    snprintf(text, sizeof text, "TLS: %s", reason != NULL ? reason : "the peer ended it");
    ERR_clear_error();
    return text;
}

static int give_password(char *into, int size, int writing, void *password) {
    (void)writing;
    int len = snprintf(into, (size_t)size, "%s", password != NULL ? (const char *)password : "");
    return len < size ? len : -1;
}

guard *guard_new(const char *certificate, const char *key, const char *key_password) {
    guard *g = calloc(1, sizeof *g);
    SSL_CTX *c = g != NULL ? SSL_CTX_new(TLS_server_method()) : NULL;
    if (c == NULL) {
        free(g);
        say("out of memory");
        return NULL;
    }
    g->context = c;
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_passwd_cb(c, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(c, (void *)(uintptr_t)key_password);
    key = key != NULL ? key : certificate;
    if (SSL_CTX_use_certificate_chain_file(c, certificate) != 1) {
        say("cannot use the certificate %s: %s", certificate, guard_why());
    } else if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1) {
        say("cannot use the key %s: %s", key, guard_why());
    } else {
        SSL_CTX_set_default_passwd_cb_userdata(c, NULL);
        return g;
    }
    guard_free(g);
    return NULL;
}

void guard_free(guard *g) {
    if (g != NULL) {
        SSL_CTX_free(g->context);
        free(g);
    }
}

guard_stream *guard_stream_new(guard *g, int fd) {
    guard_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->ssl = SSL_new(g->context);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, fd) != 1) {
        guard_stream_free(s);
        return NULL;
    }
    SSL_set_accept_state(s->ssl);
    return s;
}

void guard_stream_free(guard_stream *s) {
    if (s != NULL) {
        SSL_free(s->ssl);
        free(s);
    }
}

static long guard_result(guard_stream *s, int rc) {
    int error = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, rc);
    s->writes = error == SSL_ERROR_WANT_WRITE;
    if (rc > 0) {
        return rc;
    }
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return GUARD_AGAIN;
    }
    return error == SSL_ERROR_ZERO_RETURN ? GUARD_ENDED : GUARD_FAILED;
}

static int guard_size(size_t len) { return len < 1u << 30 ? (int)len : 1 << 30; }

long guard_read(guard_stream *s, uint8_t *into, size_t room) {
    ERR_clear_error();
    return guard_result(s, SSL_read(s->ssl, into, guard_size(room)));
}

long guard_write(guard_stream *s, const uint8_t *bytes, size_t len) {
    ERR_clear_error();
    return guard_result(s, SSL_write(s->ssl, bytes, guard_size(len)));
}

long guard_step(guard_stream *s) {
    ERR_clear_error();
    return guard_result(s, SSL_do_handshake(s->ssl));
}

bool guard_ready(const guard_stream *s) { return SSL_pending(s->ssl) > 0; }

bool guard_writes(const guard_stream *s) { return s->writes; }

void guard_finish(guard_stream *s) {
    if (SSL_is_init_finished(s->ssl)) {
        ERR_clear_error();
        SSL_shutdown(s->ssl);
    }
}
