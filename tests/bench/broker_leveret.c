/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret's side of the comparison with a real broker: broker_leveret URL publish|confirm|consume N
 * SIZE. `publish` ends with a passive declare, so that the broker has read everything. */

#include "bench.h"

#include <leveret/leveret.h>

static void fail(const lev_client *c, const char *what) {
    fprintf(stderr, "%s: %s\n", what, lev_client_error(c)->text);
    exit(1);
}

static void publish(lev_client *c, unsigned long count, size_t size, bool confirm) {
    static uint8_t body[1 << 20];
    lev_publication p = {.routing_key = lev_span_of("leveret-bench"), .body = {body, size}};
    lev_queue_declare passive = {.queue = lev_span_of("leveret-bench"), .passive = true};
    if (confirm && lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) != LEV_OK) {
        fail(c, "confirm");
    }
    bench b;
    bench_start(&b);
    for (unsigned long i = 0; i < count; i++) {
        if (lev_client_publish(c, 1, &p, NULL) != LEV_OK) {
            fail(c, "publish");
        }
    }
    if (confirm && lev_client_wait_confirms(c, 1, NULL) != LEV_OK) {
        fail(c, "confirms");
    }
    if (lev_client_queue_declare(c, 1, &passive, NULL) != LEV_OK) {
        fail(c, "declare");
    }
    bench_stop(&b, confirm ? "leveret publish, confirms" : "leveret publish", count);
}

static void consume(lev_client *c, unsigned long count) {
    lev_basic_consume start = {.queue = lev_span_of("leveret-bench"), .no_ack = true};
    lev_event event;
    bench b;
    bench_start(&b);
    if (lev_client_basic_consume(c, 1, &start, NULL) != LEV_OK) {
        fail(c, "consume");
    }
    for (unsigned long i = 0; i < count;) {
        if (lev_client_next(c, &event, 30000) != LEV_OK) {
            fail(c, "next");
        }
        i += event.type == LEV_EVENT_DELIVER;
    }
    bench_stop(&b, "leveret consume", count);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s URL publish|confirm|consume N SIZE\n", argv[0]);
        return 64;
    }
    unsigned long count = strtoul(argv[3], NULL, 10);
    lev_client *c = lev_client_new(&(lev_client_options){.window = 1000});
    lev_queue_declare declare = {.queue = lev_span_of("leveret-bench")};
    if (lev_client_open(c, argv[1]) != LEV_OK ||
        lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) != LEV_OK ||
        lev_client_queue_declare(c, 1, &declare, NULL) != LEV_OK) {
        fail(c, "open");
    }
    if (strcmp(argv[2], "consume") == 0) {
        consume(c, count);
    } else {
        publish(c, count, strtoul(argv[4], NULL, 10), strcmp(argv[2], "confirm") == 0);
    }
    (void)lev_client_close(c);
    lev_client_free(c);
    return 0;
}
