/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Large bodies; see large.h. The period is a prime, so that a frame out of its place is noticed. */

#include "large.h"

#include "../unit.h"

#include <sys/wait.h>
#include <unistd.h>

uint64_t body_size;
static uint8_t *body_pattern; /* four periods of what all bodies consist of */

lev_span pattern(uint64_t at, size_t len) {
    if (body_pattern == NULL) {
        body_pattern = malloc((size_t)4 * PERIOD);
        for (size_t i = 0; i < (size_t)4 * PERIOD; i++) {
            size_t k = i % PERIOD;
            body_pattern[i] = (uint8_t)(k * 31 + k / 251);
        }
    }
    return (lev_span){body_pattern + at % PERIOD, len};
}

bool matches(uint64_t at, lev_span bytes) {
    while (bytes.len > 0) {
        size_t n = bytes.len < PERIOD ? bytes.len : PERIOD;
        if (memcmp(bytes.ptr, pattern(at, n).ptr, n) != 0) {
            return false;
        }
        at += n;
        bytes.ptr += n;
        bytes.len -= n;
    }
    return true;
}

uint64_t large(void) {
    return getenv("LEVERET_LONG") != NULL ? UINT64_C(1) << 30 : UINT64_C(64) << 20;
}

long resident_peak(void) {
    char line[256];
    long kb = 0;
    FILE *f = RSS_KNOWN ? fopen("/proc/self/status", "r") : NULL;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        sscanf(line, "VmHWM: %ld kB", &kb);
    }
    if (f != NULL) {
        fclose(f);
    }
    return kb;
}

broker broker_start(void (*script)(peer *p)) {
    broker b = {.pid = -1};
    int told[2];
    EXPECT_EQ(pipe(told), 0);
    b.pid = fork();
    if (b.pid == 0) {
        peer *p = peer_start(script);
        ssize_t n = write(told[1], p->uri, sizeof p->uri);
        peer_end(p);
        _exit(n == (ssize_t)sizeof p->uri ? 0 : 1);
    }
    close(told[1]);
    EXPECT_EQ(read(told[0], b.uri, sizeof b.uri), sizeof b.uri);
    close(told[0]);
    return b;
}

void broker_end(const broker *b) {
    int status = -1;
    EXPECT_EQ(waitpid(b->pid, &status, 0), b->pid);
    EXPECT_EQ(status, 0);
}

void send_large(const peer *p) {
    uint8_t bytes[256];
    lev_basic_deliver deliver = {.consumer_tag = lev_span_of("c"), .delivery_tag = 1};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = body_size};
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    size_t place = lev_frame_begin(&w, LEV_FRAME_HEADER, 1);
    lev_header_encode(&w, &header);
    lev_frame_end(&w, place);
    peer_send_method(p, 1, LEV_BASIC_DELIVER, &deliver);
    peer_send(p, bytes, w.len);
    for (uint64_t at = 0; at < body_size;) {
        size_t n = body_size - at < FRAME ? (size_t)(body_size - at) : FRAME;
        w = lev_writer_init(bytes, sizeof bytes);
        lev_writer_u8(&w, LEV_FRAME_BODY);
        lev_writer_u16(&w, 1);
        lev_writer_u32(&w, (uint32_t)n);
        peer_send(p, bytes, w.len);
        peer_send(p, pattern(at, n).ptr, n);
        peer_send(p, "\xce", 1);
        at += n;
    }
}
