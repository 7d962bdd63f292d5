/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The raw limit: what the socket alone allows. `publish` writes the very bytes of the other
 * programs' publishes in writes of about 256 KiB; `consume` (also called `stream`) reads what the
 * peer sends and throws it away; `pingpong` writes one message and reads until its echo is whole.
 */

#include "bench.h"

#include <arpa/inet.h>
#include <leveret/leveret.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RAW_BLOCK = 262144, RAW_FRAME_MAX = 131072 };

static uint8_t buffer[RAW_BLOCK];

static void ensure(bool ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void put_method(lev_writer *w, uint16_t channel, lev_method_id id, const void *fields) {
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_method_encode(w, id, fields);
    lev_frame_end(w, place);
}

static void put_publish(lev_writer *w, const bench *b) {
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = b->size};
    put_method(w, 1, LEV_BASIC_PUBLISH, &(lev_basic_publish){.routing_key = lev_span_of(b->queue)});
    size_t place = lev_frame_begin(w, LEV_FRAME_HEADER, 1);
    lev_header_encode(w, &header);
    lev_frame_end(w, place);
    for (size_t left = b->size; left > 0;) {
        size_t n = left < RAW_FRAME_MAX - 8 ? left : RAW_FRAME_MAX - 8;
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, 1, {b->body, n}});
        left -= n;
    }
}

static void write_all(int fd, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        size_t most = len < RAW_BLOCK ? len : RAW_BLOCK;
        ssize_t n = send(fd, bytes, most, MSG_NOSIGNAL);
        ensure(n > 0, "send");
        bytes += n;
        len -= (size_t)n;
    }
}

static void read_count(int fd, uint64_t count) {
    while (count > 0) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        ensure(n > 0, "recv");
        count -= (uint64_t)n < count ? (uint64_t)n : count;
    }
}

/* Reads until the method has come; only what answers the handshake is small enough for that. */
static void await_method(int fd, lev_method_id id) {
    lev_frame_limits limits = {.body = RAW_FRAME_MAX, .method = RAW_FRAME_MAX};
    size_t len = 0;
    lev_method method = {.id = LEV_NO_METHOD};
    while (method.id != id) {
        lev_reader r = lev_reader_init((lev_span){buffer, len});
        lev_frame frame;
        size_t need;
        if (lev_frame_decode(&r, &limits, &frame, &need) != LEV_OK) {
            ssize_t n = recv(fd, buffer + len, 1, 0);
            ensure(n > 0, "recv");
            len++;
            continue;
        }
        (void)lev_method_decode(frame.payload, &method);
        len = 0;
    }
}

static int connect_here(const bench *b) {
    uint8_t bytes[4096];
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)b->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const uint8_t plain[] = "\0guest\0guest";
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ensure(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_protocol_header_encode(&w);
    put_method(&w, 0, LEV_CONNECTION_START_OK,
               &(lev_connection_start_ok){.mechanism = lev_span_of("PLAIN"),
                                          .response = {plain, sizeof plain - 1},
                                          .locale = lev_span_of("en_US")});
    put_method(&w, 0, LEV_CONNECTION_TUNE_OK,
               &(lev_connection_tune_ok){.channel_max = 2047, .frame_max = RAW_FRAME_MAX});
    put_method(&w, 0, LEV_CONNECTION_OPEN,
               &(lev_connection_open){.virtual_host = lev_span_of("/")});
    put_method(&w, 1, LEV_CHANNEL_OPEN, &(lev_channel_open){0});
    put_method(&w, 1, LEV_QUEUE_DECLARE, &(lev_queue_declare){.queue = lev_span_of(b->queue)});
    write_all(fd, bytes, w.len);
    await_method(fd, LEV_QUEUE_DECLARE_OK);
    return fd;
}

static void publish(int fd, bench *b) {
    size_t cap = RAW_BLOCK + 2 * b->size + 4096;
    uint8_t *block = malloc(cap);
    uint8_t tail[512];
    unsigned long in_block = 0;
    lev_writer w = lev_writer_init(block, cap);
    lev_writer end = lev_writer_init(tail, sizeof tail);
    do {
        put_publish(&w, b);
        in_block++;
    } while (w.len < RAW_BLOCK && in_block < b->count);
    put_method(&end, 1, LEV_QUEUE_DECLARE,
               &(lev_queue_declare){.queue = lev_span_of(b->queue), .passive = true});
    bench_start(b);
    unsigned long left = b->count;
    for (; left >= in_block; left -= in_block) {
        write_all(fd, block, w.len);
    }
    write_all(fd, block, w.len / in_block * left);
    write_all(fd, tail, end.len);
    await_method(fd, LEV_QUEUE_DECLARE_OK);
    bench_stop(b);
    free(block);
}

static size_t delivery_size(const bench *b) {
    size_t frames = (b->size + RAW_FRAME_MAX - 9) / (RAW_FRAME_MAX - 8);
    return 8 + 4 + 6 + 8 + 1 + 1 + 14 + 8 + 14 + b->size + frames * 8;
}

static void consume(int fd, bench *b) {
    uint8_t bytes[512];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    bool echo = b->took != NULL;
    put_method(&w, 1, LEV_BASIC_CONSUME,
               &(lev_basic_consume){.queue = lev_span_of(b->queue),
                                    .consumer_tag = lev_span_of("bench"),
                                    .no_ack = true});
    lev_writer one = lev_writer_init(malloc(b->size + 4096), b->size + 4096);
    put_publish(&one, b);
    bench_start(b);
    write_all(fd, bytes, w.len);
    await_method(fd, LEV_BASIC_CONSUME_OK);
    if (!echo) {
        read_count(fd, (uint64_t)delivery_size(b) * b->count);
    }
    for (unsigned long i = 0; echo && i < b->count; i++) {
        double then = bench_now(CLOCK_MONOTONIC);
        write_all(fd, one.ptr, one.len);
        read_count(fd, delivery_size(b));
        b->took[i] = bench_now(CLOCK_MONOTONIC) - then;
    }
    bench_stop(b);
    free(one.ptr);
}

int main(int argc, char **argv) {
    bench b = bench_init(argc, argv);
    int fd = connect_here(&b);
    if (bench_is(&b, "publish")) {
        publish(fd, &b);
    } else {
        consume(fd, &b);
    }
    close(fd);
    free(b.body);
    free(b.took);
    return 0;
}
