/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The record once more: that nothing is made again before what it needs, and that each kind of
 * entry is told from its neighbours. */

#include "../../src/client/topology.h"
#include "../unit.h"

static lev_topology t;

static void note(uint16_t channel, lev_method_id id, const void *fields, const lev_method *reply) {
    lev_status status;
    lev_entry *e = lev_entry_new(NULL, channel, id, fields, &status);
    EXPECT_EQ(status, LEV_OK);
    EXPECT(e != NULL);
    lev_topology_note(&t, e, reply);
}

static void open_channel(uint16_t channel) {
    note(channel, LEV_CHANNEL_OPEN, &(lev_channel_open){0}, NULL);
}

static void exchange(const char *name, bool auto_delete, bool durable) {
    lev_exchange_declare d = {.exchange = lev_span_of(name),
                              .type = lev_span_of("fanout"),
                              .auto_delete = auto_delete,
                              .durable = durable};
    note(1, LEV_EXCHANGE_DECLARE, &d, NULL);
}

static void queue(const char *name, const char *made, bool auto_delete) {
    lev_queue_declare d = {.queue = lev_span_of(name), .auto_delete = auto_delete};
    lev_method reply = {.id = LEV_QUEUE_DECLARE_OK};
    reply.as.queue_declare_ok.queue = lev_span_of(made);
    note(1, LEV_QUEUE_DECLARE, &d, &reply);
}

static lev_queue_bind binding(const char *name, const char *from, const char *key) {
    return (lev_queue_bind){
        .queue = lev_span_of(name), .exchange = lev_span_of(from), .routing_key = lev_span_of(key)};
}

static void bind(const char *name, const char *from, const char *key) {
    lev_queue_bind b = binding(name, from, key);
    note(1, LEV_QUEUE_BIND, &b, NULL);
}

static void link_exchanges(const char *to, const char *from) {
    lev_exchange_bind b = {.destination = lev_span_of(to), .source = lev_span_of(from)};
    note(1, LEV_EXCHANGE_BIND, &b, NULL);
}

static void consume(uint16_t channel, const char *from, const char *tag) {
    lev_basic_consume k = {.queue = lev_span_of(from), .consumer_tag = lev_span_of(tag)};
    lev_method reply = {.id = LEV_BASIC_CONSUME_OK};
    reply.as.basic_consume_ok.consumer_tag = lev_span_of(tag);
    note(channel, LEV_BASIC_CONSUME, &k, &reply);
}

static void qos(uint16_t channel, uint16_t count, bool global) {
    lev_basic_qos q = {.prefetch_count = count, .global = global};
    note(channel, LEV_BASIC_QOS, &q, NULL);
}

/* An entry in a few letters: "e:name", "q:name", "q>e:key", "e>e", "open1", "qos1:5g", "tag1@q". */
static void describe(lev_writer *w, const lev_entry *e) {
    const lev_method *m = &e->method;
    char text[120] = "?";
    if (m->id == LEV_EXCHANGE_DECLARE) {
        lev_span name = m->as.exchange_declare.exchange;
        snprintf(text, sizeof text, "e:%.*s%s", (int)name.len, (const char *)name.ptr,
                 m->as.exchange_declare.durable ? "!" : "");
    } else if (m->id == LEV_QUEUE_DECLARE) {
        lev_span name = e->server_named ? lev_span_of(e->name) : m->as.queue_declare.queue;
        snprintf(text, sizeof text, "q:%.*s", (int)name.len, (const char *)name.ptr);
    } else if (m->id == LEV_QUEUE_BIND) {
        const lev_queue_bind *b = &m->as.queue_bind;
        snprintf(text, sizeof text, "%.*s>%.*s:%.*s", (int)b->queue.len, (const char *)b->queue.ptr,
                 (int)b->exchange.len, (const char *)b->exchange.ptr, (int)b->routing_key.len,
                 (const char *)b->routing_key.ptr);
    } else if (m->id == LEV_EXCHANGE_BIND) {
        const lev_exchange_bind *b = &m->as.exchange_bind;
        snprintf(text, sizeof text, "%.*s>>%.*s", (int)b->destination.len,
                 (const char *)b->destination.ptr, (int)b->source.len, (const char *)b->source.ptr);
    } else if (m->id == LEV_CHANNEL_OPEN) {
        snprintf(text, sizeof text, "open%u", e->channel);
    } else if (m->id == LEV_BASIC_QOS) {
        snprintf(text, sizeof text, "qos%u:%u%s", e->channel, m->as.basic_qos.prefetch_count,
                 m->as.basic_qos.global ? "g" : "");
    } else if (m->id == LEV_BASIC_CONSUME) {
        const lev_basic_consume *k = &m->as.basic_consume;
        snprintf(text, sizeof text, "%.*s%u@%.*s", (int)k->consumer_tag.len,
                 (const char *)k->consumer_tag.ptr, e->channel, (int)k->queue.len,
                 (const char *)k->queue.ptr);
    }
    lev_writer_text(w, text);
}

