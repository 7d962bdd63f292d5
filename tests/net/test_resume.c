/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Sessions of TLS that are resumed: when, for whom, and that it proves no less than a full
 * handshake. */

#include "../../src/net/tls_context.h"
#include "../unit.h"
#include "tls_peer.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <poll.h>
#include <unistd.h>

/* A server that can be visited several times. */
typedef struct server {
    SSL *first; /* owns the context */
    SSL_CTX *context;
    uint16_t port;
    int listener;
    char cert[4096];
    lev_tls *tls; /* of who visits */
} server;

/* How a visit went. */
typedef struct visit {
    lev_status status;
    bool reused;
    char fault[320];
} visit;

static void start(server *s, const char *names, int seconds, int version, lev_tls_options o) {
    lev_error error;
    *s = (server){.listener = -1};
    s->listener = loopback_listen("127.0.0.1", &s->port);
    s->first = tls_peer_server_for(names, seconds, s->cert, sizeof s->cert);
    s->context = SSL_get_SSL_CTX(s->first);
    SSL_CTX_set_max_proto_version(s->context, version);
    o.ca_pem = o.insecure || o.ssl_ctx != NULL ? NULL : s->cert;
    s->tls = lev_tls_new(&o, &error);
    EXPECT_STR(error.text, "");
    EXPECT(s->tls != NULL);
}

static void stop(server *s) {
    lev_tls_free(s->tls);
    SSL_free(s->first);
    close(s->listener);
}

static SSL *receive(const server *s) {
    SSL *ssl = SSL_new(s->context);
    int fd = loopback_accept(s->listener);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    SSL_set_fd(ssl, fd);
    return ssl;
}

/* Goes on with both sides until both are done, and says one word over the session. */
static visit meet(const server *s, lev_net *n, SSL **peer) {
    visit v = {.status = LEV_AGAIN};
    uint8_t seen[8];
    size_t got;
    *peer = NULL;
    for (int i = 0; i < 5000 && (v.status == LEV_AGAIN || SSL_in_init(*peer)); i++) {
        v.status = lev_net_step(n, lev_net_now());
        if (v.status < LEV_OK) {
            break;
        }
        if (*peer == NULL &&
            poll(&(struct pollfd){.fd = s->listener, .events = POLLIN}, 1, 1) > 0) {
            *peer = receive(s);
        }
        if (*peer != NULL) {
            SSL_accept(*peer);
        }
        usleep(200);
    }
    snprintf(v.fault, sizeof v.fault, "%s", lev_net_fault(n));
    v.reused = *peer != NULL && SSL_session_reused(*peer) == 1;
    if (v.status == LEV_OK) {
        EXPECT_EQ(SSL_write(*peer, "word", 4), 4);
        EXPECT_EQ(loopback_read(n, seen, sizeof seen, &got), LEV_OK);
        EXPECT_BYTES(seen, got, "word", 4);
    }
    return v;
}

/* Connects, hears the word, and leaves; with `cut` the peer is gone without a goodbye first. */
static visit visit_as(const server *s, const char *host, uint16_t port, bool cut) {
    SSL *peer;
    uint8_t seen[8];
    size_t got;
    lev_net *n = lev_net_connect(host, port, lev_net_now(), lev_net_now() + 5000);
    lev_net_secure(n, s->tls);
    visit v = meet(s, n, &peer);
    if (cut) {
        close(SSL_get_fd(peer));
        EXPECT_EQ(loopback_read(n, seen, sizeof seen, &got), LEV_ERR_LOST);
    }
    lev_net_close(n);
    if (peer != NULL && !cut) {
        close(SSL_get_fd(peer));
        SSL_set_shutdown(peer, SSL_SENT_SHUTDOWN); /* else it would forget the session */
    }
    SSL_free(peer);
    return v;
}

static visit visit_again(const server *s) { return visit_as(s, "localhost", s->port, false); }

static void resume_in(int version, uint64_t options) {
    server s;
    start(&s, "DNS:localhost", 3600, version, (lev_tls_options){0});
    SSL_CTX_set_options(s.context, options);
    for (int i = 0; i < 4; i++) {
        visit v = visit_again(&s);
        EXPECT_EQ(v.status, LEV_OK);
        EXPECT_EQ(v.reused, i > 0);
    }
    stop(&s);
}

static void resumes_a_ticket_of_tls_1_3(void) { resume_in(TLS1_3_VERSION, 0); }

static void resumes_a_ticket_of_tls_1_2(void) { resume_in(TLS1_2_VERSION, 0); }

static void resumes_a_number_of_tls_1_2(void) { resume_in(TLS1_2_VERSION, SSL_OP_NO_TICKET); }

/* That is when one reconnects. */
static void resumes_after_a_cut(void) {
    const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++) {
        server s;
        start(&s, "DNS:localhost", 3600, versions[i], (lev_tls_options){0});
        EXPECT(!visit_as(&s, "localhost", s.port, true).reused);
        EXPECT(visit_as(&s, "localhost", s.port, true).reused);
        EXPECT(visit_again(&s).reused);
        stop(&s);
    }
}

/* The session says nothing of other names that the machine may have. */
static void offers_a_session_to_its_host_only(void) {
    server s;
    start(&s, "DNS:localhost", 3600, TLS1_3_VERSION, (lev_tls_options){0});
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    visit v = visit_as(&s, "127.0.0.1", s.port, false);
    EXPECT_EQ(v.status, LEV_ERR_TLS);
    EXPECT(!v.reused);
    EXPECT(strstr(v.fault, "is for another address: localhost, not 127.0.0.1") != NULL);
    EXPECT(visit_again(&s).reused);
    stop(&s);
}

