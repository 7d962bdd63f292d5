/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A RabbitMQ that is really short of memory, and one that allows little. It runs a node of its own,
 * since the alarm stops every publisher; skipped where tests/broker/with-brokers has not been asked
 * for brokers at all. */

#include "../unit.h"
#include "brokers.h"
#include "tap.h"

static void memory_alarm(bool on) {
    brokers_node("ctl", on ? "set_vm_memory_high_watermark 0.0000001 >/dev/null"
                           : "set_vm_memory_high_watermark 0.4 >/dev/null");
}

/* The broker says that it blocks only at the next publish under the alarm, and does not read that
 * one to its end; but one that comes before the alarm has spread is still confirmed. */
static void provoke(lev_client *c, lev_span queue) {
    lev_event e = {.type = LEV_EVENT_OUTCOME};
    lev_publication m = {.routing_key = queue, .body = lev_span_of("first")};
    memory_alarm(true);
    while (e.type == LEV_EVENT_OUTCOME) {
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
        EXPECT_EQ(lev_client_next(c, &e, 10000), LEV_OK);
    }
    EXPECT_EQ(e.type, LEV_EVENT_BLOCKED);
    EXPECT(e.method->as.connection_blocked.reason.len > 0);
    EXPECT_EQ(lev_engine_unsettled(lev_client_engine(c), 1), 1);
}

static void waits_until_the_broker_takes_messages_again(void) {
    char name[256];
    lev_client *c = brokers_open(brokers_node_uri(),
                                 &(lev_client_options){.heartbeat = 5, .progress_ms = 4000});
    lev_span queue = brokers_queue(c, name);
    lev_publication m = {.routing_key = queue, .body = lev_span_of("second")};
    lev_tally t;
    lev_event e;
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    provoke(c, queue);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_ERR_TIMEOUT);
    EXPECT(strstr(lev_client_error(c)->text, "blocks publishers (low on memory)") != NULL);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_ERR_TIMEOUT);
    EXPECT_EQ(t.confirmed, 0);
    EXPECT(strstr(lev_client_error(c)->text, "1 messages are still unconfirmed; the broker blocks "
                                             "publishers (low on memory)") != NULL);
    memory_alarm(false);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &t), LEV_OK);
    EXPECT_EQ(t.confirmed, 2);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_UNBLOCKED);
    tap_observed("connection.blocked", "yes");
    brokers_close(c);
}

static void closes_the_hard_way_while_blocked(void) {
    char name[256];
    lev_client *c = brokers_open(brokers_node_uri(), NULL);
    lev_event e;
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    provoke(c, brokers_queue(c, name));
    uint64_t start = lev_net_now();
    EXPECT_EQ(lev_client_close(c), LEV_ERR_TIMEOUT);
    uint64_t took = lev_net_now() - start;
    EXPECT(took >= 4900 && took < 7000);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_OUTCOME);
    EXPECT_EQ(e.outcome, LEV_IN_DOUBT);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_ERR_TIMEOUT);
    EXPECT_EQ(e.type, LEV_EVENT_FAILED);
    lev_client_free(c);
    memory_alarm(false);
}

/* Publishes a message with a body and a header of that many bytes. */
static void publish_large(lev_client *c, lev_span queue, size_t body, size_t header) {
    static uint8_t bytes[20000];
    static uint8_t table[20100];
    memset(bytes, 'x', sizeof bytes);
    lev_writer w = lev_writer_init(table, sizeof table);
    lev_table_put_bytes(&w, "large", (lev_span){bytes, header});
    lev_properties p = {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)};
    lev_publication m = {.routing_key = queue, .properties = &p, .body = {bytes, body}};
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, NULL), LEV_OK);
}

/* One connection is older than the new limits, so that it can send what the other cannot: a header
 * frame of five times the other's frame-max, which a broker does not split. */
static void obeys_a_frame_max_of_4096_and_a_channel_max_of_2(void) {
    lev_client *old = brokers_open(brokers_node_uri(), NULL);
    brokers_node("ctl", "eval 'application:set_env(rabbit, frame_max, 4096), "
                        "application:set_env(rabbit, channel_max, 2).' >/dev/null");
    lev_client *c = brokers_open(brokers_node_uri(), NULL);
    EXPECT_EQ(lev_engine_tuned(lev_client_engine(c)).frame_max, 4096);
    EXPECT_EQ(lev_engine_tuned(lev_client_engine(c)).channel_max, 2);
    EXPECT_EQ(lev_client_channel_open(c, 3, &(lev_channel_open){0}, NULL), LEV_ERR_LIMIT);
    EXPECT_EQ(lev_client_channel_open(c, 2, &(lev_channel_open){0}, NULL), LEV_OK);
    lev_queue_declare declare = {.queue = lev_span_of("leveret.small"), .auto_delete = true};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &declare, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(old, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    publish_large(c, declare.queue, 3 * 4088 + 1, 3000);
    publish_large(old, declare.queue, 2 * 4088, 20000);
    brokers_consume(c, declare.queue, 10);
    lev_message m = brokers_delivery(c);
    EXPECT_EQ(m.body.len, 3 * 4088 + 1);
    m = brokers_delivery(c);
    EXPECT_EQ(m.body.len, 2 * 4088);
    lev_value value;
    EXPECT(lev_table_find(m.properties.headers, "large", &value) && value.as.bytes.len == 20000);
    tap_observed("frame-max 4,096 and a header frame of 20 kB", "yes");
    tap_observed("channel-max", "yes");
    brokers_close(c);
    brokers_close(old);
}

int main(void) {
    static const unit_case cases[] = {
        CASE(waits_until_the_broker_takes_messages_again),
        CASE(closes_the_hard_way_while_blocked),
        CASE(obeys_a_frame_max_of_4096_and_a_channel_max_of_2),
    };
    if (brokers_rabbitmq() == NULL) {
        puts("skipped: LEVERET_RABBITMQ_URL names no broker, so none is started");
        return 77;
    }
    brokers_node_start(NULL);
    int failed = unit_run("blocked", cases, (int)(sizeof cases / sizeof cases[0]));
    brokers_node_end();
    return failed;
}
