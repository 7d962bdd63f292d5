/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One block holds the pointers and, behind them, the strings that are new. */

#include "environment.h"

#include "exits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const secret[] = {"AMQP_URL", "AMQP_PASSWORD"};

enum { VARIABLES = 9 };

typedef struct variable {
    const char *name;
    lev_span value;
    bool set;
} variable;

static lev_span flag_text(bool v) { return lev_span_of(v ? "true" : "false"); }

/* The variables of a message; of none they have only names. `number` holds the tag. */
static void variables_of(variable *v, const lev_message *m, const char *queue, const char *number) {
    static const lev_message none;
    bool any = m != NULL;
    const lev_message *of = any ? m : &none;
    const lev_properties *p = &of->properties;
    const variable all[VARIABLES] = {
        {"AMQP_EXCHANGE", of->exchange, any},
        {"AMQP_ROUTING_KEY", of->routing_key, any},
        {"AMQP_QUEUE", lev_span_of(queue), any},
        {"AMQP_TAG", lev_span_of(number), any},
        {"AMQP_REDELIVERED", flag_text(of->redelivered), any},
        {"AMQP_CONTENT_TYPE", p->content_type, (p->present & LEV_HAS_CONTENT_TYPE) != 0},
        {"AMQP_MESSAGE_ID", p->message_id, (p->present & LEV_HAS_MESSAGE_ID) != 0},
        {"AMQP_CORRELATION_ID", p->correlation_id, (p->present & LEV_HAS_CORRELATION_ID) != 0},
        {"AMQP_REPLY_TO", p->reply_to, (p->present & LEV_HAS_REPLY_TO) != 0},
    };
    memcpy(v, all, sizeof all);
    for (size_t i = 0; i < VARIABLES; i++) {
        bool whole = v[i].value.len == 0 || memchr(v[i].value.ptr, 0, v[i].value.len) == NULL;
        v[i].set = v[i].set && whole;
    }
}

static bool is_named(const char *entry, const char *name) {
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static bool kept(const char *entry, const variable *v) {
    for (size_t i = 0; i < LEV_COUNTOF(secret); i++) {
        if (is_named(entry, secret[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < VARIABLES; i++) {
        if (is_named(entry, v[i].name)) {
            return false;
        }
    }
    return true;
}

/* Writes NAME=VALUE and returns what follows. */
static char *write_entry(char *to, const variable *v) {
    to += sprintf(to, "%s=", v->name);
    if (v->value.len > 0) {
        memcpy(to, v->value.ptr, v->value.len);
    }
    to[v->value.len] = '\0';
    return to + v->value.len + 1;
}

char **environment_new(char *const *from, const lev_message *m, const char *queue, uint64_t tag) {
    char number[24];
    variable v[VARIABLES];
    size_t count = 0;
    size_t bytes = 0;
    snprintf(number, sizeof number, "%" PRIu64, tag);
    variables_of(v, m, queue, number);
    while (from[count] != NULL) {
        count++;
    }
    for (size_t i = 0; i < VARIABLES; i++) {
        bytes += v[i].set ? strlen(v[i].name) + v[i].value.len + 2 : 0;
    }
    char **list = malloc((count + VARIABLES + 1) * sizeof *list + bytes);
    if (list == NULL) {
        return NULL;
    }
    char *text = (char *)(list + count + VARIABLES + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept(from[i], v)) {
            list[n++] = from[i];
        }
    }
    for (size_t i = 0; i < VARIABLES; i++) {
        if (v[i].set) {
            list[n++] = text;
            text = write_entry(text, &v[i]);
        }
    }
    list[n] = NULL;
    return list;
}