static void offers_a_session_to_its_port_only(void) {
    server s;
    start(&s, "DNS:localhost", 3600, TLS1_3_VERSION, (lev_tls_options){0});
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    close(s.listener);
    uint16_t before = s.port;
    s.port = 0;
    s.listener = loopback_listen("127.0.0.1", &s.port);
    EXPECT(s.port != before);
    visit v = visit_again(&s);
    EXPECT_EQ(v.status, LEV_OK);
    EXPECT(!v.reused);
    EXPECT(visit_again(&s).reused);
    stop(&s);
}

/* A resumed handshake shows no certificate; ours has expired since it was seen. */
static void verifies_a_resumed_session(void) {
    const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++) {
        server s;
        start(&s, "DNS:localhost", 2, versions[i], (lev_tls_options){0});
        EXPECT_EQ(visit_again(&s).status, LEV_OK);
        sleep(3);
        visit v = visit_again(&s);
        EXPECT_EQ(v.status, LEV_ERR_TLS);
        EXPECT(strstr(v.fault, "expired") != NULL);
        EXPECT(v.reused);
        v = visit_again(&s); /* the session was good for one attempt */
        EXPECT_EQ(v.status, LEV_ERR_TLS);
        EXPECT(!v.reused);
        stop(&s);
    }
}

/* Were a session ever offered to another host, that would not be taken for the one it was given by.
 */
static void verifies_the_name_again(void) {
    server s;
    start(&s, "DNS:localhost", 3600, TLS1_3_VERSION, (lev_tls_options){0});
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    strcpy(s.tls->session_host, "127.1");
    visit v = visit_as(&s, "127.1", s.port, false);
    EXPECT_EQ(v.status, LEV_ERR_TLS);
    EXPECT(v.reused);
    EXPECT(strstr(v.fault, "is for another host: localhost, not 127.1") != NULL);
    stop(&s);
}

static void resumes_where_nobody_is_verified(void) {
    server s;
    start(&s, "DNS:elsewhere", 3600, TLS1_3_VERSION, (lev_tls_options){.insecure = true});
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    visit v = visit_again(&s);
    EXPECT_EQ(v.status, LEV_OK);
    EXPECT(v.reused);
    stop(&s);
}

/* A server that has forgotten the session is met in full, and then again resumed. */
static void goes_on_where_the_peer_has_forgotten(void) {
    server s;
    unsigned char keys[80] = {1};
    start(&s, "DNS:localhost", 3600, TLS1_3_VERSION, (lev_tls_options){0});
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    EXPECT_EQ(SSL_CTX_set_tlsext_ticket_keys(s.context, keys, sizeof keys), 1);
    visit v = visit_again(&s);
    EXPECT_EQ(v.status, LEV_OK);
    EXPECT(!v.reused);
    EXPECT(visit_again(&s).reused);
    stop(&s);
}

/* Who connects again may have read its files anew. */
static void hands_a_session_on(void) {
    server s;
    lev_error error;
    start(&s, "DNS:localhost", 3600, TLS1_3_VERSION, (lev_tls_options){0});
    lev_tls *first = s.tls;
    lev_tls *second = lev_tls_new(&(lev_tls_options){.ca_pem = s.cert}, &error);
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    lev_tls_inherit(second, first);
    EXPECT(!visit_again(&s).reused);
    s.tls = second;
    EXPECT(visit_again(&s).reused);
    lev_tls_free(first);
    stop(&s);
}

static void hands_none_on_to_another_certificate(void) {
    static char pem[8192];
    server s;
    lev_error error;
    start(&s, "DNS:localhost", 3600, TLS1_3_VERSION, (lev_tls_options){0});
    BIO *out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, SSL_get_certificate(s.first));
    PEM_write_bio_PrivateKey(out, SSL_get_privatekey(s.first), NULL, NULL, 0, NULL, NULL);
    EXPECT(BIO_read(out, pem, sizeof pem - 1) > 0);
    BIO_free(out);
    lev_tls_options with = {.ca_pem = s.cert, .cert_pem = pem};
    lev_tls *first = s.tls;
    lev_tls *second = lev_tls_new(&with, &error);
    lev_tls *third = lev_tls_new(&with, &error);
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    lev_tls_inherit(second, first);
    s.tls = second;
    EXPECT(!visit_again(&s).reused);
    lev_tls_inherit(third, second);
    s.tls = third;
    EXPECT(visit_again(&s).reused);
    lev_tls_inherit(first, third);
    s.tls = first;
    EXPECT(visit_again(&s).reused); /* its own, of the first visit */
    lev_tls_free(second);
    lev_tls_free(third);
    stop(&s);
}

static void leaves_the_programs_context_alone(void) {
    server s;
    SSL_CTX *own = SSL_CTX_new(TLS_client_method());
    start(&s, "DNS:localhost", 3600, TLS1_3_VERSION,
          (lev_tls_options){.ssl_ctx = own, .insecure = true});
    EXPECT_EQ(visit_again(&s).status, LEV_OK);
    EXPECT(!visit_again(&s).reused);
    stop(&s);
    SSL_CTX_free(own);
}

UNIT_MAIN("resume", CASE(resumes_a_ticket_of_tls_1_3), CASE(resumes_a_ticket_of_tls_1_2),
          CASE(resumes_a_number_of_tls_1_2), CASE(resumes_after_a_cut),
          CASE(offers_a_session_to_its_host_only), CASE(offers_a_session_to_its_port_only),
          CASE(verifies_a_resumed_session), CASE(verifies_the_name_again),
          CASE(resumes_where_nobody_is_verified), CASE(goes_on_where_the_peer_has_forgotten),
          CASE(hands_a_session_on), CASE(hands_none_on_to_another_certificate),
          CASE(leaves_the_programs_context_alone))
