/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret dump: bytes in, frames out. Whatever the input is, it ends as pieces of a stream in a
 * dissector, whose items are printed as they become whole: the input may be endless. */

#include "capture.h"
#include "command.h"
#include "emit.h"
#include "exits.h"
#include "hex.h"
#include "records.h"
#include "say.h"
#include "sequence.h"
#include "study.h"
#include "value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DUMP_PIECE = 64 * 1024 };

typedef struct dump_settings {
    settings common;
    bool hex;
    bool lines;
    bool pcap;
    bool hexdump;
    bool jsonl;
    bool sequence;
    unsigned from;
    unsigned value;
} dump_settings;

/* clang-format off */
#define AT(member) offsetof(dump_settings, member)
static const option dump_rows[] = {
    {0, "hex", NULL, option_flag, AT(hex), 0, 0,
     "the input is hex digits; white space does not count"},
    {0, "lines", NULL, option_flag, AT(lines), 0, 0,
     "the input is hex digits, each line a stream, or a value, of its own"},
    {0, "pcap", NULL, option_flag, AT(pcap), 0, 0,
     "the input is a capture, pcap or pcapng: all AMQP streams in it, both directions"},
    {0, "from", "client|server", option_choice, AT(from), 0, 0,
     "the input is what this side says; with --pcap: show only this side"},
    {0, "value", "table|properties", option_choice, AT(value), 0, 0,
     "the input is a bare field table, its length included, or a property list"},
    {0, "hexdump", NULL, option_flag, AT(hexdump), 0, 0,
     "print offsets, bytes, and what each of them means"},
    {0, "jsonl", NULL, option_flag, AT(jsonl), 0, 0,
     "print a JSON object a frame: for encode"},
    {0, "sequence", NULL, option_flag, AT(sequence), 0, 0,
     "print a sequence diagram for Mermaid"},
};
/* clang-format on */

static const option_table dump_options = OPTION_TABLE("Options", dump_rows);

typedef struct dump {
    const dump_settings *settings;
    const char *name; /* of the input */
    printer printer;
    sequence sequence;
    buffer out;
    uint64_t lines; /* of hex digits, that were read whole */
    bool malformed;
    int rc;
} dump;

static void dump_flush(dump *d) {
    if (d->rc == EXIT_DONE) {
        d->rc = emit_some(&d->out);
    }
}

/* Shows an item: a function of type item_taker. */
static void dump_item(void *context, const item *i, const origin *o) {
    dump *d = context;
    enum side only = study_side(d->settings->from);
    if (d->settings->pcap && only != SIDE_UNKNOWN && o->from != only) {
        return;
    }
    d->malformed = d->malformed || i->kind == ITEM_MALFORMED;
    if (d->settings->sequence) {
        sequence_put(&d->sequence, &d->out, i, o);
    } else {
        print_item(&d->out, &d->printer, i, o);
    }
    dump_flush(d);
}

static void dump_items(dump *d, dissector *stream, const origin *o) {
    item i = {.kind = ITEM_BODY};
    while (d->rc == EXIT_DONE && dissector_next(stream, &i)) {
        dump_item(d, &i, o);
    }
}

static void dump_bad_hex(dump *d, uint64_t line) {
    d->rc = say_and(EXIT_RECORD, "%s, line %" PRIu64 ": no pairs of hex digits", d->name, line);
}

/* Adds a piece of the input, which may be hex digits, to the bytes. Returns false at a bad one. */
static bool dump_piece(dump *d, hex_reader *hex, lev_span piece, buffer *bytes) {
    if (!d->settings->hex) {
        buffer_put(bytes, piece);
        return true;
    }
    for (size_t k = 0; k < piece.len; k++) {
        if (!hex_reader_put(hex, (lev_span){piece.ptr + k, 1}, bytes)) {
            dump_bad_hex(d, d->lines + 1);
            return false;
        }
        d->lines += piece.ptr[k] == '\n' ? 1 : 0;
    }
    return true;
}

/* The whole input is one stream, or one value. */
static void dump_stream(dump *d, int fd) {
    bool whole = d->settings->value != CHOICE_NONE;
    origin o = {.from = study_side(d->settings->from)};
    uint8_t piece[DUMP_PIECE];
    dissector stream = {0};
    hex_reader hex = {0};
    buffer bytes = {0};
    long n = 1;
    while (d->rc == EXIT_DONE && (n = study_read(fd, d->name, piece, sizeof piece)) > 0 &&
           dump_piece(d, &hex, (lev_span){piece, (size_t)n}, &bytes)) {
        if (!whole) {
            dissector_put(&stream, buffer_span(&bytes));
            bytes.len = 0;
            dump_items(d, &stream, &o);
        }
    }
    if (n < 0) {
        d->rc = EXIT_INPUT;
    } else if (d->rc == EXIT_DONE && hex.digits != 0) {
        d->rc = say_and(EXIT_RECORD, "%s: an odd number of hex digits", d->name);
    }
    dissector_end(&stream);
    dump_items(d, &stream, &o);
    if (whole && d->rc == EXIT_DONE) {
        d->malformed =
            !value_put(&d->out, d->settings->value, buffer_span(&bytes), &d->printer, &o);
    }
    if (bytes.failed || stream.bytes.failed) {
        d->rc = say_and(EXIT_INTERNAL, "out of memory");
    }
    buffer_deinit(&bytes);
    dissector_deinit(&stream);
}

