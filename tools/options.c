/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* An option is a row; a command has its own rows and the shared ones. Parsing looks a row up by
 * letter or name and stores the value where the row says, so no command has parsing code of its
 * own, and help is a walk over the same rows. Everything here happens before anything is connected.
 *
 * A URL is copied and what stands in argv is overwritten by its redacted form at once, malformed or
 * not, so that no other process can read a password there. */

#include "options.h"

#include "exits.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
const option options_shared[] = {
    {'u', "url", "URL", OPTION_URL, 0, 0, 0,
     "amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://; repeatable: tried in order"},
    {'s', "host", "HOST", OPTION_TEXT, offsetof(settings, host), 0, 0,
     "the broker's host (localhost)"},
    {0, "port", "PORT", OPTION_NUMBER, offsetof(settings, port), 1, 65535,
     "its port (5672, with amqps:// 5671)"},
    {0, "vhost", "NAME", OPTION_TEXT, offsetof(settings, vhost), 0, 0,
     "virtual host (/)"},
    {0, "user", "NAME", OPTION_TEXT, offsetof(settings, user), 0, 0,
     "user (guest)"},
    {0, "password-file", "FILE", OPTION_TEXT, offsetof(settings, password_file), 0, 0,
     "the first line of FILE is the password; -: of stdin"},
    {0, "sasl", "NAME", OPTION_SASL, offsetof(settings, mechanisms), 0, 0,
     "plain, amqplain, external or anonymous; repeatable (plain, amqplain)"},
    {0, "allow-plaintext-auth", NULL, OPTION_FLAG, offsetof(settings, plaintext_auth), 0, 0,
     "let the password travel unencrypted to another machine"},
    {0, "cacert", "FILE", OPTION_TEXT, offsetof(settings, tls.ca_file), 0, 0,
     "with amqps://: PEM file of the CAs to trust, or their folder (the system's)"},
    {0, "cert", "FILE", OPTION_TEXT, offsetof(settings, tls.cert_file), 0, 0,
     "client certificate, PEM"},
    {0, "key", "FILE", OPTION_TEXT, offsetof(settings, tls.key_file), 0, 0,
     "its key, PEM (in the certificate's file)"},
    {0, "key-password-file", "FILE", OPTION_TEXT, offsetof(settings, key_password_file), 0, 0,
     "the first line of FILE opens an encrypted key; -: of stdin"},
    {0, "sni", "NAME", OPTION_TEXT, offsetof(settings, tls.server_name), 0, 0,
     "the name to expect in the broker's certificate (its host's)"},
    {0, "tls-min", "VERSION", OPTION_TLS, offsetof(settings, tls.version_min), 0, 0,
     "1.2 or 1.3 (1.2)"},
    {0, "keylog", "FILE", OPTION_TEXT, offsetof(settings, tls.keylog_file), 0, 0,
     "append each session's keys, with which the traffic can be read, to FILE"},
    {0, "insecure", NULL, OPTION_FLAG, offsetof(settings, tls.insecure), 0, 0,
     "accept any certificate: what is sent can be read on the way"},
    {0, "heartbeat", "S", OPTION_NUMBER, offsetof(settings, heartbeat), 0, 65535,
     "seconds between heartbeats (30); 0: offer none"},
    {0, "connect-timeout", "S", OPTION_TIME, offsetof(settings, connect_ms), 1, INT32_MAX,
     "longest time to reach a host (10)"},
    {0, "timeout", "S", OPTION_TIME, offsetof(settings, timeout_ms), 1, INT32_MAX,
     "longest wait for an answer (10), or without progress while blocked or unconfirmed (30)"},
    {0, "name", "NAME", OPTION_TEXT, offsetof(settings, name), 0, 0,
     "connection name shown by the broker"},
    {'v', "verbose", NULL, OPTION_FLAG, offsetof(settings, verbose), 0, 0,
     "say on stderr what happens"},
    {0, "quiet", NULL, OPTION_FLAG, offsetof(settings, quiet), 0, 0,
     "only say on stderr what went wrong at the end"},
    {0, "help", NULL, OPTION_HELP, 0, 0, 0,
     "print this and exit"},
};
/* clang-format on */
const size_t options_shared_count = LEV_COUNTOF(options_shared);