static void expect_record(const char *wanted) {
    char text[600] = "";
    lev_writer w = lev_writer_init((uint8_t *)text, sizeof text - 1);
    for (const lev_entry *e = t.first; e != NULL; e = e->next) {
        lev_writer_text(&w, e == t.first ? "" : " ");
        describe(&w, e);
    }
    EXPECT_STR(text, wanted);
}

static void expect_at_last(const char *wanted) {
    expect_record(wanted);
    lev_topology_deinit(&t);
}

/* Parts of a program each declare what they share before they bind to it; a broker that has lost
 * all needs it first, too. */
static void declares_again_where_it_was_declared_first(void) {
    exchange("e", false, false);
    queue("q", "q", false);
    bind("q", "e", "a");
    exchange("e", false, true);
    queue("q", "q", false);
    bind("q", "e", "b");
    expect_at_last("e:e! q:q q>e:a q>e:b");
}

/* That it has been used is not forgotten with the first declare. */
static void knows_after_a_second_declare_that_something_was_used(void) {
    exchange("e", true, false);
    queue("q", "q", true);
    bind("q", "e", "");
    consume(1, "q", "c");
    exchange("e", true, false);
    queue("q", "q", true);
    lev_topology_cancelled(&t, 1, lev_span_of("c"));
    expect_at_last("");
}

/* The last binding of a goes with the queue, b's with a, and c's with b. */
static void follows_a_chain_of_exchanges(void) {
    exchange("c", true, false);
    exchange("b", true, false);
    exchange("a", true, false);
    exchange("stays", false, false);
    queue("q", "q", false);
    link_exchanges("b", "c");
    link_exchanges("a", "b");
    bind("q", "a", "");
    note(1, LEV_QUEUE_DELETE, &(lev_queue_delete){.queue = lev_span_of("q")}, NULL);
    expect_at_last("e:stays");
}

static void forgets_exchanges_that_are_no_longer_linked(void) {
    exchange("a", false, false);
    exchange("b", false, false);
    link_exchanges("a", "b");
    link_exchanges("b", "a");
    lev_exchange_unbind other = {.destination = lev_span_of("b"), .source = lev_span_of("b")};
    note(1, LEV_EXCHANGE_UNBIND, &other, NULL);
    expect_record("e:a e:b a>>b b>>a");
    lev_exchange_unbind one = {.destination = lev_span_of("a"), .source = lev_span_of("b")};
    note(1, LEV_EXCHANGE_UNBIND, &one, NULL);
    expect_record("e:a e:b b>>a");
    note(1, LEV_EXCHANGE_DELETE, &(lev_exchange_delete){.exchange = lev_span_of("a")}, NULL);
    expect_at_last("e:b");
}

static void tells_bindings_apart_by_key_and_arguments(void) {
    lev_queue_bind b = binding("q", "e", "k");
    static const uint8_t table[] = {1, 'x', 't', 1};
    b.arguments = (lev_span){table, sizeof table};
    bind("q", "e", "k");
    bind("q", "e", "other");
    note(1, LEV_QUEUE_BIND, &b, NULL);
    expect_record("q>e:k q>e:other q>e:k");
    lev_queue_unbind u = {.queue = b.queue,
                          .exchange = b.exchange,
                          .routing_key = b.routing_key,
                          .arguments = b.arguments};
    note(1, LEV_QUEUE_UNBIND, &u, NULL);
    EXPECT_EQ(t.first->method.as.queue_bind.arguments.len, 0);
    expect_at_last("q>e:k q>e:other");
}

