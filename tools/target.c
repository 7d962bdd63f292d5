/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The URL is taken apart, each part is picked from the first source that has it, and the library
 * gets a URL of scheme, host, port and virtual host only; credentials travel beside it. So whatever
 * is printed of a target can't hold a secret. A user name from elsewhere than the URL leaves the
 * URL's password behind, since it belongs to another user. */

#include "target.h"

#include "exits.h"
#include "password.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *pick(const char *first, const char *second) {
    return first != NULL ? first : second;
}

/* Appends text with everything percent-encoded that is not plain in a URL, nor one of `extra`. */
static char *encode(char *to, const char *text, const char *extra) {
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (strchr(plain, *p) != NULL || strchr(extra, *p) != NULL) {
            *to++ = (char)*p;
        } else {
            *to++ = '%';
            *to++ = hex[*p >> 4];
            *to++ = hex[*p & 15];
        }
    }
    *to = '\0';
    return to;
}

/* Writes scheme://host:port and, where there is one, /vhost. A unix socket has no port. */
static char *compose(const lev_uri *u, const char *host, uint64_t port, const char *vhost) {
    bool v6 = strchr(host, ':') != NULL;
    size_t room = 3 * strlen(host) + (vhost != NULL ? 3 * strlen(vhost) : 0) + 40;
    char *text = malloc(room);
    char *p = text;
    if (text == NULL) {
        return NULL;
    }
    p += sprintf(p, u->tls ? "amqps://" : "amqp://");
    if (v6) {
        *p++ = '[';
        p = encode(p, host, ":");
        *p++ = ']';
    } else {
        p = encode(p, host, "");
    }
    if (port != 0 && *host != '/') {
        p += sprintf(p, ":%" PRIu64, port);
    }
    if (vhost != NULL) {
        *p++ = '/';
        encode(p, vhost, "");
    }
    return text;
}

static char *copy_of(const char *text) { return text != NULL ? strdup(text) : NULL; }

static uint64_t pick_number(bool url_first, uint64_t in_url, bool in_url_set, uint64_t given) {
    bool has_given = given != SETTING_UNSET;
    return in_url_set && (url_first || !has_given) ? in_url : has_given ? given : 0;
}

/* The library's window spans gaps, too, that confirms out of order leave: it is wider than ours,
 * which counts only what is unconfirmed, so that we wait in our own loop and not inside a publish.
 */
static void pick_limits(target *t, const settings *s, const lev_uri *u, bool url_first) {
    lev_client_options *o = &t->options;
    uint64_t heartbeat = pick_number(url_first, u->heartbeat, u->heartbeat_set, s->heartbeat);
    o->heartbeat = (uint16_t)heartbeat;
    o->heartbeat_off = heartbeat == 0 && (u->heartbeat_set || s->heartbeat != SETTING_UNSET);
    o->connect_ms = (uint32_t)pick_number(url_first, u->connection_timeout,
                                          u->connection_timeout != 0, s->connect_ms);
    o->channel_max = u->channel_max;
    o->frame_max = u->frame_max;
    unsigned first = url_first ? u->mechanisms : s->mechanisms;
    o->mechanisms = first != 0 ? first : url_first ? s->mechanisms : u->mechanisms;
    o->plaintext_auth = s->plaintext_auth;
    o->window = (uint32_t)(s->window > LEV_WINDOW_DEFAULT / 4 ? 4 * s->window : 0);
    o->connection_name = s->name;
    if (s->timeout_ms != SETTING_UNSET) {
        o->call_ms = (uint32_t)s->timeout_ms;
        o->progress_ms = (uint32_t)s->timeout_ms;
    }
}

/* A folder of CAs is named by the same option as a file of them. */
static void pick_cas(lev_tls_options *o) {
    struct stat is;
    if (o->ca_file != NULL && stat(o->ca_file, &is) == 0 && S_ISDIR(is.st_mode)) {
        o->ca_dir = o->ca_file;
        o->ca_file = NULL;
    }
}

/* A certificate comes with its own key and the key's password, never with those of another. */
static void pick_tls(target *t, const settings *s, const char *key_password, bool url_first) {
    lev_tls_options *o = &t->options.tls;
    const lev_uri *u = &t->parts;
    const char *keylog = getenv("SSLKEYLOGFILE");
    bool own = u->certfile != NULL && (url_first || s->tls.cert_file == NULL);
    *o = s->tls;
    o->ca_file =
        url_first ? pick(u->cacertfile, s->tls.ca_file) : pick(s->tls.ca_file, u->cacertfile);
    o->cert_file = own ? u->certfile : s->tls.cert_file;
    o->key_file = own ? pick(u->keyfile, s->tls.key_file) : pick(s->tls.key_file, u->keyfile);
    o->key_password =
        own ? pick(u->key_password, key_password) : pick(key_password, u->key_password);
    o->server_name = url_first ? pick(u->server_name, s->tls.server_name)
                               : pick(s->tls.server_name, u->server_name);
    o->keylog_file = pick(s->tls.keylog_file, keylog != NULL && *keylog != '\0' ? keylog : NULL);
    o->depth_set = u->depth_set;
    o->depth = u->depth;
    o->handshake_ms = t->options.connect_ms;
    pick_cas(o);
}

