/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The kinds of values that options have: each a function that reads one. Here are those that
 * several commands use; one that only one command has may stand in that command's file.
 *
 * A URL is copied and what stands in argv is overwritten by its redacted form at once, malformed or
 * not, so that no other process can read a password there. */

#include "exits.h"
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int option_refuse(const option *o, const char *value, const char *wanted) {
    return say_and(EXIT_USAGE, "--%s: \"%s\" is not %s", o->name, value, wanted);
}

int option_flag(const option *o, char *value, void *place) {
    (void)o;
    (void)value;
    *(bool *)place = true;
    return -1;
}

int option_unset(const option *o, char *value, void *place) {
    (void)o;
    (void)value;
    *(bool *)place = false;
    return -1;
}

int option_text(const option *o, char *value, void *place) {
    (void)o;
    *(const char **)place = value;
    return -1;
}

int option_texts(const option *o, char *value, void *place) {
    text_list *list = place;
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    (void)o;
    if (items == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    items[list->count++] = value;
    list->items = items;
    return -1;
}

/* Reads a whole decimal number within the row's range. */
int option_read_number(const option *o, const char *value, uint64_t *into) {
    char wanted[80];
    char *end = NULL;
    errno = 0;
    unsigned long long v = isdigit((unsigned char)*value) ? strtoull(value, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || v < o->min || v > o->max) {
        snprintf(wanted, sizeof wanted, "a number from %" PRIu64 " to %" PRIu64, o->min, o->max);
        return option_refuse(o, value, wanted);
    }
    *into = v;
    return -1;
}

int option_number(const option *o, char *value, void *place) {
    return option_read_number(o, value, place);
}

/* Reads seconds with at most three decimals, without floating point. */
int option_time(const option *o, char *value, void *place) {
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
        return option_refuse(o, value, "a time in seconds, such as 10 or 0.5");
    }
    *(uint64_t *)place = v;
    return -1;
}

int option_choice(const option *o, char *value, void *place) {
    unsigned number = 0;
    size_t length = strlen(value);
    for (const char *p = o->value; *p != '\0'; number++) {
        size_t word = strcspn(p, "|");
        if (word == length && memcmp(p, value, length) == 0) {
            *(unsigned *)place = number;
            return -1;
        }
        p += word + (p[word] == '|' ? 1 : 0);
    }
    return option_refuse(o, value, o->value);
}

int option_url(const option *o, char *value, void *place) {
    url_list *list = place;
    size_t size = strlen(value) + 1;
    char *copy = malloc(size);
    (void)o;
    if (copy == NULL || list->count == SETTINGS_URLS) {
        free(copy);
        return say_and(EXIT_USAGE, "too many URLs; at most %d", (int)SETTINGS_URLS);
    }
    memcpy(copy, value, size);
    memset(value, 0, size);
    lev_uri_redact(copy, value, size);
    list->items[list->count++] = copy;
    return -1;
}

int option_sasl(const option *o, char *value, void *place) {
    unsigned mechanism = lev_sasl_named(lev_span_of(value));
    *(unsigned *)place |= mechanism;
    return mechanism != 0 ? -1 : option_refuse(o, value, "plain, amqplain, external or anonymous");
}

int option_tls(const option *o, char *value, void *place) {
    uint8_t version = strcmp(value, "1.3") == 0 ? LEV_TLS_1_3 : LEV_TLS_1_2;
    *(uint8_t *)place = version;
    return version == LEV_TLS_1_3 || strcmp(value, "1.2") == 0
               ? -1
               : option_refuse(o, value, "1.2 or 1.3");
}

int option_property(const option *o, char *value, void *place) {
    lev_properties *into = place;
    const lev_field_desc *field = lev_property_describe(o->min);
    option range = *o;
    char *member = (char *)into + field->offset;
    uint64_t v = 0;
    int rc = -1;
    range.min = 0;
    if (field->wire == LEV_WIRE_SHORTSTR) {
        lev_span text = lev_span_of(value);
        memcpy(member, &text, sizeof text);
        rc = text.len <= 255 ? -1 : option_refuse(o, value, "a text of at most 255 bytes");
    } else if (field->wire == LEV_WIRE_OCTET) {
        rc = option_read_number(&range, value, &v);
        *(uint8_t *)member = (uint8_t)v;
    } else {
        rc = option_read_number(&range, value, &v);
        memcpy(member, &v, sizeof v);
    }
    into->present = (uint16_t)(into->present | (0x8000u >> o->min));
    return rc;
}
