/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The client and real brokers: what they refuse, what they end, and long silences. Skipped where no
 * broker is named in the environment. */

#include "../unit.h"
#include "brokers.h"
#include "tap.h"

#include <time.h>

static void refuse_logins(const char *uri) {
    char text[200];
    const char *at = strchr(uri, '@');
    snprintf(text, sizeof text, "amqp://guest:geheim%s", at);
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, text), LEV_ERR_REFUSED);
    EXPECT(strstr(lev_client_error(c)->text, "check user, password") != NULL);
    EXPECT(strstr(lev_client_error(c)->text, "geheim") == NULL);
    lev_client_free(c);
    c = lev_client_new(&(lev_client_options){.password = "geheim"});
    EXPECT_EQ(lev_client_open(c, uri), LEV_OK); /* the URI's own counts first */
    brokers_close(c);
}

static void says_that_the_password_is_wrong(void) {
    for (int i = 0; i < brokers_count(); i++) {
        refuse_logins(brokers_uri(i));
    }
}

static void says_that_the_virtual_host_is_unknown(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    char text[200];
    snprintf(text, sizeof text, "%s/leveret-nowhere", brokers_rabbitmq());
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, text), LEV_ERR_REFUSED);
    EXPECT_EQ(lev_client_error(c)->reply_code, LEV_NOT_ALLOWED);
    EXPECT(strstr(lev_client_error(c)->text, "vhost leveret-nowhere not found") != NULL);
    lev_client_free(c);
}

static void miss_a_queue(const char *uri) {
    char name[256];
    lev_client *c = brokers_open(uri, NULL);
    lev_queue_declare passive = {.queue = lev_span_of("leveret.missing"), .passive = true};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &passive, NULL), LEV_ERR_CHANNEL);
    EXPECT_EQ(lev_client_error(c)->reply_code, LEV_NOT_FOUND);
    EXPECT(strstr(lev_client_error(c)->text, "leveret.missing") != NULL);
    EXPECT_EQ(lev_client_queue_declare(c, 1, &passive, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    brokers_queue(c, name);
    brokers_close(c);
}

static void goes_on_after_a_missing_queue(void) {
    for (int i = 0; i < brokers_count(); i++) {
        miss_a_queue(brokers_uri(i));
    }
}

static void says_that_a_precondition_failed(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    char name[256];
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_span queue = brokers_queue(c, name);
    lev_queue_declare other = {.queue = queue, .exclusive = true, .auto_delete = true};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &other, NULL), LEV_ERR_CHANNEL);
    EXPECT_EQ(lev_client_error(c)->reply_code, LEV_PRECONDITION_FAILED);
    EXPECT_EQ(lev_client_error(c)->class_id, LEV_CLASS_QUEUE);
    brokers_close(c);
}

/* The last declared queue is meant where the name is left out. */
static void takes_a_name_from_the_broker(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_method reply;
    lev_queue_declare declare = {.exclusive = true};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &declare, &reply), LEV_OK);
    EXPECT(reply.as.queue_declare_ok.queue.len > 8);
    EXPECT_BYTES(reply.as.queue_declare_ok.queue.ptr, 8, "amq.gen-", 8);
    lev_queue_bind bind = {.exchange = lev_span_of("amq.fanout")};
    EXPECT_EQ(lev_client_queue_bind(c, 1, &bind, NULL), LEV_OK);
    EXPECT_EQ(lev_client_basic_consume(c, 1, &(lev_basic_consume){0}, &reply), LEV_OK);
    EXPECT(reply.as.basic_consume_ok.consumer_tag.len > 0);
    lev_publication m = {.exchange = bind.exchange, .body = lev_span_of("b")};
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT(lev_span_equal(brokers_delivery(c).body, m.body));
    brokers_close(c);
}

static void get_one(const char *uri) {
    char name[256];
    const lev_message *m;
    lev_client *c = brokers_open(uri, NULL);
    lev_span queue = brokers_queue(c, name);
    lev_basic_get get = {.queue = queue};
    EXPECT_EQ(lev_client_get(c, 1, &get, &m), LEV_NEED_MORE);
    EXPECT(m == NULL);
    EXPECT_EQ(lev_client_basic_get(c, 1, &get, NULL), LEV_ERR_MISUSE);
    lev_publication p = {.routing_key = queue, .body = lev_span_of("one")};
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish(c, 1, &p, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish(c, 1, &p, NULL), LEV_OK);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, NULL), LEV_OK);
    EXPECT_EQ(lev_client_get(c, 1, &get, &m), LEV_OK);
    EXPECT(lev_span_equal(m->body, p.body));
    EXPECT_EQ(m->message_count, 1);
    EXPECT_EQ(lev_client_ack(c, m->delivery, false), LEV_OK);
    get.no_ack = true;
    EXPECT_EQ(lev_client_get(c, 1, &get, &m), LEV_OK);
    EXPECT_EQ(lev_client_ack(c, m->delivery, false), LEV_ERR_STALE);
    EXPECT_EQ(lev_client_get(c, 1, &get, &m), LEV_NEED_MORE);
    brokers_close(c);
}

