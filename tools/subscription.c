/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* An offset has a type of its own for each of its forms; RabbitMQ tells them apart by it. */

#include "subscription.h"

#include "exits.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int option_priority(const option *o, char *value, void *place) {
    subscription_settings *s = place;
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || v < INT32_MIN || v > INT32_MAX) {
        return option_refuse(o, value, "a whole number");
    }
    s->priority = v;
    s->prioritized = true;
    return -1;
}

/* Reads a date, or a date and a time, of UTC. */
static bool read_moment(const char *text, uint64_t *seconds) {
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S",
                                        "%Y-%m-%d %H:%M:%S",  "%Y-%m-%dT%H:%MZ",
                                        "%Y-%m-%dT%H:%M",     "%Y-%m-%d"};
    for (size_t i = 0; i < LEV_COUNTOF(forms); i++) {
        struct tm tm = {.tm_isdst = 0};
        const char *end = strptime(text, forms[i], &tm);
        if (end != NULL && *end == '\0') {
            *seconds = (uint64_t)timegm(&tm);
            return true;
        }
    }
    return false;
}

/* Is it a number and a unit, as 12h? */
static bool is_interval(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && strlen(text) == digits + 1 && strchr("YMDhms", text[digits]) != NULL;
}

static int option_offset(const option *o, char *value, void *place) {
    lev_value *v = place;
    option range = {.name = o->name, .max = INT64_MAX};
    uint64_t number = 0;
    if (strcmp(value, "first") == 0 || strcmp(value, "last") == 0 || strcmp(value, "next") == 0 ||
        is_interval(value)) {
        *v = (lev_value){.type = 'S', .as.bytes = lev_span_of(value)};
        return -1;
    }
    if (read_moment(value, &number)) {
        *v = (lev_value){.type = 'T', .as.u = number};
        return -1;
    }
    bool seconds = value[0] == '@';
    if (!isdigit((unsigned char)value[seconds ? 1 : 0])) {
        return option_refuse(o, value,
                             "first, last, next, a number, an interval such as 12h, @SECONDS since "
                             "1970, or a time such as 2026-11-23T20:00:00Z");
    }
    int rc = option_read_number(&range, value + (seconds ? 1 : 0), &number);
    *v = seconds ? (lev_value){.type = 'T', .as.u = number}
                 : (lev_value){.type = 'l', .as.i = (int64_t)number};
    return rc;
}

/* clang-format off */
#define AT(member) offsetof(subscription_settings, member)
static const option subscription_rows[] = {
    {0, "priority", "N", option_priority, 0, 0, 0,
     "others get messages only while consumers of higher priority are busy (0)"},
    {0, "offset", "WHERE", option_offset, AT(offset), 0, 0,
     "where to begin in a stream: first, last, next, a number, 12h, a time or @SECONDS (next)"},
    {0, "arg", "KEY:=JSON", option_entry, AT(arguments), 0, 0,
     "an argument of the subscription, such as x-stream-filter=eu; repeatable"},
};
/* clang-format on */

const option_table subscription_options = OPTION_TABLE("Subscription", subscription_rows);

static void print_priority(lev_writer *w, const void *thing) {
    const subscription_settings *o = thing;
    lev_value v = {.type = 'I', .as.i = o->priority};
    lev_table_put(w, "x-priority", &v);
}

static void print_offset(lev_writer *w, const void *thing) {
    const subscription_settings *o = thing;
    lev_table_put(w, "x-stream-offset", &o->offset);
}

bool subscription_complete(subscription_settings *o) {
    return (!o->prioritized || buffer_print(&o->arguments, print_priority, o) == LEV_OK) &&
           (o->offset.type == 0 || buffer_print(&o->arguments, print_offset, o) == LEV_OK);
}
