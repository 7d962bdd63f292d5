/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A broker of a few more lines than the peer: it takes one connection after another, answers what
 * any broker would, remembers every publish, and leaves to a plan what becomes of it. Plans run in
 * the server's thread and may cut the connection, confirm too much, or say nothing at all. */

#ifndef LEVERET_TESTS_SERVER_H
#define LEVERET_TESTS_SERVER_H

#include "peer.h"

enum { SERVER_CHANNELS = 11, SERVER_PUBLISHES = 65536, SERVER_TEXT = 64 };

/* A publish that has come whole. */
typedef struct server_publish {
    unsigned connection; /* from 1 */
    uint16_t channel;
    uint64_t tag; /* in this opening of the channel, from 1 */
    char key[SERVER_TEXT];
    char id[SERVER_TEXT]; /* message-id */
    bool mandatory;
    bool doubt; /* it says that it may have come before */
    size_t len;
    uint8_t first; /* byte of the body */
    uint8_t last;
    bool confirmed; /* noted by server_ack */
} server_publish;

typedef struct server_content {
    server_publish publish;
    char exchange[SERVER_TEXT];
    uint64_t left; /* of the body */
    bool begun;
} server_content;

typedef struct server {
    void (*plan)(struct server *s, server_publish *p);
    bool (*opens)(struct server *s); /* whether it takes the next connection; NULL: all */
    peer peer;                       /* the connection at hand */
    int listener;
    char uri[64];
    pthread_t thread;
    unsigned connections;
    uint64_t tags[SERVER_CHANNELS];
    bool closing[SERVER_CHANNELS]; /* nothing counts there until its close-ok */
    server_content contents[SERVER_CHANNELS];
    server_publish publishes[SERVER_PUBLISHES];
    unsigned count;
    unsigned deliveries; /* that a consumer gets at once */
    unsigned acks;
    void *context; /* the plan's */
} server;

/* Starts a server; server_end waits for its connection to end. Only then may a test look at what
 * has come. */
server *server_start(void (*plan)(server *s, server_publish *p));
void server_end(server *s);

/* The plan of any broker: what is mandatory and has the key "none" comes back; all is confirmed. */
void server_confirm(server *s, server_publish *p);

/* Acks or nacks, one or all so far. */
void server_ack(server *s, uint16_t channel, uint64_t tag, bool multiple);
void server_nack(server *s, uint16_t channel, uint64_t tag, bool multiple);

/* Sends a publish back. */
void server_return(server *s, const server_publish *p);

/* Closes a channel with 404. */
void server_close_channel(server *s, uint16_t channel);

/* Ends the connection at once: in order, or with a reset. Does not return. */
_Noreturn void server_cut(server *s);
_Noreturn void server_reset(server *s);

/* Returns how many publishes came with that key; whether each key came, in that order, at the
 * latest in the last connection. */
unsigned server_times(const server *s, const char *key);

#endif
