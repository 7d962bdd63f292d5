/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The record of what is to be made again after a loss: what stays in it, what goes, and under which
 * name. */

#include "../../src/client/topology.h"
#include "../unit.h"

#include <stdlib.h>

static lev_topology t;

static void note(uint16_t channel, lev_method_id id, const void *fields, const lev_method *reply) {
    lev_status status;
    lev_entry *e = lev_entry_new(NULL, channel, id, fields, &status);
    EXPECT(e != NULL && status == LEV_OK);
    lev_topology_note(&t, e, reply);
}

static void open_channel(uint16_t channel) {
    note(channel, LEV_CHANNEL_OPEN, &(lev_channel_open){0}, NULL);
}

static void exchange(const char *name, bool auto_delete) {
    note(1, LEV_EXCHANGE_DECLARE,
         &(lev_exchange_declare){.exchange = lev_span_of(name),
                                 .type = lev_span_of("fanout"),
                                 .auto_delete = auto_delete},
         NULL);
}

static void queue(const char *name, const char *made, bool auto_delete) {
    lev_method reply = {.id = LEV_QUEUE_DECLARE_OK};
    reply.as.queue_declare_ok.queue = lev_span_of(made);
    note(1, LEV_QUEUE_DECLARE,
         &(lev_queue_declare){.queue = lev_span_of(name), .auto_delete = auto_delete}, &reply);
}

static void bind(const char *name, const char *from) {
    note(1, LEV_QUEUE_BIND,
         &(lev_queue_bind){.queue = lev_span_of(name), .exchange = lev_span_of(from)}, NULL);
}

static void consume(uint16_t channel, const char *from, const char *tag) {
    lev_method reply = {.id = LEV_BASIC_CONSUME_OK};
    reply.as.basic_consume_ok.consumer_tag = lev_span_of(tag);
    note(channel, LEV_BASIC_CONSUME, &(lev_basic_consume){.queue = lev_span_of(from)}, &reply);
}

/* The methods of the record, in order, such as "40.10 50.10". */
static const char *record(void) {
    static char text[400];
    lev_writer w = lev_writer_init((uint8_t *)text, sizeof text - 1);
    memset(text, 0, sizeof text);
    for (const lev_entry *e = t.first; e != NULL; e = e->next) {
        const lev_method_desc *d = lev_method_describe(e->method.id);
        lev_writer_text(&w, e == t.first ? "" : " ");
        lev_writer_text(&w, d->class_name);
        lev_writer_text(&w, ".");
        lev_writer_text(&w, d->method_name);
    }
    return text;
}

static const lev_entry *last(void) {
    const lev_entry *e = t.first;
    while (e != NULL && e->next != NULL) {
        e = e->next;
    }
    return e;
}

static void expect_record(const char *text) {
    EXPECT_STR(record(), text);
    lev_topology_deinit(&t);
}

static void keeps_the_order_and_one_of_each(void) {
    open_channel(1);
    exchange("e", false);
    queue("q", "q", false);
    bind("q", "e");
    bind("q", "e");
    exchange("e", false);
    expect_record("channel.open exchange.declare queue.declare queue.bind");
}

static void forgets_what_is_deleted_with_all_that_hung_on_it(void) {
    open_channel(1);
    exchange("e", false);
    queue("q", "q", false);
    queue("r", "r", false);
    bind("q", "e");
    bind("r", "e");
    consume(1, "q", "c");
    note(1, LEV_QUEUE_DELETE, &(lev_queue_delete){.queue = lev_span_of("q")}, NULL);
    EXPECT_STR(record(), "channel.open exchange.declare queue.declare queue.bind");
    note(1, LEV_EXCHANGE_DELETE, &(lev_exchange_delete){.exchange = lev_span_of("e")}, NULL);
    expect_record("channel.open queue.declare");
}

static void forgets_a_binding_that_is_undone(void) {
    open_channel(1);
    bind("q", "e");
    bind("q", "f");
    note(1, LEV_QUEUE_UNBIND,
         &(lev_queue_unbind){.queue = lev_span_of("q"), .exchange = lev_span_of("e")}, NULL);
    EXPECT(last()->method.id == LEV_QUEUE_BIND);
    EXPECT(lev_span_equal(last()->method.as.queue_bind.exchange, lev_span_of("f")));
    expect_record("channel.open queue.bind");
}

/* The consumer was the queue's last, the queue's binding the exchange's last. */
static void forgets_what_the_broker_deletes_for_lack_of_use(void) {
    open_channel(1);
    exchange("e", true);
    queue("q", "q", true);
    bind("q", "e");
    consume(1, "q", "c");
    consume(1, "q", "d");
    lev_topology_cancelled(&t, 1, lev_span_of("c"));
    EXPECT_STR(record(), "channel.open exchange.declare queue.declare queue.bind basic.consume");
    lev_topology_cancelled(&t, 1, lev_span_of("d"));
    expect_record("channel.open");
}

static void keeps_an_auto_delete_queue_that_nobody_has_used(void) {
    open_channel(1);
    queue("q", "q", true);
    bind("q", "e");
    note(1, LEV_QUEUE_UNBIND,
         &(lev_queue_unbind){.queue = lev_span_of("q"), .exchange = lev_span_of("e")}, NULL);
    expect_record("channel.open queue.declare");
}

