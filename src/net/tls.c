/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A session of OpenSSL's over a BIO of our own, which does what no BIO of OpenSSL's does: it writes
 * with MSG_NOSIGNAL, and it takes every record whole. What the socket has no room for waits in
 * `unsent`, so OpenSSL never sees a short write and its rules about repeating one never apply;
 * until that is gone no new record is made. Only a peer that makes us answer without ever reading
 * (with updates of keys) fills `unsent` to its limit, and then OpenSSL has to wait.
 *
 * An error of the socket's writing side is latched here and kept from OpenSSL, for which it would
 * end the session: the peer's last words may still be there to be read.
 *
 * Many small spans become few records: they are gathered into one of 16 KiB; what fills a record by
 * itself is written from where it lies. Reading goes on until nothing is there or the room is full,
 * so a read that leaves room has emptied OpenSSL's buffers, too.
 *
 * What means nothing to us (updates of keys, tickets, requests to renegotiate) OpenSSL swallows for
 * as long as more of it comes. So that a peer which never stops talking holds nobody past a
 * deadline, each call takes a limited number of bytes off the socket, and after them sees an empty
 * one.
 *
 * The peer is verified inside the handshake, and lev_tls_stream_step says LEV_OK only after it: no
 * caller has anything to write before. */

#include "tls_context.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TLS_RECORD = 16384, TLS_UNSENT = 65536, TLS_TURN = 65536 };

struct lev_tls_stream {
    lev_tls *tls;
    SSL *ssl;
    const char *host;
    uint16_t port;
    int fd;
    uint64_t *calls;
    bool open;   /* the handshake is over, and nothing has failed since */
    bool silent; /* the socket's writing side has failed */
    bool drained;
    size_t allowed;  /* bytes that may still be taken off the socket in this call */
    int error;       /* errno of the socket's last failure */
    lev_status over; /* of reading, latched */
    size_t unsent_at;
    size_t unsent_to;
    uint8_t *unsent;         /* TLS_UNSENT bytes, made when they are needed first */
    uint8_t *record;         /* TLS_RECORD bytes */
    char name[LEV_TLS_NAME]; /* who the peer should be */
    char why[LEV_TLS_WHY];
};

/* Which stream an SSL belongs to. Its app_data belongs to whoever made the context. */
static CRYPTO_ONCE tls_index_once = CRYPTO_ONCE_STATIC_INIT;
static int tls_index;

static void tls_index_init(void) { tls_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL); }

static lev_tls_stream *tls_stream_of(const SSL *ssl) { return SSL_get_ex_data(ssl, tls_index); }

static lev_writer tls_why_begin(lev_tls_stream *s) {
    memset(s->why, 0, sizeof s->why);
    return lev_writer_init((uint8_t *)s->why, sizeof s->why - 1);
}

static lev_status tls_fail(lev_tls_stream *s, lev_status status, const char *why) {
    lev_writer w = tls_why_begin(s);
    lev_tls_put(&w, why);
    return status;
}

static lev_status tls_fail_errno(lev_tls_stream *s) {
    char text[128];
    return tls_fail(s, LEV_ERR_LOST, strerror_r(s->error, text, sizeof text));
}

/* ---- the BIO ------------------------------------------------------------------------------------
 */

static bool tls_would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

