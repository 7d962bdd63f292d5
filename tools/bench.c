/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret bench: a load, and what it measured. Letters, defaults and definitions are those of
 * RabbitMQ's PerfTest. */

#include "chart.h"
#include "command.h"
#include "emit.h"
#include "exits.h"
#include "figures.h"
#include "stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct bench_settings {
    settings common;
    load_settings load;
    bool json;
    const char *svg;
} bench_settings;

/* Each flag counts: a kind of value of its own. */
static int option_message_flag(const option *o, char *value, void *place) {
    load_settings *s = place;
    if (strcmp(value, "persistent") == 0) {
        s->persistent = true;
    } else if (strcmp(value, "mandatory") == 0) {
        s->mandatory = true;
    } else {
        return option_refuse(o, value, o->value);
    }
    return -1;
}

/* clang-format off */
#define AT(member) offsetof(bench_settings, member)
static const option bench_rows[] = {
    {'h', "url", "URL", option_url, AT(common.urls), 0, 0,
     "amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://; repeatable: tried in order"},
    {'x', "producers", "N", option_number, AT(load.producers), 0, 10000,
     "so many connections that publish (1)"},
    {'y', "consumers", "N", option_number, AT(load.consumers), 0, 10000,
     "so many connections that receive (1)"},
    {'s', "size", "BYTES", option_number, AT(load.size), 0, 128 * 1024 * 1024,
     "size of a body (12, which is also the least: the stamp)"},
    {'u', "queue", "NAME", option_text, AT(load.queue), 0, 0,
     "the queue (each consumer has one of its own, which the broker names)"},
    {'e', "exchange", "NAME", option_text, AT(load.exchange), 0, 0,
     "publish to this exchange (one that is called as its type); '': the default one"},
    {'t', "type", "TYPE", option_text, AT(load.type), 0, 0,
     "its type (direct)"},
    {'k', "routing-key", "KEY", option_text, AT(load.routing_key), 0, 0,
     "publish and bind with this key (a random one; with -e '': the queue)"},
    {'r', "rate", "N/s", option_rate, AT(load.rate), 1, 1000000000,
     "at most N messages a second from each producer, evenly (no limit)"},
    {'c', "confirm", "N", option_number, AT(load.window), 1, 1000000,
     "with confirms, at most N unconfirmed for each producer (no confirms)"},
    {'q', "qos", "N", option_number, AT(load.prefetch), 0, 65535,
     "at most N unacked for each consumer (no limit)"},
    {'A', "multi-ack-every", "N", option_number, AT(load.ack_every), 1, UINT32_MAX,
     "one ack for N messages (1)"},
    {'a', "autoack", NULL, option_flag, AT(load.auto_ack), 0, 0,
     "no acks: the broker forgets what it has sent"},
    {'C', "pmessages", "N", option_number, AT(load.publishes), 1, INT64_MAX,
     "each producer publishes N messages"},
    {'D', "cmessages", "N", option_number, AT(load.receives), 1, INT64_MAX,
     "each consumer receives N messages"},
    {'z', "time", "S", option_time, AT(load.time_ms), 1, INT32_MAX,
     "end after S seconds"},
    {'f', "flag", "persistent|mandatory", option_message_flag, AT(load), 0, 0,
     "persistent messages in a durable queue; mandatory ones; repeatable"},
    {'p', "predeclared", NULL, option_flag, AT(load.predeclared), 0, 0,
     "queue and exchange are there already: declare neither"},
    {0, "auto-delete", "false|true", option_choice, AT(load.auto_delete), 0, 0,
     "whether the queue goes with its last consumer (true)"},
    {0, "use-millis", NULL, option_flag, AT(load.millis), 0, 0,
     "stamp with milliseconds of the time of day: for producers on other machines"},
    {0, "json", NULL, option_flag, AT(json), 0, 0,
     "print one JSON object"},
    {0, "svg", "FILE", option_text, AT(svg), 0, 0,
     "draw the distribution of latencies, and the rates over time"},
};
/* clang-format on */

static const option_table bench_options = OPTION_TABLE("Options", bench_rows);

static int bench_misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help bench", text);
}

static int bench_check(bench_settings *s) {
    load_settings *o = &s->load;
    if (s->common.arg_count > 0) {
        return bench_misuse("bench takes no arguments");
    }
    if (o->producers + o->consumers == 0) {
        return bench_misuse("neither producers nor consumers are left");
    }
    if (o->predeclared && o->queue == NULL && o->consumers > 0) {
        return bench_misuse("which queue is there already? give -u NAME");
    }
    if ((o->queue != NULL && strlen(o->queue) >= LOAD_NAME) ||
        (o->routing_key != NULL && strlen(o->routing_key) >= LOAD_NAME)) {
        return bench_misuse("names and keys have at most 255 bytes");
    }
    o->size = o->size > STAMP_SIZE ? o->size : STAMP_SIZE;
    s->common.window = o->window > 0 ? o->window : 1;
    s->common.name = s->common.name != NULL ? s->common.name : "leveret bench";
    return EXIT_DONE;
}

