/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A walk over an item by the descriptors, in rows: so many bytes, and what they mean. Each row
 * takes its bytes off a cursor, so rows can't overlap, and what is left at the end is a row, too.
 * The walk does not trust what it walks over: where a length or a letter lies, it notes the fault
 * and stops. The same walk without a buffer finds the reason for the decoder's refusal, so that
 * what is printed and what is said can't differ. */

#include "layout.h"

#include <inttypes.h>
#include <leveret/table.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROW_BYTES = 16, ROW_TEXT = 200, QUOTED_MOST = 48 };

typedef struct layout {
    buffer *out; /* NULL: only find the fault */
    lev_reader in;
    uint64_t offset; /* of the next byte in the stream */
    unsigned indent;
    bool redact;
    char where[64]; /* the field being walked over */
    char fault[DISSECT_REASON];
} layout;

static void layout_wrong(layout *l, const char *what) {
    if (l->fault[0] == '\0') {
        snprintf(l->fault, sizeof l->fault, "%s%s%s at offset %" PRIu64, l->where,
                 l->where[0] != '\0' ? ": " : "", what, l->offset);
    }
}

static bool layout_well(const layout *l) { return l->fault[0] == '\0'; }

static void row_line(layout *l, lev_span bytes, uint64_t offset, const char *text) {
    char line[32 + 3 * ROW_BYTES];
    int n = snprintf(line, sizeof line, "%08" PRIx64 " ", offset);
    for (size_t i = 0; i < ROW_BYTES; i++) {
        n += i < bytes.len ? snprintf(line + n, sizeof line - (size_t)n, " %02x", bytes.ptr[i])
                           : snprintf(line + n, sizeof line - (size_t)n, "   ");
    }
    buffer_text(l->out, line);
    for (unsigned i = 0; *text != '\0' && i <= l->indent; i++) {
        buffer_text(l->out, "  ");
    }
    buffer_text(l->out, text);
    while (l->out->len > 0 && l->out->ptr[l->out->len - 1] == ' ') {
        l->out->len--;
    }
    buffer_byte(l->out, '\n');
}

/* Takes `size` bytes, which the caller knows to be there, and prints them with their meaning; of
 * secret ones only that. */