static const settings settings_defaults = {
    .port = SETTING_UNSET,
    .heartbeat = SETTING_UNSET,
    .connect_ms = SETTING_UNSET,
    .timeout_ms = SETTING_UNSET,
    .window = 1000,
    .count = SETTING_UNSET,
    .idle_ms = SETTING_UNSET,
    .prefetch = SETTING_UNSET,
};

/* Where parsing stands. */
typedef struct parser {
    const command *command;
    settings *into;
    char **next; /* the arguments that are left, up to a NULL */
} parser;

static const option *option_at(const command *c, size_t i) {
    if (i < c->option_count) {
        return &c->options[i];
    }
    i -= c->option_count;
    return i < options_shared_count ? &options_shared[i] : NULL;
}

static const option *option_lettered(const command *c, char letter) {
    const option *o;
    for (size_t i = 0; (o = option_at(c, i)) != NULL && o->letter != letter; i++) {
    }
    return o;
}

static const option *option_named(const command *c, const char *name, size_t length) {
    const option *o;
    for (size_t i = 0; (o = option_at(c, i)) != NULL; i++) {
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) {
            return o;
        }
    }
    return NULL;
}

static int bad_value(const option *o, const char *value, const char *wanted) {
    return say_and(EXIT_USAGE, "--%s: \"%s\" is not %s", o->name, value, wanted);
}

/* Reads a whole decimal number within the row's range. */
static int store_number(const option *o, const char *value, uint64_t *into) {
    char wanted[80];
    char *end = NULL;
    errno = 0;
    unsigned long long v = isdigit((unsigned char)*value) ? strtoull(value, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || v < o->min || v > o->max) {
        snprintf(wanted, sizeof wanted, "a number from %" PRIu64 " to %" PRIu64, o->min, o->max);
        return bad_value(o, value, wanted);
    }
    *into = v;
    return -1;
}

/* Reads seconds with at most three decimals, without floating point. */
static int store_time(const option *o, const char *value, uint64_t *into) {
    uint64_t whole = 0;
    uint64_t part = 0;
    uint64_t scale = 1000;
    const char *p = value;
    for (; isdigit((unsigned char)*p) && whole <= o->max; p++) {
        whole = whole * 10 + (uint64_t)(*p - '0');
    }
    if (p > value && *p == '.') {
        for (p++; isdigit((unsigned char)*p) && scale > 1; p++) {
            scale /= 10;
            part += (uint64_t)(*p - '0') * scale;
        }
    }
    uint64_t v = whole * 1000 + part;
    if (p == value || *p != '\0' || v < o->min || v > o->max) {
        return bad_value(o, value, "a time in seconds, such as 10 or 0.5");
    }
    *into = v;
    return -1;
}

static int store_url(char *value, settings *s) {
    size_t size = strlen(value) + 1;
    char *copy = malloc(size);
    if (copy == NULL || s->url_count == SETTINGS_URLS) {
        free(copy);
        return say_and(EXIT_USAGE, "too many URLs; at most %d", (int)SETTINGS_URLS);
    }
    memcpy(copy, value, size);
    memset(value, 0, size);
    lev_uri_redact(copy, value, size);
    s->urls[s->url_count++] = copy;
    return -1;
}

static int store_sasl(const option *o, const char *value, unsigned *into) {
    unsigned mechanism = lev_sasl_named(lev_span_of(value));
    *into |= mechanism;
    return mechanism != 0 ? -1 : bad_value(o, value, "plain, amqplain, external or anonymous");
}

static int store_tls(const option *o, const char *value, uint8_t *into) {
    *into = strcmp(value, "1.3") == 0 ? LEV_TLS_1_3 : LEV_TLS_1_2;
    return *into == LEV_TLS_1_3 || strcmp(value, "1.2") == 0 ? -1
                                                             : bad_value(o, value, "1.2 or 1.3");
}

static int store_property(const option *o, const char *value, lev_properties *into) {
    const lev_field_desc *field = lev_property_describe(o->at);
    char *member = (char *)into + field->offset;
    uint64_t v = 0;
    int rc = -1;
    if (field->wire == LEV_WIRE_SHORTSTR) {
        lev_span text = lev_span_of(value);
        memcpy(member, &text, sizeof text);
        rc = text.len <= 255 ? -1 : bad_value(o, value, "a text of at most 255 bytes");
    } else if (field->wire == LEV_WIRE_OCTET) {
        rc = store_number(o, value, &v);
        *(uint8_t *)member = (uint8_t)v;
    } else {
        rc = store_number(o, value, &v);
        memcpy(member, &v, sizeof v);
    }
    into->present = (uint16_t)(into->present | (0x8000u >> o->at));
    return rc;
}

