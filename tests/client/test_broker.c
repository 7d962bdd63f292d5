/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The client and real brokers: publishing, confirms, consuming, acks. Skipped where no broker is
 * named in the environment.
 *
 * garagemq never delivers an empty body, forgets to mark what it delivers again, and may put a
 * method into the middle of another message, so what depends on that is tried with RabbitMQ alone.
 */

#include "../unit.h"
#include "brokers.h"

#include <poll.h>

static uint64_t number_in(lev_span body) {
    uint64_t n = 0;
    EXPECT_EQ(body.len, sizeof n);
    memcpy(&n, body.ptr, sizeof n);
    return n;
}

static void select_confirms(lev_client *c) {
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
}

/* Publishes the numbers 1 to `count` to a queue, in confirm mode. */
static void publish_numbers(lev_client *c, lev_span queue, uint64_t count) {
    for (uint64_t n = 1; n <= count; n++) {
        lev_publication m = {.routing_key = queue, .body = {(const uint8_t *)&n, sizeof n}};
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    }
}

static void round_trip(const char *uri) {
    char name[256];
    uint8_t table[200];
    lev_client *c = brokers_open(uri, &(lev_client_options){.connection_name = "round trip"});
    lev_span queue = brokers_queue(c, name);
    lev_span exchange = lev_span_of("leveret.round.trip");
    lev_exchange_declare declare = {
        .exchange = exchange, .type = lev_span_of("fanout"), .auto_delete = true};
    EXPECT_EQ(lev_client_exchange_declare(c, 1, &declare, NULL), LEV_OK);
    lev_queue_bind bind = {.queue = queue, .exchange = exchange};
    EXPECT_EQ(lev_client_queue_bind(c, 1, &bind, NULL), LEV_OK);
    lev_writer w = lev_writer_init(table, sizeof table);
    lev_table_put_int(&w, "n", 5);
    lev_table_put_string(&w, "s", "text");
    lev_properties p = {.present = LEV_HAS_HEADERS | LEV_HAS_MESSAGE_ID | LEV_HAS_DELIVERY_MODE,
                        .headers = lev_writer_span(&w),
                        .message_id = lev_span_of("id-1"),
                        .delivery_mode = 2};
    lev_publication m = {.exchange = exchange,
                         .routing_key = lev_span_of("k"),
                         .properties = &p,
                         .body = {(const uint8_t *)"a\0b", 3}};
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    brokers_consume(c, queue, 10);
    lev_message got = brokers_delivery(c);
    EXPECT_BYTES(got.body.ptr, got.body.len, "a\0b", 3);
    EXPECT(lev_span_equal(got.exchange, exchange));
    EXPECT(lev_span_equal(got.routing_key, m.routing_key));
    EXPECT(!got.redelivered);
    EXPECT_EQ(got.properties.delivery_mode, 2);
    EXPECT(lev_span_equal(got.properties.message_id, p.message_id));
    lev_value value;
    EXPECT(lev_table_find(got.properties.headers, "n", &value) && value.as.i == 5);
    EXPECT(lev_table_find(got.properties.headers, "s", &value) && value.type == 'S');
    EXPECT_EQ(lev_client_ack(c, got.delivery, false), LEV_OK);
    brokers_close(c);
}

static void declares_binds_publishes_and_consumes(void) {
    for (int i = 0; i < brokers_count(); i++) {
        round_trip(brokers_uri(i));
    }
}

static void carries_an_empty_body(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    char name[256];
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_span queue = brokers_queue(c, name);
    lev_publication m = {.routing_key = queue};
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    brokers_consume(c, queue, 10);
    EXPECT_EQ(brokers_delivery(c).body.len, 0);
    brokers_close(c);
}

