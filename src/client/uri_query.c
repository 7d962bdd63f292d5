/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The query parameters are a table: name, and the range of its number. Those with an empty range
 * are known (RabbitMQ URI Query Parameters) and not supported: silently ignoring
 * verify=verify_peer, say, would be worse than saying so. An unknown name is an error for the same
 * reason, and so is a name that comes twice, since two readers would pick different ones; only
 * auth_mechanism may.
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
} uri_parameter;

enum { URI_HEARTBEAT, URI_TIMEOUT, URI_CHANNEL_MAX, URI_FRAME_MAX, URI_MECHANISM };

/* clang-format off */
static const uri_parameter uri_parameters[] = {
    [URI_HEARTBEAT]   = {"heartbeat", 0, 65535, "is not a number from 0 to 65535,"},
    [URI_TIMEOUT]     = {"connection_timeout", 1, INT32_MAX, "is not a number from 1 to 2147483647,"},
    [URI_CHANNEL_MAX] = {"channel_max", 1, 65535, "is not a number from 1 to 65535,"},
    [URI_FRAME_MAX]   = {"frame_max", LEV_FRAME_MAX_FLOOR, UINT32_MAX, "is not a number from 8192 to 4294967295,"},
    [URI_MECHANISM]   = {"auth_mechanism", 1, LEV_SASL_ALL, "is not plain, amqplain, external or anonymous,"},
    {"cacertfile", 0, 0, NULL},
    {"certfile", 0, 0, NULL},
    {"keyfile", 0, 0, NULL},
    {"password", 0, 0, NULL},
    {"verify", 0, 0, NULL},
    {"server_name_indication", 0, 0, NULL},
    {"depth", 0, 0, NULL},
    {"fail_if_no_peer_cert", 0, 0, NULL},
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
    } else {
        uri->frame_max = value;
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

static void uri_query_known(lev_uri_parser *p, size_t which, const char *from, const char *value) {
    const uri_parameter *row = &uri_parameters[which];
    size_t len = strlen(row->name);
    uint32_t number = 0;
    if (which == URI_MECHANISM) {
        uri_query_mechanism(p, from, value);
    } else if (row->max == 0) {
        lev_uri_fail_parameter(p, LEV_ERR_UNSUPPORTED, from, len, "is not supported,");
    } else if ((p->seen & 1U << which) != 0) {
        lev_uri_fail_parameter(p, LEV_ERR_URI, from, len, "comes twice, again");
    } else if (!uri_query_number(row, value, &number)) {
        lev_uri_fail_parameter(p, LEV_ERR_URI, from, len, row->fault);
    } else {
        p->seen |= 1U << which;
        uri_query_keep(p->uri, which, number);
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
            uri_query_known(p, which, from, value);
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
