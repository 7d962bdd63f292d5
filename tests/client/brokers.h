/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The brokers that the tests talk to, as tests/broker/with-brokers names them in the environment.
 */

#ifndef LEVERET_TESTS_BROKERS_H
#define LEVERET_TESTS_BROKERS_H

#include <leveret/leveret.h>

/* Returns how many brokers there are: RabbitMQ first, then garagemq. */
int brokers_count(void);

/* Returns the URI of the i-th; NULL above the last. */
const char *brokers_uri(int i);

/* Returns RabbitMQ's URI, NULL where there is none. */
const char *brokers_rabbitmq(void);

/* A RabbitMQ of the test's own, in a folder of its own: starts it, with lines for its configuration
 * (may be NULL); runs tests/broker/rabbitmq VERB ARGS for it, and returns what that printed;
 * returns its URI; ends it and removes its folder. What fails ends the test program. */
void brokers_node_start(const char *configuration);
void brokers_node(const char *verb, const char *args);
void brokers_node_say(const char *verb, const char *args, char *said, size_t size);
const char *brokers_node_uri(void);
void brokers_node_end(void);

/* Opens a connection and channel 1; what fails ends the test program. */
lev_client *brokers_open(const char *uri, const lev_client_options *options);

/* Ends a connection in order and frees the client. */
void brokers_close(lev_client *c);

/* Declares a private queue with a name of its own, which goes to `name`. */
lev_span brokers_queue(lev_client *c, char *name);

/* Consumes from a queue with manual acks, as consumer "t", until brokers_close. */
void brokers_consume(lev_client *c, lev_span queue, uint16_t prefetch);

/* Waits for the next delivery, at most ten seconds; other events end the test program. */
lev_message brokers_delivery(lev_client *c);

#endif
