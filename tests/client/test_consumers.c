/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Who gets which message, with real brokers: prefetch, priorities, exclusive and cancelled
 * consumers, direct replies, quorum queues. Skipped where no broker is named in the environment. */

#include "../unit.h"
#include "brokers.h"
#include "steps.h"

static const lev_span none;

static bool publish_twice(lev_client *c, lev_span queue) {
    return step_publish(c, none, queue, "1") && step_publish(c, none, queue, "2");
}

/* Each consumer has one message in its hands; the third stays in the queue. */
static bool prefetches_per_consumer(lev_client *c) {
    lev_span q = step_name();
    lev_message m;
    return step_queue(c, q, none) && step_prefetch(c, 1, false) && step_consume(c, q, "a", none) &&
           step_consume(c, q, "b", none) && step_publish(c, none, q, "1") &&
           step_delivered(c, "a", "1", &m) && publish_twice(c, q) &&
           step_delivered(c, "b", "1", &m) && step_silence(c) &&
           lev_client_ack(c, m.delivery, false) == LEV_OK && step_delivered(c, "b", "2", NULL);
}

/* Both consumers together have one message in their hands. */
static bool prefetches_per_channel(lev_client *c) {
    lev_span q = step_name();
    lev_message m;
    return step_queue(c, q, none) && step_prefetch(c, 1, true) && step_consume(c, q, "a", none) &&
           step_consume(c, q, "b", none) && publish_twice(c, q) &&
           step_delivered(c, "a", "1", &m) && step_silence(c) &&
           lev_client_ack(c, m.delivery, false) == LEV_OK && step_delivered(c, "b", "2", NULL);
}

/* The consumer with the higher priority gets all, be it the older or the younger one. */
static bool prefers_a_priority(lev_client *c) {
    lev_span older = step_name();
    lev_span younger = step_name();
    return step_queue(c, older, none) && step_consume(c, older, "a", step_int("x-priority", 9)) &&
           step_consume(c, older, "b", none) && publish_twice(c, older) &&
           step_delivered(c, "a", "1", NULL) && step_delivered(c, "a", "2", NULL) &&
           step_queue(c, younger, none) && step_consume(c, younger, "c", none) &&
           step_consume(c, younger, "d", step_int("x-priority", 9)) && publish_twice(c, younger) &&
           step_delivered(c, "d", "1", NULL) && step_delivered(c, "d", "2", NULL);
}

static bool has_one_active_consumer(lev_client *c) {
    lev_span q = step_name();
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("first")};
    lev_value one = {.type = 't', .as.boolean = true};
    uint8_t table[64];
    lev_writer w = lev_writer_init(table, sizeof table);
    lev_table_put(&w, "x-single-active-consumer", &one);
    return step_queue(c, q, lev_writer_span(&w)) && step_consume(c, q, "first", none) &&
           step_consume(c, q, "second", none) && publish_twice(c, q) &&
           step_delivered(c, "first", "1", NULL) && step_delivered(c, "first", "2", NULL) &&
           lev_client_basic_cancel(c, 1, &cancel, NULL) == LEV_OK &&
           step_publish(c, none, q, "3") && step_delivered(c, "second", "3", NULL);
}

static bool consumes_alone(lev_client *c) {
    lev_span q = step_name();
    lev_basic_consume alone = {.queue = q, .consumer_tag = lev_span_of("alone"), .exclusive = true};
    lev_basic_consume other = {.queue = q};
    return step_queue(c, q, none) && step_channel(c, 2) &&
           lev_client_basic_consume(c, 2, &alone, NULL) == LEV_OK &&
           step_refused(c, lev_client_basic_consume(c, 1, &other, NULL), LEV_ACCESS_REFUSED);
}

static bool needs_no_ack(lev_client *c) {
    lev_span q = step_name();
    lev_message m;
    lev_basic_consume consume = {.queue = q, .consumer_tag = lev_span_of("t"), .no_ack = true};
    lev_basic_cancel cancel = {.consumer_tag = consume.consumer_tag};
    return step_queue(c, q, none) && lev_client_basic_consume(c, 1, &consume, NULL) == LEV_OK &&
           step_publish(c, none, q, "1") && step_delivered(c, "t", "1", &m) &&
           lev_client_ack(c, m.delivery, false) == LEV_ERR_STALE && step_has_queue(c, q, 0) &&
           lev_client_basic_cancel(c, 1, &cancel, NULL) == LEV_OK;
}