/* Opens the file before anything is connected, so that nothing is measured in vain. */
static int bench_open(const bench_settings *s, int *fd) {
    *fd = -1;
    if (s->svg != NULL &&
        (*fd = open(s->svg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0) {
        return say_and(EXIT_CREATE, "cannot create %s: %s", s->svg, strerror(errno));
    }
    return EXIT_DONE;
}

static int bench_write(int fd, const char *name, const buffer *b) {
    size_t done = 0;
    while (done < b->len) {
        ssize_t n = write(fd, b->ptr + done, b->len - done);
        if (n < 0 && errno != EINTR) {
            return say_and(EXIT_OUTPUT, "cannot write %s: %s", name, strerror(errno));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return EXIT_DONE;
}

static int bench_report(const bench_settings *s, const load *l, int fd) {
    figures f = figures_of(l);
    buffer out = {0};
    buffer svg = {0};
    (s->json ? figures_json : figures_table)(&f, &out);
    int rc = EXIT_DONE;
    if (fd >= 0) {
        chart_draw(l, &svg);
        rc = bench_write(fd, s->svg, &svg);
    }
    int printed = emit(&out);
    if (out.failed || svg.failed) {
        rc = say_and(EXIT_INTERNAL, "out of memory");
    }
    buffer_deinit(&out);
    buffer_deinit(&svg);
    return rc != EXIT_DONE ? rc : printed;
}

static int bench_run(settings *common) {
    bench_settings *s = (bench_settings *)common;
    load *l = calloc(1, sizeof *l);
    int fd = -1;
    if (l == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    int rc = bench_check(s);
    if (rc == EXIT_DONE) {
        rc = bench_open(s, &fd);
    }
    if (rc == EXIT_DONE) {
        rc = load_run(l, common, &s->load);
        if (l->ended != 0) {
            int told = bench_report(s, l, fd);
            rc = rc != EXIT_DONE ? rc : told;
        }
        load_deinit(l);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(l);
    return rc;
}

static const bench_settings bench_default = {
    .common = SETTINGS_DEFAULTS,
    .load = {.producers = 1, .consumers = 1, .type = "direct", .ack_every = 1, .auto_delete = 1},
};

const command bench_command = {
    .name = "bench",
    .usage = "[OPTION...]",
    .summary = "publish and receive at once, and measure rates and latencies",
    .about =
        "Producers and consumers, each with a connection of its own, run at once until the "
        "counts of -C and -D are reached, -z seconds are over, or a signal comes. On a terminal "
        "a line a second tells how it goes; at the end comes a table. Letters, defaults and "
        "definitions are those of RabbitMQ's PerfTest; the options that all commands share have "
        "no letters here.\n"
        "\n"
        "Rates are messages, and megabytes (10^6) of bodies, by the whole time from the first "
        "subscription to the end of the load. Each body begins with a stamp of 12 bytes: a number "
        "and the time, as PerfTest writes it, so that each can read the other's messages. Latency "
        "is from there to the receipt; confirm is from the publish to the broker's confirm, with "
        "-c. Percentiles are exact to one part in 128, and never too low.\n"
        "\n"
        "What the command itself needs is part of the result: CPU and system calls (to wait, to "
        "read and to write) a message, where a message that was both published and received "
        "counts as two, and the most memory.\n"
        "\n"
        "Without -u each consumer has a queue of its own, bound to the exchange with the routing "
        "key: each gets all messages. With -y 0 and no queue they go nowhere. With -C alone the "
        "end is when all is published, and confirmed; give -D, too, to receive it all.",
    .examples = "leveret bench -z 10\n"
                "leveret bench -u jobs -f persistent -c 100 -q 500 -A 50 -s 1000 -z 30\n"
                "leveret bench -y 0 -u jobs -C 100000 --auto-delete false\n"
                "leveret bench -r 1000 -z 10 --json --svg latency.svg | jq .latency_us.p99",
    .exits = {{EXIT_DONE, "the load ran to its end"},
              {EXIT_FAILED, "the broker refused something, or cancelled a consumer"},
              {EXIT_PARTIAL, "messages were returned or refused; they are counted on stderr"},
              {EXIT_USAGE, NULL},
              {EXIT_INPUT, "a password file that cannot be read"},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_CREATE, "the file of --svg cannot be created"},
              {EXIT_OUTPUT, NULL},
              {EXIT_TEMPORARY, "blocked by the broker, or not confirmed in time"},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED, "stopped by SIGINT or SIGTERM; the result is printed"},
              {EXIT_PIPE, "stdout was closed"}},
    .options = {{&bench_options, 0},
                {&connection_options, 0, .long_only = true},
                {&general_options, 0, .long_only = true}},
    .size = sizeof(bench_settings),
    .defaults = &bench_default,
    .run = bench_run,
};