static void carry_numbers(const char *uri, uint64_t count) {
    char name[256];
    lev_tally t;
    lev_client *c = brokers_open(uri, NULL);
    lev_span queue = brokers_queue(c, name);
    select_confirms(c);
    publish_numbers(c, queue, count);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_OK);
    EXPECT_EQ(t.confirmed, count);
    EXPECT_EQ(t.returned + t.nacked + t.not_sent + t.in_doubt, 0);
    brokers_consume(c, queue, 500);
    for (uint64_t n = 1; n <= count; n++) {
        lev_message m = brokers_delivery(c);
        EXPECT_EQ(number_in(m.body), n);
        if (n % 100 == 0) {
            EXPECT_EQ(lev_client_ack(c, m.delivery, true), LEV_OK);
        }
    }
    lev_method reply;
    lev_queue_declare passive = {.queue = queue, .passive = true, .exclusive = true};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &passive, &reply), LEV_OK);
    EXPECT_EQ(reply.as.queue_declare_ok.message_count, 0);
    brokers_close(c);
}

static void carries_100000_messages_with_confirms_and_acks(void) {
    for (int i = 0; i < brokers_count(); i++) {
        carry_numbers(brokers_uri(i), 100000);
    }
}

static void publish_nowhere(const char *uri) {
    lev_client *c = brokers_open(uri, NULL);
    lev_publication m = {.routing_key = lev_span_of("leveret.no.such.queue"),
                         .body = lev_span_of("lost"),
                         .mandatory = true};
    lev_tally t;
    lev_event e;
    select_confirms(c);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    }
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_ERR_NOT_CONFIRMED);
    EXPECT_EQ(t.returned, 3);
    EXPECT_EQ(t.confirmed, 0);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 5000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_RETURN);
    EXPECT_EQ(e.first, 4);
    EXPECT_EQ(e.message->reply_code, LEV_NO_ROUTE);
    EXPECT(lev_span_equal(e.message->body, m.body));
    EXPECT_EQ(lev_client_next(c, &e, 5000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_OUTCOME);
    EXPECT_EQ(e.outcome, LEV_RETURNED);
    EXPECT(e.first == 4 && e.last == 4);
    brokers_close(c);
}

static void tells_of_an_unroutable_mandatory_message(void) {
    for (int i = 0; i < brokers_count(); i++) {
        publish_nowhere(brokers_uri(i));
    }
}

static void carry_ten_megabytes(const char *uri) {
    enum { SIZE = 10 * 1024 * 1024 };
    char name[256];
    uint8_t *body = malloc(SIZE);
    lev_client *c = brokers_open(uri, NULL);
    lev_span queue = brokers_queue(c, name);
    for (size_t i = 0; i < SIZE; i++) {
        body[i] = (uint8_t)(i * 31 + (i >> 12));
    }
    lev_publication m = {.routing_key = queue, .body = {body, SIZE}, .lend = true, .token = &m};
    lev_event e;
    lev_tally t;
    select_confirms(c);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_OK);
    EXPECT_EQ(t.confirmed, 1);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_RELEASED);
    EXPECT(e.token == &m);
    brokers_consume(c, queue, 1);
    lev_message got = brokers_delivery(c);
    EXPECT_BYTES(got.body.ptr, got.body.len, body, SIZE);
    brokers_close(c);
    free(body);
}

static void carries_a_body_of_ten_megabytes(void) {
    for (int i = 0; i < brokers_count(); i++) {
        carry_ten_megabytes(brokers_uri(i));
    }
}

static void requeues_rejects_and_knows_stale_deliveries(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    char name[256];
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_span queue = brokers_queue(c, name);
    publish_numbers(c, queue, 2);
    brokers_consume(c, queue, 1);
    lev_delivery first = brokers_delivery(c).delivery;
    EXPECT_EQ(lev_client_nack(c, first, false, true), LEV_OK);
    lev_message again = brokers_delivery(c);
    EXPECT(again.redelivered);
    EXPECT_EQ(number_in(again.body), 1);
    EXPECT_EQ(lev_client_reject(c, again.delivery, true), LEV_OK);
    again = brokers_delivery(c);
    EXPECT_EQ(number_in(again.body), 1);
    EXPECT_EQ(lev_client_reject(c, again.delivery, false), LEV_OK);
    EXPECT_EQ(number_in(brokers_delivery(c).body), 2);
    EXPECT_EQ(lev_client_channel_close(c, 1, &(lev_channel_close){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_ack(c, again.delivery, false), LEV_ERR_STALE);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
}

static void calls_while_deliveries_arrive(void) {
    enum { COUNT = 2000 };
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    char name[256];
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_span queue = brokers_queue(c, name);
    select_confirms(c);
    publish_numbers(c, queue, COUNT);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, NULL), LEV_OK);
    brokers_consume(c, queue, 0);
    for (int i = 0; i < 50; i++) {
        lev_queue_declare passive = {.queue = queue, .passive = true, .exclusive = true};
        lev_method reply;
        EXPECT_EQ(lev_client_queue_declare(c, 1, &passive, &reply), LEV_OK);
        EXPECT(lev_span_equal(reply.as.queue_declare_ok.queue, queue));
    }
    for (uint64_t n = 1; n <= COUNT; n++) {
        EXPECT_EQ(number_in(brokers_delivery(c).body), n);
    }
    brokers_close(c);
}

