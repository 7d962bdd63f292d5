/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* RabbitMQ's streams as consumed over AMQP 0-9-1: where to begin, the offset of each message, and
 * what the broker and we refuse. Skipped where no RabbitMQ is named in the environment. (RabbitMQ,
 * Streams.) */

#include "../unit.h"
#include "brokers.h"
#include "steps.h"

#include <time.h>

static const lev_span none;

/* Declares a stream that holds the bodies "0", "1", "2". */
static bool stream(lev_client *c, lev_span name) {
    lev_queue_declare declare = {
        .queue = name, .durable = true, .arguments = step_string("x-queue-type", "stream")};
    return lev_client_queue_declare(c, 1, &declare, NULL) == LEV_OK && step_confirms(c) &&
           step_publish(c, none, name, "0") && step_publish(c, none, name, "1") &&
           step_publish(c, none, name, "2") && lev_client_wait_confirms(c, 1, NULL) == LEV_OK;
}

static bool delete_stream(lev_client *c, lev_span name) {
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("t")};
    return lev_client_basic_cancel(c, 1, &cancel, NULL) == LEV_OK &&
           lev_client_queue_delete(c, 1, &(lev_queue_delete){.queue = name}, NULL) == LEV_OK;
}

/* The bodies from `first` to 2 are delivered, each with its offset. */
static bool delivered_from(lev_client *c, int first) {
    for (int n = first; n <= 2; n++) {
        char body[] = {(char)('0' + n), '\0'};
        lev_message m;
        lev_value offset;
        if (!step_delivered(c, "t", body, &m) ||
            !lev_table_find(m.properties.headers, "x-stream-offset", &offset) || offset.as.i != n ||
            lev_client_ack(c, m.delivery, false) != LEV_OK) {
            return false;
        }
    }
    return step_silence(c);
}

static bool consumed_from(lev_client *c, lev_span offset, int first) {
    lev_span name = step_name();
    return stream(c, name) && step_prefetch(c, 10, false) && step_consume(c, name, "t", offset) &&
           delivered_from(c, first) && delete_stream(c, name);
}

static bool begins_at_the_first(lev_client *c) {
    return consumed_from(c, step_string("x-stream-offset", "first"), 0);
}

static bool begins_at_an_offset(lev_client *c) {
    return consumed_from(c, step_int("x-stream-offset", 2), 2);
}

static lev_span moment(int64_t seconds) {
    static uint8_t table[64];
    lev_writer w = lev_writer_init(table, sizeof table);
    lev_table_put_time(&w, "x-stream-offset", (uint64_t)(time(NULL) + seconds));
    return lev_writer_span(&w);
}

static bool begins_at_a_moment(lev_client *c) { return consumed_from(c, moment(-3600), 0); }

/* "next" skips what is there. */
static bool begins_with_the_next(lev_client *c) {
    lev_span name = step_name();
    return stream(c, name) && step_prefetch(c, 10, false) &&
           step_consume(c, name, "t", step_string("x-stream-offset", "next")) && step_silence(c) &&
           step_publish(c, none, name, "3") && lev_client_wait_confirms(c, 1, NULL) == LEV_OK &&
           step_delivered(c, "t", "3", NULL) && delete_stream(c, name);
}

/* Without a prefetch the broker refuses the consumer; without acks it would drop the connection, so
 * we refuse it. */
static bool refuses_a_consumer_without_limits(lev_client *c) {
    lev_span name = step_name();
    lev_basic_consume consume = {.queue = name,
                                 .consumer_tag = lev_span_of("t"),
                                 .arguments = step_string("x-stream-offset", "first")};
    bool good = stream(c, name) && step_refused(c, lev_client_basic_consume(c, 1, &consume, NULL),
                                                LEV_PRECONDITION_FAILED);
    consume.no_ack = true;
    return good && step_prefetch(c, 10, false) &&
           lev_client_basic_consume(c, 1, &consume, NULL) == LEV_ERR_UNSUPPORTED &&
           lev_client_queue_delete(c, 1, &(lev_queue_delete){.queue = name}, NULL) == LEV_OK;
}

static const feature features[] = {
    {"stream, x-stream-offset first", begins_at_the_first, NULL},
    {"stream, x-stream-offset next", begins_with_the_next, NULL},
    {"stream, x-stream-offset a number", begins_at_an_offset, NULL},
    {"stream, x-stream-offset a timestamp", begins_at_a_moment, NULL},
    {"stream, 406 without a prefetch", refuses_a_consumer_without_limits, NULL},
};

static void consumes_streams(void) {
    features_try(features, (int)(sizeof features / sizeof features[0]));
}

int main(void) {
    static const unit_case cases[] = {CASE(consumes_streams)};
    if (brokers_rabbitmq() == NULL) {
        puts("skipped: LEVERET_RABBITMQ_URL names no broker");
        return 77;
    }
    return unit_run("streams", cases, (int)(sizeof cases / sizeof cases[0]));
}