static void forgets_a_channel_but_not_what_was_declared_there(void) {
    open_channel(1);
    open_channel(2);
    queue("q", "q", false);
    note(1, LEV_CONFIRM_SELECT, &(lev_confirm_select){0}, NULL);
    EXPECT(lev_topology_confirms(&t, 1) && !lev_topology_confirms(&t, 2));
    consume(1, "q", "c");
    lev_topology_channel_closed(&t, 1);
    EXPECT(!lev_topology_has_channel(&t, 1) && lev_topology_has_channel(&t, 2));
    EXPECT(!lev_topology_confirms(&t, 1));
    expect_record("channel.open queue.declare");
}

/* An empty name is the queue declared last on the channel, a passive declare included. */
static void knows_what_an_empty_name_stands_for(void) {
    open_channel(1);
    queue("q", "q", false);
    note(1, LEV_QUEUE_DECLARE, &(lev_queue_declare){.queue = lev_span_of("p"), .passive = true},
         NULL);
    bind("", "e");
    EXPECT(lev_span_equal(last()->method.as.queue_bind.queue, lev_span_of("p")));
    expect_record("channel.open queue.declare queue.bind");
}

static void carries_a_new_name_to_all_that_knew_the_old_one(void) {
    open_channel(1);
    queue("", "amq.gen-1", false);
    lev_entry *made = t.first->next;
    EXPECT(made->server_named && made->method.as.queue_declare.queue.len == 0);
    bind("", "e");
    consume(1, "", "ctag-1");
    lev_topology_renamed(&t, made, lev_span_of("amq.gen-22"));
    EXPECT(lev_span_equal(made->next->method.as.queue_bind.queue, lev_span_of("amq.gen-22")));
    EXPECT(lev_span_equal(last()->method.as.basic_consume.queue, lev_span_of("amq.gen-22")));
    EXPECT(lev_span_equal(last()->method.as.basic_consume.consumer_tag, lev_span_of("ctag-1")));
    bind("", "f");
    EXPECT(lev_span_equal(last()->method.as.queue_bind.queue, lev_span_of("amq.gen-22")));
    note(1, LEV_QUEUE_DELETE, &(lev_queue_delete){.queue = lev_span_of("amq.gen-22")}, NULL);
    expect_record("channel.open");
}

/* Only the broker may make a name such as this one, so it has to be asked for a name again. */
static void asks_for_a_name_again_whatever_the_queue_was_called_since(void) {
    open_channel(1);
    queue("", "amq.gen-1", false);
    bind("", "e");
    queue("amq.gen-1", "amq.gen-1", false);
    lev_entry *made = t.first->next;
    EXPECT(made->server_named && made->method.as.queue_declare.queue.len == 0);
    lev_topology_renamed(&t, made, lev_span_of("amq.gen-2"));
    EXPECT(lev_span_equal(last()->method.as.queue_bind.queue, lev_span_of("amq.gen-2")));
    expect_record("channel.open queue.declare queue.bind");
}

static void keeps_the_limit_that_counts_for_the_next_consumer(void) {
    open_channel(1);
    note(1, LEV_BASIC_QOS, &(lev_basic_qos){.prefetch_count = 1}, NULL);
    note(1, LEV_BASIC_QOS, &(lev_basic_qos){.prefetch_count = 2}, NULL);
    consume(1, "q", "c");
    note(1, LEV_BASIC_QOS, &(lev_basic_qos){.prefetch_count = 3}, NULL);
    EXPECT_EQ(t.first->next->method.as.basic_qos.prefetch_count, 2);
    expect_record("channel.open basic.qos basic.consume basic.qos");
}

static void does_not_record_what_leaves_nothing_behind(void) {
    lev_status status;
    lev_exchange_declare passive = {.exchange = lev_span_of("e"), .passive = true};
    EXPECT(lev_entry_new(NULL, 1, LEV_EXCHANGE_DECLARE, &passive, &status) == NULL &&
           status == LEV_OK);
    EXPECT(lev_entry_new(NULL, 1, LEV_QUEUE_PURGE, &(lev_queue_purge){0}, &status) == NULL);
}

static void drops_an_entry_with_what_needs_it(void) {
    open_channel(1);
    exchange("e", false);
    queue("q", "q", false);
    bind("q", "e");
    consume(1, "q", "c");
    lev_topology_drop(&t, t.first->next->next);
    expect_record("channel.open exchange.declare");
}

UNIT_MAIN("record", CASE(keeps_the_order_and_one_of_each),
          CASE(forgets_what_is_deleted_with_all_that_hung_on_it),
          CASE(forgets_a_binding_that_is_undone),
          CASE(forgets_what_the_broker_deletes_for_lack_of_use),
          CASE(keeps_an_auto_delete_queue_that_nobody_has_used),
          CASE(forgets_a_channel_but_not_what_was_declared_there),
          CASE(knows_what_an_empty_name_stands_for),
          CASE(carries_a_new_name_to_all_that_knew_the_old_one),
          CASE(asks_for_a_name_again_whatever_the_queue_was_called_since),
          CASE(keeps_the_limit_that_counts_for_the_next_consumer),
          CASE(does_not_record_what_leaves_nothing_behind), CASE(drops_an_entry_with_what_needs_it))
