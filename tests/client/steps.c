/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each feature gets a connection of its own, since a broker may end it. Consumers are cancelled
 * before that: garagemq often hangs for good when it has to end one by itself. */

#include "steps.h"

#include "../unit.h"
#include "brokers.h"
#include "tap.h"

#include <time.h>
#include <unistd.h>

enum { STEP_SPANS = 32, STEP_SPAN = 512, STEP_TAGS = 8 };

static const char *step_uri;
static int step_ms;                   /* to wait for a message */
static lev_span step_tags[STEP_TAGS]; /* of consumers on channel 1 */
static int step_tag_count;

/* Returns room for a text or a table, the oldest one's. */
static char *step_room(void) {
    static char rooms[STEP_SPANS][STEP_SPAN];
    static int next;
    return rooms[next++ % STEP_SPANS];
}

lev_span step_name(void) {
    static int count;
    char *name = step_room();
    snprintf(name, STEP_SPAN, "leveret.%d.%d", (int)getpid(), count++);
    return lev_span_of(name);
}

lev_span step_int(const char *key, int64_t value) {
    lev_writer w = lev_writer_init((uint8_t *)step_room(), STEP_SPAN);
    lev_table_put_int(&w, key, value);
    return lev_writer_span(&w);
}

lev_span step_string(const char *key, const char *value) {
    lev_writer w = lev_writer_init((uint8_t *)step_room(), STEP_SPAN);
    lev_table_put_string(&w, key, value);
    return lev_writer_span(&w);
}

lev_span step_both(lev_span a, lev_span b) {
    lev_writer w = lev_writer_init((uint8_t *)step_room(), STEP_SPAN);
    lev_writer_bytes(&w, a);
    lev_writer_bytes(&w, b);
    return lev_writer_span(&w);
}

bool step_queue(lev_client *c, lev_span queue, lev_span arguments) {
    lev_queue_declare declare = {.queue = queue, .exclusive = true, .arguments = arguments};
    return lev_client_queue_declare(c, 1, &declare, NULL) == LEV_OK;
}

bool step_exchange(lev_client *c, lev_span exchange, const char *type, lev_span arguments) {
    lev_exchange_declare declare = {.exchange = exchange,
                                    .type = lev_span_of(type),
                                    .auto_delete = true,
                                    .arguments = arguments};
    return lev_client_exchange_declare(c, 1, &declare, NULL) == LEV_OK;
}

bool step_bind(lev_client *c, lev_span queue, lev_span exchange, const char *key) {
    lev_queue_bind bind = {.queue = queue, .exchange = exchange, .routing_key = lev_span_of(key)};
    return lev_client_queue_bind(c, 1, &bind, NULL) == LEV_OK;
}

bool step_unbind(lev_client *c, lev_span queue, lev_span exchange, const char *key) {
    lev_queue_unbind unbind = {
        .queue = queue, .exchange = exchange, .routing_key = lev_span_of(key)};
    return lev_client_queue_unbind(c, 1, &unbind, NULL) == LEV_OK;
}

bool step_consume(lev_client *c, lev_span queue, const char *tag, lev_span arguments) {
    lev_basic_consume consume = {
        .queue = queue, .consumer_tag = lev_span_of(tag), .arguments = arguments};
    if (lev_client_basic_consume(c, 1, &consume, NULL) != LEV_OK) {
        return false;
    }
    step_tags[step_tag_count++ % STEP_TAGS] = consume.consumer_tag;
    return true;
}

bool step_prefetch(lev_client *c, uint16_t count, bool global) {
    lev_basic_qos qos = {.prefetch_count = count, .global = global};
    return lev_client_basic_qos(c, 1, &qos, NULL) == LEV_OK;
}

bool step_confirms(lev_client *c) {
    return lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL) == LEV_OK;
}

bool step_channel(lev_client *c, uint16_t channel) {
    return lev_client_channel_open(c, channel, &(lev_channel_open){0}, NULL) == LEV_OK;
}

bool step_publish(lev_client *c, lev_span exchange, lev_span key, const char *body) {
    return step_publish_with(c, exchange, key, NULL, body);
}

bool step_publish_with(lev_client *c, lev_span exchange, lev_span key, const lev_properties *p,
                       const char *body) {
    lev_publication m = {
        .exchange = exchange, .routing_key = key, .properties = p, .body = lev_span_of(body)};
    return lev_client_publish(c, 1, &m, NULL) == LEV_OK;
}

static void step_pause(void) { nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); }

