/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* TLS under the three verbs: records, what poll does not see, and how a session ends. Whom it
 * trusts is in tests/broker/test_tls.py. */

#include "../unit.h"
#include "tls_peer.h"

#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static bool readable(const lev_net *n, int ms) {
    struct pollfd p = {.fd = lev_net_fd(n, NULL), .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

/* Takes `n` bytes off the front of the spans. */
static size_t advance(lev_span *spans, size_t first, size_t n) {
    while (n > 0) {
        size_t part = n < spans[first].len ? n : spans[first].len;
        spans[first].ptr += part;
        spans[first].len -= part;
        n -= part;
        first += spans[first].len == 0;
    }
    return first;
}

static void verifies_an_address_and_a_name(void) {
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    EXPECT(lev_net_is_secure(p.net) && lev_net_is_local(p.net));
    tls_peer_close(&p);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.server_name = "LocalHost."}, true), LEV_OK);
    EXPECT_STR(SSL_get_servername(p.ssl, TLSEXT_NAMETYPE_host_name), "LocalHost");
    tls_peer_close(&p);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.server_name = "elsewhere"}, true), LEV_ERR_TLS);
    EXPECT(
        strstr(lev_net_fault(p.net), "is for another host: localhost, 127.0.0.1, not elsewhere"));
    EXPECT_EQ(lev_net_fd(p.net, NULL), -1);
    EXPECT_EQ(lev_net_step(p.net, lev_net_now()), LEV_ERR_TLS);
    tls_peer_close(&p);
}

static void sends_no_name_for_an_address(void) {
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.insecure = true}, false), LEV_OK);
    EXPECT(SSL_get_servername(p.ssl, TLSEXT_NAMETYPE_host_name) == NULL);
    tls_peer_close(&p);
}

static void gathers_small_spans_into_few_records(void) {
    enum { SPANS = 1000, SIZE = 10 };
    static uint8_t data[SPANS * SIZE];
    static uint8_t seen[sizeof data + 1];
    lev_span spans[SPANS];
    size_t put;
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < SPANS; i++) {
        spans[i] = (lev_span){data + i * SIZE, SIZE};
    }
    EXPECT_EQ(lev_net_write(p.net, spans, SPANS, &put), LEV_OK);
    EXPECT_EQ(put, sizeof data);
    EXPECT(readable(p.net, 0) || usleep(20000) == 0);
    EXPECT_EQ(tls_peer_hear(&p, seen, sizeof seen), sizeof data);
    EXPECT_BYTES(seen, sizeof data, data, sizeof data);
    EXPECT_EQ(p.records, 1);
    EXPECT_EQ(lev_net_write(p.net, NULL, 0, &put), LEV_AGAIN);
    tls_peer_close(&p);
}

/* Large spans and small ones in turn, while the peer reads only when nothing more goes. */
static void carries_on_where_the_socket_is_full(void) {
    enum { SPANS = 60, TOTAL = SPANS / 2 * (300000 + 7) };
    static uint8_t data[TOTAL];
    static uint8_t seen[TOTAL];
    lev_span spans[SPANS];
    size_t at = 0;
    size_t first = 0;
    size_t stops = 0;
    size_t got = 0;
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    for (size_t i = 0; i < TOTAL; i++) {
        data[i] = (uint8_t)(i * 11 + i / 1000);
    }
    for (size_t i = 0; i < SPANS; i++) {
        spans[i] = (lev_span){data + at, i % 2 == 0 ? 300000 : 7};
        at += spans[i].len;
    }
    for (int quiet = 0; got < TOTAL && quiet < 5000; quiet++) {
        size_t put;
        unsigned wants;
        lev_status status = lev_net_write(p.net, spans + first, SPANS - first, &put);
        first = advance(spans, first, put);
        if (status == LEV_AGAIN) {
            lev_net_fd(p.net, &wants);
            stops += wants == LEV_NET_WRITE;
            EXPECT(wants == LEV_NET_WRITE || first == SPANS);
            usleep(200);
            got += tls_peer_hear(&p, seen + got, TOTAL - got);
        }
    }
    EXPECT_EQ(got, TOTAL);
    EXPECT(memcmp(seen, data, TOTAL) == 0);
    EXPECT(stops > 0);
    EXPECT(p.records <= TOTAL / 16384 + SPANS);
    tls_peer_close(&p);
}

