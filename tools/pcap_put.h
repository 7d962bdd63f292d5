/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Streams of bytes as a capture file, as if they had been caught between a client and a broker that
 * listens on port 5672: whatever reads captures knows that port, and takes them apart. */

#ifndef TOOLS_PCAP_PUT_H
#define TOOLS_PCAP_PUT_H

#include "buffer.h"
#include "print.h"

/* One TCP connection of the file: how far each side has come. */
typedef struct pcap_stream {
    uint64_t number;
    uint32_t said[2]; /* by the client, by the server: the next sequence numbers */
} pcap_stream;

/* Adds the beginning of the file. */
void pcap_put_head(buffer *b);

/* Adds the packets with which a connection begins, with which one side says something, and with
 * which a side ends. */
void pcap_put_open(buffer *b, pcap_stream *s, uint64_t number);
void pcap_put_bytes(buffer *b, pcap_stream *s, enum side from, lev_span bytes);
void pcap_put_end(buffer *b, pcap_stream *s, enum side from);

#endif