/* Waits as a foreign event loop would, and processes. */
static void turn(lev_client *c) {
    unsigned wants = lev_client_wants(c);
    struct pollfd f = {.fd = lev_client_fd(c)};
    f.events =
        (short)((wants & LEV_CLIENT_READ ? POLLIN : 0) | (wants & LEV_CLIENT_WRITE ? POLLOUT : 0));
    int timeout = lev_client_timeout(c);
    poll(&f, 1, timeout < 0 || timeout > 5000 ? 5000 : timeout);
    EXPECT_EQ(lev_client_process(c), LEV_OK);
}

/* Publishes through the engine and consumes, one event a turn, never calling what waits. */
static void works_in_a_foreign_event_loop(void) {
    enum { COUNT = 3000 };
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    char name[256];
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_span queue = brokers_queue(c, name);
    select_confirms(c);
    brokers_consume(c, queue, 0);
    uint64_t sent = 0;
    uint64_t got = 0;
    uint64_t confirmed = 0;
    while (got < COUNT || confirmed < COUNT) {
        lev_event e;
        uint64_t n = sent + 1;
        lev_publication m = {.routing_key = queue, .body = {(const uint8_t *)&n, sizeof n}};
        if (sent < COUNT && lev_engine_publish(lev_client_engine(c), 1, &m, NULL) == LEV_OK) {
            sent++;
        }
        turn(c);
        if (lev_client_next(c, &e, 0) == LEV_ERR_TIMEOUT) {
            continue;
        }
        if (e.type == LEV_EVENT_DELIVER) {
            EXPECT_EQ(number_in(e.message->body), ++got);
        } else {
            EXPECT_EQ(e.type, LEV_EVENT_OUTCOME);
            EXPECT_EQ(e.outcome, LEV_CONFIRMED);
            confirmed += e.last - e.first + 1;
        }
    }
    brokers_close(c);
}

/* RabbitMQ completes the address that the answer to a direct request goes to. */
static void tells_of_an_unroutable_direct_request(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_span address = lev_span_of("amq.rabbitmq.reply-to");
    lev_properties p = {.present = LEV_HAS_REPLY_TO, .reply_to = address};
    lev_publication m = {.routing_key = lev_span_of("leveret.no.such.queue"),
                         .properties = &p,
                         .body = lev_span_of("?"),
                         .mandatory = true};
    lev_basic_consume answers = {.queue = address, .no_ack = true};
    lev_tally t;
    select_confirms(c);
    EXPECT_EQ(lev_client_basic_consume(c, 1, &answers, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_ERR_NOT_CONFIRMED);
    EXPECT_EQ(t.returned, 1);
    brokers_close(c);
}

int main(void) {
    static const unit_case cases[] = {
        CASE(declares_binds_publishes_and_consumes),
        CASE(carries_an_empty_body),
        CASE(carries_100000_messages_with_confirms_and_acks),
        CASE(tells_of_an_unroutable_mandatory_message),
        CASE(tells_of_an_unroutable_direct_request),
        CASE(carries_a_body_of_ten_megabytes),
        CASE(requeues_rejects_and_knows_stale_deliveries),
        CASE(calls_while_deliveries_arrive),
        CASE(works_in_a_foreign_event_loop),
    };
    if (brokers_count() == 0) {
        puts("skipped: LEVERET_RABBITMQ_URL and LEVERET_GARAGEMQ_URL name no broker");
        return 77;
    }
    return unit_run("broker", cases, (int)(sizeof cases / sizeof cases[0]));
}