static int option_store(parser *p, const option *o, char *value) {
    char *place = (char *)p->into + o->at;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return -1;
    case OPTION_TEXT:
        memcpy(place, &value, sizeof value);
        return -1;
    case OPTION_NUMBER:
        return store_number(o, value, (uint64_t *)(void *)place);
    case OPTION_TIME:
        return store_time(o, value, (uint64_t *)(void *)place);
    case OPTION_URL:
        return store_url(value, p->into);
    case OPTION_TLS:
        return store_tls(o, value, (uint8_t *)place);
    case OPTION_SASL:
        return store_sasl(o, value, (unsigned *)(void *)place);
    case OPTION_PROPERTY:
        return store_property(o, value, &p->into->properties);
    case OPTION_HELP:
        break;
    }
    options_help(p->command);
    return EXIT_DONE;
}

static int unknown_option(const parser *p, const char *what) {
    return say_and(EXIT_USAGE, "unknown option %s; see: leveret help %s", what, p->command->name);
}

/* Stores an option whose value is attached, follows as the next argument, or is not wanted. */
static int option_take(parser *p, const option *o, char *attached) {
    static char none[] = "";
    if (o->value != NULL && attached == NULL) {
        attached = *p->next;
        if (attached == NULL) {
            return say_and(EXIT_USAGE, "--%s needs a value: %s", o->name, o->value);
        }
        p->next++;
    }
    return option_store(p, o, attached != NULL ? attached : none);
}

static int parse_long(parser *p, char *text) {
    size_t length = strcspn(text, "=");
    const option *o = option_named(p->command, text, length);
    char *attached = text[length] == '=' ? text + length + 1 : NULL;
    if (o == NULL) {
        char name[64];
        snprintf(name, sizeof name, "--%.*s", (int)(length < 60 ? length : 60), text);
        return unknown_option(p, name);
    }
    if (o->value == NULL && attached != NULL) {
        return say_and(EXIT_USAGE, "--%s takes no value", o->name);
    }
    return option_take(p, o, attached);
}

static int parse_letters(parser *p, char *text) {
    for (; *text != '\0'; text++) {
        const option *o = option_lettered(p->command, *text);
        char name[] = {'-', *text, '\0'};
        int rc;
        if (o == NULL) {
            return unknown_option(p, name);
        }
        if (o->value != NULL) {
            return option_take(p, o, text[1] != '\0' ? text + 1 : NULL);
        }
        rc = option_take(p, o, NULL);
        if (rc >= 0) {
            return rc;
        }
    }
    return -1;
}

int options_parse(const command *c, char **argv, settings *s) {
    parser p = {.command = c, .into = s, .next = argv};
    bool ended = false;
    int rc = -1;
    *s = settings_defaults;
    s->args = argv; /* what is no option moves to the front of the same array */
    while (rc < 0 && *p.next != NULL) {
        char *text = *p.next++;
        if (ended || text[0] != '-' || text[1] == '\0') {
            s->args[s->arg_count++] = text;
        } else if (strcmp(text, "--") == 0) {
            ended = true;
        } else {
            rc = text[1] == '-' ? parse_long(&p, text + 2) : parse_letters(&p, text + 1);
        }
    }
    return rc;
}

void options_forget(settings *s) {
    for (size_t i = 0; i < s->url_count; i++) {
        explicit_bzero(s->urls[i], strlen(s->urls[i]));
        free(s->urls[i]);
    }
    s->url_count = 0;
}

static void help_row(const option *o) {
    char left[48];
    char letter[] = {'-', o->letter, ',', ' ', '\0'};
    snprintf(left, sizeof left, "%s--%s%s%s", o->letter != 0 ? letter : "    ", o->name,
             o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    printf("  %-29s %s\n", left, o->help);
}

void options_help(const command *c) {
    const option *o;
    printf("leveret %s: %s\n\n  leveret %s %s\n\nOptions:\n", c->name, c->summary, c->name,
           c->usage);
    for (size_t i = 0; (o = option_at(c, i)) != NULL; i++) {
        if (i == c->option_count) {
            printf("\nConnection:\n");
        }
        help_row(o);
    }
    printf("\n%s", c->notes);
}
