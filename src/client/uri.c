/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The text is cut at its delimiters first and each piece is percent-decoded on its own, so an
 * encoded delimiter is never taken for one. Which bytes may stand unencoded is RFC 3986's rule; it
 * is kept strictly, because a password with a raw '@' or '/' would otherwise be cut somewhere and
 * half of it sent to a name server as a host.
 *
 * Failures stick in the parser and name the byte's offset. They never quote user, password or host:
 * where the text is malformed, any of it may be a password. A parameter's name is quoted only where
 * no '@' follows it.
 *
 * Rejected: '+' as a blank (that is HTML's rule for forms, not a URI's), more than one path segment
 * (a virtual host with '/' in it is written %2F), an empty port. */

#include "secret.h"
#include "uri_parser.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

enum { URI_HOST_MAX = 255, URI_NAME_SHOWN = 40 };

static lev_writer uri_fault_begin(lev_uri_parser *p, lev_status status) {
    p->status = status;
    memset(p->uri->fault, 0, sizeof p->uri->fault);
    return lev_writer_init((uint8_t *)p->uri->fault, sizeof p->uri->fault - 1);
}

static void uri_fault_end(const lev_uri_parser *p, lev_writer *w, const char *what,
                          const char *at) {
    lev_writer_text(w, what);
    lev_writer_text(w, " at offset ");
    lev_writer_decimal(w, (uint64_t)(at - p->text));
}

void lev_uri_fail(lev_uri_parser *p, const char *what, const char *at) {
    if (p->status == LEV_OK) {
        lev_writer w = uri_fault_begin(p, LEV_ERR_URI);
        uri_fault_end(p, &w, what, at);
    }
}

void lev_uri_fail_parameter(lev_uri_parser *p, lev_status status, const char *name, size_t len,
                            const char *what) {
    if (p->status != LEV_OK) {
        return;
    }
    lev_writer w = uri_fault_begin(p, status);
    lev_writer_text(&w, "parameter ");
    if (strchr(name, '@') == NULL) {
        lev_span shown = {(const uint8_t *)name, len < URI_NAME_SHOWN ? len : URI_NAME_SHOWN};
        lev_writer_escaped(&w, shown);
        lev_writer_text(&w, " ");
    }
    uri_fault_end(p, &w, what, name);
}

static void uri_fail_memory(lev_uri_parser *p) {
    if (p->status == LEV_OK) {
        lev_writer w = uri_fault_begin(p, LEV_ERR_MEMORY);
        lev_writer_text(&w, "out of memory");
    }
}

static bool uri_is_plain(char c, const char *extra) {
    bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return alnum ||
           (c != '\0' && (strchr("-._~!$&'()*+,;=", c) != NULL || strchr(extra, c) != NULL));
}

static int uri_hex(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the byte that %XX at `at` stands for, 0 after a failure. */
static char uri_unescape(lev_uri_parser *p, const char *at, const char *to) {
    int high = to - at > 2 ? uri_hex(at[1]) : -1;
    int low = high >= 0 ? uri_hex(at[2]) : -1;
    if (low < 0) {
        lev_uri_fail(p, "'%' without two hexadecimal digits", at);
        return '\0';
    }
    if (high * 16 + low == 0) {
        lev_uri_fail(p, "%00 is not allowed,", at);
    }
    return (char)(high * 16 + low);
}

char *lev_uri_decode(lev_uri_parser *p, const char *from, const char *to, const char *extra) {
    if (p->status != LEV_OK) {
        return NULL;
    }
    char *text = lev_memory_zeroed(p->memory, (size_t)(to - from) + 1);
    if (text == NULL) {
        uri_fail_memory(p);
        return NULL;
    }
    size_t n = 0;
    for (const char *at = from; at < to && p->status == LEV_OK; at++) {
        if (*at == '%') {
            text[n++] = uri_unescape(p, at, to);
            at += 2;
        } else if (uri_is_plain(*at, extra)) {
            text[n++] = *at;
        } else {
            lev_uri_fail(p, "a character that must be percent-encoded", at);
        }
    }
    if (p->status != LEV_OK) {
        lev_secret_free(text);
        return NULL;
    }
    return text;
}

/* Returns the first of the characters `set` in [from, to), or `to`. */
static const char *uri_find(const char *from, const char *to, const char *set) {
    while (from < to && strchr(set, *from) == NULL) {
        from++;
    }
    return from;
}

static const char *uri_scheme(lev_uri_parser *p) {
    static const char plain[] = "amqp://";
    static const char tls[] = "amqps://";
    p->uri->tls = strncasecmp(p->text, tls, sizeof tls - 1) == 0;
    if (p->uri->tls) {
        return p->text + sizeof tls - 1;
    }
    if (strncasecmp(p->text, plain, sizeof plain - 1) == 0) {
        return p->text + sizeof plain - 1;
    }
    lev_uri_fail(p, "neither amqp:// nor amqps://", p->text);
    return p->text;
}

static void uri_credentials(lev_uri_parser *p, const char *from, const char *to) {
    const char *colon = uri_find(from, to, ":");
    p->uri->user = lev_uri_decode(p, from, colon, "");
    if (colon < to) {
        p->uri->password = lev_uri_decode(p, colon + 1, to, ":");
    }
}

static void uri_port(lev_uri_parser *p, const char *from, const char *to) {
    uint32_t port = 0;
    for (const char *at = from; at < to && port <= 65535; at++) {
        if (*at < '0' || *at > '9') {
            port = 65536;
            break;
        }
        port = port * 10 + (uint32_t)(*at - '0');
    }
    if (port == 0 || port > 65535) {
        lev_uri_fail(p, "the port is not a number from 1 to 65535", from);
    }
    p->uri->port = (uint16_t)port;
}

/* Checks and keeps what stands between '[' and ']': an IPv6 address, perhaps with %25 and a zone.
 */
static void uri_ipv6(lev_uri_parser *p, const char *from, const char *to) {
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN] = "";
    size_t len = (size_t)(uri_find(from, to, "%") - from);
    p->uri->host = lev_uri_decode(p, from, to, ":");
    if (len < sizeof text) {
        memcpy(text, from, len);
    }
    bool zone = from + len < to;
    bool zoned = to - from > (ptrdiff_t)len + 3 && memcmp(from + len, "%25", 3) == 0;
    if (inet_pton(AF_INET6, text, &address) != 1 || zone != zoned) {
        lev_uri_fail(p, "not an IPv6 address", from);
    }
}

