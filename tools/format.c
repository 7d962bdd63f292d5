/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* --format is taken apart once, into pieces: a run of plain text, or a letter's function with what
 * it needs. So whatever is wrong with it is told before anything is connected, and writing a record
 * is a walk over the pieces. */

#include "format.h"

#include "escape.h"
#include "exits.h"
#include "json_fields.h"
#include "json_put.h"
#include "json_table.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define AT(member) offsetof(format_settings, member)
static const option format_rows[] = {
    {0, "raw", NULL, option_flag, AT(raw), 0, 0,
     "write bodies without a newline after each"},
    {'0', "null", NULL, option_flag, AT(nul), 0, 0,
     "end each body with a NUL"},
    {'D', "delimiter", "TEXT", option_escaped, AT(delimiter), 0, 0,
     "end each body with TEXT, which may have the escapes \\n \\t \\r \\0 \\\\ \\xNN"},
    {0, "length-prefix", NULL, option_flag, AT(length_prefix), 0, 0,
     "write each body behind its length, 4 bytes, the highest first"},
    {0, "jsonl", NULL, option_flag, AT(jsonl), 0, 0,
     "write each message as a line of JSON, with all properties: for publish --jsonl"},
    {0, "format", "TEXT", option_text, AT(format), 0, 0,
     "write TEXT for each message, with its parts for the letters behind %"},
    {0, "output-dir", "DIR", option_text, AT(directory), 0, 0,
     "write each message into a file of its own in DIR, named 1, 2, 3 and so on"},
};
/* clang-format on */

const option_table format_options = OPTION_TABLE("Output", format_rows);

typedef struct format_piece piece;
typedef void piece_put(buffer *b, const record *r, const piece *p);

struct format_piece {
    piece_put *put;
    lev_span text;               /* plain text, or a header's name */
    const lev_field_desc *field; /* a property's row */
    unsigned flag;
};

static void put_text(buffer *b, const record *r, const piece *p) {
    (void)r;
    buffer_put(b, p->text);
}

static void put_body(buffer *b, const record *r, const piece *p) {
    (void)p;
    buffer_put(b, r->message->body);
}

static void put_size(buffer *b, const record *r, const piece *p) {
    (void)p;
    buffer_decimal(b, r->message->body.len);
}

static void put_exchange(buffer *b, const record *r, const piece *p) {
    (void)p;
    buffer_put(b, r->message->exchange);
}

static void put_key(buffer *b, const record *r, const piece *p) {
    (void)p;
    buffer_put(b, r->message->routing_key);
}

static void put_queue(buffer *b, const record *r, const piece *p) {
    (void)p;
    buffer_put(b, r->queue);
}

static void put_headers(buffer *b, const record *r, const piece *p) {
    (void)p;
    json_put_table(b, r->message->properties.headers);
}

static void put_all(buffer *b, const record *r, const piece *p) {
    (void)p;
    json_put_record(b, r);
}

static void put_delivery_tag(buffer *b, const record *r, const piece *p) {
    (void)p;
    buffer_decimal(b, r->message->delivery.tag);
}

static void put_tag(buffer *b, const record *r, const piece *p) {
    (void)p;
    buffer_decimal(b, r->tag);
}

static void put_redelivered(buffer *b, const record *r, const piece *p) {
    (void)p;
    json_put_boolean(b, r->message->redelivered);
}

static void put_property(buffer *b, const record *r, const piece *p) {
    const lev_properties *all = &r->message->properties;
    if ((all->present & p->flag) == 0) {
        return;
    }
    if (p->field->wire == LEV_WIRE_SHORTSTR) {
        lev_span text;
        memcpy(&text, (const char *)all + p->field->offset, sizeof text);
        buffer_put(b, text);
    } else {
        json_put_field(b, p->field, all);
    }
}

/* Strings and bytes as they are, numbers without their type, the rest as JSON. */
static void put_header(buffer *b, const record *r, const piece *p) {
    lev_table_iter it = lev_table_walk(r->message->properties.headers);
    lev_span key;
    lev_value value;
    while (lev_table_next(&it, &key, &value)) {
        if (lev_span_equal(key, p->text)) {
            json_put_bare(b, &value);
            return;
        }
    }
}

static const struct {
    char letter;
    piece_put *put;
} letters[] = {
    {'s', put_body},  {'S', put_size},         {'e', put_exchange},    {'k', put_key},
    {'q', put_queue}, {'t', put_property},     {'T', put_property},    {'h', put_headers},
    {'j', put_all},   {'d', put_delivery_tag}, {'r', put_redelivered},
};

/* Makes the piece of a property. Returns false where there is none of that name. */
static bool piece_property(piece *p, lev_span name) {
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        const lev_field_desc *field = lev_property_describe(i);
        if (lev_span_equal(name, lev_span_of(field->name))) {
            *p = (piece){.put = put_property, .field = field, .flag = 0x8000u >> i};
            return true;
        }
    }
    return false;
}

