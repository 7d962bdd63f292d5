/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Capture files, pcap and pcapng, as packets. */

#ifndef TOOLS_PCAP_H
#define TOOLS_PCAP_H

#include "buffer.h"

enum { PCAP_INTERFACES = 64 };

/* {0} is a fresh one. */
typedef struct pcap {
    buffer bytes;
    size_t from; /* what was taken ends here */
    bool begun;
    bool blocks;                     /* pcapng */
    bool swapped;                    /* numbers have their lowest byte first */
    uint32_t links[PCAP_INTERFACES]; /* the kind of link of each interface */
    size_t interfaces;
    const char *fault; /* why it is no capture, or NULL */
} pcap;

typedef struct packet {
    uint32_t link;  /* LINKTYPE_... of tcpdump.org */
    lev_span bytes; /* as many as were captured; until the next pcap_put */
} packet;

void pcap_deinit(pcap *p);

/* Adds a piece of the file. */
void pcap_put(pcap *p, lev_span piece);

/* Takes the next packet. Returns false where more of the file is needed, or it is no capture
 * (`fault`). */
bool pcap_next(pcap *p, packet *next);

#endif