/* Each line is a stream, or a value. */
static void dump_line(dump *d, lev_span text, uint64_t number) {
    origin o = {.from = study_side(d->settings->from), .line = number};
    hex_reader hex = {0};
    buffer bytes = {0};
    if (!hex_reader_put(&hex, text, &bytes) || hex.digits != 0) {
        dump_bad_hex(d, number);
    } else if (d->settings->value != CHOICE_NONE) {
        d->malformed =
            !value_put(&d->out, d->settings->value, buffer_span(&bytes), &d->printer, &o) ||
            d->malformed;
        dump_flush(d);
    } else {
        dissector stream = {0};
        dissector_put(&stream, buffer_span(&bytes));
        dissector_end(&stream);
        dump_items(d, &stream, &o);
        dissector_deinit(&stream);
    }
    buffer_deinit(&bytes);
}

static void dump_lines(dump *d, int fd) {
    records in = records_init(fd, &(record_settings){.lines = true});
    lev_span line;
    while (d->rc == EXIT_DONE && !in.ended) {
        if (!records_fill(&in)) {
            d->rc = say_and(EXIT_INPUT, "cannot read %s: %s", d->name, strerror(in.fault));
        }
        while (d->rc == EXIT_DONE && records_next(&in, &line)) {
            dump_line(d, line, in.number);
        }
    }
    records_deinit(&in);
}

static void dump_capture(dump *d, int fd) {
    capture c;
    uint8_t piece[DUMP_PIECE];
    long n = 1;
    capture_init(&c, dump_item, d);
    while (d->rc == EXIT_DONE && (n = study_read(fd, d->name, piece, sizeof piece)) > 0 &&
           capture_put(&c, (lev_span){piece, (size_t)n})) {
    }
    if (n < 0) {
        d->rc = EXIT_INPUT;
    }
    if (d->rc == EXIT_DONE) {
        capture_end(&c);
    }
    if (d->rc == EXIT_DONE && c.fault[0] != '\0') {
        d->rc = say_and(EXIT_RECORD, "%s: %s", d->name, c.fault);
    }
    if (d->rc == EXIT_DONE && !d->settings->common.quiet && c.others > 0) {
        say("%s: %" PRIu64 " more TCP streams, which do not speak AMQP 0-9-1", d->name, c.others);
    }
    capture_deinit(&c);
}

static int dump_misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help dump", text);
}

static int dump_check(const dump_settings *s) {
    int forms = (s->hexdump ? 1 : 0) + (s->jsonl ? 1 : 0) + (s->sequence ? 1 : 0);
    if (forms > 1) {
        return dump_misuse("--hexdump, --jsonl and --sequence exclude each other");
    }
    if (s->pcap && (s->hex || s->lines)) {
        return dump_misuse("--pcap goes without --hex and --lines");
    }
    if (s->value != CHOICE_NONE && (s->pcap || s->hexdump || s->sequence)) {
        return dump_misuse("--value goes without --pcap, --hexdump and --sequence");
    }
    return EXIT_DONE;
}

static int dump_run(settings *common) {
    const dump_settings *s = (const dump_settings *)common;
    dump d = {.settings = s, .rc = dump_check(s)};
    int fd = -1;
    d.printer.form = s->jsonl ? PRINT_JSONL : s->hexdump ? PRINT_HEXDUMP : PRINT_TEXT;
    if (d.rc == EXIT_DONE) {
        d.rc = study_open(common, "dump", &fd, &d.name);
    }
    if (d.rc != EXIT_DONE) {
        return d.rc;
    }
    if (s->pcap) {
        dump_capture(&d, fd);
    } else if (s->lines) {
        dump_lines(&d, fd);
    } else {
        dump_stream(&d, fd);
    }
    int written = d.rc == EXIT_PIPE || d.rc == EXIT_OUTPUT ? EXIT_DONE : emit(&d.out);
    buffer_deinit(&d.out);
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    if (d.rc == EXIT_DONE && written == EXIT_DONE && d.malformed) {
        return EXIT_RECORD;
    }
    return d.rc != EXIT_DONE ? d.rc : written;
}

static const dump_settings dump_default = {
    .common = SETTINGS_DEFAULTS,
    .from = CHOICE_NONE,
    .value = CHOICE_NONE,
};

const command dump_command = {
    .name = "dump",
    .usage = "[OPTION...] [FILE]",
    .summary = "read AMQP bytes and print the frames",
    .about =
        "Reads bytes from FILE, or from stdin, and prints what they say: a readable line a frame, "
        "or what the options ask for. Nothing is left out: it shows the bytes that it was given, "
        "passwords included.\n"
        "\n"
        "What is malformed is shown with its offset and the reason, and the stream goes on where "
        "the next frame begins. The exit status is then 65. So is a frame with more than "
        "16,777,216 bytes of payload: each is held in memory whole, and a length that is none is "
        "not to swallow the rest of the stream.\n"
        "\n"
        "With --pcap the TCP streams are put together again, both directions, and each frame "
        "tells its stream, numbered as by Wireshark, and its side. Streams of TLS can't be read.",
    .examples = "leveret dump --hexdump session.bin\n"
                "echo 08 0000 00000000 ce | leveret dump --hex\n"
                "leveret dump --pcap --jsonl capture.pcap\n"
                "leveret dump --jsonl < session.bin | leveret encode > the-same.bin",
    .exits = {{EXIT_DONE, NULL},
              {EXIT_USAGE, "wrong usage"},
              {EXIT_RECORD, "something was malformed, and was shown; or the input was no hex "
                            "digits, or no capture"},
              {EXIT_INPUT, "input that cannot be read"},
              {EXIT_INTERNAL, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_PIPE, "stdout was closed"}},
    .options = {{&dump_options, 0}, {&general_options, 0}},
    .size = sizeof(dump_settings),
    .defaults = &dump_default,
    .run = dump_run,
};
