/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Features of brokers, tried one by one: each is a few steps on channel 1 of a fresh connection.
 * A step returns whether it went as wanted, so that steps chain with && and a broker that lacks a
 * feature ends the chain instead of the test. */

#ifndef LEVERET_TESTS_STEPS_H
#define LEVERET_TESTS_STEPS_H

#include <leveret/leveret.h>

/* A feature; `try` returns whether the broker has it. RabbitMQ must; `garagemq` is what must be
 * seen there: "yes", the reply code that it refuses with, "no answer", "answered" where none was
 * wanted, "no effect", or NULL where it is not to be tried. */
typedef struct feature {
    const char *name;
    bool (*try)(lev_client *c);
    const char *garagemq;
} feature;

/* Tries each feature with each broker and notes what was seen with tap_observed; anything else than
 * expected ends the test program. */
void features_try(const feature *features, int count);

/* Returns a name that nobody else uses. */
lev_span step_name(void);

/* Returns a table of one entry, of two; static memory, valid for the next few. */
lev_span step_int(const char *key, int64_t value);
lev_span step_string(const char *key, const char *value);
lev_span step_both(lev_span a, lev_span b);

/* Calls, with their most used fields; queues are exclusive, exchanges go with their last binding.
 */
bool step_queue(lev_client *c, lev_span queue, lev_span arguments);
bool step_exchange(lev_client *c, lev_span exchange, const char *type, lev_span arguments);
bool step_bind(lev_client *c, lev_span queue, lev_span exchange, const char *key);
bool step_unbind(lev_client *c, lev_span queue, lev_span exchange, const char *key);
bool step_consume(lev_client *c, lev_span queue, const char *tag, lev_span arguments);
bool step_prefetch(lev_client *c, uint16_t count, bool global);
bool step_confirms(lev_client *c);
bool step_channel(lev_client *c, uint16_t channel);

/* Publishes; with properties. */
bool step_publish(lev_client *c, lev_span exchange, lev_span key, const char *body);
bool step_publish_with(lev_client *c, lev_span exchange, lev_span key, const lev_properties *p,
                       const char *body);

/* A message with that body is got from the queue in time, without an ack; there is none. step_get
 * leaves it in `*m`. */
bool step_got(lev_client *c, lev_span queue, const char *body);
bool step_get(lev_client *c, lev_span queue, const lev_message **m);
bool step_empty(lev_client *c, lev_span queue);

/* The next event is a delivery to that consumer, with that body, and is left in `*m` (may be NULL,
 * then it is acked); no event comes for a fifth of a second. */
bool step_delivered(lev_client *c, const char *tag, const char *body, lev_message *m);
bool step_silence(lev_client *c);

/* The call failed with that reply code for the channel, which is opened again; for the
 * connection. */
bool step_refused(lev_client *c, lev_status status, uint16_t code);

/* Whether a queue is there; an exchange is there. */
bool step_has_queue(lev_client *c, lev_span queue, uint32_t messages);
bool step_has_exchange(lev_client *c, lev_span exchange);

/* Whether a span is that text. */
bool step_is(lev_span span, const char *text);

/* The broker of the feature at hand; opens another connection to it, which lev_client_free frees.
 */
const char *step_broker(void);
lev_client *step_other(void);

#endif
