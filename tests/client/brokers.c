/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Every step is checked, and says what the client said. A consumer is cancelled before its
 * connection ends, because garagemq often hangs for good when it has to do that by itself. */

#include "brokers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *brokers_rabbitmq(void) { return getenv("LEVERET_RABBITMQ_URL"); }

const char *brokers_uri(int i) {
    const char *rabbitmq = brokers_rabbitmq();
    const char *garagemq = getenv("LEVERET_GARAGEMQ_URL");
    if (i == 0) {
        return rabbitmq != NULL ? rabbitmq : garagemq;
    }
    return i == 1 && rabbitmq != NULL ? garagemq : NULL;
}

int brokers_count(void) {
    int n = 0;
    while (brokers_uri(n) != NULL) {
        n++;
    }
    return n;
}

static void brokers_need(const lev_client *c, bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, lev_client_error(c)->text);
        exit(1);
    }
}

lev_client *brokers_open(const char *uri, const lev_client_options *options) {
    lev_client *c = lev_client_new(options);
    brokers_need(c, lev_client_open(c, uri) == LEV_OK, "open");
    brokers_need(c, lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) == LEV_OK,
                 "channel.open");
    return c;
}

static const lev_client *brokers_consumer; /* has consumer "t" */

void brokers_close(lev_client *c) {
    if (brokers_consumer == c) {
        lev_basic_cancel cancel = {.consumer_tag = lev_span_of("t")};
        brokers_need(c, lev_client_basic_cancel(c, 1, &cancel, NULL) == LEV_OK, "basic.cancel");
    }
    brokers_consumer = NULL;
    brokers_need(c, lev_client_close(c) == LEV_OK, "close");
    lev_client_free(c);
}

lev_span brokers_queue(lev_client *c, char *name) {
    static int count;
    snprintf(name, 256, "leveret.test.%d.%d", (int)getpid(), count++);
    lev_queue_declare declare = {.queue = lev_span_of(name), .exclusive = true};
    brokers_need(c, lev_client_queue_declare(c, 1, &declare, NULL) == LEV_OK, "queue.declare");
    return lev_span_of(name);
}

void brokers_consume(lev_client *c, lev_span queue, uint16_t prefetch) {
    lev_basic_qos qos = {.prefetch_count = prefetch};
    lev_basic_consume consume = {.queue = queue, .consumer_tag = lev_span_of("t")};
    brokers_need(c, lev_client_basic_qos(c, 1, &qos, NULL) == LEV_OK, "basic.qos");
    brokers_need(c, lev_client_basic_consume(c, 1, &consume, NULL) == LEV_OK, "basic.consume");
    brokers_consumer = c;
}

lev_message brokers_delivery(lev_client *c) {
    lev_event e;
    brokers_need(c, lev_client_next(c, &e, 10000) == LEV_OK, "a delivery");
    brokers_need(c, e.type == LEV_EVENT_DELIVER, "another event than a delivery");
    return *e.message;
}