static int tls_socket_read(BIO *b, char *into, int room) {
    lev_tls_stream *s = BIO_get_data(b);
    size_t most = (size_t)room < s->allowed ? (size_t)room : s->allowed;
    ssize_t n = -1;
    BIO_clear_retry_flags(b);
    if (most == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    do {
        n = recv(s->fd, into, most, 0);
        ++*s->calls;
    } while (n < 0 && errno == EINTR);
    if (n < 0 && tls_would_block(errno)) {
        BIO_set_retry_read(b);
    } else if (n < 0) {
        s->error = errno;
    } else if (n == 0) {
        BIO_set_flags(b, BIO_FLAGS_IN_EOF);
    } else {
        s->allowed -= (size_t)n;
    }
    return (int)n;
}

/* Sends up to `len` bytes. Returns how many went: fewer where the socket is full. A failure counts
 * as all: nothing will ever go again. */
static size_t tls_send(lev_tls_stream *s, const uint8_t *bytes, size_t len) {
    size_t done = 0;
    while (done < len && !s->silent) {
        ssize_t n = send(s->fd, bytes + done, len - done, MSG_NOSIGNAL);
        ++*s->calls;
        if (n >= 0) {
            done += (size_t)n;
        } else if (tls_would_block(errno)) {
            return done;
        } else if (errno != EINTR) {
            s->error = errno;
            s->silent = true;
        }
    }
    return len;
}

/* Sends what waits. Returns whether nothing waits any more. */
static bool tls_flush(lev_tls_stream *s) {
    s->unsent_at += tls_send(s, s->unsent + s->unsent_at, s->unsent_to - s->unsent_at);
    if (s->unsent_at < s->unsent_to) {
        return false;
    }
    s->unsent_at = s->unsent_to = 0;
    return true;
}

static int tls_socket_write(BIO *b, const char *bytes, int len) {
    lev_tls_stream *s = BIO_get_data(b);
    size_t todo = (size_t)len;
    size_t sent = s->unsent_to == 0 ? tls_send(s, (const uint8_t *)bytes, todo) : 0;
    BIO_clear_retry_flags(b);
    if (sent == todo) {
        return len;
    }
    if (s->unsent == NULL && (s->unsent = lev_memory_new(&s->tls->memory, TLS_UNSENT)) == NULL) {
        s->error = ENOMEM;
        return -1;
    }
    size_t part = todo - sent < TLS_UNSENT - s->unsent_to ? todo - sent : TLS_UNSENT - s->unsent_to;
    memcpy(s->unsent + s->unsent_to, bytes + sent, part);
    s->unsent_to += part;
    if (sent + part == 0) {
        BIO_set_retry_write(b);
        return -1;
    }
    return (int)(sent + part);
}

static long tls_socket_control(BIO *b, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF) {
        return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
    }
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *lev_tls_socket_method(void) {
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "leveret socket");
    if (m != NULL) {
        BIO_meth_set_read(m, tls_socket_read);
        BIO_meth_set_write(m, tls_socket_write);
        BIO_meth_set_ctrl(m, tls_socket_control);
    }
    return m;
}

/* ---- a new session ------------------------------------------------------------------------------
 */

void lev_tls_log_key(const SSL *ssl, const char *line) {
    const lev_tls_stream *s = tls_stream_of(ssl);
    struct iovec parts[] = {{(void *)(uintptr_t)line, strlen(line)}, {"\n", 1}};
    (void)!writev(s->tls->keylog, parts, 2);
}

int lev_tls_new_session(SSL *ssl, SSL_SESSION *session) {
    const lev_tls_stream *s = tls_stream_of(ssl);
    lev_tls_session_keep(s->tls, session, s->host, s->port);
    return 0; /* nobody holds on to this one */
}

/* Called with each step of the verification; what failed first is what we tell. */
static int tls_verified(int good, X509_STORE_CTX *verified) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(verified, SSL_get_ex_data_X509_STORE_CTX_idx());
    lev_tls_stream *s = tls_stream_of(ssl);
    if (!good && s->why[0] == '\0') {
        lev_writer w = tls_why_begin(s);
        lev_tls_why_certificate(&w, verified, s->name);
    }
    return good;
}

/* The name to verify, which a unix socket does not have: without an IPv6 zone and without the dot
 * at the end of a full name. */
static bool tls_name(lev_tls_stream *s, const char *host) {
    const char *name = s->tls->server_name != NULL ? s->tls->server_name : host;
    size_t len = strchr(name, ':') != NULL ? strcspn(name, "%") : strlen(name);
    len -= len > 1 && name[len - 1] == '.';
    if (len == 0 || len >= sizeof s->name || *name == '/') {
        return false;
    }
    memcpy(s->name, name, len);
    return true;
}

