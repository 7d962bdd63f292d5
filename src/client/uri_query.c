/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The query parameters (RabbitMQ URI Query Parameters) are a table: name, and the range of its
 * number, or the place of its text, or the words it may be. An unknown name is an error, for
 * silently ignoring verify=verify_peer, say, would be worse than saying so; one about TLS is an
 * error with amqp:// for the same reason. So is a name that comes twice, since two readers would
 * pick different ones; only auth_mechanism may. fail_if_no_peer_cert is a server's, checked and of
 * no effect.
 *
 * A value is never quoted in a failure: password= is one of the names. */

#include "secret.h"
#include "uri_parser.h"

#include <leveret/engine.h>
#include <string.h>

typedef struct uri_parameter {
    const char *name;
    uint32_t min;
    uint32_t max;
    const char *fault;
    size_t text; /* where in lev_uri, 0: it is no text */
    const char *words[2];
} uri_parameter;

enum {
    URI_HEARTBEAT,
    URI_TIMEOUT,
    URI_CHANNEL_MAX,
    URI_FRAME_MAX,
    URI_MECHANISM,
    URI_DEPTH, /* from here on about TLS */
    URI_VERIFY
};

/* clang-format off */
static const uri_parameter uri_parameters[] = {
    [URI_HEARTBEAT]   = {"heartbeat", 0, 65535, "is not a number from 0 to 65535,", 0, {0}},
    [URI_TIMEOUT]     = {"connection_timeout", 1, INT32_MAX, "is not a number from 1 to 2147483647,", 0, {0}},
    [URI_CHANNEL_MAX] = {"channel_max", 1, 65535, "is not a number from 1 to 65535,", 0, {0}},
    [URI_FRAME_MAX]   = {"frame_max", LEV_FRAME_MAX_FLOOR, UINT32_MAX, "is not a number from 8192 to 4294967295,", 0, {0}},
    [URI_MECHANISM]   = {"auth_mechanism", 1, LEV_SASL_ALL, "is not plain, amqplain, external or anonymous,", 0, {0}},
    [URI_DEPTH]       = {"depth", 0, 255, "is not a number from 0 to 255,", 0, {0}},
    [URI_VERIFY]      = {"verify", 0, 1, "is neither verify_peer nor verify_none,", 0, {"verify_peer", "verify_none"}},
    {"fail_if_no_peer_cert", 0, 1, "is neither true nor false,", 0, {"false", "true"}},
    {"cacertfile", 0, 0, "is empty,", offsetof(lev_uri, cacertfile), {0}},
    {"certfile", 0, 0, "is empty,", offsetof(lev_uri, certfile), {0}},
    {"keyfile", 0, 0, "is empty,", offsetof(lev_uri, keyfile), {0}},
    {"password", 0, 0, "is empty,", offsetof(lev_uri, key_password), {0}},
    {"server_name_indication", 0, 0, "is empty,", offsetof(lev_uri, server_name), {0}},
};
/* clang-format on */

enum { URI_PARAMETERS = sizeof uri_parameters / sizeof uri_parameters[0] };

static void uri_query_keep(lev_uri *uri, size_t which, uint32_t value) {
    if (which == URI_HEARTBEAT) {
        uri->heartbeat_set = true;
        uri->heartbeat = (uint16_t)value;
    } else if (which == URI_TIMEOUT) {
        uri->connection_timeout = value;
    } else if (which == URI_CHANNEL_MAX) {
        uri->channel_max = (uint16_t)value;
    } else if (which == URI_FRAME_MAX) {
        uri->frame_max = value;
    } else if (which == URI_DEPTH) {
        uri->depth_set = true;
        uri->depth = (uint8_t)value;
    } else if (which == URI_VERIFY) {
        uri->verify_none = value == 1;
    }
}