static void tells_of_bytes_that_poll_does_not_see(void) {
    static uint8_t data[10000];
    static uint8_t seen[sizeof data];
    size_t got;
    size_t more;
    tls_peer p;
    memset(data, 'x', sizeof data);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    EXPECT_EQ(lev_net_read(p.net, seen, 1, &got), LEV_AGAIN); /* takes the tickets */
    EXPECT(!lev_net_ready(p.net));
    tls_peer_say(&p, data, sizeof data);
    EXPECT(readable(p.net, 1000));
    EXPECT_EQ(lev_net_read(p.net, seen, 100, &got), LEV_OK);
    EXPECT_EQ(got, 100);
    EXPECT(!readable(p.net, 0));
    EXPECT(lev_net_ready(p.net));
    EXPECT_EQ(lev_net_read(p.net, seen + got, sizeof seen - got, &more), LEV_OK);
    EXPECT_BYTES(seen, got + more, data, sizeof data);
    EXPECT_EQ(lev_net_read(p.net, seen, sizeof seen, &got), LEV_AGAIN);
    EXPECT(!lev_net_ready(p.net));
    tls_peer_close(&p);
}

static void answers_an_update_of_keys(void) {
    uint8_t seen[8];
    size_t n;
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.version_min = LEV_TLS_1_3}, true), LEV_OK);
    for (int i = 0; i < 50; i++) {
        EXPECT_EQ(SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        tls_peer_say(&p, "ping", 4);
        EXPECT_EQ(loopback_read(p.net, seen, sizeof seen, &n), LEV_OK);
        EXPECT_BYTES(seen, n, "ping", 4);
        EXPECT_EQ(lev_net_write(p.net, &(lev_span){(const uint8_t *)"pong", 4}, 1, &n), LEV_OK);
        usleep(1000);
        EXPECT_EQ(tls_peer_hear(&p, seen, sizeof seen), 4);
    }
    tls_peer_close(&p);
}

static void tells_a_goodbye_from_a_cut(void) {
    uint8_t seen[8];
    size_t n;
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    tls_peer_say(&p, "bye", 3);
    SSL_shutdown(p.ssl);
    EXPECT_EQ(loopback_read(p.net, seen, sizeof seen, &n), LEV_OK);
    EXPECT_BYTES(seen, n, "bye", 3);
    EXPECT_EQ(loopback_read(p.net, seen, sizeof seen, &n), LEV_ERR_LOST);
    EXPECT_STR(lev_net_fault(p.net), "the peer closed the connection");
    tls_peer_close(&p);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    tls_peer_say(&p, "cut", 3);
    shutdown(p.fd, SHUT_WR);
    EXPECT(readable(p.net, 1000) && usleep(20000) == 0);
    EXPECT_EQ(loopback_read(p.net, seen, sizeof seen, &n), LEV_OK);
    EXPECT_BYTES(seen, n, "cut", 3);
    EXPECT_EQ(loopback_read(p.net, seen, sizeof seen, &n), LEV_ERR_LOST);
    EXPECT_STR(lev_net_fault(p.net), "the peer closed the connection without a word of goodbye (no "
                                     "close_notify): something may be missing");
    tls_peer_close(&p);
}

static void says_goodbye(void) {
    uint8_t seen[8];
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    lev_net_close(p.net);
    p.net = NULL;
    usleep(10000);
    EXPECT_EQ(tls_peer_hear(&p, seen, sizeof seen), 0);
    EXPECT_EQ(SSL_get_shutdown(p.ssl), SSL_RECEIVED_SHUTDOWN);
    tls_peer_close(&p);
}

/* A broker's connection.close sits in front of its reset. No signal is raised. */
static void reads_what_came_before_a_reset_after_a_failed_write(void) {
    uint8_t seen[16];
    size_t n;
    tls_peer p;
    lev_status status = LEV_OK;
    lev_span span = {(const uint8_t *)"more", 4};
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    EXPECT_EQ(lev_net_read(p.net, seen, sizeof seen, &n), LEV_AGAIN);
    tls_peer_say(&p, "last words", 10);
    EXPECT(readable(p.net, 1000) && usleep(20000) == 0);
    signal(SIGPIPE, SIG_DFL);
    loopback_reset(p.fd);
    p.fd = -1;
    for (int i = 0; i < 100 && status != LEV_ERR_LOST; i++) {
        usleep(10000);
        status = lev_net_write(p.net, &span, 1, &n);
    }
    EXPECT_EQ(status, LEV_ERR_LOST);
    EXPECT(strlen(lev_net_fault(p.net)) > 0);
    EXPECT_EQ(lev_net_write(p.net, &span, 1, &n), LEV_ERR_LOST);
    EXPECT_EQ(loopback_read(p.net, seen, sizeof seen, &n), LEV_OK);
    EXPECT_BYTES(seen, n, "last words", 10);
    EXPECT_EQ(loopback_read(p.net, seen, sizeof seen, &n), LEV_ERR_LOST);
    tls_peer_close(&p);
}

