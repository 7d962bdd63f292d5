/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What stands in for TLS in a library made with `make TLS=no`: no object can be made, so nothing
 * else is ever called. */

#include "tls.h"

#include <string.h>

lev_tls *lev_tls_new(const lev_tls_options *options, lev_error *error) {
    (void)options;
    *error = (lev_error){.status = LEV_ERR_UNSUPPORTED, .layer = LEV_LAYER_NET};
    strcpy(error->text, "amqps needs TLS, and this Leveret was built without it (make TLS=no); use "
                        "amqp through a tunnel, or build it with OpenSSL");
    return NULL;
}

void lev_tls_free(lev_tls *t) { (void)t; }

void lev_tls_inherit(lev_tls *t, lev_tls *from) {
    (void)t;
    (void)from;
}

uint32_t lev_tls_handshake_ms(const lev_tls *tls) {
    (void)tls;
    return 0;
}

lev_tls_stream *lev_tls_stream_new(lev_tls *tls, int fd, const char *host, uint16_t port,
                                   uint64_t *calls) {
    (void)tls;
    (void)fd;
    (void)host;
    (void)port;
    (void)calls;
    return NULL;
}

void lev_tls_stream_free(lev_tls_stream *s) { (void)s; }

lev_status lev_tls_stream_step(lev_tls_stream *s) {
    (void)s;
    return LEV_ERR_UNSUPPORTED;
}

lev_status lev_tls_stream_read(lev_tls_stream *s, uint8_t *into, size_t room, size_t *got) {
    (void)s;
    (void)into;
    (void)room;
    *got = 0;
    return LEV_ERR_UNSUPPORTED;
}

lev_status lev_tls_stream_write(lev_tls_stream *s, const lev_span *spans, size_t count,
                                size_t *put) {
    (void)s;
    (void)spans;
    (void)count;
    *put = 0;
    return LEV_ERR_UNSUPPORTED;
}

bool lev_tls_stream_unsent(const lev_tls_stream *s) {
    (void)s;
    return false;
}

bool lev_tls_stream_ready(const lev_tls_stream *s) {
    (void)s;
    return false;
}

const char *lev_tls_stream_why(const lev_tls_stream *s) {
    (void)s;
    return "";
}