/* What we insist on, whoever made the context. */
static bool tls_insist(lev_tls_stream *s) {
    struct in6_addr address;
    bool numeric = inet_pton(AF_INET, s->name, &address) == 1 || strchr(s->name, ':') != NULL;
    X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    bool good = numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, s->name) == 1
                        : X509_VERIFY_PARAM_set1_host(param, s->name, 0) == 1 &&
                              SSL_set_tlsext_host_name(s->ssl, s->name) == 1;
    SSL_set_verify(s->ssl, s->tls->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, tls_verified);
    SSL_set_options(s->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_clear_options(s->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_clear_mode(s->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ASYNC);
    if (SSL_get_min_proto_version(s->ssl) < s->tls->version_min) {
        good = good && SSL_set_min_proto_version(s->ssl, s->tls->version_min) == 1;
    }
    return good;
}

lev_tls_stream *lev_tls_stream_new(lev_tls *tls, int fd, const char *host, uint16_t port,
                                   uint64_t *calls) {
    lev_tls_stream *s = lev_memory_zeroed(&tls->memory, sizeof *s);
    uint8_t *record = lev_memory_new(&tls->memory, TLS_RECORD);
    BIO *b = s != NULL && record != NULL ? BIO_new(tls->socket) : NULL;
    if (b == NULL) {
        lev_memory_free(record);
        lev_memory_free(s);
        return NULL;
    }
    s->record = record;
    s->tls = tls;
    s->fd = fd;
    s->host = host;
    s->port = port;
    s->calls = calls;
    BIO_set_data(b, s);
    BIO_set_init(b, 1);
    CRYPTO_THREAD_run_once(&tls_index_once, tls_index_init);
    s->ssl = SSL_new(tls->context);
    if (s->ssl == NULL || SSL_set_ex_data(s->ssl, tls_index, s) != 1) {
        SSL_free(s->ssl);
        BIO_free(b);
        lev_memory_free(record);
        lev_memory_free(s);
        return NULL;
    }
    SSL_set_bio(s->ssl, b, b);
    SSL_set_connect_state(s->ssl);
    if (!tls_name(s, host) || !tls_insist(s)) {
        s->over = tls_fail(s, LEV_ERR_TLS, "there is no host name to verify; set server_name");
    }
    lev_tls_session_offer(tls, s->ssl, host, port);
    return s;
}

void lev_tls_stream_free(lev_tls_stream *s) {
    if (s == NULL) {
        return;
    }
    if (s->open) {
        ERR_clear_error();
        SSL_shutdown(s->ssl);
        tls_flush(s);
    }
    ERR_clear_error();
    SSL_free(s->ssl);
    lev_memory_free(s->unsent);
    lev_memory_free(s->record);
    lev_memory_free(s);
}

/* ---- the verbs ----------------------------------------------------------------------------------
 */

/* All of OpenSSL's dialect: what a call that did not succeed means. */
static lev_status tls_status(lev_tls_stream *s, int rc) {
    int error = SSL_get_error(s->ssl, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return LEV_AGAIN;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return tls_fail(s, LEV_ERR_LOST, "the peer closed the connection");
    }
    bool handshaking = !s->open;
    s->open = false; /* from here on not even a goodbye */
    if (error == SSL_ERROR_SYSCALL && s->error != 0) {
        return s->error == ENOMEM ? LEV_ERR_MEMORY : tls_fail_errno(s);
    }
    unsigned long first = ERR_peek_error();
    if (ERR_GET_LIB(first) == ERR_LIB_SSL &&
        ERR_GET_REASON(first) == SSL_R_CERTIFICATE_VERIFY_FAILED && s->why[0] != '\0') {
        ERR_clear_error();
        return LEV_ERR_TLS;
    }
    lev_writer w = tls_why_begin(s);
    lev_status status = lev_tls_why_error(&w, handshaking);
    ERR_clear_error();
    return status;
}

/* The handshake is over: have we seen who it is? */
static lev_status tls_greeted(lev_tls_stream *s) {
    if (SSL_get0_peer_certificate(s->ssl) == NULL) {
        return tls_fail(s, LEV_ERR_TLS, "the peer shows no certificate");
    }
    if (!SSL_session_reused(s->ssl)) {
        return LEV_OK;
    }
    if (!s->tls->insecure && !lev_tls_session_verify(s->ssl)) {
        return s->why[0] != '\0' ? LEV_ERR_TLS : LEV_ERR_MEMORY;
    }
    if (SSL_version(s->ssl) < TLS1_3_VERSION) {
        lev_tls_session_keep(s->tls, SSL_get0_session(s->ssl), s->host, s->port);
    }
    return LEV_OK;
}

lev_status lev_tls_stream_step(lev_tls_stream *s) {
    if (s->over != LEV_OK) {
        return s->over;
    }
    tls_flush(s);
    s->allowed = TLS_TURN;
    ERR_clear_error();
    int rc = SSL_do_handshake(s->ssl);
    lev_status status = rc == 1 ? tls_greeted(s) : tls_status(s, rc);
    s->open = status == LEV_OK;
    s->over = status == LEV_AGAIN ? LEV_OK : status;
    return status;
}

lev_status lev_tls_stream_read(lev_tls_stream *s, uint8_t *into, size_t room, size_t *got) {
    lev_status status = s->over;
    *got = 0;
    s->allowed = room + TLS_TURN;
    tls_flush(s);
    while (status == LEV_OK && *got < room) {
        size_t n = 0;
        ERR_clear_error();
        int rc = SSL_read_ex(s->ssl, into + *got, room - *got, &n);
        *got += n;
        status = rc == 1 ? LEV_OK : tls_status(s, rc);
    }
    s->drained = status == LEV_AGAIN && s->allowed > 0;
    s->over = status != LEV_AGAIN ? status : LEV_OK;
    return *got > 0 ? LEV_OK : status;
}

/* Returns the next bytes for one record: from where they lie where they fill it, gathered
 * otherwise.
 * `*at` bytes of the spans are done. */
static lev_span tls_next(lev_tls_stream *s, const lev_span *spans, size_t count, size_t at) {
    size_t n = 0;
    for (; count > 0 && at >= spans->len; spans++, count--) {
        at -= spans->len;
    }
    if (count > 0 && spans->len - at >= TLS_RECORD) {
        return (lev_span){spans->ptr + at, TLS_RECORD};
    }
    for (; count > 0 && n < TLS_RECORD; spans++, count--) {
        size_t part = spans->len - at < TLS_RECORD - n ? spans->len - at : TLS_RECORD - n;
        if (part > 0) {
            memcpy(s->record + n, spans->ptr + at, part);
        }
        n += part;
        at = 0;
    }
    return (lev_span){s->record, n};
}

/* The gathered bytes may be a login: they are cleansed as soon as they are a record. */
static lev_status tls_write_one(lev_tls_stream *s, lev_span bytes) {
    size_t n = 0;
    ERR_clear_error();
    int rc = SSL_write_ex(s->ssl, bytes.ptr, bytes.len, &n);
    lev_status status = rc == 1 ? LEV_OK : tls_status(s, rc);
    if (bytes.ptr == s->record) {
        OPENSSL_cleanse(s->record, bytes.len);
    }
    return status;
}

lev_status lev_tls_stream_write(lev_tls_stream *s, const lev_span *spans, size_t count,
                                size_t *put) {
    lev_status status = LEV_OK;
    *put = 0;
    while (status == LEV_OK && tls_flush(s) && !s->silent) {
        lev_span next = tls_next(s, spans, count, *put);
        status = next.len > 0 ? tls_write_one(s, next) : LEV_AGAIN;
        *put += status == LEV_OK ? next.len : 0;
    }
    if (s->silent) {
        return tls_fail_errno(s);
    }
    return *put > 0 ? LEV_OK : status == LEV_OK ? LEV_AGAIN : status;
}

bool lev_tls_stream_unsent(const lev_tls_stream *s) { return s->unsent_to > s->unsent_at; }

bool lev_tls_stream_ready(const lev_tls_stream *s) { return !s->drained; }

const char *lev_tls_stream_why(const lev_tls_stream *s) { return s->why; }