/* Merges a parsed URL with the settings. `url_first`: it was an argument. */
static bool merge(target *t, const settings *s, const secrets *given, bool url_first) {
    const lev_uri *u = &t->parts;
    const char *password = given->password;
    const char *host = url_first ? pick(u->host, s->host) : pick(s->host, u->host);
    const char *vhost = url_first ? pick(u->vhost, s->vhost) : pick(s->vhost, u->vhost);
    const char *user = url_first ? pick(u->user, s->user) : pick(s->user, u->user);
    const char *own = user == u->user ? u->password : NULL;
    const char *secret = url_first ? pick(own, password) : pick(password, own);
    uint64_t port = pick_number(url_first, u->port, u->port != 0, s->port);
    secret = pick(secret, getenv("AMQP_PASSWORD"));
    t->uri = compose(u, host != NULL && *host != '\0' ? host : "localhost", port, vhost);
    t->options.user = t->user = copy_of(user);
    t->options.password = t->password = copy_of(secret);
    pick_limits(t, s, u, url_first);
    pick_tls(t, s, given->key_password, url_first);
    return t->uri != NULL && (user == NULL) == (t->user == NULL) &&
           (secret == NULL) == (t->password == NULL);
}

/* Returns the first option that only TLS gives a meaning, or NULL. */
static const char *tls_option(const settings *s) {
    const lev_tls_options *o = &s->tls;
    return o->ca_file != NULL             ? "--cacert"
           : o->cert_file != NULL         ? "--cert"
           : o->key_file != NULL          ? "--key"
           : s->key_password_file != NULL ? "--key-password-file"
           : o->server_name != NULL       ? "--sni"
           : o->version_min != 0          ? "--tls-min"
           : o->keylog_file != NULL       ? "--keylog"
           : o->insecure                  ? "--insecure"
                                          : NULL;
}

int target_init(target *t, const settings *s, const char *url, const secrets *given) {
    const char *source = url != NULL ? "--url" : "AMQP_URL";
    const char *text = url != NULL ? url : getenv("AMQP_URL");
    int rc = EXIT_DONE;
    *t = (target){0};
    lev_status status = text != NULL ? lev_uri_init(&t->parts, text) : LEV_OK;
    if (status == LEV_ERR_URI) {
        rc = say_and(EXIT_USAGE, "%s: %s; write it as amqp://USER:PASSWORD@HOST:PORT/VHOST", source,
                     t->parts.fault);
    } else if (status == LEV_ERR_UNSUPPORTED) {
        rc = say_and(EXIT_USAGE, "%s: %s; leave that part out", source, t->parts.fault);
    } else if (status == LEV_OK && !t->parts.tls && !s->tls_elsewhere && tls_option(s) != NULL) {
        rc = say_and(EXIT_USAGE,
                     "%s is about TLS, and the URL does not ask for that; write it as "
                     "amqps://HOST, or leave %s out",
                     tls_option(s), tls_option(s));
    } else if (t->parts.verify_none && !s->tls.insecure) {
        rc = say_and(EXIT_CONFIG,
                     "%s: verify=verify_none would accept anybody as the broker; leave it out, or "
                     "add --insecure",
                     source);
    } else if (status != LEV_OK || !merge(t, s, given, url != NULL)) {
        rc = say_and(EXIT_INTERNAL, "out of memory");
    }
    return rc;
}

char *target_secret_uri(const target *t, const char *url) {
    const char *rest = strstr(t->uri, "://") + 3;
    const char *query = strchr(url, '?');
    size_t room = strlen(t->uri) + (query != NULL ? strlen(query) : 0) + 3;
    room += t->user != NULL ? 3 * strlen(t->user) : 0;
    room += t->password != NULL ? 3 * strlen(t->password) : 0;
    char *text = malloc(room);
    char *p = text;
    if (text == NULL) {
        return NULL;
    }
    p += sprintf(p, "%.*s", (int)(rest - t->uri), t->uri);
    if (t->user != NULL) {
        p = encode(p, t->user, "");
        if (t->password != NULL) {
            *p++ = ':';
            p = encode(p, t->password, "");
        }
        *p++ = '@';
    }
    sprintf(p, "%s%s", rest, query != NULL ? query : "");
    return text;
}

void target_deinit(target *t) {
    password_free(t->password);
    lev_uri_deinit(&t->parts);
    free(t->user);
    free(t->uri);
    *t = (target){0};
}
