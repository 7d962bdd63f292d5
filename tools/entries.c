/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Table entries as values of options. The first separator from the left decides: `:=` before JSON,
 * `=` or a colon and a space before a string. A colon alone counts only where there is none of
 * these, for people who know it so from other tools. */

#include "exits.h"
#include "json_table.h"
#include "options.h"

#include <ctype.h>
#include <string.h>

typedef struct entry {
    lev_span key;
    const char *value;
    bool json;
} entry;

static bool separates(const char *p) {
    return *p == '=' || (*p == ':' && (p[1] == '=' || p[1] == ' '));
}

static bool entry_parse(entry *e, const char *text) {
    const char *p = text;
    while (*p != '\0' && !separates(p)) {
        p++;
    }
    if (*p == '\0') {
        p = strchr(text, ':');
    }
    if (p == NULL || p == text) {
        return false;
    }
    e->key = (lev_span){(const uint8_t *)text, (size_t)(p - text)};
    e->json = p[0] == ':' && p[1] == '=';
    e->value = p + (e->json ? 2 : 1);
    while (*p == ':' && !e->json && isspace((unsigned char)*e->value)) {
        e->value++;
    }
    return true;
}

static void print_string(lev_writer *w, const void *thing) {
    const entry *e = thing;
    lev_value value = {.type = 'S', .as.bytes = lev_span_of(e->value)};
    lev_table_put_span(w, e->key, &value);
}

int option_entry(const option *o, char *value, void *place) {
    buffer *table = place;
    json reader = {0};
    entry e;
    int rc = -1;
    if (!entry_parse(&e, value)) {
        return option_refuse(o, value, "KEY:=JSON, KEY=TEXT or 'KEY: TEXT'");
    }
    if (e.json && !json_table_add(&reader, table, e.key, lev_span_of(e.value))) {
        rc = say_and(EXIT_USAGE, "--%s: \"%s\": %s", o->name, value, reader.fault);
    } else if (!e.json && buffer_print(table, print_string, &e) != LEV_OK) {
        rc = option_refuse(o, value, "an entry whose key has at most 255 bytes");
    }
    json_deinit(&reader);
    return rc;
}
