/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How a connection begins: the next URI is taken apart, its options and the program's are put
 * together, and the socket is started. Whatever makes no sense ends here, before a packet. */

#include "log.h"
#include "secret.h"

#include <string.h>

enum { CONNECT_PORT = 5672, CONNECT_PORT_TLS = 5671, CONNECT_MECHANISM_MAX = 64 };

/* Says what cannot work before anything is connected. */
static const char *connect_unusable(const lev_client_options *set) {
    if (set->frame_max != 0 && set->frame_max < LEV_FRAME_MAX_FLOOR) {
        return "frame_max is under 8192, which brokers refuse; set it higher, or leave it out";
    }
    if (strlen(set->user) > LEV_SECRET_MAX || strlen(set->password) > LEV_SECRET_MAX) {
        return "the user name or the password is longer than 65,536 bytes";
    }
    if (strlen(set->vhost) > 255) {
        return "the virtual host is longer than 255 bytes";
    }
    if (set->connection_name != NULL && strlen(set->connection_name) > 255) {
        return "the connection name is longer than 255 bytes";
    }
    return NULL;
}

/* Says which mechanisms of authentication make no sense. */
static const char *connect_misused(const lev_client_options *set) {
    if (set->mechanisms > LEV_SASL_ALL) {
        return "mechanisms has a bit that stands for none";
    }
    if (set->mechanism == NULL) {
        return NULL;
    }
    size_t len = strlen(set->mechanism);
    for (size_t i = 0; i < len; i++) {
        if (set->mechanism[i] <= ' ' || set->mechanism[i] > '~') {
            len = 0;
        }
    }
    if (len == 0 || len > CONNECT_MECHANISM_MAX) {
        return "the name of the mechanism is not 1 to 64 printable characters without blanks";
    }
    return set->answer == NULL ? "a mechanism of the program's own needs `answer`" : NULL;
}

static lev_status connect_bad_uri(lev_client *c, lev_status status, const lev_uri *uri) {
    lev_writer w = lev_report_begin(c, status);
    lev_report_put(&w, status == LEV_ERR_URI ? "malformed URI: " : "");
    lev_report_put(&w, uri->fault);
    return status;
}

static void connect_where(lev_client *c, const char *host, uint16_t port) {
    bool brackets = strchr(host, ':') != NULL;
    memset(c->where, 0, sizeof c->where);
    lev_writer w = lev_writer_init((uint8_t *)c->where, sizeof c->where - 1);
    lev_report_put(&w, brackets ? "[" : "");
    lev_writer_escaped(&w, lev_span_of(host));
    if (*host != '/') {
        lev_report_number(&w, brackets ? "]:" : ":", port, "");
    }
}

static lev_status connect_load_tls(lev_client *c, const lev_uri *uri) {
    lev_error error;
    if (uri->verify_none && !c->set.tls.insecure) {
        return lev_report(c, LEV_ERR_UNSUPPORTED,
                          "verify=verify_none would accept anybody as the broker; leave it out, or "
                          "say `insecure`, too");
    }
    c->tls = lev_tls_new(&c->set.tls, &error);
    return c->tls != NULL ? LEV_OK : lev_report(c, error.status, error.text);
}

static lev_status connect_to(lev_client *c, lev_uri *uri) {
    const char *host = uri->host != NULL ? uri->host : "localhost";
    uint16_t port = uri->port != 0 ? uri->port : uri->tls ? CONNECT_PORT_TLS : CONNECT_PORT;
    uint64_t now = lev_net_now();
    connect_where(c, host, port);
    lev_log_line(c, LEV_LOG_DEBUG, "connecting");
    lev_settings_forget(&c->set);
    if (!lev_settings_init(&c->set, &c->given) || !lev_settings_merge(&c->set, uri)) {
        return lev_report(c, LEV_ERR_MEMORY, lev_status_text(LEV_ERR_MEMORY));
    }
    const char *unusable = connect_unusable(&c->set);
    if (unusable != NULL) {
        return lev_report(c, LEV_ERR_LIMIT, unusable);
    }
    const char *misused = connect_misused(&c->set);
    if (misused != NULL) {
        return lev_report(c, LEV_ERR_MISUSE, misused);
    }
    lev_tls *before = c->tls;
    c->tls = NULL;
    lev_status status = uri->tls ? connect_load_tls(c, uri) : LEV_OK;
    if (before != NULL && c->tls != NULL) {
        lev_tls_inherit(c->tls, before);
    }
    lev_tls_free(before);
    if (status != LEV_OK) {
        return status;
    }
    c->net = lev_net_connect_with(&c->given.allocator, host, port, now, now + c->set.connect_ms);
    if (c->net == NULL) {
        return lev_report(c, LEV_ERR_MEMORY, lev_status_text(LEV_ERR_MEMORY));
    }
    lev_net_secure(c->net, c->tls);
    lev_net_count(c->net, &c->calls);
    c->phase = CLIENT_CONNECTING;
    return LEV_OK;
}

lev_status lev_connect_check(lev_client *c, const char *text) {
    lev_uri uri;
    lev_status status = lev_uri_init_with(&c->given.allocator, &uri, text);
    if (status != LEV_OK) {
        connect_bad_uri(c, status, &uri);
    }
    lev_uri_deinit(&uri);
    return status;
}

lev_status lev_connect_begin(lev_client *c) {
    lev_uri uri;
    lev_status status =
        lev_uri_init_with(&c->given.allocator, &uri, c->recovery.uris[c->recovery.turn]);
    status = status == LEV_OK ? connect_to(c, &uri) : connect_bad_uri(c, status, &uri);
    lev_uri_deinit(&uri);
    return status;
}
