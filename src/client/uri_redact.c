/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The redactor works on any text, since what must not be printed is most often a URI that was
 * mistyped. It does not parse; it takes the widest stretch that could be a password: from the first
 * ':' behind the scheme's "//" to the last '@', wherever that is. Without any '@', what follows a
 * ':' is a port if it is a number, and possibly a password otherwise; then all of the rest goes.
 * The value of each password= goes too. Rather too much than too little: the result is for a person
 * to recognise the host. */

#include <leveret/uri.h>

#include <stddef.h>
#include <string.h>
#include <strings.h>

typedef struct redact_out {
    char *at;
    size_t left; /* without the NUL */
} redact_out;

static void redact_put(redact_out *out, const char *text, size_t len) {
    for (size_t i = 0; i < len && out->left > 0; i++) {
        bool printable = text[i] >= 0x20 && text[i] < 0x7f;
        *out->at++ = printable ? text[i] : '?';
        out->left--;
    }
}

/* Returns whether the value of a password= begins at `at`. */
static bool redact_is_value(const char *text, const char *at) {
    static const char name[] = "password=";
    size_t len = sizeof name - 1;
    return (size_t)(at - text) > len &&
           (at[-1 - (ptrdiff_t)len] == '?' || at[-1 - (ptrdiff_t)len] == '&') &&
           strncasecmp(at - len, name, len) == 0;
}

/* Without an '@': returns the ':' behind which a password may stand, or NULL. */
static const char *redact_suspect(const char *authority) {
    if (*authority == '[') {
        authority += strcspn(authority, "]");
    }
    const char *colon = authority + strcspn(authority, ":/?#");
    if (*colon != ':') {
        return NULL;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    return digits <= 5 && strchr("/?#", colon[1 + digits]) != NULL ? NULL : colon;
}

/* Only a scheme of ours counts as one: "me://secret@host" is a user and a password. */
static const char *redact_authority(const char *text) {
    size_t scheme = strncasecmp(text, "amqp:", 5) == 0    ? 5
                    : strncasecmp(text, "amqps:", 6) == 0 ? 6
                                                          : 0;
    text += scheme;
    return scheme > 0 && strncmp(text, "//", 2) == 0 ? text + 2 : text;
}

void lev_uri_redact(const char *text, char *into, size_t size) {
    if (size == 0) {
        return;
    }
    redact_out out = {into, size - 1};
    const char *end = text + strlen(text);
    const char *authority = redact_authority(text);
    const char *last = strrchr(text, '@');
    const char *colon = strchr(authority, ':');
    if (last == NULL) {
        colon = redact_suspect(authority);
        last = end;
    }
    const char *shown = text; /* what lies before it is hidden or done */
    for (const char *at = text; at <= end; at++) {
        bool secret = colon != NULL && at == colon + 1 && at <= last;
        bool value = redact_is_value(text, at);
        if ((secret || value) && at >= shown) {
            redact_put(&out, "***", 3);
        }
        const char *stop = value ? at + strcspn(at, "&") : at;
        stop = secret && last > stop ? last : stop;
        shown = stop > shown ? stop : shown;
        if (at >= shown && at < end) {
            redact_put(&out, at, 1);
        }
    }
    *out.at = '\0';
}
