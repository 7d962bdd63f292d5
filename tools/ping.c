/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret ping: what the broker says of itself when somebody connects, what was agreed on, and how
 * long an answer takes. The call that is timed changes nothing: a prefetch limit for a channel
 * without consumers. */

#include "command.h"
#include "entity.h"
#include "exits.h"
#include "json_put.h"
#include "json_table.h"
#include "loop.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

typedef struct ping_settings {
    settings common;
    uint64_t count;
    bool json;
} ping_settings;

/* What the answers took, in microseconds. */
typedef struct ping {
    buffer properties; /* the broker's: a table */
    buffer mechanisms;
    uint64_t opened_us;
    uint64_t least_us;
    uint64_t most_us;
    uint64_t sum_us;
    lev_tuned tuned;
} ping;

/* clang-format off */
#define AT(member) offsetof(ping_settings, member)
static const option ping_rows[] = {
    {'c', "count", "N", option_number, AT(count), 1, 1000000,
     "time N answers (5)"},
    {0, "json", NULL, option_flag, AT(json), 0, 0,
     "print one JSON object"},
};
/* clang-format on */

static const option_table ping_options = OPTION_TABLE("Options", ping_rows);

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Keeps what the broker says of itself. */
static void ping_watch(void *context, const lev_event *e) {
    ping *p = context;
    if (e->type == LEV_EVENT_START) {
        p->properties.len = p->mechanisms.len = 0;
        buffer_put(&p->properties, e->method->as.connection_start.server_properties);
        buffer_put(&p->mechanisms, e->method->as.connection_start.mechanisms);
    }
}

static int ping_time(ping *p, session *conn, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint64_t start = now_us();
        if (lev_client_basic_qos(conn->client, CHANNEL, &(lev_basic_qos){0}, NULL) != LEV_OK) {
            return session_fail(conn, "ping");
        }
        uint64_t took = now_us() - start;
        p->least_us = i == 0 || took < p->least_us ? took : p->least_us;
        p->most_us = took > p->most_us ? took : p->most_us;
        p->sum_us += took;
    }
    return EXIT_DONE;
}

/* Prints the string property of that name, escaped. */
static void print_property(const ping *p, const char *name) {
    lev_span text;
    uint8_t room[512];
    lev_writer w = lev_writer_init(room, sizeof room);
    if (lev_table_get_string(buffer_span(&p->properties), name, &text)) {
        lev_writer_escaped(&w, text);
        printf("%-13s %.*s\n", name, (int)lev_writer_span(&w).len, (const char *)room);
    }
}

/* Prints the names of the capabilities that the broker has. */
static void print_capabilities(const ping *p) {
    lev_span table;
    lev_span key;
    lev_value value;
    const char *before = "capabilities  ";
    if (!lev_table_get_table(buffer_span(&p->properties), "capabilities", &table)) {
        return;
    }
    lev_table_iter it = lev_table_walk(table);
    while (lev_table_next(&it, &key, &value)) {
        uint8_t room[1024];
        lev_writer w = lev_writer_init(room, sizeof room);
        if (value.type == 't' && value.as.boolean) {
            lev_writer_escaped(&w, key);
            printf("%s%.*s", before, (int)lev_writer_span(&w).len, (const char *)room);
            before = ", ";
        }
    }
    putchar('\n');
}

static void ping_print(const ping *p, const session *conn, uint64_t count) {
    printf("%-13s %s\n", "broker", conn->where);
    print_property(p, "product");
    print_property(p, "version");
    print_property(p, "platform");
    print_property(p, "cluster_name");
    print_capabilities(p);
    printf("%-13s %.*s\n", "mechanisms", (int)p->mechanisms.len, (const char *)p->mechanisms.ptr);
    printf("%-13s channels %u, frames %" PRIu32 " bytes, heartbeat %u s\n", "agreed",
           p->tuned.channel_max, p->tuned.frame_max, p->tuned.heartbeat);
    printf("%-13s %.3f ms\n", "connected in", (double)p->opened_us / 1000);
    printf("%-13s %.3f ms (least %.3f, most %.3f, of %" PRIu64 ")\n", "round trip",
           (double)p->sum_us / 1000 / (double)count, (double)p->least_us / 1000,
           (double)p->most_us / 1000, count);
}

static void put_number(buffer *b, const char *name, uint64_t v) {
    json_put_name(b, name);
    buffer_decimal(b, v);
}

static void ping_print_json(const ping *p, const session *conn, uint64_t count) {
    buffer b = {0};
    buffer_text(&b, "{");
    json_put_name(&b, "broker");
    json_put_string(&b, lev_span_of(conn->where));
    json_put_name(&b, "properties");
    json_put_table(&b, buffer_span(&p->properties));
    json_put_name(&b, "mechanisms");
    json_put_string(&b, buffer_span(&p->mechanisms));
    put_number(&b, "channel_max", p->tuned.channel_max);
    put_number(&b, "frame_max", p->tuned.frame_max);
    put_number(&b, "heartbeat", p->tuned.heartbeat);
    put_number(&b, "connect_us", p->opened_us);
    json_put_name(&b, "round_trip_us");
    buffer_text(&b, "{");
    put_number(&b, "count", count);
    put_number(&b, "min", p->least_us);
    put_number(&b, "mean", p->sum_us / count);
    put_number(&b, "max", p->most_us);
    buffer_text(&b, "}}\n");
    fwrite(b.ptr, 1, b.len, stdout);
    buffer_deinit(&b);
}

static int ping_work(ping *p, session *conn, const ping_settings *s) {
    uint64_t start = now_us();
    int rc = session_connect(conn);
    p->opened_us = now_us() - start;
    if (rc == EXIT_DONE) {
        p->tuned = lev_engine_tuned(lev_client_engine(conn->client));
        rc = ping_time(p, conn, s->count);
    }
    if (rc == EXIT_DONE) {
        (s->json ? ping_print_json : ping_print)(p, conn, s->count);
    }
    return rc;
}

static int ping_run(settings *common) {
    ping p = {.sum_us = 0};
    session conn = {.settings = common, .watch = ping_watch, .watch_context = &p};
    int rc = arguments_end(common, "ping");
    if (rc == EXIT_DONE) {
        common->name = common->name != NULL ? common->name : "leveret ping";
        rc = ping_work(&p, &conn, (const ping_settings *)common);
        session_close(&conn);
    }
    buffer_deinit(&p.properties);
    buffer_deinit(&p.mechanisms);
    return rc;
}

static const ping_settings ping_default = {.common = SETTINGS_DEFAULTS, .count = 5};

const command ping_command = {
    .name = "ping",
    .usage = "[OPTION...]",
    .summary = "see what the broker offers, and how fast it answers",
    .about = "Prints the product and version that the broker names, its capabilities, the limits "
             "that were agreed on, how long it took to connect and log in, and the time from a "
             "call to its answer.",
    .examples = "leveret ping\n"
                "leveret ping -u amqps://user@broker.example --json | jq .round_trip_us.min\n"
                "until leveret ping --quiet >/dev/null 2>&1; do sleep 1; done",
    .exits = {{EXIT_DONE, "it answers"}, EXITS_CONNECTED, {EXIT_OUTPUT, NULL}},
    .options = {{&ping_options, 0}, {&connection_options, 0}, {&general_options, 0}},
    .size = sizeof(ping_settings),
    .defaults = &ping_default,
    .run = ping_run,
};
