/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A program that publishes with retransmission, and what it heard. */

#ifndef LEVERET_TESTS_TALE_H
#define LEVERET_TESTS_TALE_H

#include "server.h"

enum { TALE_MOST = 200 };

/* What the program heard. */
typedef struct tale {
    lev_client *client;
    unsigned outcomes[SERVER_CHANNELS][TALE_MOST]; /* how many, by number */
    lev_outcome how[SERVER_CHANNELS][TALE_MOST];
    unsigned returned[TALE_MOST]; /* returns on channel 1, by number */
    unsigned told;                /* outcomes */
    unsigned told_at_close;       /* ... before a channel's end */
    unsigned closed;              /* channels */
    unsigned recovering;
    unsigned recovered;
    bool over;
} tale;

/* Recovery with retransmission and marks, and little waiting. */
lev_client_options tale_options(void);

/* Opens a client with channel 1 in confirm mode; opens another such channel. */
tale tale_begin(const server *s, const lev_client_options *o);
void tale_open(lev_client *c, uint16_t channel);

/* Publishes to key "k<i>", or to `key`, with message-id "m<i>"; several on channel 1. */
lev_status tale_publish(const tale *t, uint16_t channel, int i, const char *key);
void tale_publish_many(const tale *t, int first, int last);

/* Takes the next event. */
void tale_hear(tale *t, int timeout_ms);

/* Waits until each of a channel's publishes up to `last` has an outcome; it must be that one. */
void tale_expect(tale *t, uint16_t channel, int last, lev_outcome how);

/* Waits until channel 1 owes nothing; each publish has one outcome then. */
void tale_expect_settled(tale *t);

/* Closes; the server may be looked at afterwards. */
void tale_end(tale *t, server *s);

/* What came over a connection: "k1 k2!", with ! for what says that it may have come before. */
const char *tale_seen(const server *s, unsigned connection);

#endif
