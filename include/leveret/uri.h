/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* AMQP URIs as RabbitMQ documents them (RabbitMQ URI Specification and URI Query Parameters):
 *
 *     amqp://user:password@host:port/vhost?heartbeat=10&connection_timeout=5000
 *
 * Every part after the scheme may be absent; an absent vhost, an empty one and "%2F" are three
 * things.
 *
 * A host that begins with '/' when decoded is the path of a unix socket, and has no port:
 *
 *     amqp://user:password@%2Frun%2Fbroker.sock/vhost
 *
 * With amqps it has no name to verify either, so server_name_indication is needed. */

#ifndef LEVERET_URI_H
#define LEVERET_URI_H

#include <leveret/allocator.h>
#include <leveret/status.h>
#include <leveret/wire.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LEV_URI_FAULT = 160 };

/* A parsed URI. The strings are percent-decoded and NUL-terminated; NULL where the part is absent.
 * An empty one is "". Numbers are 0, with a _set beside them, where absent. */
typedef struct lev_uri {
    bool tls; /* amqps */
    char *user;
    char *password;
    char *host;    /* an IPv6 address without its brackets; a unix socket's path begins with '/' */
    uint16_t port; /* 0 where absent */
    char *vhost;
    bool heartbeat_set;
    uint16_t heartbeat;          /* seconds */
    uint32_t connection_timeout; /* milliseconds */
    uint16_t channel_max;
    uint32_t frame_max;
    char *cacertfile; /* with amqps only, like all below */
    char *certfile;
    char *keyfile;
    char *key_password; /* password */
    char *server_name;  /* server_name_indication */
    bool verify_none;
    bool depth_set;
    uint8_t depth;
    unsigned mechanisms; /* auth_mechanism, may be repeated: LEV_SASL_... of leveret/engine.h */
    char fault[LEV_URI_FAULT]; /* why parsing failed; never holds the password */
} lev_uri;

/* Parses `text`. Returns LEV_OK; LEV_ERR_URI, with `fault` saying what and where;
 * LEV_ERR_UNSUPPORTED for an auth_mechanism that is not supported; or
 * LEV_ERR_MEMORY. The caller calls lev_uri_deinit in every case; it owns the strings and cleanses
 * the passwords. The strings come from `a`, or from malloc. */
LEV_API lev_status lev_uri_init(lev_uri *uri, const char *text);
LEV_API lev_status lev_uri_init_with(const lev_allocator *a, lev_uri *uri, const char *text);
LEV_API void lev_uri_deinit(lev_uri *uri);

/* Writes a URI as text into `into` with everything that could be a password replaced by "***", also
 * where the text is no URI at all. Always NUL-terminated, cut at `size`, printable. */
LEV_API void lev_uri_redact(const char *text, char *into, size_t size);

#ifdef __cplusplus
}
#endif

#endif
