/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret send: bytes to a broker, whatever they are, and what it answers. Nothing of the library
 * but the socket is between: it would refuse to send what this is for. The input is read as a whole
 * before the connection is made, so that a bad record sends nothing. */

#include "command.h"
#include "emit.h"
#include "exits.h"
#include "hex.h"
#include "json_frame.h"
#include "knock.h"
#include "loop.h"
#include "records.h"
#include "say.h"
#include "session.h"
#include "signals.h"
#include "study.h"
#include "target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEND_PIECE = 64 * 1024, SEND_IDLE_MS = 1000 };

typedef struct send_settings {
    settings common;
    bool login;
    bool raw;
    bool hex;
    bool jsonl;
    bool hexdump;
    uint64_t idle_ms;
} send_settings;

/* clang-format off */
#define AT(member) offsetof(send_settings, member)
static const option send_rows[] = {
    {0, "login", NULL, option_flag, AT(login), 0, 0,
     "first log in (PLAIN) and open the virtual host"},
    {0, "raw", NULL, option_flag, AT(raw), 0, 0,
     "the input is the bytes to send"},
    {0, "hex", NULL, option_flag, AT(hex), 0, 0,
     "the input is hex digits; white space does not count"},
    {0, "idle", "S", option_time, AT(idle_ms), 1, INT32_MAX,
     "end when nothing came for S seconds (1)"},
    {0, "hexdump", NULL, option_flag, AT(hexdump), 0, 0,
     "print offsets, bytes, and what each of them means"},
    {0, "jsonl", NULL, option_flag, AT(jsonl), 0, 0,
     "print a JSON object a frame"},
};
/* clang-format on */

static const option_table send_options = OPTION_TABLE("Options", send_rows);

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help send", text);
}

/* ---- the input ----------------------------------------------------------------------------------
 */

static int send_read_objects(buffer *bytes) {
    records in = records_init(STDIN_FILENO, &(record_settings){.lines = true});
    json reader = {.fault = ""};
    lev_span line;
    origin from;
    int rc = EXIT_DONE;
    while (rc == EXIT_DONE && !in.ended) {
        if (!records_fill(&in)) {
            rc = say_and(EXIT_INPUT, "cannot read stdin: %s", strerror(in.fault));
        }
        while (rc == EXIT_DONE && records_next(&in, &line)) {
            if (line.len > 0 && !json_get_item(&reader, line, bytes, &from)) {
                rc = say_and(EXIT_RECORD, "stdin, line %" PRIu64 ": %s", in.number, reader.fault);
            }
        }
    }
    json_deinit(&reader);
    records_deinit(&in);
    return rc;
}

static int send_read_bytes(buffer *bytes, bool hex) {
    uint8_t piece[SEND_PIECE];
    hex_reader digits = {0};
    long n;
    while ((n = study_read(STDIN_FILENO, "stdin", piece, sizeof piece)) > 0) {
        lev_span part = {piece, (size_t)n};
        if (!hex) {
            buffer_put(bytes, part);
        } else if (!hex_reader_put(&digits, part, bytes)) {
            return say_and(EXIT_RECORD, "stdin: no pairs of hex digits");
        }
    }
    if (n == 0 && digits.digits != 0) {
        return say_and(EXIT_RECORD, "stdin: an odd number of hex digits");
    }
    return n == 0 ? EXIT_DONE : EXIT_INPUT;
}

static int send_read(const send_settings *s, buffer *bytes) {
    int rc = s->raw || s->hex ? send_read_bytes(bytes, s->hex) : send_read_objects(bytes);
    return rc == EXIT_DONE && bytes->failed ? say_and(EXIT_INTERNAL, "out of memory") : rc;
}

/* ---- the connection -----------------------------------------------------------------------------
 */

typedef struct sender {
    const send_settings *settings;
    target target;
    lev_uri place; /* of the target, with what options said */
    lev_tls *tls;
    lev_net *net;
    knock knock;
    buffer out;     /* to be sent */
    dissector said; /* by us, for --trace */
    dissector heard;
    printer printer;
    buffer shown;
    trace trace;
    uint64_t since; /* when something came, or went, last */
    bool ended;
} sender;

static int sender_fail(const sender *k, const char *doing, const char *why) {
    return say_and(EXIT_CONNECT, "%s: %s: %s", doing, k->target.uri, why);
}

