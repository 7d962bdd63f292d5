/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Every step is checked, and says what the client said. A consumer is cancelled before its
 * connection ends, because garagemq often hangs for good when it has to do that by itself. */

#include "brokers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static char node_folder[] = "/tmp/leveret-node-XXXXXX";

void brokers_node_say(const char *verb, const char *args, char *said, size_t size) {
    char line[400];
    snprintf(line, sizeof line, "tests/broker/rabbitmq %s %s %s", verb, node_folder, args);
    FILE *out = popen(line, "r");
    size_t len = out != NULL ? fread(said, 1, size - 1, out) : 0;
    said[len] = '\0';
    if (out == NULL || pclose(out) != 0) {
        fprintf(stderr, "%s failed\n", line);
        exit(1);
    }
}

void brokers_node(const char *verb, const char *args) {
    char said[1000];
    brokers_node_say(verb, args, said, sizeof said);
}

void brokers_node_start(const char *configuration) {
    char path[80];
    if (mkdtemp(node_folder) == NULL) {
        perror(node_folder);
        exit(1);
    }
    if (configuration != NULL) {
        snprintf(path, sizeof path, "%s/extra.conf", node_folder);
        FILE *f = fopen(path, "w");
        if (f == NULL || fputs(configuration, f) < 0 || fclose(f) != 0) {
            perror(path);
            exit(1);
        }
    }
    brokers_node("start", "");
}

const char *brokers_node_uri(void) {
    static char uri[100];
    brokers_node_say("url", "", uri, sizeof uri);
    uri[strcspn(uri, "\n")] = '\0';
    return uri;
}

void brokers_node_end(void) {
    char line[100];
    brokers_node("stop", "");
    snprintf(line, sizeof line, "rm -rf %s", node_folder);
    if (system(line) != 0) {
        exit(1);
    }
}