/* The queue is deleted on another channel. */
static bool tells_of_a_cancelled_consumer(lev_client *c) {
    lev_span q = step_name();
    lev_event e;
    lev_queue_delete delete = {.queue = q};
    return step_queue(c, q, none) && step_consume(c, q, "t", none) && step_channel(c, 2) &&
           lev_client_queue_delete(c, 2, &delete, NULL) == LEV_OK &&
           lev_client_next(c, &e, 10000) == LEV_ERR_CANCELLED && e.type == LEV_EVENT_CANCELLED &&
           step_is(e.method->as.basic_cancel.consumer_tag, "t");
}

/* Request and response: the server answers to the name that the broker made of the pseudo-queue. */
static bool replies_directly(lev_client *c) {
    lev_span requests = step_name();
    lev_client *server = step_other();
    const lev_message *request;
    lev_basic_consume replies = {.queue = lev_span_of("amq.rabbitmq.reply-to"),
                                 .consumer_tag = lev_span_of("replies"),
                                 .no_ack = true};
    lev_properties ask = {.present = LEV_HAS_REPLY_TO | LEV_HAS_CORRELATION_ID,
                          .reply_to = replies.queue,
                          .correlation_id = lev_span_of("17")};
    lev_message response = {.body = none};
    bool good =
        lev_client_queue_declare(c, 1, &(lev_queue_declare){.queue = requests, .auto_delete = true},
                                 NULL) == LEV_OK &&
        lev_client_basic_consume(c, 1, &replies, NULL) == LEV_OK &&
        step_publish_with(c, none, requests, &ask, "question") && step_silence(c) &&
        step_get(server, requests, &request) && step_is(request->body, "question") &&
        request->properties.reply_to.len > replies.queue.len;
    if (good) {
        lev_properties answer = {.present = LEV_HAS_CORRELATION_ID,
                                 .correlation_id = request->properties.correlation_id};
        lev_publication m = {.routing_key = request->properties.reply_to,
                             .properties = &answer,
                             .body = lev_span_of("answer")};
        good = lev_client_publish(server, 1, &m, NULL) == LEV_OK &&
               lev_client_process(server) == LEV_OK &&
               step_delivered(c, "replies", "answer", &response) &&
               step_is(response.properties.correlation_id, "17");
    }
    lev_client_close(server);
    lev_client_free(server);
    return good;
}

/* Returns the x-delivery-count of a message, 0 where it has none. */
static int64_t delivery_count(const lev_message *m) {
    lev_value count;
    return lev_table_find(m->properties.headers, "x-delivery-count", &count) ? count.as.i : 0;
}

/* A message that is given back twice is dropped at the third time, since the limit is 2. */
static bool counts_deliveries(lev_client *c) {
    lev_span q = step_name();
    lev_message m;
    lev_queue_delete delete = {.queue = q};
    lev_queue_declare declare = {.queue = q, .durable = true};
    declare.arguments =
        step_both(step_string("x-queue-type", "quorum"), step_int("x-delivery-limit", 2));
    bool good = lev_client_queue_declare(c, 1, &declare, NULL) == LEV_OK &&
                step_prefetch(c, 1, false) && step_consume(c, q, "t", none) &&
                step_publish(c, none, q, "again");
    for (int n = 0; n <= 2; n++) {
        good = good && step_delivered(c, "t", "again", &m) && delivery_count(&m) == n &&
               m.redelivered == (n > 0) && lev_client_nack(c, m.delivery, false, true) == LEV_OK;
    }
    return good && step_silence(c) &&
           lev_client_basic_cancel(c, 1, &(lev_basic_cancel){.consumer_tag = lev_span_of("t")},
                                   NULL) == LEV_OK &&
           lev_client_queue_delete(c, 1, &delete, NULL) == LEV_OK;
}

static const feature features[] = {
    {"prefetch per consumer", prefetches_per_consumer, "yes"},
    {"prefetch per channel, global", prefetches_per_channel, "no effect"},
    {"consumer priorities, x-priority", prefers_a_priority, NULL},
    {"x-single-active-consumer", has_one_active_consumer, NULL},
    {"exclusive consumer, 403 for the next", consumes_alone, NULL},
    {"consumer without acks", needs_no_ack, "yes"},
    {"consumer_cancel_notify", tells_of_a_cancelled_consumer, NULL},
    {"direct reply-to", replies_directly, "404"},
    {"quorum queue, x-delivery-limit and x-delivery-count", counts_deliveries, "no effect"},
};

static void consumes_as_the_features_say(void) {
    features_try(features, (int)(sizeof features / sizeof features[0]));
}

int main(void) {
    static const unit_case cases[] = {CASE(consumes_as_the_features_say)};
    if (brokers_count() == 0) {
        puts("skipped: LEVERET_RABBITMQ_URL and LEVERET_GARAGEMQ_URL name no broker");
        return 77;
    }
    return unit_run("consumers", cases, (int)(sizeof cases / sizeof cases[0]));
}
