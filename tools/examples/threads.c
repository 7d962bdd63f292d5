/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishes MESSAGES from each of THREADS threads through one client, and prints how they ended and
 * how fast: threads [THREADS [MESSAGES]], 8 and 10,000. They go to the queue "threads". */

#include <leveret/leveret.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static lev_outbox *outbox;
static atomic_int running;
static long each = 10000;
static long ended[5]; /* by outcome; the hook runs in one thread only */

static void hear(void *context, void *tag, lev_outcome outcome, lev_status status) {
    (void)context, (void)tag, (void)status;
    ended[outcome]++;
}

/* One of many threads: knows the outbox and nothing of the client. */
static void *publish(void *arg) {
    lev_status status = LEV_OK;
    for (long i = 0; i < each && status == LEV_OK; i++) {
        char text[64];
        snprintf(text, sizeof text, "message %ld", i);
        lev_publication p = {.routing_key = lev_span_of("threads"), .body = lev_span_of(text)};
        status = lev_outbox_put(outbox, &p, arg, LEV_FOREVER);
    }
    if (atomic_fetch_sub(&running, 1) == 1) { /* the last one */
        lev_outbox_close(outbox);
    }
    return NULL;
}

/* Starts the threads, and is the client's own one until all has ended. */
static bool run(int count) {
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    running = count;
    for (int i = 0; i < count; i++) {
        if (threads == NULL || pthread_create(&threads[i], NULL, publish, NULL) != 0) {
            exit(1);
        }
    }
    bool ok = lev_outbox_run(outbox) == LEV_OK;
    lev_outbox_close(outbox); /* where that failed: nobody must wait for room any more */
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    free(threads);
    return ok;
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 8;
    each = argc > 2 ? atol(argv[2]) : each;
    lev_client *c =
        lev_client_new(&(lev_client_options){.recovery = {.on = true, .retransmit = true}});
    lev_span queue = lev_span_of("threads");
    outbox = lev_outbox_new(c, 1, &(lev_outbox_options){.hook = hear});
    bool ok = outbox != NULL && lev_client_open(c, getenv("AMQP_URL")) == LEV_OK &&
              !lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) &&
              !lev_client_queue_declare(c, 1, &(lev_queue_declare){.queue = queue}, NULL) &&
              !lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL);
    uint64_t start = lev_net_now();
    ok = ok && run(count);
    uint64_t ms = lev_net_now() - start + 1;
    printf("%ld confirmed, %ld not, %ld a second\n", ended[LEV_CONFIRMED],
           ended[LEV_RETURNED] + ended[LEV_NACKED] + ended[LEV_NOT_SENT] + ended[LEV_IN_DOUBT],
           ended[LEV_CONFIRMED] * 1000 / (long)ms);
    fprintf(stderr, "%s%s", ok ? "" : lev_client_error(c)->text, ok ? "" : "\n");
    lev_outbox_free(outbox);
    lev_client_free(c);
    return ok ? 0 : 1;
}
