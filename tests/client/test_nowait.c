/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each method that can be sent with no-wait, with real brokers: it has no answer, and its effect
 * shows in what comes after it. garagemq answers two of them all the same, which ends the
 * connection. Skipped where no broker is named in the environment. */

#include "../unit.h"
#include "brokers.h"
#include "steps.h"

static const lev_span none;

/* Calls, and holds the client to its word that no answer is due. */
static bool call(lev_client *c, lev_method_id id, const void *fields) {
    lev_method reply = {.id = LEV_QUEUE_DECLARE_OK};
    return lev_client_call(c, 1, id, fields, &reply) == LEV_OK && reply.id == LEV_NO_METHOD;
}

static bool declares_an_exchange(lev_client *c) {
    lev_exchange_declare declare = {.exchange = step_name(),
                                    .type = lev_span_of("direct"),
                                    .auto_delete = true,
                                    .nowait = true};
    return call(c, LEV_EXCHANGE_DECLARE, &declare) && step_has_exchange(c, declare.exchange);
}

static bool deletes_an_exchange(lev_client *c) {
    lev_span x = step_name();
    return step_exchange(c, x, "direct", none) &&
           call(c, LEV_EXCHANGE_DELETE, &(lev_exchange_delete){.exchange = x, .nowait = true}) &&
           !step_has_exchange(c, x) && lev_client_error(c)->reply_code == LEV_NOT_FOUND;
}

static bool binds_an_exchange(lev_client *c) {
    lev_span q = step_name();
    lev_exchange_bind bind = {.destination = step_name(), .source = step_name(), .nowait = true};
    return step_exchange(c, bind.source, "fanout", none) &&
           step_exchange(c, bind.destination, "fanout", none) && step_queue(c, q, none) &&
           step_bind(c, q, bind.destination, "") && call(c, LEV_EXCHANGE_BIND, &bind) &&
           step_publish(c, bind.source, none, "through") && step_got(c, q, "through");
}

/* A second binding keeps the source, which goes with its last one. */
static bool unbinds_an_exchange(lev_client *c) {
    lev_span q = step_name();
    lev_span other = step_name();
    lev_exchange_bind bind = {.destination = step_name(), .source = step_name()};
    lev_exchange_unbind unbind = {
        .destination = bind.destination, .source = bind.source, .nowait = true};
    return step_exchange(c, bind.source, "fanout", none) &&
           step_exchange(c, bind.destination, "fanout", none) && step_queue(c, q, none) &&
           step_bind(c, q, bind.destination, "") && step_queue(c, other, none) &&
           step_bind(c, other, bind.source, "") &&
           lev_client_exchange_bind(c, 1, &bind, NULL) == LEV_OK &&
           step_publish(c, unbind.source, none, "through") && step_got(c, q, "through") &&
           call(c, LEV_EXCHANGE_UNBIND, &unbind) && step_publish(c, unbind.source, none, "lost") &&
           step_publish(c, none, q, "last") && step_got(c, q, "last");
}

static bool declares_a_queue(lev_client *c) {
    lev_queue_declare declare = {.queue = step_name(), .exclusive = true, .nowait = true};
    return call(c, LEV_QUEUE_DECLARE, &declare) && step_has_queue(c, declare.queue, 0);
}

static bool binds_a_queue(lev_client *c) {
    lev_span q = step_name();
    lev_queue_bind bind = {
        .queue = q, .exchange = lev_span_of("amq.direct"), .routing_key = q, .nowait = true};
    return step_queue(c, q, none) && call(c, LEV_QUEUE_BIND, &bind) &&
           step_publish(c, bind.exchange, q, "bound") && step_got(c, q, "bound");
}

static bool purges_a_queue(lev_client *c) {
    lev_span q = step_name();
    return step_queue(c, q, none) && step_confirms(c) && step_publish(c, none, q, "1") &&
           lev_client_wait_confirms(c, 1, NULL) == LEV_OK && step_has_queue(c, q, 1) &&
           call(c, LEV_QUEUE_PURGE, &(lev_queue_purge){.queue = q, .nowait = true}) &&
           step_has_queue(c, q, 0);
}

static bool deletes_a_queue(lev_client *c) {
    lev_span q = step_name();
    return step_queue(c, q, none) &&
           call(c, LEV_QUEUE_DELETE, &(lev_queue_delete){.queue = q, .nowait = true}) &&
           !step_has_queue(c, q, 0) && lev_client_error(c)->reply_code == LEV_NOT_FOUND;
}

static bool consumes(lev_client *c) {
    lev_span q = step_name();
    lev_basic_consume consume = {.queue = q, .consumer_tag = lev_span_of("t"), .nowait = true};
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("t")};
    return step_queue(c, q, none) && call(c, LEV_BASIC_CONSUME, &consume) &&
           step_publish(c, none, q, "1") && step_delivered(c, "t", "1", NULL) &&
           lev_client_basic_cancel(c, 1, &cancel, NULL) == LEV_OK;
}

static bool cancels(lev_client *c) {
    lev_span q = step_name();
    lev_basic_consume consume = {.queue = q, .consumer_tag = lev_span_of("t")};
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("t"), .nowait = true};
    return step_queue(c, q, none) && lev_client_basic_consume(c, 1, &consume, NULL) == LEV_OK &&
           call(c, LEV_BASIC_CANCEL, &cancel) && step_publish(c, none, q, "1") &&
           step_got(c, q, "1") && step_silence(c);
}

static bool selects_confirms(lev_client *c) {
    lev_span q = step_name();
    lev_tally t;
    return step_queue(c, q, none) &&
           call(c, LEV_CONFIRM_SELECT, &(lev_confirm_select){.nowait = true}) &&
           step_publish(c, none, q, "1") && lev_client_wait_confirms(c, 1, &t) == LEV_OK &&
           t.confirmed == 1;
}

static const feature features[] = {
    {"no-wait: exchange.declare", declares_an_exchange, "yes"},
    {"no-wait: exchange.delete", deletes_an_exchange, NULL},
    {"no-wait: exchange.bind", binds_an_exchange, "540"},
    {"no-wait: exchange.unbind", unbinds_an_exchange, "540"},
    {"no-wait: queue.declare", declares_a_queue, "yes"},
    {"no-wait: queue.bind", binds_a_queue, "yes"},
    {"no-wait: queue.purge", purges_a_queue, "yes"},
    {"no-wait: queue.delete", deletes_a_queue, "answered"},
    {"no-wait: basic.consume", consumes, "yes"},
    {"no-wait: basic.cancel", cancels, "answered"},
    {"no-wait: confirm.select", selects_confirms, "yes"},
};

static void works_without_an_answer(void) {
    features_try(features, (int)(sizeof features / sizeof features[0]));
}

int main(void) {
    static const unit_case cases[] = {CASE(works_without_an_answer)};
    if (brokers_count() == 0) {
        puts("skipped: LEVERET_RABBITMQ_URL and LEVERET_GARAGEMQ_URL name no broker");
        return 77;
    }
    return unit_run("nowait", cases, (int)(sizeof cases / sizeof cases[0]));
}
