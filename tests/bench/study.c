/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Beyond one connection: what a message costs leveret as something else grows.
 *
 *     study PORT[,PORT...] WHAT N COUNT SIZE
 *
 *     threads      N connections, a thread and a port (in turn) each, publish COUNT messages
 * together channels     one connection publishes over N channels in turn consumers    one
 * connection has N consumers on its channel and takes the messages of the last headers      one
 * connection publishes with a table of N headers
 *
 * Prints seconds and CPU seconds, as the programs of the comparison do. */

#include "bench.h"

#include <leveret/leveret.h>
#include <pthread.h>

enum { STUDY_THREADS = 64, STUDY_TABLE = 65536 };

typedef struct study {
    const char *what;
    unsigned n;
    unsigned long count;
    size_t size;
    uint8_t *body;
    pthread_barrier_t ready; /* all threads are connected; then the clock starts */
    pthread_barrier_t go;
} study;

typedef struct one {
    study *s;
    int port;
    pthread_t thread;
} one;

static bool study_is(const study *s, const char *what) { return strcmp(s->what, what) == 0; }

static void ensure(const lev_client *c, lev_status status, const char *what) {
    if (status != LEV_OK) {
        fprintf(stderr, "study: %s: %s\n", what, lev_client_error(c)->text);
        exit(1);
    }
}

static lev_client *connect_to(int port, unsigned channels, lev_span queue) {
    char uri[64];
    lev_client *c = lev_client_new(NULL);
    snprintf(uri, sizeof uri, "amqp://127.0.0.1:%d", port);
    ensure(c, lev_client_open(c, uri), "open");
    for (unsigned i = 1; i <= channels; i++) {
        ensure(c, lev_client_channel_open(c, (uint16_t)i, &(lev_channel_open){0}, NULL), "channel");
    }
    lev_queue_declare declare = {.queue = queue};
    ensure(c, lev_client_queue_declare(c, 1, &declare, NULL), "declare");
    return c;
}

/* Publishes over so many channels in turn; ends when the peer has read all. */
static void publish(lev_client *c, const study *s, unsigned channels, lev_publication p) {
    lev_queue_declare passive = {.queue = p.routing_key, .passive = true};
    unsigned long count = study_is(s, "threads") ? s->count / s->n : s->count;
    uint16_t channel = 1;
    for (unsigned long i = 0; i < count; i++) {
        ensure(c, lev_client_publish(c, channel, &p, NULL), "publish");
        channel = channel == channels ? 1 : (uint16_t)(channel + 1);
    }
    ensure(c, lev_client_queue_declare(c, 1, &passive, NULL), "passive declare");
}

/* The consumers before the last one have tags of 16 bytes, and a queue where nothing comes. */
static void add_idle_consumers(lev_client *c, unsigned n) {
    char tag[32];
    lev_basic_consume idle = {.queue = lev_span_of("idle"), .no_ack = true};
    for (unsigned i = 0; i < n; i++) {
        snprintf(tag, sizeof tag, "consumer-%07u", i);
        idle.consumer_tag = lev_span_of(tag);
        ensure(c, lev_client_basic_consume(c, 1, &idle, NULL), "consume");
    }
}

static void consume(lev_client *c, const study *s, lev_span queue) {
    lev_event event;
    lev_basic_consume busy = {.queue = queue, .consumer_tag = lev_span_of("bench"), .no_ack = true};
    ensure(c, lev_client_basic_consume(c, 1, &busy, NULL), "consume");
    for (unsigned long i = 0; i < s->count; i++) {
        ensure(c, lev_client_next(c, &event, 30000), "next");
    }
}

static lev_span headers(unsigned n) {
    static uint8_t bytes[STUDY_TABLE];
    char key[32];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof key, "header-%u", i);
        lev_table_put(&w, key, &(lev_value){.type = 'S', .as.bytes = lev_span_of("some value")});
    }
    return lev_writer_span(&w);
}

static void work(lev_client *c, study *s, lev_span queue) {
    lev_publication p = {.routing_key = queue, .body = {s->body, s->size}};
    lev_properties properties = {.present = LEV_HAS_HEADERS};
    if (study_is(s, "consumers")) {
        consume(c, s, queue);
        return;
    }
    if (study_is(s, "headers") && s->n > 0) {
        properties.headers = headers(s->n);
        p.properties = &properties;
    }
    p.lend = s->size >= 4096;
    publish(c, s, study_is(s, "channels") ? s->n : 1, p);
}

static void *run(void *of) {
    one *o = of;
    char name[64];
    snprintf(name, sizeof name, "bench-%zu-%lu", o->s->size, o->s->count);
    lev_span queue = lev_span_of(name);
    lev_client *c = connect_to(o->port, study_is(o->s, "channels") ? o->s->n : 1, queue);
    if (study_is(o->s, "consumers")) {
        add_idle_consumers(c, o->s->n - 1);
    }
    pthread_barrier_wait(&o->s->ready);
    pthread_barrier_wait(&o->s->go);
    work(c, o->s, queue);
    pthread_barrier_wait(&o->s->ready);
    (void)lev_client_close(c);
    lev_client_free(c);
    return NULL;
}

/* Starts a thread for each connection; the ports take turns. */
static void run_all(study *s, char *ports) {
    one all[STUDY_THREADS];
    unsigned threads = study_is(s, "threads") ? s->n : 1;
    const char *list[STUDY_THREADS];
    unsigned len = 0;
    for (char *p = strtok(ports, ","); p != NULL && len < STUDY_THREADS; p = strtok(NULL, ",")) {
        list[len++] = p;
    }
    pthread_barrier_init(&s->ready, NULL, threads + 1);
    pthread_barrier_init(&s->go, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        all[i] = (one){.s = s, .port = atoi(list[i % len])};
        pthread_create(&all[i].thread, NULL, run, &all[i]);
    }
    pthread_barrier_wait(&s->ready);
    bench b = {.count = s->count};
    bench_start(&b);
    pthread_barrier_wait(&s->go);
    pthread_barrier_wait(&s->ready);
    bench_stop(&b);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(all[i].thread, NULL);
    }
}

int main(int argc, char **argv) {
    study s = {.what = argc == 6 ? argv[2] : ""};
    s.n = argc == 6 ? (unsigned)atoi(argv[3]) : 0;
    bool known = study_is(&s, "threads") || study_is(&s, "channels") || study_is(&s, "consumers") ||
                 study_is(&s, "headers");
    if (!known || s.n > 2000 || (study_is(&s, "threads") && s.n > STUDY_THREADS)) {
        fprintf(stderr,
                "usage: study PORT[,PORT...] threads|channels|consumers|headers N COUNT SIZE\n");
        return 64;
    }
    s.count = strtoul(argv[4], NULL, 10);
    s.size = strtoul(argv[5], NULL, 10);
    s.body = calloc(1, s.size + 1);
    run_all(&s, argv[1]);
    free(s.body);
    return 0;
}