/* Returns whether `text` is a decimal number in the parameter's range. */
static bool uri_query_number(const uri_parameter *row, const char *text, uint32_t *value) {
    uint64_t n = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 10) {
            return false;
        }
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    *value = (uint32_t)n;
    return len > 0 && n >= row->min && n <= row->max;
}

/* Returns whether `text` is a value of the parameter's: a word or a number. */
static bool uri_query_value(const uri_parameter *row, const char *text, uint32_t *value) {
    if (row->words[0] == NULL) {
        return uri_query_number(row, text, value);
    }
    *value = strcmp(text, row->words[1]) == 0;
    return strcmp(text, row->words[*value]) == 0;
}

/* Gives the value, heap memory, to the URI. */
static void uri_query_text(lev_uri_parser *p, size_t which, const char *from, char **value) {
    const uri_parameter *row = &uri_parameters[which];
    if (**value == '\0') {
        lev_uri_fail_parameter(p, LEV_ERR_URI, from, strlen(row->name), row->fault);
        return;
    }
    memcpy((char *)p->uri + row->text, value, sizeof *value);
    *value = NULL;
}

/* Several mean that each of them will do. */
static void uri_query_mechanism(lev_uri_parser *p, const char *from, const char *value) {
    const uri_parameter *row = &uri_parameters[URI_MECHANISM];
    unsigned mechanism = lev_sasl_named(lev_span_of(value));
    p->uri->mechanisms |= mechanism;
    if (mechanism == 0) {
        lev_uri_fail_parameter(p, LEV_ERR_UNSUPPORTED, from, strlen(row->name), row->fault);
    }
}

static size_t uri_query_find(const char *name) {
    size_t i = 0;
    while (i < URI_PARAMETERS && strcmp(uri_parameters[i].name, name) != 0) {
        i++;
    }
    return i;
}

static void uri_query_known(lev_uri_parser *p, size_t which, const char *from, char **value) {
    const uri_parameter *row = &uri_parameters[which];
    size_t len = strlen(row->name);
    uint32_t number = 0;
    if (which == URI_MECHANISM) {
        uri_query_mechanism(p, from, *value);
    } else if (which >= URI_DEPTH && !p->uri->tls) {
        lev_uri_fail_parameter(p, LEV_ERR_URI, from, len, "needs amqps://,");
    } else if ((p->seen & 1U << which) != 0) {
        lev_uri_fail_parameter(p, LEV_ERR_URI, from, len, "comes twice, again");
    } else if (row->text == 0 && !uri_query_value(row, *value, &number)) {
        lev_uri_fail_parameter(p, LEV_ERR_URI, from, len, row->fault);
    } else {
        p->seen |= 1U << which;
        if (row->text != 0) {
            uri_query_text(p, which, from, value);
        } else {
            uri_query_keep(p->uri, which, number);
        }
    }
}

static void uri_query_pair(lev_uri_parser *p, const char *from, const char *to) {
    const char *equals = memchr(from, '=', (size_t)(to - from));
    if (equals == NULL) {
        lev_uri_fail(p, "a parameter without '='", from);
        return;
    }
    char *name = lev_uri_decode(p, from, equals, ":@/?");
    char *value = lev_uri_decode(p, equals + 1, to, ":@/?");
    if (name != NULL && value != NULL) {
        size_t which = uri_query_find(name);
        if (which == URI_PARAMETERS) {
            size_t len = (size_t)(equals - from);
            lev_uri_fail_parameter(p, LEV_ERR_URI, from, len, "is unknown,");
        } else {
            uri_query_known(p, which, from, &value);
        }
    }
    lev_secret_free(name);
    lev_secret_free(value);
}

void lev_uri_query(lev_uri_parser *p, const char *from, const char *to) {
    while (from < to && p->status == LEV_OK) {
        const char *end = memchr(from, '&', (size_t)(to - from));
        end = end != NULL ? end : to;
        uri_query_pair(p, from, end);
        from = end + (end < to);
    }
}