static void uri_host(lev_uri_parser *p, const char *from, const char *to) {
    const char *end = uri_find(from, to, ":");
    if (from < to && *from == '[') {
        end = uri_find(from, to, "]");
        if (end == to) {
            lev_uri_fail(p, "'[' without ']'", from);
            return;
        }
        uri_ipv6(p, from + 1, end);
        end++;
    } else if (from < end) {
        p->uri->host = lev_uri_decode(p, from, end, "");
    }
    if (end < to && *end != ':') {
        lev_uri_fail(p, "neither a port nor a path behind ']'", end);
    } else if (end < to && uri_find(end + 1, to, ":") < to) {
        lev_uri_fail(p, "a second ':' (an IPv6 address stands in brackets)",
                     uri_find(end + 1, to, ":"));
    } else if (end < to) {
        uri_port(p, end + 1, to);
    }
    if (p->uri->host == NULL) {
        return;
    }
    if (strlen(p->uri->host) > URI_HOST_MAX) {
        lev_uri_fail(p, "the host name is too long", from);
    } else if (*p->uri->host == '/' && end < to) {
        lev_uri_fail(p, "a port behind the path of a unix socket", end);
    }
}

static void uri_authority(lev_uri_parser *p, const char *from, const char *to) {
    const char *at = uri_find(from, to, "@");
    if (at < to) {
        if (uri_find(at + 1, to, "@") < to) {
            lev_uri_fail(p, "a second '@' (as part of a password it is written %40)",
                         uri_find(at + 1, to, "@"));
            return;
        }
        uri_credentials(p, from, at);
        from = at + 1;
    }
    uri_host(p, from, to);
}

static void uri_path(lev_uri_parser *p, const char *from, const char *to) {
    const char *slash = uri_find(from, to, "/");
    if (slash < to) {
        lev_uri_fail(p, "a second path segment (as part of a virtual host '/' is written %2F)",
                     slash);
    }
    p->uri->vhost = lev_uri_decode(p, from, to, ":@");
}

lev_status lev_uri_init_with(const lev_allocator *a, lev_uri *uri, const char *text) {
    *uri = (lev_uri){.tls = false};
    lev_uri_parser p = {.memory = a, .uri = uri, .text = text};
    const char *at = uri_scheme(&p);
    const char *end = text + strlen(text);
    if (p.status == LEV_OK) {
        const char *stop = uri_find(at, end, "/?#");
        uri_authority(&p, at, stop);
        at = stop;
    }
    if (p.status == LEV_OK && *at == '/') {
        const char *stop = uri_find(at, end, "?#");
        uri_path(&p, at + 1, stop);
        at = stop;
    }
    if (p.status == LEV_OK && *at == '?') {
        const char *stop = uri_find(at, end, "#");
        lev_uri_query(&p, at + 1, stop);
        at = stop;
    }
    if (p.status == LEV_OK && *at == '#') {
        lev_uri_fail(&p, "a fragment ('#' is written %23)", at);
    }
    return p.status;
}

lev_status lev_uri_init(lev_uri *uri, const char *text) {
    return lev_uri_init_with(NULL, uri, text);
}

void lev_uri_deinit(lev_uri *uri) {
    lev_secret_free(uri->user);
    lev_secret_free(uri->password);
    lev_memory_free(uri->host);
    lev_memory_free(uri->vhost);
    lev_memory_free(uri->cacertfile);
    lev_memory_free(uri->certfile);
    lev_memory_free(uri->keyfile);
    lev_secret_free(uri->key_password);
    lev_memory_free(uri->server_name);
    uri->user = uri->password = uri->host = uri->vhost = NULL;
    uri->cacertfile = uri->certfile = uri->keyfile = uri->key_password = uri->server_name = NULL;
}
