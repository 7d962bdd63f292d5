/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where messages go, with real brokers: exchange types, bindings with arguments, alternate
 * exchanges, CC and BCC, dead letters, limits and lifetimes of queues and messages. Skipped where
 * no broker is named in the environment. */

#include "../unit.h"
#include "brokers.h"
#include "steps.h"

static const lev_span none;

static bool by_topic(lev_client *c) {
    lev_span x = step_name();
    lev_span q = step_name();
    return step_exchange(c, x, "topic", none) && step_queue(c, q, none) &&
           step_bind(c, q, x, "a.*.#") && step_publish(c, x, lev_span_of("a"), "lost") &&
           step_publish(c, x, lev_span_of("a.b.c.d"), "found") && step_got(c, q, "found");
}

static bool by_headers(lev_client *c) {
    lev_span x = step_name();
    lev_span q = step_name();
    lev_queue_bind bind = {.queue = q, .exchange = x};
    bind.arguments = step_both(step_string("x-match", "all"), step_int("n", 5));
    lev_properties wrong = {.present = LEV_HAS_HEADERS, .headers = step_int("n", 6)};
    lev_properties right = {.present = LEV_HAS_HEADERS, .headers = step_int("n", 5)};
    return step_exchange(c, x, "headers", none) && step_queue(c, q, none) &&
           lev_client_queue_bind(c, 1, &bind, NULL) == LEV_OK &&
           step_publish_with(c, x, none, &wrong, "wrong") &&
           step_publish_with(c, x, none, &right, "right") && step_got(c, q, "right");
}

static bool by_alternate_exchange(lev_client *c) {
    lev_span x = step_name();
    lev_span other = step_name();
    lev_span q = step_name();
    lev_span arguments = step_string("alternate-exchange", (const char *)other.ptr);
    return step_exchange(c, other, "fanout", none) && step_queue(c, q, none) &&
           step_bind(c, q, other, "") && step_exchange(c, x, "direct", arguments) &&
           step_publish(c, x, lev_span_of("nowhere"), "caught") && step_got(c, q, "caught");
}

static lev_span copies(const char *key, lev_span queue) {
    static uint8_t table[4][512];
    static int next;
    lev_writer w = lev_writer_init(table[next++ % 4], sizeof table[0]);
    size_t place = lev_array_begin(&w, key);
    lev_array_put(&w, &(lev_value){.type = 'S', .as.bytes = queue});
    lev_table_end(&w, place);
    return lev_writer_span(&w);
}

/* CC stays in the message, BCC does not. */
static bool by_copies(lev_client *c) {
    lev_span to = step_name();
    lev_span cc = step_name();
    lev_span bcc = step_name();
    const lev_message *m;
    lev_value value;
    lev_properties p = {.present = LEV_HAS_HEADERS,
                        .headers = step_both(copies("CC", cc), copies("BCC", bcc))};
    return step_queue(c, to, none) && step_queue(c, cc, none) && step_queue(c, bcc, none) &&
           step_publish_with(c, none, to, &p, "copy") && step_got(c, to, "copy") &&
           step_got(c, bcc, "copy") && step_get(c, cc, &m) &&
           lev_table_find(m->properties.headers, "CC", &value) && value.type == 'A' &&
           !lev_table_find(m->properties.headers, "BCC", &value);
}

static bool returns_a_mandatory_message(lev_client *c) {
    lev_event e;
    lev_publication m = {.routing_key = step_name(), .body = lev_span_of("b"), .mandatory = true};
    return lev_client_publish(c, 1, &m, NULL) == LEV_OK &&
           lev_client_next(c, &e, 10000) == LEV_OK && e.type == LEV_EVENT_RETURN &&
           e.message->reply_code == LEV_NO_ROUTE && step_is(e.message->body, "b");
}

/* Finds a text in the first table of the x-death array. */
static bool died_of(lev_span headers, const char *reason, lev_span queue) {
    lev_value deaths;
    lev_value death;
    lev_value value;
    if (!lev_table_find(headers, "x-death", &deaths) || deaths.type != 'A') {
        return false;
    }
    lev_table_iter it = lev_table_walk(deaths.as.bytes);
    return lev_array_next(&it, &death) && death.type == 'F' &&
           lev_table_find(death.as.bytes, "reason", &value) && step_is(value.as.bytes, reason) &&
           lev_table_find(death.as.bytes, "queue", &value) &&
           lev_span_equal(value.as.bytes, queue) &&
           lev_table_find(death.as.bytes, "count", &value) && value.as.i == 1 &&
           lev_table_find(death.as.bytes, "time", &value) && value.type == 'T' &&
           lev_table_find(death.as.bytes, "routing-keys", &value) && value.type == 'A';
}

/* The default exchange is "", and the dead letters' queue is named by its key. */
static lev_span dead_letters_to(lev_span queue) {
    return step_both(step_string("x-dead-letter-exchange", ""),
                     step_string("x-dead-letter-routing-key", (const char *)queue.ptr));
}

