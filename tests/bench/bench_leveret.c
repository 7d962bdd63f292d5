/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret's side of the comparison. */

#include "bench.h"

#include <leveret/leveret.h>

static void ensure(const lev_client *c, lev_status status, const char *what) {
    if (status != LEV_OK) {
        fprintf(stderr, "leveret: %s: %s\n", what, lev_client_error(c)->text);
        exit(1);
    }
}

static void publish(lev_client *c, bench *b) {
    lev_publication p = {.routing_key = lev_span_of(b->queue), .body = {b->body, b->size}};
    lev_queue_declare passive = {.queue = lev_span_of(b->queue), .passive = true};
    bool confirm = bench_is(b, "confirm");
    p.lend = b->size >= 4096;
    if (confirm) {
        ensure(c, lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), "confirm");
    }
    bench_start(b);
    for (unsigned long i = 0; i < b->count; i++) {
        ensure(c, lev_client_publish(c, 1, &p, NULL), "publish");
    }
    if (confirm) {
        ensure(c, lev_client_wait_confirms(c, 1, NULL), "confirms");
    }
    ensure(c, lev_client_queue_declare(c, 1, &passive, NULL), "passive declare");
    bench_stop(b);
}

static void start(lev_client *c, const bench *b) {
    lev_basic_consume consume = {
        .queue = lev_span_of(b->queue), .consumer_tag = lev_span_of("bench"), .no_ack = true};
    lev_basic_qos qos = {.prefetch_count = BENCH_PREFETCH};
    if (bench_is(b, "ack")) {
        consume.no_ack = false;
        ensure(c, lev_client_basic_qos(c, 1, &qos, NULL), "qos");
    }
    if (bench_is(b, "stream")) {
        ensure(c, lev_engine_consume_stream(lev_client_engine(c), 1, &consume, NULL), "stream");
    } else {
        ensure(c, lev_client_basic_consume(c, 1, &consume, NULL), "consume");
    }
}

static void consume(lev_client *c, bench *b) {
    bool acks = bench_is(b, "ack");
    lev_event event;
    bench_start(b);
    start(c, b);
    for (uint64_t bytes = 0; bytes < (uint64_t)b->size * b->count;) {
        ensure(c, lev_client_next(c, &event, 30000), "next");
        bytes += event.body.len;
        if (acks && bytes % (b->size * BENCH_ACK_EVERY) == 0) {
            ensure(c, lev_client_ack(c, event.message->delivery, true), "ack");
        }
    }
    bench_stop(b);
}

static void pingpong(lev_client *c, bench *b) {
    lev_publication p = {.routing_key = lev_span_of(b->queue), .body = {b->body, b->size}};
    lev_event event;
    bench_start(b);
    start(c, b);
    for (unsigned long i = 0; i < b->count; i++) {
        double then = bench_now(CLOCK_MONOTONIC);
        ensure(c, lev_client_publish(c, 1, &p, NULL), "publish");
        do {
            ensure(c, lev_client_next(c, &event, 30000), "next");
        } while (event.type != LEV_EVENT_DELIVER);
        b->took[i] = bench_now(CLOCK_MONOTONIC) - then;
    }
    bench_stop(b);
}

int main(int argc, char **argv) {
    bench b = bench_init(argc, argv);
    char uri[64];
    lev_client_options options = {.window = BENCH_WINDOW, .tls = {.ca_file = b.ca}};
    snprintf(uri, sizeof uri, b.ca ? "amqps://localhost:%d" : "amqp://127.0.0.1:%d", b.port);
    lev_client *c = lev_client_new(&options);
    lev_queue_declare declare = {.queue = lev_span_of(b.queue)};
    ensure(c, lev_client_open(c, uri), "open");
    ensure(c, lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), "channel");
    ensure(c, lev_client_queue_declare(c, 1, &declare, NULL), "declare");
    if (bench_is(&b, "pingpong")) {
        pingpong(c, &b);
    } else if (bench_is(&b, "publish") || bench_is(&b, "confirm")) {
        publish(c, &b);
    } else {
        consume(c, &b);
    }
    (void)lev_client_close(c);
    lev_client_free(c);
    free(b.body);
    free(b.took);
    return 0;
}
