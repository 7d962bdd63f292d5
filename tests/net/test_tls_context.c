/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* An SSL_CTX of the program's own: whatever modes it has set and whatever it keeps in it, nothing
 * is lost, slept on or taken away. */

#include "../unit.h"
#include "tls_peer.h"

#include <unistd.h>

static SSL_CTX *own;

static lev_status open_with_own(tls_peer *p) {
    return tls_peer_open(p, (lev_tls_options){.ssl_ctx = own, .insecure = true}, false);
}

/* Fragments of 512 bytes, each of which may end a write. */
static void loses_nothing_where_writes_may_be_partial(void) {
    static uint8_t data[40000];
    static uint8_t seen[sizeof data + 1];
    size_t at = 0;
    size_t got = 0;
    tls_peer p;
    own = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(own, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_max_send_fragment(own, 512);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    EXPECT_EQ(open_with_own(&p), LEV_OK);
    for (int i = 0; i < 1000 && (at < sizeof data || got < sizeof data); i++) {
        size_t put;
        lev_net_write(p.net, &(lev_span){data + at, sizeof data - at}, 1, &put);
        at += put;
        got += tls_peer_hear(&p, seen + got, sizeof seen - got);
        usleep(100);
    }
    EXPECT_BYTES(seen, got, data, sizeof data);
    EXPECT(p.records >= sizeof data / 512);
    tls_peer_close(&p);
    SSL_CTX_free(own);
}

static size_t told;

static void look(const SSL *ssl, int where, int rc) {
    (void)where;
    (void)rc;
    if (SSL_is_server(ssl) == 0) {
        EXPECT(SSL_get_app_data(ssl) == NULL);
        told++;
    }
}

/* The program's callbacks may look there for what is theirs. */
static void leaves_app_data_to_the_program(void) {
    tls_peer p;
    told = 0;
    own = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_info_callback(own, look);
    EXPECT_EQ(open_with_own(&p), LEV_OK);
    EXPECT(told > 2);
    tls_peer_close(&p);
    SSL_CTX_free(own);
}

UNIT_MAIN("context of the program's", CASE(loses_nothing_where_writes_may_be_partial),
          CASE(leaves_app_data_to_the_program))
