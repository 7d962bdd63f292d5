/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A classic pcap file of raw IPv4 packets (LINKTYPE_IPV4 of tcpdump.org), 127.0.0.1 to 127.0.0.2.
 * Each packet acknowledges all that the other side has said by then; checksums are zero, which
 * stands for "computed by the network card". */

#include "pcap_put.h"

#include <string.h>
#include <time.h>

enum {
    LINK_IPV4 = 228,
    HEADERS = 40,
    PIECE = 32 * 1024,
    SERVER_PORT = 5672,
    FIRST_PORT = 20000,
    PORTS = 40000,
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_PUSH = 8,
    TCP_ACK = 16,
    SNAP = 262144
};

static void put_numbers(buffer *b, const uint32_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[4];
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        lev_writer_u32(&w, numbers[i]);
        buffer_put(b, (lev_span){bytes, sizeof bytes});
    }
}

void pcap_put_head(buffer *b) {
    put_numbers(b, (uint32_t[]){0xa1b23c4d /* nanoseconds */, 2 << 16 | 4, 0, 0, SNAP, LINK_IPV4},
                6);
}

static void put_packet(buffer *b, pcap_stream *s, enum side from, unsigned flags, lev_span bytes) {
    struct timespec now;
    bool client = from != SIDE_SERVER;
    uint32_t port = (uint32_t)(FIRST_PORT + s->number % PORTS);
    uint32_t size = HEADERS + (uint32_t)bytes.len;
    uint32_t me = 0x7f000001u + (client ? 0 : 1);
    uint32_t you = 0x7f000001u + (client ? 1 : 0);
    uint32_t ports = client ? port << 16 | SERVER_PORT : (uint32_t)SERVER_PORT << 16 | port;
    uint32_t ack = (flags & TCP_ACK) != 0 ? s->said[client ? 1 : 0] : 0;
    clock_gettime(CLOCK_REALTIME, &now);
    put_numbers(b, (uint32_t[]){(uint32_t)now.tv_sec, (uint32_t)now.tv_nsec, size, size}, 4);
    put_numbers(b,
                (uint32_t[]){0x45000000 | size, 0x4000 /* not in fragments */, 64u << 24 | 6u << 16,
                             me, you},
                5);
    put_numbers(
        b, (uint32_t[]){ports, s->said[client ? 0 : 1], ack, 5u << 28 | flags << 16 | 0xffff, 0},
        5);
    buffer_put(b, bytes);
    s->said[client ? 0 : 1] += (uint32_t)bytes.len + ((flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0);
}

void pcap_put_open(buffer *b, pcap_stream *s, uint64_t number) {
    *s = (pcap_stream){.number = number};
    put_packet(b, s, SIDE_CLIENT, TCP_SYN, (lev_span){NULL, 0});
    put_packet(b, s, SIDE_SERVER, TCP_SYN | TCP_ACK, (lev_span){NULL, 0});
    put_packet(b, s, SIDE_CLIENT, TCP_ACK, (lev_span){NULL, 0});
}

void pcap_put_bytes(buffer *b, pcap_stream *s, enum side from, lev_span bytes) {
    while (bytes.len > 0) {
        lev_span piece = {bytes.ptr, bytes.len < PIECE ? bytes.len : PIECE};
        put_packet(b, s, from, TCP_PUSH | TCP_ACK, piece);
        bytes = (lev_span){bytes.ptr + piece.len, bytes.len - piece.len};
    }
}

void pcap_put_end(buffer *b, pcap_stream *s, enum side from) {
    put_packet(b, s, from, TCP_FIN | TCP_ACK, (lev_span){NULL, 0});
}
