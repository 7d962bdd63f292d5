/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Every method that a client can call, with real brokers: what it does, what it refuses, and its
 * variant without an answer, whose effect must show in the next answer. Skipped where no broker is
 * named in the environment. */

#include "../unit.h"
#include "brokers.h"
#include "steps.h"

static const lev_span none;

/* ---- exchanges ---- */

static lev_status delete_exchange(lev_client *c, lev_span exchange, bool if_unused) {
    lev_exchange_delete delete = {.exchange = exchange, .if_unused = if_unused};
    return lev_client_exchange_delete(c, 1, &delete, NULL);
}

static bool finds_an_exchange_or_gets_404(lev_client *c) {
    lev_span x = step_name();
    lev_exchange_declare passive = {.exchange = x, .type = lev_span_of("direct"), .passive = true};
    return step_refused(c, lev_client_exchange_declare(c, 1, &passive, NULL), LEV_NOT_FOUND) &&
           step_exchange(c, x, "direct", none) && step_has_exchange(c, x);
}

static bool deletes_an_exchange_if_unused(lev_client *c) {
    lev_span x = step_name();
    lev_span q = step_name();
    return step_exchange(c, x, "direct", none) && step_queue(c, q, none) &&
           step_bind(c, q, x, "k") &&
           step_refused(c, delete_exchange(c, x, true), LEV_PRECONDITION_FAILED) &&
           delete_exchange(c, x, false) == LEV_OK;
}

static bool binds_exchanges(lev_client *c) {
    lev_span from = step_name();
    lev_span to = step_name();
    lev_span q = step_name();
    lev_exchange_bind bind = {.destination = to, .source = from, .routing_key = lev_span_of("k")};
    lev_exchange_unbind unbind = {
        .destination = to, .source = from, .routing_key = lev_span_of("k")};
    return step_exchange(c, from, "direct", none) && step_exchange(c, to, "fanout", none) &&
           step_queue(c, q, none) && step_bind(c, q, to, "") &&
           lev_client_exchange_bind(c, 1, &bind, NULL) == LEV_OK &&
           step_publish(c, from, bind.routing_key, "through") && step_got(c, q, "through") &&
           lev_client_exchange_unbind(c, 1, &unbind, NULL) == LEV_OK && step_empty(c, q) &&
           step_publish(c, to, bind.routing_key, "direct") && step_got(c, q, "direct");
}

/* ---- queues ---- */

static lev_status delete_queue(lev_client *c, lev_span queue, bool if_unused, bool if_empty) {
    lev_queue_delete delete = {.queue = queue, .if_unused = if_unused, .if_empty = if_empty};
    return lev_client_queue_delete(c, 1, &delete, NULL);
}

static bool finds_a_queue_or_gets_404(lev_client *c) {
    lev_span q = step_name();
    lev_queue_declare passive = {.queue = q, .passive = true};
    return step_refused(c, lev_client_queue_declare(c, 1, &passive, NULL), LEV_NOT_FOUND) &&
           step_queue(c, q, none) && step_has_queue(c, q, 0);
}

static bool names_a_queue(lev_client *c) {
    lev_method reply;
    lev_queue_declare declare = {.exclusive = true};
    return lev_client_queue_declare(c, 1, &declare, &reply) == LEV_OK &&
           reply.as.queue_declare_ok.queue.len > 8 &&
           memcmp(reply.as.queue_declare_ok.queue.ptr, "amq.gen-", 8) == 0;
}

static bool unbinds_a_queue(lev_client *c) {
    lev_span x = lev_span_of("amq.direct");
    lev_span q = step_name();
    lev_span key = step_name();
    return step_queue(c, q, none) && step_bind(c, q, x, (const char *)key.ptr) &&
           step_publish(c, x, key, "bound") && step_got(c, q, "bound") &&
           step_unbind(c, q, x, (const char *)key.ptr) && step_publish(c, x, key, "lost") &&
           step_publish(c, none, q, "last") && step_got(c, q, "last");
}

static bool purges_a_queue(lev_client *c) {
    lev_span q = step_name();
    lev_method reply;
    return step_queue(c, q, none) && step_confirms(c) && step_publish(c, none, q, "1") &&
           step_publish(c, none, q, "2") && lev_client_wait_confirms(c, 1, NULL) == LEV_OK &&
           lev_client_queue_purge(c, 1, &(lev_queue_purge){.queue = q}, &reply) == LEV_OK &&
           reply.as.queue_purge_ok.message_count == 2 && step_empty(c, q);
}

static bool deletes_a_queue(lev_client *c) {
    lev_span q = step_name();
    lev_method reply;
    return step_queue(c, q, none) && step_confirms(c) && step_publish(c, none, q, "1") &&
           lev_client_wait_confirms(c, 1, NULL) == LEV_OK &&
           lev_client_queue_delete(c, 1, &(lev_queue_delete){.queue = q}, &reply) == LEV_OK &&
           reply.as.queue_delete_ok.message_count == 1;
}

static bool deletes_a_queue_if_unused_and_empty(lev_client *c) {
    lev_span q = step_name();
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("t")};
    return step_queue(c, q, none) && step_consume(c, q, "t", none) &&
           step_refused(c, delete_queue(c, q, true, false), LEV_PRECONDITION_FAILED) &&
           step_consume(c, q, "t", none) &&
           lev_client_basic_cancel(c, 1, &cancel, NULL) == LEV_OK && step_confirms(c) &&
           step_publish(c, none, q, "1") && lev_client_wait_confirms(c, 1, NULL) == LEV_OK &&
           step_refused(c, delete_queue(c, q, false, true), LEV_PRECONDITION_FAILED) &&
           delete_queue(c, q, true, false) == LEV_OK;
}

