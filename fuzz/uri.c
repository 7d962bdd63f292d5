/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* URIs: the input is the text. What parses is written again with every byte of its parts
 * percent-encoded and must parse to the same; no redacted text holds the password. */

#include "support.h"

#include <arpa/inet.h>
#include <leveret/uri.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_printable(const char *text, size_t size) {
    CHECK(memchr(text, '\0', size) != NULL);
    for (size_t i = 0; text[i] != '\0'; i++) {
        CHECK((uint8_t)text[i] >= 0x20 && text[i] != 0x7F);
    }
}

static void put_part(FILE *f, const char *before, const char *part) {
    if (part == NULL) {
        return;
    }
    (void)fputs(before, f);
    for (const char *p = part; *p != '\0'; p++) {
        (void)fprintf(f, "%%%02X", (unsigned)(uint8_t)*p);
    }
}

/* An address of IPv6 stands in brackets, with its zone behind %25; a name may have any bytes. */
static void put_host(FILE *f, const lev_uri *uri) {
    const char *host = uri->host != NULL ? uri->host : "";
    size_t len = strcspn(host, "%");
    char address[64];
    struct in6_addr ignored;
    (void)snprintf(address, sizeof address, "%.*s", (int)(len < 63 ? len : 63), host);
    if (len > 60 || inet_pton(AF_INET6, address, &ignored) != 1 || strcmp(host + len, "%") == 0) {
        put_part(f, "", host);
        return;
    }
    (void)fprintf(f, "[%s", address);
    put_part(f, "", host[len] != '\0' ? host + len : NULL);
    (void)fputc(']', f);
}

static void put_number(FILE *f, const char *name, uint32_t value, char *between) {
    if (value != 0) {
        (void)fprintf(f, "%c%s=%u", *between, name, value);
        *between = '&';
    }
}

static char *write_again(const lev_uri *uri) {
    char *text = NULL;
    size_t len = 0;
    char between = '?';
    FILE *f = open_memstream(&text, &len);
    (void)fputs(uri->tls ? "AMQPS://" : "amqp://", f);
    put_part(f, "", uri->user);
    put_part(f, ":", uri->password);
    (void)fputs(uri->user != NULL ? "@" : "", f);
    put_host(f, uri);
    if (uri->port != 0) {
        (void)fprintf(f, ":%u", uri->port);
    }
    put_part(f, "/", uri->vhost);
    if (uri->heartbeat_set) {
        (void)fprintf(f, "?heartbeat=%u", uri->heartbeat);
        between = '&';
    }
    put_number(f, "connection_timeout", uri->connection_timeout, &between);
    put_number(f, "channel_max", uri->channel_max, &between);
    put_number(f, "frame_max", uri->frame_max, &between);
    (void)fclose(f);
    return text;
}

static void check_again(const lev_uri *uri) {
    char *text = write_again(uri);
    lev_uri again;
    CHECK(lev_uri_init(&again, text) == LEV_OK);
    CHECK(again.tls == uri->tls && again.port == uri->port);
    CHECK(same(again.user, uri->user) && same(again.password, uri->password));
    CHECK(same(again.host, uri->host) && same(again.vhost, uri->vhost));
    CHECK(again.heartbeat_set == uri->heartbeat_set && again.heartbeat == uri->heartbeat);
    CHECK(again.connection_timeout == uri->connection_timeout);
    CHECK(again.channel_max == uri->channel_max && again.frame_max == uri->frame_max);
    lev_uri_deinit(&again);
    free(text);
}

/* A password of some length that stands only once in the text must not stand in what is shown. */
static void check_secret(const char *text, const char *shown) {
    const char *at = strchr(text, '@');
    const char *from = at != NULL ? strstr(text, "//") + 2 : NULL;
    const char *colon = at != NULL ? memchr(from, ':', (size_t)(at - from)) : NULL;
    if (colon == NULL || at - colon < 5) {
        return;
    }
    size_t len = (size_t)(at - colon) - 1;
    char *secret = calloc(len + 1, 1);
    memcpy(secret, colon + 1, len);
    if (strstr(text, secret) == colon + 1 && strstr(at, secret) == NULL) {
        CHECK(strstr(shown, secret) == NULL);
    }
    free(secret);
}

static void check_redacted(const char *text, size_t size, bool good) {
    char *shown = malloc(size * 4 + 16);
    lev_uri_redact(text, shown, size * 4 + 16);
    check_printable(shown, size * 4 + 16);
    if (good) {
        check_secret(text, shown);
    }
    char little[24];
    size_t room = size % sizeof little;
    memset(little, 'x', sizeof little);
    lev_uri_redact(text, little, room);
    CHECK(room == 0 || strncmp(little, shown, room - 1) == 0);
    CHECK(little[room] == 'x');
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = calloc(size + 1, 1);
    lev_uri uri;
    if (size > 0) {
        memcpy(text, data, size);
    }
    lev_status status = lev_uri_init(&uri, text);
    CHECK(status == LEV_OK || status == LEV_ERR_URI || status == LEV_ERR_UNSUPPORTED);
    CHECK((uri.fault[0] == '\0') == (status == LEV_OK));
    check_printable(uri.fault, sizeof uri.fault);
    if (status == LEV_OK) {
        check_again(&uri);
    }
    check_redacted(text, strlen(text), status == LEV_OK);
    lev_uri_deinit(&uri);
    free(text);
    return 0;
}