bool step_get(lev_client *c, lev_span queue, const lev_message **m) {
    lev_basic_get get = {.queue = queue, .no_ack = true};
    lev_status status = LEV_NEED_MORE;
    for (uint64_t end = lev_net_now() + (uint64_t)step_ms; lev_net_now() < end;) {
        status = lev_client_get(c, 1, &get, m);
        if (status != LEV_NEED_MORE) {
            break;
        }
        step_pause();
    }
    return status == LEV_OK;
}

bool step_got(lev_client *c, lev_span queue, const char *body) {
    const lev_message *m;
    return step_get(c, queue, &m) && step_is(m->body, body);
}

bool step_empty(lev_client *c, lev_span queue) {
    const lev_message *m;
    lev_basic_get get = {.queue = queue, .no_ack = true};
    return lev_client_get(c, 1, &get, &m) == LEV_NEED_MORE;
}

bool step_delivered(lev_client *c, const char *tag, const char *body, lev_message *m) {
    lev_event e;
    if (lev_client_next(c, &e, step_ms) != LEV_OK || e.type != LEV_EVENT_DELIVER ||
        !step_is(e.message->consumer_tag, tag) || !step_is(e.message->body, body)) {
        return false;
    }
    if (m != NULL) {
        *m = *e.message;
        return true;
    }
    return lev_client_ack(c, e.message->delivery, false) == LEV_OK;
}

bool step_silence(lev_client *c) {
    lev_event e;
    return lev_client_next(c, &e, 200) == LEV_ERR_TIMEOUT;
}

bool step_refused(lev_client *c, lev_status status, uint16_t code) {
    return status == LEV_ERR_CHANNEL && lev_client_error(c)->reply_code == code &&
           step_channel(c, 1);
}

bool step_has_queue(lev_client *c, lev_span queue, uint32_t messages) {
    lev_method reply;
    lev_queue_declare passive = {.queue = queue, .passive = true, .exclusive = true};
    return lev_client_queue_declare(c, 1, &passive, &reply) == LEV_OK &&
           reply.as.queue_declare_ok.message_count == messages;
}

bool step_has_exchange(lev_client *c, lev_span exchange) {
    lev_exchange_declare passive = {
        .exchange = exchange, .type = lev_span_of("direct"), .passive = true};
    return lev_client_exchange_declare(c, 1, &passive, NULL) == LEV_OK;
}

bool step_is(lev_span span, const char *text) { return lev_span_equal(span, lev_span_of(text)); }

const char *step_broker(void) { return step_uri; }

lev_client *step_other(void) { return brokers_open(step_uri, NULL); }

/* What a try has shown. */
static const char *feature_verdict(const lev_client *c, bool good) {
    static char code[8];
    const lev_error *error = lev_client_error(c);
    if (good) {
        return "yes";
    }
    if (error->status == LEV_ERR_CHANNEL || error->status == LEV_ERR_CLOSED) {
        snprintf(code, sizeof code, "%u", error->reply_code);
        return code;
    }
    if (error->status == LEV_ERR_PROTOCOL) {
        return "answered";
    }
    return error->status == LEV_ERR_TIMEOUT ? "no answer" : "no effect";
}

static void feature_try(const feature *f, const char *uri, const char *expected) {
    bool patient = strcmp(expected, "yes") == 0;
    step_uri = uri;
    step_ms = patient ? 10000 : 300;
    step_tag_count = 0;
    lev_client *c = brokers_open(uri, &(lev_client_options){.call_ms = patient ? 10000 : 1000});
    const char *seen = feature_verdict(c, f->try(c));
    if (getenv("PROBE")) {
        if (strcmp(seen, expected))
            printf("PROBE %s: %s (%s) %s\n", f->name, seen, expected, lev_client_error(c)->text);
    } else if (strcmp(seen, expected) != 0) {
        unit_fail(__FILE__, __LINE__, "%s at %s: expected \"%s\", have \"%s\"; %s", f->name, uri,
                  expected, seen, lev_client_error(c)->text);
    }
    for (int i = 0; i < step_tag_count && i < STEP_TAGS; i++) {
        lev_client_basic_cancel(c, 1, &(lev_basic_cancel){.consumer_tag = step_tags[i]}, NULL);
    }
    lev_client_close(c);
    lev_client_free(c);
    tap_observed(f->name, seen);
}

void features_try(const feature *features, int count) {
    for (int i = 0; i < brokers_count(); i++) {
        const char *uri = brokers_uri(i);
        bool rabbitmq = brokers_rabbitmq() != NULL && strcmp(uri, brokers_rabbitmq()) == 0;
        for (int n = 0; n < count; n++) {
            const char *expected = rabbitmq ? "yes" : features[n].garagemq;
            if (expected != NULL) {
                feature_try(&features[n], uri, expected);
            }
        }
    }
}