/* ---- messages ---- */

static bool turns_the_flow_on(lev_client *c) {
    lev_method reply;
    lev_channel_flow flow = {.active = true};
    return lev_client_channel_flow(c, 1, &(lev_channel_flow){0}, NULL) == LEV_ERR_UNSUPPORTED &&
           lev_client_channel_flow(c, 1, &flow, &reply) == LEV_OK &&
           reply.as.channel_flow_ok.active;
}

/* Gets a message and keeps it unacked. */
static bool holds(lev_client *c, lev_span queue, const char *body) {
    const lev_message *m;
    return lev_client_get(c, 1, &(lev_basic_get){.queue = queue}, &m) == LEV_OK &&
           step_is(m->body, body) && !m->redelivered;
}

/* Two messages are out and unacked; then both come again. */
static bool comes_again(lev_client *c, lev_method_id id, const void *fields) {
    lev_span q = step_name();
    const lev_message *m;
    return step_queue(c, q, none) && step_confirms(c) && step_publish(c, none, q, "1") &&
           step_publish(c, none, q, "2") && lev_client_wait_confirms(c, 1, NULL) == LEV_OK &&
           holds(c, q, "1") && holds(c, q, "2") &&
           lev_client_call(c, 1, id, fields, NULL) == LEV_OK && step_get(c, q, &m) &&
           step_is(m->body, "1") && m->redelivered && step_got(c, q, "2");
}

static bool recovers(lev_client *c) {
    return lev_client_basic_recover(c, 1, &(lev_basic_recover){0}, NULL) == LEV_ERR_UNSUPPORTED &&
           comes_again(c, LEV_BASIC_RECOVER, &(lev_basic_recover){.requeue = true});
}

static bool recovers_without_an_answer(lev_client *c) {
    return comes_again(c, LEV_BASIC_RECOVER_ASYNC, &(lev_basic_recover_async){.requeue = true});
}

/* Only when both messages are settled does the prefetch let two more come. */
static bool nacks_many(lev_client *c) {
    lev_span q = step_name();
    lev_message m;
    bool published = step_queue(c, q, none) && step_prefetch(c, 2, false);
    for (int i = 0; i < 4; i++) {
        published = published && step_publish(c, none, q, i < 2 ? "early" : "late");
    }
    return published && step_consume(c, q, "t", none) && step_delivered(c, "t", "early", &m) &&
           step_delivered(c, "t", "early", &m) && step_silence(c) &&
           lev_client_nack(c, m.delivery, true, false) == LEV_OK &&
           step_delivered(c, "t", "late", &m) && step_delivered(c, "t", "late", &m) &&
           lev_client_ack(c, m.delivery, true) == LEV_OK && step_silence(c);
}

static bool rejects(lev_client *c) {
    lev_span q = step_name();
    lev_message m;
    return step_queue(c, q, none) && step_publish(c, none, q, "1") &&
           step_consume(c, q, "t", none) && step_delivered(c, "t", "1", &m) &&
           lev_client_reject(c, m.delivery, true) == LEV_OK && step_delivered(c, "t", "1", &m) &&
           lev_client_reject(c, m.delivery, false) == LEV_OK && step_silence(c);
}

static bool commits_and_rolls_back(lev_client *c) {
    lev_span q = step_name();
    return step_queue(c, q, none) &&
           lev_client_tx_select(c, 1, &(lev_tx_select){0}, NULL) == LEV_OK &&
           step_publish(c, none, q, "gone") && step_empty(c, q) &&
           lev_client_tx_rollback(c, 1, &(lev_tx_rollback){0}, NULL) == LEV_OK &&
           step_publish(c, none, q, "kept") && step_empty(c, q) &&
           lev_client_tx_commit(c, 1, &(lev_tx_commit){0}, NULL) == LEV_OK &&
           step_got(c, q, "kept");
}

static bool closes_and_opens_a_channel(lev_client *c) {
    return lev_client_channel_close(c, 1, &(lev_channel_close){0}, NULL) == LEV_OK &&
           step_channel(c, 1) && step_queue(c, step_name(), none);
}

static const feature methods[] = {
    {"passive exchange.declare: found, and 404", finds_an_exchange_or_gets_404, "yes"},
    {"exchange.delete, if-unused with 406", deletes_an_exchange_if_unused, NULL},
    {"exchange to exchange bindings", binds_exchanges, "540"},
    {"passive queue.declare: found, and 404", finds_a_queue_or_gets_404, "yes"},
    {"queue named by the broker", names_a_queue, "503"},
    {"queue.unbind", unbinds_a_queue, "yes"},
    {"queue.purge counts", purges_a_queue, "yes"},
    {"queue.delete counts", deletes_a_queue, "yes"},
    {"queue.delete, if-unused and if-empty with 406", deletes_a_queue_if_unused_and_empty, NULL},
    {"channel.flow asked for by us", turns_the_flow_on, "yes"},
    {"basic.recover", recovers, "540"},
    {"basic.recover-async", recovers_without_an_answer, "540"},
    {"basic.nack of many", nacks_many, "yes"},
    {"basic.reject", rejects, "yes"},
    {"transactions", commits_and_rolls_back, "no answer"},
    {"a channel number used again", closes_and_opens_a_channel, "yes"},
};

static void calls_every_method(void) {
    features_try(methods, (int)(sizeof methods / sizeof methods[0]));
}

int main(void) {
    static const unit_case cases[] = {CASE(calls_every_method)};
    if (brokers_count() == 0) {
        puts("skipped: LEVERET_RABBITMQ_URL and LEVERET_GARAGEMQ_URL name no broker");
        return 77;
    }
    return unit_run("methods", cases, (int)(sizeof cases / sizeof cases[0]));
}
