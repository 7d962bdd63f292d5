/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* recoverer URL   makes a queue that the broker names, exclusive, bound to the exchange "news"
 * (which goes with its last binding), and consumes from it; says what happens, a line each:
 *
 *     ready QUEUE TAG | recovering | recovered QUEUE TAG | got TAG BODY | stale
 *
 * It acks each message at once but the one whose body is "held": that one it acks when it has been
 * recovered, which must be refused as stale. It ends with the message "end". */

#include <leveret/leveret.h>

#include <stdio.h>
#include <stdlib.h>

enum { CHANNEL = 1 };

static char queue[256];
static char tag[256];

static void need(const lev_client *c, lev_status status) {
    if (status != LEV_OK) {
        fprintf(stderr, "recoverer: %s\n", lev_client_error(c)->text);
        exit(1);
    }
}

static void keep(char *into, lev_span name) {
    snprintf(into, 256, "%.*s", (int)name.len, (const char *)name.ptr);
}

/* The new name of the queue is known to the recovery alone, but each replayed step can be seen. */
static lev_recovery_verdict hear(void *context, const lev_recovery_news *news) {
    (void)context;
    if (news->stage == LEV_RECOVERY_STEP && news->error == NULL && news->method != NULL &&
        news->method->id == LEV_BASIC_CONSUME) {
        keep(queue, news->method->as.basic_consume.queue);
        keep(tag, news->method->as.basic_consume.consumer_tag);
    }
    return LEV_RECOVERY_DEFAULT;
}

static void make(lev_client *c) {
    lev_span news = lev_span_of("news");
    lev_method reply;
    lev_exchange_declare exchange = {
        .exchange = news, .type = lev_span_of("fanout"), .auto_delete = true};
    need(c, lev_client_channel_open(c, CHANNEL, &(lev_channel_open){0}, NULL));
    need(c, lev_client_exchange_declare(c, CHANNEL, &exchange, NULL));
    need(c, lev_client_queue_declare(c, CHANNEL, &(lev_queue_declare){.exclusive = true}, &reply));
    keep(queue, reply.as.queue_declare_ok.queue);
    need(c, lev_client_queue_bind(c, CHANNEL, &(lev_queue_bind){.exchange = news}, NULL));
    need(c, lev_client_exchange_declare(c, CHANNEL, &exchange, NULL)); /* as a second part would */
    need(c, lev_client_basic_qos(c, CHANNEL, &(lev_basic_qos){.prefetch_count = 5}, NULL));
    need(c, lev_client_basic_consume(c, CHANNEL, &(lev_basic_consume){0}, &reply));
    keep(tag, reply.as.basic_consume_ok.consumer_tag);
    printf("ready %s %s\n", queue, tag);
}

/* Returns whether this was not the last message. */
static bool take(lev_client *c, const lev_message *m, lev_delivery *held) {
    lev_span body = m->body;
    printf("got %.*s %.*s\n", (int)m->consumer_tag.len, (const char *)m->consumer_tag.ptr,
           (int)body.len, (const char *)body.ptr);
    bool last = lev_span_equal(body, lev_span_of("end"));
    if (lev_span_equal(body, lev_span_of("held"))) {
        *held = m->delivery;
    } else {
        need(c, lev_client_ack(c, m->delivery, false));
    }
    return !last;
}

int main(int argc, char **argv) {
    lev_client_options options = {.recovery = {.on = true,
                                               .restart_cancelled = true,
                                               .wait_first_ms = 50,
                                               .wait_max_ms = 300,
                                               .hook = hear}};
    lev_client *c = lev_client_new(&options);
    lev_delivery held = {0};
    lev_event event;
    if (argc != 2 || c == NULL) {
        return 64;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    need(c, lev_client_open(c, argv[1]));
    make(c);
    for (bool more = true; more;) {
        need(c, lev_client_next(c, &event, LEV_FOREVER));
        if (event.type == LEV_EVENT_RECOVERING) {
            printf("recovering\n");
        } else if (event.type == LEV_EVENT_RECOVERED) {
            printf("recovered %s %s\n", queue, tag);
            if (held.channel != 0 && lev_client_ack(c, held, false) == LEV_ERR_STALE) {
                printf("stale\n");
            }
            held = (lev_delivery){0};
        } else if (event.type == LEV_EVENT_DELIVER) {
            more = take(c, event.message, &held);
        }
    }
    need(c, lev_client_close(c));
    lev_client_free(c);
    return 0;
}