static void gets_messages_and_emptiness(void) {
    for (int i = 0; i < brokers_count(); i++) {
        get_one(brokers_uri(i));
    }
}

static void pipeline(const char *uri) {
    enum { COUNT = 20 };
    char names[COUNT][256];
    lev_client *c = brokers_open(uri, NULL);
    uint32_t calls[COUNT];
    for (int i = 0; i < COUNT; i++) {
        lev_queue_declare declare = {.queue = brokers_queue(c, names[i]), .exclusive = true};
        EXPECT_EQ(lev_engine_queue_declare(lev_client_engine(c), 1, &declare, &calls[i]), LEV_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        lev_event e;
        EXPECT_EQ(lev_client_next(c, &e, 5000), LEV_OK);
        EXPECT_EQ(e.type, LEV_EVENT_REPLY);
        EXPECT_EQ(e.call, calls[i]);
        EXPECT(lev_span_equal(e.method->as.queue_declare_ok.queue, lev_span_of(names[i])));
    }
    brokers_close(c);
}

static void pipelines_calls(void) {
    for (int i = 0; i < brokers_count(); i++) {
        pipeline(brokers_uri(i));
    }
}

static void tells_that_a_consumer_was_cancelled(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    lev_event e;
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_client *other = brokers_open(brokers_rabbitmq(), NULL);
    lev_span queue = lev_span_of("leveret.cancel");
    lev_queue_declare declare = {.queue = queue};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &declare, NULL), LEV_OK);
    brokers_consume(c, queue, 1);
    lev_queue_delete delete = {.queue = queue};
    EXPECT_EQ(lev_client_queue_delete(other, 1, &delete, NULL), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 5000), LEV_ERR_CANCELLED);
    EXPECT_EQ(e.type, LEV_EVENT_CANCELLED);
    EXPECT(strstr(lev_client_error(c)->text, "the broker cancelled consumer \"t\" on channel 1") !=
           NULL);
    brokers_close(other);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
}

static void updates_a_secret(void) {
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    lev_method reply;
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    lev_connection_update_secret update = {.new_secret = lev_span_of("guest"),
                                           .reason = lev_span_of("a test")};
    EXPECT_EQ(lev_client_connection_update_secret(c, 0, &update, &reply), LEV_OK);
    EXPECT_EQ(reply.id, LEV_CONNECTION_UPDATE_SECRET_OK);
    brokers_close(c);
}

/* A silence with a heartbeat of one second: once inside a call that waits, once between calls of
 * lev_client_process. */
static void keep_silent(const char *uri, int silence) {
    char name[256];
    lev_event e;
    lev_client *c = brokers_open(uri, &(lev_client_options){.heartbeat = 1});
    EXPECT_EQ(lev_engine_tuned(lev_client_engine(c)).heartbeat, 1);
    EXPECT_EQ(lev_client_next(c, &e, silence), LEV_ERR_TIMEOUT);
    for (uint64_t end = lev_net_now() + 4000; lev_net_now() < end;) {
        struct timespec pause = {.tv_nsec = 100000000};
        nanosleep(&pause, NULL);
        EXPECT_EQ(lev_client_process(c), LEV_OK);
    }
    brokers_queue(c, name);
    tap_observed("heartbeats", "yes");
    brokers_close(c);
}

/* In the long run of the tests the first broker is met with a minute of it. */
static void beats_through_a_long_silence(void) {
    const char *is_long = getenv("LEVERET_LONG");
    for (int i = 0; i < brokers_count(); i++) {
        bool minute = i == 0 && is_long != NULL && *is_long != '\0';
        keep_silent(brokers_uri(i), minute ? 60000 : 4000);
    }
}

int main(void) {
    static const unit_case cases[] = {
        CASE(says_that_the_password_is_wrong),
        CASE(says_that_the_virtual_host_is_unknown),
        CASE(goes_on_after_a_missing_queue),
        CASE(says_that_a_precondition_failed),
        CASE(takes_a_name_from_the_broker),
        CASE(gets_messages_and_emptiness),
        CASE(pipelines_calls),
        CASE(tells_that_a_consumer_was_cancelled),
        CASE(updates_a_secret),
        CASE(beats_through_a_long_silence),
    };
    if (brokers_count() == 0) {
        puts("skipped: LEVERET_RABBITMQ_URL and LEVERET_GARAGEMQ_URL name no broker");
        return 77;
    }
    return unit_run("topology", cases, (int)(sizeof cases / sizeof cases[0]));
}
