/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Peers that do in TLS what no broker would: show nobody's certificate, never stop talking. */

#include "../unit.h"
#include "tls_peer.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/ioctl.h>
#include <unistd.h>

static size_t unread(const lev_net *n) {
    int count = 0;
    EXPECT_EQ(ioctl(lev_net_fd(n, NULL), FIONREAD, &count), 0);
    return (size_t)count;
}

/* ---- nobody's certificate -----------------------------------------------------------------------
 */

static void be_anonymous(SSL *ssl) {
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    EXPECT_EQ(SSL_set_cipher_list(ssl, "aNULL:@SECLEVEL=0"), 1);
}

/* A program's own SSL_CTX may offer anonymous ciphers; we take none, and `insecure` is about
 * certificates that are there. */
static void refuses_anonymous_ciphers_of_the_programs_context(void) {
    SSL_CTX *own = SSL_CTX_new(TLS_client_method());
    EXPECT_EQ(SSL_CTX_set_cipher_list(own, "aNULL:@SECLEVEL=0"), 1);
    tls_peer_tune = be_anonymous;
    for (int insecure = 0; insecure < 2; insecure++) {
        tls_peer p;
        uint8_t seen[64];
        size_t put;
        lev_tls_options o = {.ssl_ctx = own, .insecure = insecure == 1};
        EXPECT_EQ(tls_peer_open(&p, o, false), LEV_ERR_TLS);
        EXPECT(strstr(lev_net_fault(p.net), ": the peer shows no certificate") != NULL);
        EXPECT_EQ(lev_net_write(p.net, &(lev_span){(const uint8_t *)"AMQP", 4}, 1, &put),
                  LEV_ERR_LOST);
        EXPECT_EQ(tls_peer_hear(&p, seen, sizeof seen), 0);
        tls_peer_close(&p);
    }
    tls_peer_tune = NULL;
    SSL_CTX_free(own);
}

static void leaves_no_error_behind(void) {
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, false), LEV_ERR_TLS);
    EXPECT_EQ(ERR_peek_error(), 0);
    tls_peer_close(&p);
    EXPECT_EQ(ERR_peek_error(), 0);
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){0}, true), LEV_OK);
    ERR_clear_error();
    lev_net_close(p.net);
    p.net = NULL;
    EXPECT_EQ(ERR_peek_error(), 0);
    tls_peer_close(&p);
}

/* ---- talk without end ---------------------------------------------------------------------------
 */

/* Fills the socket's buffers with copies of a record. Returns how many bytes went. */
static size_t flood(int fd, const uint8_t *record, size_t len) {
    static uint8_t many[9 * 4096];
    size_t sent = 0;
    ssize_t n;
    for (size_t i = 0; i < sizeof many; i++) {
        many[i] = record[i % len];
    }
    while ((n = send(fd, many + sent % len, sizeof many - sent % len, MSG_DONTWAIT)) > 0) {
        sent += (size_t)n;
        usleep(200);
    }
    return sent;
}

/* To OpenSSL a request to say hello is nothing while the handshake is under way, however many there
 * are, so without a bound one step would last as long as the peer likes. */
static void is_not_held_by_requests_in_the_handshake(void) {
    static const uint8_t hello_request[] = {0x16, 3, 3, 0, 4, 0, 0, 0, 0};
    uint16_t port = 0;
    lev_error error;
    int listener = loopback_listen("127.0.0.1", &port);
    lev_tls *tls = lev_tls_new(&(lev_tls_options){.handshake_ms = 1000}, &error);
    lev_net *n = lev_net_connect("127.0.0.1", port, lev_net_now(), lev_net_now() + 5000);
    lev_net_secure(n, tls);
    for (unsigned wants = 0; wants != LEV_NET_READ; lev_net_fd(n, &wants)) {
        EXPECT_EQ(lev_net_step(n, lev_net_now()), LEV_AGAIN);
    }
    int peer = loopback_accept(listener);
    EXPECT(flood(peer, hello_request, sizeof hello_request) > 300000);
    size_t before = unread(n);
    EXPECT_EQ(lev_net_step(n, lev_net_now()), LEV_AGAIN);
    EXPECT(unread(n) < before);
    EXPECT(unread(n) > 0);
    EXPECT_EQ(lev_net_step(n, lev_net_now() + 2000), LEV_ERR_TIMEOUT);
    lev_net_close(n);
    close(peer);
    close(listener);
    lev_tls_free(tls);
}

/* The same with updates of keys, of which a read makes nothing. */
static void is_not_held_by_updates_of_keys(void) {
    enum { UPDATES = 20000 };
    uint8_t seen[8];
    size_t got;
    size_t rounds = 0;
    int large = 1 << 20;
    tls_peer p;
    EXPECT_EQ(tls_peer_open(&p, (lev_tls_options){.version_min = LEV_TLS_1_3}, true), LEV_OK);
    EXPECT_EQ(lev_net_read(p.net, seen, sizeof seen, &got), LEV_AGAIN);
    EXPECT(!lev_net_ready(p.net));
    EXPECT_EQ(setsockopt(lev_net_fd(p.net, NULL), SOL_SOCKET, SO_RCVBUF, &large, sizeof large), 0);
    for (int i = 0; i < UPDATES && SSL_key_update(p.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1; i++) {
        if (SSL_do_handshake(p.ssl) != 1) {
            break;
        }
    }
    usleep(20000);
    EXPECT(unread(p.net) > 100000);
    EXPECT_EQ(lev_net_read(p.net, seen, sizeof seen, &got), LEV_AGAIN);
    EXPECT(unread(p.net) > 0);
    EXPECT(lev_net_ready(p.net));
    while (lev_net_ready(p.net)) {
        EXPECT_EQ(lev_net_read(p.net, seen, sizeof seen, &got), LEV_AGAIN);
        rounds++;
    }
    EXPECT(rounds > 0);
    EXPECT_EQ(unread(p.net), 0);
    tls_peer_close(&p);
}

UNIT_MAIN("hostile TLS", CASE(refuses_anonymous_ciphers_of_the_programs_context),
          CASE(leaves_no_error_behind), CASE(is_not_held_by_requests_in_the_handshake),
          CASE(is_not_held_by_updates_of_keys))
