/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Rates and times are printed with one decimal, what a message costs with three: the rest is noise.
 */

#include "figures.h"

#include "exits.h"
#include "json_put.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>

/* clang-format off */
static const struct { const char *name; uint32_t millionths; } percentiles[] = {
    {"p50", 500000}, {"p95", 950000}, {"p99", 990000}, {"p999", 999000},
};
/* clang-format on */

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

figures figures_of(const load *l) {
    const load_counts *n = &l->counts;
    uint64_t ms = l->ended > l->began ? l->ended - l->began : 1;
    double seconds = (double)ms / 1000;
    double messages = (double)(n->published + n->consumed);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (figures){
        .published = n->published,
        .consumed = n->consumed,
        .seconds = seconds,
        .publish_rate = (double)n->published / seconds,
        .consume_rate = (double)n->consumed / seconds,
        .publish_mb_s = (double)n->published_bytes / 1e6 / seconds,
        .consume_mb_s = (double)n->consumed_bytes / 1e6 / seconds,
        .cpu_us_per_message = ratio((double)l->cpu_us, messages),
        .cpu_share = (double)l->cpu_us / 1e4 / seconds,
        .syscalls_per_message = ratio((double)l->calls, messages),
        .max_rss_kb = (uint64_t)used.ru_maxrss,
        .latency = &l->latency,
        .confirm = &n->confirm,
    };
}

/* ---- the table ----------------------------------------------------------------------------------
 */

static void table_row(buffer *b, const char *name, uint64_t count, double rate, double mb_s) {
    char line[120];
    snprintf(line, sizeof line, "%-10s %14.0f %14.1f %10.1f\n", name, (double)count, rate, mb_s);
    buffer_text(b, line);
}

static void table_times(buffer *b, const char *name, const histogram *h) {
    char text[32];
    if (h->count == 0) {
        return;
    }
    snprintf(text, sizeof text, "%-10s %10.1f", name, (double)h->min / 1000);
    buffer_text(b, text);
    for (size_t i = 0; i < LEV_COUNTOF(percentiles); i++) {
        snprintf(text, sizeof text, " %10.1f",
                 (double)histogram_at(h, percentiles[i].millionths) / 1000);
        buffer_text(b, text);
    }
    snprintf(text, sizeof text, " %10.1f\n", (double)h->max / 1000);
    buffer_text(b, text);
}

void figures_table(const figures *f, buffer *b) {
    char line[200];
    snprintf(line, sizeof line, "%-10s %14s %14s %10s\n", "", "messages", "a second", "MB/s");
    buffer_text(b, line);
    table_row(b, "published", f->published, f->publish_rate, f->publish_mb_s);
    table_row(b, "received", f->consumed, f->consume_rate, f->consume_mb_s);
    if (f->latency->count + f->confirm->count > 0) {
        snprintf(line, sizeof line, "\n%-10s %10s %10s %10s %10s %10s %10s\n", "us", "min", "p50",
                 "p95", "p99", "p99.9", "max");
        buffer_text(b, line);
        table_times(b, "latency", f->latency);
        table_times(b, "confirm", f->confirm);
    }
    snprintf(line, sizeof line,
             "\nin %.1f s; this program took %.3f us of CPU (%.0f %% of one) and %.3f system calls "
             "a message,\nand %.1f MB of memory\n",
             f->seconds, f->cpu_us_per_message, f->cpu_share, f->syscalls_per_message,
             (double)f->max_rss_kb / 1000);
    buffer_text(b, line);
}

/* ---- JSON ---------------------------------------------------------------------------------------
 */

static void put_count(buffer *b, const char *name, uint64_t v) {
    json_put_name(b, name);
    buffer_decimal(b, v);
}

static void put_number(buffer *b, const char *name, double v, double decimals) {
    json_put_name(b, name);
    json_put_double(b, round(v * decimals) / decimals);
}

static void put_time(buffer *b, const char *name, const histogram *h, uint64_t ns) {
    if (h->count > 0) {
        put_number(b, name, (double)ns / 1000, 10);
    } else {
        json_put_name(b, name);
        buffer_text(b, "null");
    }
}

static void put_times(buffer *b, const char *name, const histogram *h) {
    json_put_name(b, name);
    buffer_text(b, "{");
    put_time(b, "min", h, h->min);
    for (size_t i = 0; i < LEV_COUNTOF(percentiles); i++) {
        put_time(b, percentiles[i].name, h, histogram_at(h, percentiles[i].millionths));
    }
    put_time(b, "max", h, h->max);
    buffer_text(b, "}");
}

void figures_json(const figures *f, buffer *b) {
    buffer_text(b, "{");
    put_count(b, "published", f->published);
    put_count(b, "consumed", f->consumed);
    put_number(b, "seconds", f->seconds, 1000);
    put_number(b, "publish_rate", f->publish_rate, 10);
    put_number(b, "consume_rate", f->consume_rate, 10);
    put_number(b, "publish_mb_s", f->publish_mb_s, 1000);
    put_number(b, "consume_mb_s", f->consume_mb_s, 1000);
    put_number(b, "cpu_us_per_message", f->cpu_us_per_message, 1000);
    put_number(b, "syscalls_per_message", f->syscalls_per_message, 10000);
    put_count(b, "max_rss_kb", f->max_rss_kb);
    put_times(b, "latency_us", f->latency);
    put_times(b, "confirm_us", f->confirm);
    buffer_text(b, "}\n");
}