/* Tags are a channel's own. */
static void cancels_on_its_channel_alone(void) {
    open_channel(1);
    open_channel(2);
    consume(1, "q", "c");
    consume(2, "q", "c");
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("c")};
    note(2, LEV_BASIC_CANCEL, &cancel, NULL);
    expect_at_last("open1 open2 c1@q");
}

static void keeps_limits_of_both_kinds_and_of_each_channel(void) {
    open_channel(1);
    qos(1, 1, false);
    qos(1, 2, true);
    qos(2, 3, false);
    qos(1, 4, true);
    expect_record("open1 qos1:1 qos2:3 qos1:4g");
    consume(2, "q", "c");
    qos(1, 5, false);
    expect_at_last("open1 qos2:3 qos1:4g c2@q qos1:5");
}

/* The channel may be opened again, and begins with nothing. */
static void begins_a_channel_anew(void) {
    open_channel(1);
    queue("q", "q", false);
    qos(1, 1, false);
    consume(1, "q", "c");
    note(1, LEV_CHANNEL_CLOSE, &(lev_channel_close){0}, NULL);
    expect_record("q:q");
    open_channel(1);
    EXPECT_STR(t.first->next->name, "");
    expect_at_last("q:q open1");
}

/* Two queues that the broker named; only one gets a new name, on both channels that know it. */
static void renames_one_of_two(void) {
    open_channel(1);
    open_channel(2);
    queue("", "gen-1", false);
    lev_entry *first = t.first->next->next;
    queue("", "gen-2", false);
    bind("gen-1", "e", "");
    bind("", "e", "");
    consume(2, "gen-1", "c");
    lev_topology_renamed(&t, first, lev_span_of("a-longer-name-3"));
    expect_record("open1 open2 q:a-longer-name-3 q:gen-2 a-longer-name-3>e: gen-2>e: "
                  "c2@a-longer-name-3");
    lev_topology_renamed(&t, first, lev_span_of("4"));
    expect_record("open1 open2 q:4 q:gen-2 4>e: gen-2>e: c2@4");
    lev_topology_drop(&t, first);
    expect_at_last("open1 open2 q:gen-2 gen-2>e:");
}

static void carries_names_of_any_length(void) {
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    open_channel(1);
    queue("", longest, false);
    bind("", "e", "");
    EXPECT_EQ(t.first->next->next->method.as.queue_bind.queue.len, 255);
    longest[254] = 'x';
    lev_topology_renamed(&t, t.first->next, lev_span_of(longest));
    EXPECT(lev_span_equal(t.first->next->next->method.as.queue_bind.queue, lev_span_of(longest)));
    lev_topology_deinit(&t);
}

/* What the caller passed is gone by the time of the answer. */
static void keeps_copies(void) {
    char name[] = "queue";
    lev_queue_bind b = binding(name, "e", "k");
    lev_status status;
    lev_entry *e = lev_entry_new(NULL, 1, LEV_QUEUE_BIND, &b, &status);
    memset(name, '#', sizeof name - 1);
    lev_topology_note(&t, e, NULL);
    expect_at_last("queue>e:k");
}

UNIT_MAIN("entries", CASE(declares_again_where_it_was_declared_first),
          CASE(knows_after_a_second_declare_that_something_was_used),
          CASE(follows_a_chain_of_exchanges), CASE(forgets_exchanges_that_are_no_longer_linked),
          CASE(tells_bindings_apart_by_key_and_arguments), CASE(cancels_on_its_channel_alone),
          CASE(keeps_limits_of_both_kinds_and_of_each_channel), CASE(begins_a_channel_anew),
          CASE(renames_one_of_two), CASE(carries_names_of_any_length), CASE(keeps_copies))
