/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A client of a proxy, and the connection to the target that was made for it: bytes go both ways,
 * and are shown as they go. */

#ifndef TOOLS_RELAY_H
#define TOOLS_RELAY_H

#include "fault.h"
#include "pcap_put.h"
#include "wire.h"

enum { RELAY_MARKS = 64 };

/* What all connections of a proxy share. */
typedef struct relay_view {
    fault_settings faults;
    printer printer;
    buffer shown;    /* what is to be printed */
    bool captures;   /* collect `capture` */
    buffer capture;  /* packets for the capture file */
    bool tells_ends; /* say on stderr how connections end */
} relay_view;

/* One direction. What was read waits here until it is due and the other end takes it. */
typedef struct flow {
    wire *from;
    wire *to;
    enum side side; /* who speaks */
    buffer held;
    uint64_t read;   /* bytes that came to be held, in all */
    uint64_t passed; /* ... and that were written */
    struct {
        uint64_t end;     /* bytes up to here, counted as in `read`, */
        uint64_t due;     /* may go from then on */
    } marks[RELAY_MARKS]; /* a ring */
    size_t mark;
    size_t mark_count;
    dissector stream;
    fault_flips flips;
    bool over; /* nothing more will be read, and all of it was shown */
} flow;

typedef struct relay {
    uint64_t number; /* from 0 */
    wire client;
    wire target;
    flow up;   /* to the target */
    flow down; /* to the client */
    pcap_stream packets;
    uint64_t bytes; /* that passed, both ways */
    bool cut;
} relay;

/* Joins two ends, which the caller has made inside `r`. */
void relay_init(relay *r, relay_view *v, uint64_t number);
void relay_deinit(relay *r);

/* Does what can be done without waiting. Returns false when the connection is over. */
bool relay_work(relay *r, relay_view *v);

/* What to poll for, two descriptors, and how long at most. */
int relay_poll(const relay *r, struct pollfd fds[2]);

#endif