static bool dead_letter_of_a_reject(lev_client *c) {
    lev_span dead = step_name();
    lev_span q = step_name();
    const lev_message *m;
    return step_queue(c, dead, none) && step_queue(c, q, dead_letters_to(dead)) &&
           step_publish(c, none, q, "dies") && step_confirms(c) &&
           lev_client_get(c, 1, &(lev_basic_get){.queue = q}, &m) == LEV_OK &&
           lev_client_reject(c, m->delivery, false) == LEV_OK && step_get(c, dead, &m) &&
           step_is(m->body, "dies") && died_of(m->properties.headers, "rejected", q);
}

static bool dead_letter_of_a_queue_ttl(lev_client *c) {
    lev_span dead = step_name();
    lev_span q = step_name();
    const lev_message *m;
    lev_span arguments = step_both(dead_letters_to(dead), step_int("x-message-ttl", 1));
    return step_queue(c, dead, none) && step_queue(c, q, arguments) &&
           step_publish(c, none, q, "late") && step_get(c, dead, &m) &&
           died_of(m->properties.headers, "expired", q);
}

static bool dead_letter_of_an_expiration(lev_client *c) {
    lev_span dead = step_name();
    lev_span q = step_name();
    const lev_message *m;
    lev_value value;
    lev_properties p = {.present = LEV_HAS_EXPIRATION, .expiration = lev_span_of("1")};
    return step_queue(c, dead, none) && step_queue(c, q, dead_letters_to(dead)) &&
           step_publish_with(c, none, q, &p, "late") && step_get(c, dead, &m) &&
           died_of(m->properties.headers, "expired", q) &&
           (m->properties.present & LEV_HAS_EXPIRATION) == 0 &&
           lev_table_find(m->properties.headers, "x-first-death-reason", &value);
}

static bool by_priority(lev_client *c) {
    lev_span q = step_name();
    lev_properties low = {.present = LEV_HAS_PRIORITY, .priority = 1};
    lev_properties high = {.present = LEV_HAS_PRIORITY, .priority = 9};
    return step_queue(c, q, step_int("x-max-priority", 10)) && step_confirms(c) &&
           step_publish_with(c, none, q, &low, "low") &&
           step_publish_with(c, none, q, &high, "high") &&
           lev_client_wait_confirms(c, 1, NULL) == LEV_OK && step_got(c, q, "high") &&
           step_got(c, q, "low");
}

static bool nacks_when_full(lev_client *c) {
    lev_span q = step_name();
    lev_tally t = {0};
    lev_span arguments =
        step_both(step_int("x-max-length", 1), step_string("x-overflow", "reject-publish"));
    bool published = step_queue(c, q, arguments) && step_confirms(c);
    for (int i = 0; i < 10; i++) {
        published = published && step_publish(c, none, q, "b");
    }
    return published && lev_client_wait_confirms(c, 1, &t) == LEV_ERR_NOT_CONFIRMED &&
           t.nacked > 0 && t.confirmed > 0 && t.nacked + t.confirmed == 10;
}

static lev_status publish_as(lev_client *c, const char *user) {
    lev_properties p = {.present = LEV_HAS_USER_ID, .user_id = lev_span_of(user)};
    return step_publish_with(c, none, step_name(), &p, "b") ? lev_client_wait_confirms(c, 1, NULL)
                                                            : lev_client_error(c)->status;
}

static bool checks_the_user(lev_client *c) {
    return step_confirms(c) && publish_as(c, "guest") == LEV_OK &&
           step_refused(c, publish_as(c, "somebody"), LEV_PRECONDITION_FAILED);
}

static const feature features[] = {
    {"exchange type topic", by_topic, "yes"},
    {"exchange type headers, x-match", by_headers, "yes"},
    {"alternate exchange", by_alternate_exchange, "no effect"},
    {"CC and BCC headers", by_copies, "501"},
    {"mandatory return, 312", returns_a_mandatory_message, "yes"},
    {"dead letter of a reject, x-death", dead_letter_of_a_reject, "no effect"},
    {"dead letter by x-message-ttl", dead_letter_of_a_queue_ttl, "no effect"},
    {"dead letter by the property expiration", dead_letter_of_an_expiration, "no effect"},
    {"message priority, x-max-priority", by_priority, "no effect"},
    {"basic.nack of a publish, x-overflow", nacks_when_full, "no effect"},
    {"user-id: right, and 406", checks_the_user, "no effect"},
};

static void routes_as_the_features_say(void) {
    features_try(features, (int)(sizeof features / sizeof features[0]));
}

int main(void) {
    static const unit_case cases[] = {CASE(routes_as_the_features_say)};
    if (brokers_count() == 0) {
        puts("skipped: LEVERET_RABBITMQ_URL and LEVERET_GARAGEMQ_URL name no broker");
        return 77;
    }
    return unit_run("routing", cases, (int)(sizeof cases / sizeof cases[0]));
}
