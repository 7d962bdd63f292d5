/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the parts of the URI parser share. */

#ifndef LEVERET_CLIENT_URI_PARSER_H
#define LEVERET_CLIENT_URI_PARSER_H

#include <leveret/uri.h>

typedef struct lev_uri_parser {
    const lev_allocator *memory;
    lev_uri *uri;
    const char *text;
    lev_status status; /* the first failure; nothing is parsed after it */
    uint32_t seen;     /* query parameters, a bit each */
} lev_uri_parser;

/* Notes a failure, "WHAT at offset N", unless there is one already. */
void lev_uri_fail(lev_uri_parser *p, const char *what, const char *at);

/* The same, about the query parameter that begins at `name`: "parameter NAME WHAT at offset N". The
 * name is left out where it could be part of a password. */
void lev_uri_fail_parameter(lev_uri_parser *p, lev_status status, const char *name, size_t len,
                            const char *what);

/* Returns the percent-decoded part [from, to), heap memory; NULL after a failure. Letters, digits
 * and
 * "-._~!$&'()*+,;=" may stand there as they are, and what is in `extra`. */
char *lev_uri_decode(lev_uri_parser *p, const char *from, const char *to, const char *extra);

/* Parses the parameters in [from, to), behind the '?'. */
void lev_uri_query(lev_uri_parser *p, const char *from, const char *to);

#endif