/* The kernel reports the reset once; the write after that is one to a broken pipe. */
static void raises_no_signal_when_it_writes_to_a_broken_pipe(void) {
    int error = 0;
    size_t n;
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    loopback_reset(p.fd);
    p.fd = -1;
    for (int i = 0; i < 500 && error == 0; i++) {
        socklen_t len = sizeof error;
        usleep(10000);
        getsockopt(lev_net_fd(p.net, NULL), SOL_SOCKET, SO_ERROR, &error, &len);
    }
    signal(SIGPIPE, SIG_DFL);
    EXPECT_EQ(lev_net_write(p.net, &(lev_span){(const uint8_t *)"more", 4}, 1, &n), LEV_ERR_LOST);
    EXPECT_STR(lev_net_fault(p.net), "Broken pipe");
    tls_peer_close(&p);
}

/* The program's own SSL_CTX verifies nobody and takes old versions; we insist. */
static void insists_whatever_the_programs_context_says(void) {
    SSL_CTX *own = SSL_CTX_new(TLS_client_method());
    tls_peer p;
    SSL_CTX_set_min_proto_version(own, TLS1_VERSION);
    SSL_CTX_set_verify(own, SSL_VERIFY_NONE, NULL);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.ssl_ctx = own}, false), LEV_ERR_TLS);
    EXPECT(strstr(lev_net_fault(p.net), "self-signed and not trusted"));
    tls_peer_close(&p);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.ssl_ctx = own, .insecure = true}, false),
              LEV_OK);
    tls_peer_close(&p);
    EXPECT_EQ(SSL_CTX_get_verify_mode(own), SSL_VERIFY_NONE);
    EXPECT_EQ(SSL_CTX_get_min_proto_version(own), TLS1_VERSION);
    SSL_CTX_free(own);
}

static void refuses_options_that_make_no_sense(void) {
    lev_error error;
    EXPECT(lev_tls_new(&(lev_tls_options){.version_min = 11}, &error) == NULL);
    EXPECT_EQ(error.status, LEV_ERR_MISUSE);
    EXPECT(lev_tls_new(&(lev_tls_options){.ca_pem = "nothing"}, &error) == NULL);
    EXPECT_EQ(error.status, LEV_ERR_TLS);
    EXPECT_STR(error.text, "the text of the CAs holds no certificate in PEM");
    EXPECT_EQ(ERR_peek_error(), 0);
    lev_tls_free(NULL);
}

static void closes_in_the_handshake(void) {
    uint16_t port = 0;
    lev_error error;
    int listener = loopback_listen("127.0.0.1", &port);
    lev_tls *tls = lev_tls_new(&(lev_tls_options){.handshake_ms = 100}, &error);
    uint64_t now = lev_net_now();
    lev_net *n = lev_net_connect("127.0.0.1", port, now, now + 5000);
    lev_net_secure(n, tls);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_TIMEOUT);
    EXPECT(strstr(lev_net_fault(n), ": no answer within 100 ms"));
    EXPECT(strncmp(lev_net_fault(n), "no TLS with 127.0.0.1:", 22) == 0);
    lev_net_close(n);
    n = lev_net_connect("127.0.0.1", port, now, now + 5000);
    lev_net_secure(n, tls);
    lev_net_step(n, now);
    lev_net_step(n, now);
    lev_net_close(n);
    lev_tls_free(tls);
    close(listener);
}

UNIT_MAIN("tls", CASE(verifies_an_address_and_a_name), CASE(sends_no_name_for_an_address),
          CASE(gathers_small_spans_into_few_records), CASE(carries_on_where_the_socket_is_full),
          CASE(tells_of_bytes_that_poll_does_not_see), CASE(answers_an_update_of_keys),
          CASE(tells_a_goodbye_from_a_cut), CASE(says_goodbye),
          CASE(reads_what_came_before_a_reset_after_a_failed_write),
          CASE(raises_no_signal_when_it_writes_to_a_broken_pipe),
          CASE(insists_whatever_the_programs_context_says),
          CASE(refuses_options_that_make_no_sense), CASE(closes_in_the_handshake))