static void row(layout *l, size_t size, bool secret, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void row(layout *l, size_t size, bool secret, const char *format, ...) {
    lev_span bytes = lev_reader_bytes(&l->in, size);
    char text[ROW_TEXT];
    va_list values;
    va_start(values, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    for (size_t at = 0; l->out != NULL && at < bytes.len; at += ROW_BYTES) {
        size_t n = bytes.len - at < ROW_BYTES ? bytes.len - at : ROW_BYTES;
        row_line(l, (lev_span){bytes.ptr + at, secret ? 0 : n}, l->offset + at,
                 at == 0 ? text : "");
        at = secret ? bytes.len : at;
    }
    l->offset += bytes.len;
}

/* Returns an integer of `size` bytes at the front without taking it. */
static uint64_t peek(const layout *l, size_t size) {
    uint64_t v = 0;
    for (size_t i = 0; i < size && i < l->in.left; i++) {
        v = v << 8 | l->in.ptr[i];
    }
    return v;
}

/* Are `size` bytes left? Otherwise what there is becomes a row. */
static bool has(layout *l, uint64_t size, const char *what) {
    if (layout_well(l) && l->in.left >= size) {
        return true;
    }
    layout_wrong(l, what);
    return false;
}

/* Returns bytes in quotes, shortened. */
static const char *quoted(lev_span bytes, char *text, size_t size) {
    lev_span head = {bytes.ptr, bytes.len < QUOTED_MOST ? bytes.len : QUOTED_MOST};
    lev_writer w = lev_writer_init((uint8_t *)text, size - 4);
    lev_writer_quoted(&w, head);
    size_t len = lev_writer_span(&w).len;
    memcpy(text + len, head.len < bytes.len ? "..." : "", head.len < bytes.len ? 4 : 1);
    return text;
}

/* Takes a string behind its length of `width` bytes. */
static void walk_string(layout *l, size_t width, bool secret, const char *name) {
    char text[ROW_TEXT - 40];
    uint64_t size = peek(l, width);
    if (!has(l, width, "a string without its length") ||
        !has(l, width + size, "a string longer than what is left")) {
        return;
    }
    row(l, width, false, "%s: %" PRIu64 " bytes", name, size);
    lev_span bytes = {l->in.ptr, (size_t)size};
    row(l, (size_t)size, secret, "%s", secret ? "***" : quoted(bytes, text, sizeof text));
}

static void walk_entries(layout *l, char kind, unsigned depth);

/* Takes a table or an array behind its length. */
static void walk_nested(layout *l, char kind, unsigned depth, const char *name) {
    uint64_t size = peek(l, 4);
    if (depth > LEV_TABLE_DEPTH_MAX) {
        layout_wrong(l, "a table nests too deep");
    }
    if (!has(l, 4, "a table without its length") ||
        !has(l, 4 + size, "a table longer than what is left")) {
        return;
    }
    row(l, 4, false, "%s: %s of %" PRIu64 " bytes", name, kind == 'F' ? "table" : "array", size);
    lev_reader outer = l->in;
    l->in = lev_reader_carve(&outer, (size_t)size);
    l->indent++;
    walk_entries(l, kind, depth);
    l->indent--;
    if (layout_well(l)) {
        l->in = outer;
    } else {
        l->in.left += outer.left; /* what is left is one row at the end */
    }
}

static size_t value_size(char letter) {
    switch (letter) {
    case 't':
    case 'b':
    case 'B':
        return 1;
    case 's':
    case 'u':
    case 'U':
        return 2;
    case 'I':
    case 'i':
    case 'f':
        return 4;
    case 'D':
        return 5;
    case 'l':
    case 'L':
    case 'd':
    case 'T':
        return 8;
    default:
        return 0;
    }
}

static void walk_scalar(layout *l, char letter) {
    uint8_t text[ROW_TEXT];
    lev_reader r = l->in;
    lev_value value;
    lev_writer w = lev_writer_init(text, sizeof text - 1);
    if (!has(l, value_size(letter), "a value longer than what is left") ||
        !lev_value_decode(&r, letter, &value)) {
        layout_wrong(l, "a value that is none");
        return;
    }
    lev_value_print(&w, &value);
    text[lev_writer_span(&w).len] = '\0';
    row(l, value_size(letter), false, "%s", (char *)text + 1 + (text[1] == ' ' ? 1 : 0));
}

/* Takes a value with its letter. */
static void walk_value(layout *l, unsigned depth) {
    char letter = (char)peek(l, 1);
    if (!has(l, 1, "an entry without its type")) {
        return;
    }
    if (letter == '\0' || strchr("tbBsuUIilLfdDTSxAFV", letter) == NULL) {
        layout_wrong(l, "a type that nobody knows");
        return;
    }
    row(l, 1, false, "type %c", letter);
    if (letter == 'F' || letter == 'A') {
        walk_nested(l, letter, depth + 1, "value");
    } else if (letter == 'S' || letter == 'x') {
        walk_string(l, 4, false, "value");
    } else if (letter != 'V') {
        walk_scalar(l, letter);
    }
}

static void walk_entries(layout *l, char kind, unsigned depth) {
    while (layout_well(l) && l->in.left > 0) {
        if (kind == 'F') {
            walk_string(l, 1, false, "key");
        }
        walk_value(l, depth);
    }
}

static void walk_field(layout *l, const lev_field_desc *field, bool secret) {
    static const size_t sizes[] = {
        [LEV_WIRE_OCTET] = 1,    [LEV_WIRE_SHORT] = 2,     [LEV_WIRE_LONG] = 4,
        [LEV_WIRE_LONGLONG] = 8, [LEV_WIRE_TIMESTAMP] = 8,
    };
    if (field->wire == LEV_WIRE_TABLE) {
        walk_nested(l, 'F', 1, field->name);
    } else if (field->wire == LEV_WIRE_SHORTSTR || field->wire == LEV_WIRE_LONGSTR) {
        walk_string(l, field->wire == LEV_WIRE_SHORTSTR ? 1 : 4, secret, field->name);
    } else if (has(l, sizes[field->wire], "an integer longer than what is left")) {
        row(l, sizes[field->wire], false, "%s=%" PRIu64, field->name, peek(l, sizes[field->wire]));
    }
}

/* Takes an octet of up to eight bits that stand side by side; returns how many there are. */
static size_t walk_bits(layout *l, const lev_field_desc *fields, size_t count) {
    char text[ROW_TEXT] = "";
    size_t n = 0;
    for (size_t len = 0; n < count && n < 8 && fields[n].wire == LEV_WIRE_BIT; n++) {
        bool set = (peek(l, 1) >> n & 1) != 0;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s=%s", n > 0 ? " " : "",
                                fields[n].name, set ? "true" : "false");
    }
    if (has(l, 1, "bits without their octet")) {
        row(l, 1, false, "%s", text);
    }
    return n;
}

static void walk_method(layout *l) {
    uint16_t class_id = (uint16_t)peek(l, 2);
    lev_method_id id = lev_method_lookup(class_id, (uint16_t)peek(l, 4));
    const lev_method_desc *m = lev_method_describe(id);
    if (id == LEV_NO_METHOD) {
        layout_wrong(l, "a method that nobody knows");
        return;
    }
    row(l, 2, false, "class %s", m->class_name);
    row(l, 2, false, "method %s", m->method_name);
    for (size_t i = 0; i < m->field_count && layout_well(l);) {
        const lev_field_desc *field = &m->fields[i];
        snprintf(l->where, sizeof l->where, "%s.%s, %s", m->class_name, m->method_name,
                 field->name);
        if (field->wire == LEV_WIRE_BIT) {
            i += walk_bits(l, field, m->field_count - i);
        } else {
            walk_field(l, field, l->redact && field->secret);
            i++;
        }
    }
    snprintf(l->where, sizeof l->where, "%s.%s", m->class_name, m->method_name);
}

static void walk_properties(layout *l) {
    uint16_t flags = (uint16_t)peek(l, 2);
    if (!has(l, 2, "no flags")) {
        return;
    }
    row(l, 2, false, "flags %04x", flags);
    for (uint16_t more = flags; (more & 1) != 0 && has(l, 2, "no further flags");) {
        more = (uint16_t)peek(l, 2);
        if ((more & 0xFFFE) != 0) {
            layout_wrong(l, "flags that nobody knows");
        }
        row(l, 2, false, "flags %04x", more);
    }
    if ((flags & 2) != 0) {
        layout_wrong(l, "a flag that nobody knows");
    }
    for (size_t i = 0; i < LEV_PROPERTY_COUNT && layout_well(l); i++) {
        const lev_field_desc *field = lev_property_describe(i);
        if ((flags & 0x8000u >> i) != 0) {
            snprintf(l->where, sizeof l->where, "header, %s", field->name);
            walk_field(l, field, false);
        }
    }
}

static void walk_header(layout *l) {
    snprintf(l->where, sizeof l->where, "header");
    if (peek(l, 2) != LEV_CLASS_BASIC) {
        layout_wrong(l, "a class without content");
        return;
    }
    row(l, 2, false, "class basic");
    row(l, 2, false, "weight %" PRIu64, peek(l, 2));
    row(l, 8, false, "body size %" PRIu64, peek(l, 8));
    walk_properties(l);
}

static void walk_payload(layout *l, const item *i) {
    char text[ROW_TEXT - 40];
    if (i->frame.type == LEV_FRAME_METHOD) {
        walk_method(l);
    } else if (i->frame.type == LEV_FRAME_HEADER) {
        walk_header(l);
    } else if (l->in.left > 0) {
        row(l, l->in.left, false, "%s", quoted(i->frame.payload, text, sizeof text));
    }
    if (layout_well(l) && l->in.left > 0) {
        layout_wrong(l, "bytes behind the last field");
    }
}

static void walk_frame(layout *l, const item *i) {
    static const char *const types[] = {
        [LEV_FRAME_METHOD] = "method",
        [LEV_FRAME_HEADER] = "header",
        [LEV_FRAME_BODY] = "body",
        [LEV_FRAME_HEARTBEAT] = "heartbeat",
    };
    row(l, 1, false, "%s frame", types[i->frame.type]);
    row(l, 2, false, "channel %u", i->frame.channel);
    row(l, 4, false, "size %zu", i->frame.payload.len);
    lev_reader outer = l->in;
    l->in = lev_reader_carve(&outer, i->frame.payload.len);
    l->indent++;
    walk_payload(l, i);
    if (l->in.left > 0) {
        row(l, l->in.left, l->redact, "?");
    }
    l->indent--;
    l->in = outer;
    row(l, 1, false, "end");
}

void layout_print(buffer *b, const item *i, bool redact) {
    layout l = {.out = b, .in = lev_reader_init(i->bytes), .offset = i->offset, .redact = redact};
    if (i->kind == ITEM_PROTOCOL_HEADER) {
        row(&l, 4, false, "protocol header");
        row(&l, 4, false, "AMQP %u-%u-%u", i->bytes.ptr[5], i->bytes.ptr[6], i->bytes.ptr[7]);
    } else if (i->kind == ITEM_MALFORMED && i->frame.payload.ptr == NULL) {
        row(&l, i->bytes.len, redact, "malformed: %s", i->reason);
    } else {
        walk_frame(&l, i);
    }
    if (i->kind == ITEM_MALFORMED && i->frame.payload.ptr != NULL) {
        buffer_text(b, "          malformed: ");
        buffer_text(b, i->reason);
        buffer_byte(b, '\n');
    }
}

void layout_fault(item *i, lev_status status) {
    layout l = {.in = lev_reader_init(i->frame.payload), .offset = i->offset + LEV_FRAME_HEAD};
    walk_payload(&l, i);
    snprintf(i->reason, sizeof i->reason, "%s",
             layout_well(&l) ? lev_status_text(status) : l.fault);
}
