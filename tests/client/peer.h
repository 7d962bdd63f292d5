/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A broker of a few lines: a thread that accepts one connection on the loopback and plays a script.
 * What a script expects and does not get ends the test program. */

#ifndef LEVERET_TESTS_PEER_H
#define LEVERET_TESTS_PEER_H

#include <leveret/leveret.h>
#include <pthread.h>
#include <sys/types.h>

typedef struct peer {
    void (*script)(struct peer *p);
    int listener;
    int fd;
    uint16_t port;
    char uri[64];
    pthread_t thread;
    uint64_t heartbeats; /* received */
    void *layer;         /* between the script and the socket, with these verbs; NULL: none */
    ssize_t (*layer_send)(void *layer, const void *bytes, size_t len);
    ssize_t (*layer_receive)(void *layer, void *into, size_t room);
    uint8_t in[1 << 18];
    size_t in_len;
    size_t in_used; /* by the frames taken so far */
} peer;

/* Listens and starts the script in its thread; peer_end waits for it. */
peer *peer_start(void (*script)(peer *p));
void peer_end(peer *p);

/* The same at another address, and an IPv4 address of this machine that is not the loopback's, of
 * at most 16 bytes; false where it has none. */
peer *peer_start_at(const char *address, void (*script)(peer *p));
bool peer_own_address(char *text);

/* Fails the test program where the condition does not hold. */
void peer_need(bool condition, const char *what);

/* From now on a script whose expectation fails just ends, and the connection with it. */
void peer_forgive(const peer *p);

/* Sends bytes, a method, a message, with its method. */
void peer_send(const peer *p, const void *bytes, size_t len);
void peer_send_method(const peer *p, uint16_t channel, lev_method_id id, const void *fields);
void peer_send_content(const peer *p, uint16_t channel, lev_method_id id, const void *fields,
                       lev_span body);
void peer_send_heartbeat(const peer *p);

/* Sends a delivery to consumer "c" on channel 1. */
void peer_deliver(const peer *p, uint64_t tag, const char *body);

/* Takes the next frame that is no heartbeat; it stays valid until the next. Returns false at the
 * end of the stream. */
bool peer_take(peer *p, lev_frame *frame);

/* Takes the next frame, which must hold that method. */
lev_method peer_expect(peer *p, lev_method_id id);

/* Takes a whole publish and returns its body (static memory); the routing key goes to `key`. */
lev_span peer_expect_publish(peer *p, char *key);

/* The broker's side of a login: up to start-ok, as RabbitMQ of some version; then to its end. */
lev_connection_start_ok peer_greet(peer *p, const char *mechanisms, const char *version);
void peer_tune(peer *p, uint16_t heartbeat);

/* All of a login, and after it channel.open on channel 1. */
void peer_login(peer *p, uint16_t heartbeat);
void peer_open_channel(peer *p);

/* Waits for connection.close and answers it. */
void peer_close(peer *p);

/* Ends the connection with a reset. */
void peer_reset(peer *p);

#endif