static int sender_begin(sender *k, const secrets *given) {
    const settings *o = &k->settings->common;
    const char *url = o->urls.count > 0 ? o->urls.items[0] : NULL;
    int rc = target_init(&k->target, o, url, given);
    const lev_uri *u = &k->target.parts;
    if (rc == EXIT_DONE && u->tls) {
        lev_error error;
        k->tls = lev_tls_new(&k->target.options.tls, &error);
        rc = k->tls != NULL ? EXIT_DONE : say_and(EXIT_CONFIG, "%s", error.text);
    }
    if (rc == EXIT_DONE && lev_uri_init(&k->place, k->target.uri) == LEV_OK) {
        uint64_t now = lev_net_now();
        uint64_t limit = o->connect_ms != SETTING_UNSET ? o->connect_ms : LEV_CONNECT_MS;
        uint16_t usual = u->tls ? 5671 : 5672;
        k->net = lev_net_connect(k->place.host, k->place.port != 0 ? k->place.port : usual, now,
                                 now + limit);
    }
    if (rc == EXIT_DONE && k->net == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    if (rc == EXIT_DONE) {
        lev_net_secure(k->net, k->tls);
    }
    return rc;
}

/* Waits for the socket, a signal, or until `due`. */
static void sender_wait(const sender *k, unsigned wants, uint64_t due) {
    unsigned own = 0;
    uint64_t now = lev_net_now();
    struct pollfd fd = {.fd = lev_net_fd(k->net, &own)};
    loop_watch watch = {.input = -1, .output = -1, .more = &fd, .more_count = 1};
    wants |= own;
    fd.events = (short)(((wants & LEV_NET_READ) != 0 ? POLLIN : 0) |
                        ((wants & LEV_NET_WRITE) != 0 ? POLLOUT : 0));
    watch.timeout_ms = lev_net_ready(k->net) || due <= now ? 0
                       : due - now < INT32_MAX             ? (int)(due - now)
                                                           : -1;
    loop_wait(NULL, &watch);
}

static int sender_connect(sender *k) {
    lev_status status = lev_net_step(k->net, lev_net_now());
    while (status == LEV_AGAIN && signals_caught() == 0) {
        sender_wait(k, 0, lev_net_due(k->net));
        status = lev_net_step(k->net, lev_net_now());
    }
    if (status != LEV_OK && status != LEV_AGAIN) {
        return status == LEV_ERR_TLS ? say_and(EXIT_CONFIG, "%s", lev_net_fault(k->net))
                                     : sender_fail(k, "connect", lev_net_fault(k->net));
    }
    if (k->settings->login && !lev_net_is_secure(k->net) && !lev_net_is_local(k->net) &&
        !k->settings->common.plaintext_auth) {
        return say_and(EXIT_CONFIG, "the password would travel unencrypted to another machine; use "
                                    "amqps://, or allow it by --allow-plaintext-auth");
    }
    return EXIT_DONE;
}

/* Shows what was taken apart, and lets the login answer it. Returns an exit code. */
static int sender_show(sender *k, enum side from) {
    dissector *d = from == SIDE_CLIENT ? &k->said : &k->heard;
    bool login = !knock_done(&k->knock);
    origin o = {.from = from};
    item i;
    int rc = EXIT_DONE;
    while (rc == EXIT_DONE && dissector_next(d, &i)) {
        if (k->settings->common.trace) {
            trace_print(&k->trace, from, &i);
        }
        if (from == SIDE_SERVER && login) {
            rc = knock_take(&k->knock, &i, &k->out);
            login = !knock_done(&k->knock);
        } else if (from == SIDE_SERVER) {
            print_item(&k->shown, &k->printer, &i, &o);
        }
    }
    return rc;
}

static int sender_write(sender *k) {
    lev_span rest = buffer_span(&k->out);
    size_t put = 0;
    if (rest.len > 0 && lev_net_write(k->net, &rest, 1, &put) == LEV_OK) {
        if (k->settings->common.trace) {
            dissector_put(&k->said, (lev_span){rest.ptr, put});
            sender_show(k, SIDE_CLIENT);
        }
        buffer_drop(&k->out, put);
        k->since = loop_now();
    }
    return k->out.failed ? say_and(EXIT_INTERNAL, "out of memory") : EXIT_DONE;
}

static int sender_read(sender *k) {
    uint8_t piece[SEND_PIECE];
    size_t got = 0;
    lev_status status = lev_net_read(k->net, piece, sizeof piece, &got);
    if (got > 0) {
        k->since = loop_now();
        dissector_put(&k->heard, (lev_span){piece, got});
    }
    k->ended = status != LEV_OK && status != LEV_AGAIN;
    if (k->ended) {
        dissector_end(&k->heard);
    }
    int rc = sender_show(k, SIDE_SERVER);
    int shown = emit(&k->shown);
    return rc != EXIT_DONE ? rc : shown;
}

/* Until the peer ends it, or has been silent for long enough. */
static int sender_talk(sender *k, const buffer *input) {
    uint64_t idle = k->settings->idle_ms != SETTING_UNSET ? k->settings->idle_ms : SEND_IDLE_MS;
    bool given = false;
    int rc = EXIT_DONE;
    k->since = loop_now();
    while (rc == EXIT_DONE && !k->ended && signals_caught() == 0) {
        bool ready = knock_done(&k->knock);
        if (ready && !given) {
            buffer_put(&k->out, buffer_span(input));
            given = true;
        }
        rc = sender_write(k);
        int left = loop_left(k->since, ready ? idle : LEV_HANDSHAKE_MS);
        if (left == 0) {
            return ready ? rc : sender_fail(k, "log in", "no answer");
        }
        sender_wait(k, LEV_NET_READ | (k->out.len > 0 ? (unsigned)LEV_NET_WRITE : 0u),
                    lev_net_now() + (uint64_t)left);
        rc = rc == EXIT_DONE ? sender_read(k) : rc;
    }
    if (rc == EXIT_DONE && k->ended && !given) {
        return sender_fail(k, "log in", lev_net_fault(k->net));
    }
    if (rc == EXIT_DONE && k->ended && !k->settings->common.quiet) {
        say("%s", lev_net_fault(k->net));
    }
    return rc == EXIT_DONE && signals_caught() != 0 ? EXIT_SIGNAL + signals_caught() : rc;
}

static void sender_deinit(sender *k) {
    lev_net_close(k->net);
    lev_tls_free(k->tls);
    target_deinit(&k->target);
    lev_uri_deinit(&k->place);
    if (k->out.ptr != NULL) {
        explicit_bzero(k->out.ptr, k->out.cap);
    }
    buffer_deinit(&k->out);
    buffer_deinit(&k->shown);
    trace_deinit(&k->trace);
    dissector_deinit(&k->said);
    dissector_deinit(&k->heard);
}

static const char *or_guest(const char *text) { return text != NULL ? text : "guest"; }

static int send_connected(const send_settings *s, const buffer *input) {
    secrets given = {NULL, NULL};
    sender k = {.settings = s};
    k.printer.form = s->jsonl ? PRINT_JSONL : s->hexdump ? PRINT_HEXDUMP : PRINT_TEXT;
    int rc = session_read_secrets(&given, &s->common);
    rc = rc == EXIT_DONE ? sender_begin(&k, &given) : rc;
    signals_defer();
    trace_init(&k.trace, &s->common);
    rc = rc == EXIT_DONE ? sender_connect(&k) : rc;
    if (rc == EXIT_DONE) {
        if (s->login) {
            knock_begin(&k.knock, or_guest(k.target.user), or_guest(k.target.password),
                        k.place.vhost != NULL ? k.place.vhost : "/", &k.out);
        }
        rc = sender_talk(&k, input);
    }
    sender_deinit(&k);
    session_forget_secrets(&given);
    return rc;
}

static int send_run(settings *common) {
    const send_settings *s = (const send_settings *)common;
    buffer input = {0};
    int rc = -1;
    if (s->raw && s->hex) {
        rc = misuse("--raw and --hex exclude each other");
    } else if (s->jsonl && s->hexdump) {
        rc = misuse("--hexdump and --jsonl exclude each other");
    }
    for (size_t i = 0; i < common->arg_count && rc < 0; i++) {
        rc = option_url(NULL, common->args[i], &common->urls);
    }
    if (rc < 0 && common->urls.count > 1) {
        rc = misuse("give one URL");
    }
    rc = rc < 0 ? send_read(s, &input) : rc;
    rc = rc == EXIT_DONE ? send_connected(s, &input) : rc;
    buffer_deinit(&input);
    return rc;
}

static const send_settings send_default = {.common = SETTINGS_DEFAULTS, .idle_ms = SETTING_UNSET};

const command send_command = {
    .name = "send",
    .usage = "[OPTION...] [URL] < FRAMES",
    .summary = "send any frames to a broker, and print what it answers",
    .about =
        "Reads JSON lines as encode does, one frame each, or with --raw or --hex the bytes "
        "themselves, sends them as they are, and prints the frames that come back, until the "
        "broker ends the connection or is silent for --idle. Nothing checks whether it makes "
        "sense: it is for trying what a broker does with what no sane client sends.\n"
        "\n"
        "Without --login the input is all there is: it begins with a protocol header. With "
        "--login the broker has had that, start-ok, tune-ok (its own limits, no heartbeats) and "
        "open; the input goes on from there, with channel.open, say.",
    .examples =
        "echo 414d515000000902 | leveret send --hex amqp://localhost\n"
        "echo '{\"type\":\"method\",\"channel\":1,\"class\":\"channel\",\"method\":\"open\"}' |\n"
        "    leveret send --login amqp://guest:guest@localhost",
    .exits = {{EXIT_DONE, "all was sent; the broker has ended it or is silent"},
              {EXIT_USAGE, NULL},
              {EXIT_RECORD, "a bad input record; its number was printed, and nothing was sent"},
              {EXIT_INPUT, NULL},
              {EXIT_CONNECT, "cannot connect, or lost during --login"},
              {EXIT_INTERNAL, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_PROTOCOL, "with --login: what answers does not speak AMQP 0-9-1"},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED, "stopped by SIGINT or SIGTERM"},
              {EXIT_PIPE, "stdout was closed"}},
    .options = {{&send_options, 0}, {&connection_options, 0}, {&general_options, 0}},
    .size = sizeof(send_settings),
    .defaults = &send_default,
    .run = send_run,
};