/* Reads what stands between the braces of %{...}. `*at` is behind the opening one. */
static bool piece_named(piece *p, const char **at) {
    static const char header[] = "header:";
    const char *end = strchr(*at, '}');
    if (end == NULL) {
        return false;
    }
    lev_span name = {(const uint8_t *)*at, (size_t)(end - *at)};
    *at = end + 1;
    if (name.len >= sizeof header - 1 && memcmp(name.ptr, header, sizeof header - 1) == 0) {
        lev_span key = {name.ptr + sizeof header - 1, name.len - (sizeof header - 1)};
        *p = (piece){.put = put_header, .text = key};
        return true;
    }
    if (lev_span_equal(name, lev_span_of("tag"))) {
        *p = (piece){.put = put_tag};
        return true;
    }
    return piece_property(p, name);
}

/* Reads what stands behind a %, at `*at`. */
static bool piece_lettered(piece *p, const char **at) {
    char letter = **at;
    if (letter == '\0') {
        return false;
    }
    *at += 1;
    if (letter == '{') {
        return piece_named(p, at);
    }
    if (letter == '%') {
        *p = (piece){.put = put_text, .text = lev_span_of("%")};
        return true;
    }
    for (size_t i = 0; i < LEV_COUNTOF(letters); i++) {
        if (letters[i].letter == letter) {
            const char *name = letter == 'T' ? "timestamp" : "content_type";
            *p = (piece){.put = letters[i].put};
            return letters[i].put != put_property || piece_property(p, lev_span_of(name));
        }
    }
    return false;
}

/* Adds a byte of plain text to the piece before, or to a new one. */
static void format_plain(format *f, uint8_t byte) {
    piece *last = f->piece_count > 0 ? &f->pieces[f->piece_count - 1] : NULL;
    f->text[f->text_len] = byte;
    if (last == NULL || last->put != put_text ||
        last->text.ptr + last->text.len != f->text + f->text_len) {
        last = &f->pieces[f->piece_count++];
        *last = (piece){.put = put_text, .text = {f->text + f->text_len, 0}};
    }
    last->text.len++;
    f->text_len++;
}

static int format_compile(format *f, const char *text) {
    f->pieces = calloc(strlen(text) + 1, sizeof *f->pieces);
    f->text = malloc(strlen(text) + 1);
    if (f->pieces == NULL || f->text == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    for (const char *at = text; *at != '\0';) {
        const char *from = at;
        uint8_t byte;
        if (*at == '%') {
            at++;
            if (!piece_lettered(&f->pieces[f->piece_count++], &at)) {
                return say_and(EXIT_USAGE,
                               "--format: \"%.20s\": behind %% stands one of s S e k q t T h j d r "
                               "%%, {PROPERTY}, {header:NAME} or {tag}",
                               from);
            }
        } else if (escape_next(&at, &byte)) {
            format_plain(f, byte);
        } else {
            return say_and(EXIT_USAGE,
                           "--format: \"%.20s\": the escapes are \\n \\t \\r \\0 \\\\ \\xNN", from);
        }
    }
    return EXIT_DONE;
}

static int format_ways(const format_settings *o) {
    return (o->raw ? 1 : 0) + (o->nul ? 1 : 0) + (o->delimiter.len > 0 ? 1 : 0) +
           (o->length_prefix ? 1 : 0) + (o->jsonl ? 1 : 0) + (o->format != NULL ? 1 : 0);
}

/* What follows each body. */
static lev_span format_end(const format_settings *o) {
    bool bare = o->raw || o->length_prefix || o->directory != NULL;
    lev_span newline = {(const uint8_t *)"\n", bare ? 0 : 1};
    lev_span nul = {(const uint8_t *)"", 1};
    return o->delimiter.len > 0 ? o->delimiter : o->nul ? nul : newline;
}

int format_init(format *f, const format_settings *o) {
    *f = (format){.jsonl = o->jsonl, .prefixed = o->length_prefix, .end = format_end(o)};
    if (format_ways(o) > 1) {
        return say_and(EXIT_USAGE, "--raw, -0, -D, --length-prefix, --jsonl and --format exclude "
                                   "each other");
    }
    return o->format != NULL ? format_compile(f, o->format) : EXIT_DONE;
}

void format_deinit(format *f) {
    free(f->text);
    free(f->pieces);
    *f = (format){0};
}

static void put_length(buffer *b, size_t len) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        buffer_byte(b, (uint8_t)(len >> shift));
    }
}

void format_put(const format *f, buffer *b, const record *r) {
    if (f->jsonl) {
        json_put_record(b, r);
        buffer_byte(b, '\n');
        return;
    }
    if (f->pieces != NULL) {
        for (size_t i = 0; i < f->piece_count; i++) {
            f->pieces[i].put(b, r, &f->pieces[i]);
        }
        return;
    }
    if (f->prefixed) {
        put_length(b, r->message->body.len);
    }
    buffer_put(b, r->message->body);
    buffer_put(b, f->end);
}
