/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The codec alone: codec WORK COUNT prints nanoseconds for one. Works: publish-encode,
 * deliver-decode, ack-encode, ack-decode, table-encode, table-decode (20 entries), and
 * publish-described, deliver-described for the same through the descriptors. */

#include <leveret/leveret.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const lev_frame_limits limits = {.body = 131072, .method = 262144};
static uint8_t bytes[65536];
static size_t len;
static volatile uint64_t sink;
static lev_basic_publish publish;
static lev_span message;

static void ready_publish(void) {
    publish = (lev_basic_publish){.exchange = lev_span_of("exchange"),
                                  .routing_key = lev_span_of("routing.key")};
    message = lev_span_of("0123456789abcdef");
}

static void put_method(lev_writer *w, lev_method_id id, const void *fields) {
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, 1);
    lev_method_encode(w, id, fields);
    lev_frame_end(w, place);
}

static void put_header(lev_writer *w) {
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = 16};
    size_t place = lev_frame_begin(w, LEV_FRAME_HEADER, 1);
    lev_header_encode(w, &header);
    lev_frame_end(w, place);
}

static void put_body(lev_writer *w) {
    lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, 1, message});
}

static void publish_encode(void) {
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_publish_encode(&w, 1, &publish, NULL, message);
    sink += w.len;
}

static void publish_described(void) {
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    put_method(&w, LEV_BASIC_PUBLISH, &publish);
    put_header(&w);
    put_body(&w);
    sink += w.len;
}

static void ready_delivery(void) {
    ready_publish();
    lev_basic_deliver deliver = {.consumer_tag = lev_span_of("consumer"),
                                 .delivery_tag = 12345,
                                 .exchange = lev_span_of("exchange"),
                                 .routing_key = lev_span_of("routing.key")};
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    put_method(&w, LEV_BASIC_DELIVER, &deliver);
    put_header(&w);
    put_body(&w);
    len = w.len;
}

static void deliver_decode(void) {
    static lev_header header;
    lev_basic_deliver deliver;
    lev_frame body;
    sink += lev_deliver_decode((lev_span){bytes, len}, &limits, &deliver, &header, &body);
}

static void deliver_described(void) {
    lev_reader r = lev_reader_init((lev_span){bytes, len});
    lev_frame frame;
    lev_method method;
    lev_header header;
    size_t need;
    (void)lev_frame_decode(&r, &limits, &frame, &need);
    (void)lev_method_decode(frame.payload, &method);
    (void)lev_frame_decode(&r, &limits, &frame, &need);
    (void)lev_header_decode(frame.payload, &header);
    (void)lev_frame_decode(&r, &limits, &frame, &need);
    sink += frame.payload.len + header.body_size + method.as.basic_deliver.delivery_tag;
}

static void ack_encode(void) {
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    put_method(&w, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = 12345, .multiple = true});
    sink += w.len;
}

static void ready_ack(void) {
    ack_encode();
    len = 21;
}

static void ack_decode(void) {
    lev_reader r = lev_reader_init((lev_span){bytes, len});
    lev_frame frame;
    lev_method method;
    size_t need;
    (void)lev_frame_decode(&r, &limits, &frame, &need);
    (void)lev_method_decode(frame.payload, &method);
    sink += method.as.basic_ack.delivery_tag;
}

static void table_encode(void) {
    static const char *const keys[] = {"a", "bb", "ccc", "dddd", "eeeee", "x-six", "x-seven"};
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    for (int i = 0; i < 20; i++) {
        if (i % 2 == 0) {
            lev_table_put_int(&w, keys[i % 7], i);
        } else {
            lev_table_put_string(&w, keys[i % 7], "a value");
        }
    }
    sink += w.len;
    len = w.len;
}

static void table_decode(void) {
    lev_table_iter it = lev_table_walk((lev_span){bytes, len});
    lev_span key;
    lev_value value;
    sink += (uint64_t)lev_table_check((lev_span){bytes, len});
    while (lev_table_next(&it, &key, &value)) {
        sink += key.len;
    }
}

static void ready_nothing(void) {}

static const struct {
    const char *name;
    void (*ready)(void);
    void (*run)(void);
} works[] = {{"publish-encode", ready_publish, publish_encode},
             {"publish-described", ready_publish, publish_described},
             {"deliver-decode", ready_delivery, deliver_decode},
             {"deliver-described", ready_delivery, deliver_described},
             {"ack-encode", ready_nothing, ack_encode},
             {"ack-decode", ready_ack, ack_decode},
             {"table-encode", ready_nothing, table_encode},
             {"table-decode", table_encode, table_decode}};

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 3 && i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(argv[1], works[i].name) == 0) {
            unsigned long count = strtoul(argv[2], NULL, 10);
            works[i].ready();
            double start = seconds();
            for (unsigned long n = 0; n < count; n++) {
                works[i].run();
            }
            printf("%.3f\n", (seconds() - start) * 1e9 / (double)count);
            return 0;
        }
    }
    fprintf(stderr, "usage: %s WORK COUNT\n", argv[0]);
    return 64;
}
