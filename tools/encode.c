/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret encode: what dump --jsonl prints in, bytes out. */

#include "command.h"
#include "emit.h"
#include "exits.h"
#include "json_frame.h"
#include "records.h"
#include "say.h"
#include "study.h"
#include "value.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef struct encode_settings {
    settings common;
    bool hex;
    bool lines;
    uint64_t stream;
    unsigned from;
    unsigned value;
} encode_settings;

/* clang-format off */
#define AT(member) offsetof(encode_settings, member)
static const option encode_rows[] = {
    {0, "hex", NULL, option_flag, AT(hex), 0, 0,
     "write hex digits instead of bytes"},
    {0, "lines", NULL, option_flag, AT(lines), 0, 0,
     "write hex digits, each stream (by its \"line\") or value on a line of its own"},
    {0, "stream", "N", option_number, AT(stream), 0, INT64_MAX,
     "of objects with \"stream\" only those of stream N"},
    {0, "from", "client|server", option_choice, AT(from), 0, 0,
     "of objects with \"from\" only those of this side"},
    {0, "value", "table|properties", option_choice, AT(value), 0, 0,
     "each object is a bare field table, or a property list"},
};
/* clang-format on */

static const option_table encode_options = OPTION_TABLE("Options", encode_rows);

typedef struct encoder {
    const encode_settings *settings;
    json reader;
    buffer bytes; /* of one object */
    buffer out;
    uint64_t line; /* of the output, where there are several */
    uint64_t read; /* objects */
} encoder;

static bool encode_wanted(const encode_settings *o, const origin *from) {
    enum side only = study_side(o->from);
    return (o->stream == SETTING_UNSET || !from->streamed || from->stream == o->stream) &&
           (only == SIDE_UNKNOWN || from->from == SIDE_UNKNOWN || from->from == only);
}

/* Begins the line of the output that an object belongs to. */
static void encode_line(encoder *e, uint64_t line) {
    line = line > 0 ? line : e->line > 0 ? e->line : 1;
    e->line = e->line > 0 ? e->line : 1;
    for (; e->line < line; e->line++) {
        buffer_byte(&e->out, '\n');
    }
}

/* Takes one line of the input. Returns false with the reader's fault. */
static bool encode_object(encoder *e, lev_span text) {
    const encode_settings *o = e->settings;
    origin from = {.line = 0};
    e->bytes.len = 0;
    if (text.len == 0) {
        return true;
    }
    bool well = o->value != CHOICE_NONE ? value_get(&e->reader, o->value, text, &e->bytes)
                                        : json_get_item(&e->reader, text, &e->bytes, &from);
    if (!well) {
        return false;
    }
    e->read++;
    if (o->lines) {
        encode_line(e, o->value != CHOICE_NONE ? e->read : from.line);
    }
    if (!encode_wanted(o, &from)) {
        return true;
    }
    if (o->hex || o->lines) {
        buffer_hex(&e->out, buffer_span(&e->bytes));
    } else {
        buffer_put(&e->out, buffer_span(&e->bytes));
    }
    return true;
}

static int encode_all(encoder *e, records *in, const char *name) {
    int rc = EXIT_DONE;
    while (rc == EXIT_DONE && !in->ended) {
        lev_span text;
        if (!records_fill(in)) {
            return say_and(EXIT_INPUT, "cannot read %s: %s", name, strerror(in->fault));
        }
        while (rc == EXIT_DONE && records_next(in, &text)) {
            rc = encode_object(e, text) ? emit_some(&e->out)
                                        : say_and(EXIT_RECORD, "%s, line %" PRIu64 ": %s", name,
                                                  in->number, e->reader.fault);
        }
    }
    return rc;
}

static int encode_run(settings *common) {
    const encode_settings *s = (const encode_settings *)common;
    encoder e = {.settings = s};
    const char *name;
    int fd = -1;
    int rc = study_open(common, "encode", &fd, &name);
    if (rc != EXIT_DONE) {
        return rc;
    }
    records in = records_init(fd, &(record_settings){.jsonl = true});
    rc = encode_all(&e, &in, name);
    if ((s->hex && e.read > 0) || e.line > 0) {
        buffer_byte(&e.out, '\n');
    }
    int written = rc == EXIT_PIPE || rc == EXIT_OUTPUT ? EXIT_DONE : emit(&e.out);
    records_deinit(&in);
    json_deinit(&e.reader);
    buffer_deinit(&e.bytes);
    buffer_deinit(&e.out);
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    return rc != EXIT_DONE ? rc : written;
}

static const encode_settings encode_default = {
    .common = SETTINGS_DEFAULTS,
    .stream = SETTING_UNSET,
    .from = CHOICE_NONE,
    .value = CHOICE_NONE,
};

const command encode_command = {
    .name = "encode",
    .usage = "[OPTION...] [FILE]",
    .summary = "read frames as JSON lines and write the bytes",
    .about =
        "The inverse of dump --jsonl: reads a JSON object a line from FILE, or from stdin, and "
        "writes the bytes of its frame. Fields that are absent are zero or empty.\n"
        "\n"
        "An object with \"raw\" stands for exactly those bytes, as hex digits, whatever else it "
        "says: so any malformed frame can be written down.",
    .examples =
        "echo '{\"type\":\"heartbeat\",\"channel\":0}' | leveret encode --hex\n"
        "leveret dump --pcap --jsonl c.pcap | leveret encode --stream 0 --from client > said.bin",
    .exits = {{EXIT_DONE, NULL},
              {EXIT_USAGE, "wrong usage"},
              {EXIT_RECORD, "a bad object, whose line was printed; those before it were written"},
              {EXIT_INPUT, "input that cannot be read"},
              {EXIT_INTERNAL, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_PIPE, "stdout was closed"}},
    .options = {{&encode_options, 0}, {&general_options, 0}},
    .size = sizeof(encode_settings),
    .defaults = &encode_default,
    .run = encode_run,
};
