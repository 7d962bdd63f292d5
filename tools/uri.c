/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret uri: the parts of a URI as the library reads them. The library keeps what the query's
 * parameters mean; here they are shown as they were written, so the text is walked a second time,
 * after the library has found it well-formed: each pair has its '=', each '%' two digits. */

#include "command.h"
#include "emit.h"
#include "exits.h"
#include "json_put.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

typedef struct uri_settings {
    settings common;
    bool show_secrets;
} uri_settings;

/* A parameter of the query, decoded. */
typedef struct pair {
    const char *name;
    const char *value;
} pair;

/* clang-format off */
static const option uri_rows[] = {
    {0, "show-secrets", NULL, option_flag, offsetof(uri_settings, show_secrets), 0, 0,
     "print passwords, too, instead of ***"},
};
/* clang-format on */

static const option_table uri_options = OPTION_TABLE("Options", uri_rows);

static void put_text(buffer *b, const char *text) {
    if (text == NULL) {
        buffer_text(b, "null");
    } else {
        json_put_string(b, lev_span_of(text));
    }
}

static void put_secret(buffer *b, const char *secret, bool shown) {
    put_text(b, secret != NULL && !shown ? "***" : secret);
}

static unsigned digit(char c) {
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* Decodes %XX in place. */
static void decode(char *text) {
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '%') {
            *to++ = (char)(digit(at[1]) * 16 + digit(at[2]));
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
}

/* Cuts the query into pairs, in place. Returns how many there are. */
static size_t split(char *query, pair *pairs) {
    size_t count = 0;
    char *rest = query;
    while (*rest != '\0') {
        char *name = strsep(&rest, "&");
        char *value = name;
        strsep(&value, "=");
        decode(name);
        decode(value);
        pairs[count++] = (pair){name, value};
        rest = rest != NULL ? rest : value + strlen(value);
    }
    return count;
}

/* Returns the next pair at or behind `i` of that name, or `count`. */
static size_t next_of(const pair *pairs, size_t count, size_t i, const char *name) {
    while (i < count && strcmp(pairs[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* Writes a parameter: a string, or an array of them where it comes more than once. */
static void put_parameter(buffer *b, const pair *pairs, size_t count, size_t i, bool shown) {
    const char *name = pairs[i].name;
    bool secret = strcmp(name, "password") == 0;
    bool several = next_of(pairs, count, i + 1, name) < count;
    json_put_name(b, name);
    buffer_text(b, several ? "[" : "");
    for (; i < count; i = next_of(pairs, count, i + 1, name)) {
        if (several) {
            json_put_comma(b);
        }
        put_secret(b, pairs[i].value, shown || !secret);
    }
    buffer_text(b, several ? "]" : "");
}

static void put_query(buffer *b, const char *text, bool shown) {
    const char *mark = strchr(text, '?');
    if (mark == NULL) {
        put_text(b, NULL);
        return;
    }
    const char *query = mark + 1;
    size_t size = strlen(query) + 1;
    char *copy = malloc(size);
    pair *pairs = calloc(size, sizeof *pairs);
    buffer_text(b, "{");
    if (copy == NULL || pairs == NULL) {
        b->failed = true;
    } else {
        memcpy(copy, query, size);
        size_t count = split(copy, pairs);
        for (size_t i = 0; i < count; i++) {
            if (next_of(pairs, count, 0, pairs[i].name) == i) {
                put_parameter(b, pairs, count, i, shown);
            }
        }
        explicit_bzero(copy, size);
    }
    buffer_text(b, "}");
    free(copy);
    free(pairs);
}

static void put_uri(buffer *b, const lev_uri *u, const char *text, bool shown) {
    buffer_text(b, "{");
    json_put_name(b, "scheme");
    put_text(b, u->tls ? "amqps" : "amqp");
    json_put_name(b, "host");
    put_text(b, u->host);
    json_put_name(b, "port");
    if (u->port != 0) {
        buffer_decimal(b, u->port);
    } else {
        put_text(b, NULL);
    }
    json_put_name(b, "user");
    put_text(b, u->user);
    json_put_name(b, "password");
    put_secret(b, u->password, shown);
    json_put_name(b, "vhost");
    put_text(b, u->vhost);
    json_put_name(b, "query");
    put_query(b, text, shown);
    buffer_text(b, "}\n");
}

static int uri_show(const char *text, bool shown) {
    lev_uri u;
    buffer out = {0};
    int rc = EXIT_DONE;
    lev_status status = lev_uri_init(&u, text);
    if (status == LEV_OK) {
        put_uri(&out, &u, text, shown);
        rc = emit(&out);
    } else if (status == LEV_ERR_URI) {
        rc = say_and(EXIT_USAGE, "%s; write it as amqp://USER:PASSWORD@HOST:PORT/VHOST", u.fault);
    } else if (status == LEV_ERR_UNSUPPORTED) {
        rc = say_and(EXIT_USAGE, "%s; leave that part out", u.fault);
    } else {
        rc = say_and(EXIT_INTERNAL, "out of memory");
    }
    if (out.ptr != NULL) {
        explicit_bzero(out.ptr, out.cap);
    }
    buffer_deinit(&out);
    lev_uri_deinit(&u);
    return rc;
}

/* The argument goes the way of --url: a copy is kept, and other processes see a redacted one. */
static int uri_run(settings *common) {
    const uri_settings *s = (const uri_settings *)common;
    url_list list = {.count = 0};
    int rc = -1;
    for (size_t i = 0; i < common->arg_count && rc < 0; i++) {
        rc = option_url(NULL, common->args[i], &list);
    }
    if (rc < 0) {
        rc = list.count == 1 ? uri_show(list.items[0], s->show_secrets)
                             : say_and(EXIT_USAGE, "give one URI; see: leveret help uri");
    }
    for (size_t i = 0; i < list.count; i++) {
        explicit_bzero(list.items[i], strlen(list.items[i]));
        free(list.items[i]);
    }
    return rc;
}

static const uri_settings uri_default = {.common = SETTINGS_DEFAULTS};

const command uri_command = {
    .name = "uri",
    .usage = "[OPTION...] URI",
    .summary = "take a URI apart and print its parts as JSON",
    .about = "Prints one JSON object: scheme, host, port, user, password, vhost and query, "
             "percent-decoded. A part that is absent is null, and no default is put in its place; "
             "an absent virtual host, an empty one and %2F are three things. The query is an "
             "object of strings, of an array where a parameter comes more than once. Passwords "
             "are shown as *** unless --show-secrets is given. Nothing is connected.",
    .examples = "leveret uri amqp://user:secret@broker.example/%2F\n"
                "leveret uri 'amqps://broker.example?heartbeat=10' | jq -r .query.heartbeat",
    .exits = {{EXIT_DONE, NULL},
              {EXIT_USAGE, "no URI, and why, or wrong usage"},
              {EXIT_INTERNAL, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_PIPE, "stdout was closed"}},
    .options = {{&uri_options, 0}, {&general_options, 0}},
    .size = sizeof(uri_settings),
    .defaults = &uri_default,
    .run = uri_run,
};
