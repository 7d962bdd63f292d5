/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Real brokers at the edges: bodies around the frame size, large headers, and what is told of a
 * connection as a whole. Skipped where no broker is named in the environment. */

#include "../unit.h"
#include "brokers.h"
#include "steps.h"

static const lev_span none;

/* Publishes a body of `size` bytes and gets it back whole. */
static bool carries(lev_client *c, lev_span queue, size_t size) {
    const lev_message *m;
    uint8_t *body = malloc(size + 1);
    for (size_t i = 0; i < size; i++) {
        body[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    lev_publication p = {.routing_key = queue, .body = {body, size}};
    bool good = lev_client_publish(c, 1, &p, NULL) == LEV_OK && step_get(c, queue, &m) &&
                m->body_size == size && lev_span_equal(m->body, p.body);
    free(body);
    return good;
}

static bool carries_an_empty_body(lev_client *c) {
    lev_span q = step_name();
    return step_queue(c, q, none) && carries(c, q, 0);
}

static bool carries_bodies_around_the_frame_size(lev_client *c) {
    lev_span q = step_name();
    size_t full = lev_engine_tuned(lev_client_engine(c)).frame_max - LEV_FRAME_OVERHEAD;
    return step_queue(c, q, none) && carries(c, q, 1) && carries(c, q, full - 1) &&
           carries(c, q, full) && carries(c, q, full + 1) && carries(c, q, 2 * full) &&
           carries(c, q, 3 * full) && carries(c, q, 3 * full + 1);
}

static bool carries_large_headers(lev_client *c) {
    lev_span q = step_name();
    const lev_message *m;
    lev_value value;
    uint8_t table[20100];
    static uint8_t text[20000];
    memset(text, 'h', sizeof text);
    lev_writer w = lev_writer_init(table, sizeof table);
    lev_table_put(&w, "large", &(lev_value){.type = 'S', .as.bytes = {text, sizeof text}});
    lev_properties p = {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)};
    return step_queue(c, q, none) && step_publish_with(c, none, q, &p, "b") && step_get(c, q, &m) &&
           lev_table_find(m->properties.headers, "large", &value) &&
           value.as.bytes.len == sizeof text && memcmp(value.as.bytes.ptr, text, sizeof text) == 0;
}

/* A header table with a value of every type letter that brokers know. */
static bool carries_every_type(lev_client *c) {
    static const struct {
        const char *key;
        char type;
    } whole[] = {{"b", 'b'}, {"B", 'B'}, {"s", 's'}, {"u", 'u'},
                 {"I", 'I'}, {"i", 'i'}, {"l", 'l'}, {"T", 'T'}};
    lev_span q = step_name();
    const lev_message *m;
    uint8_t table[512];
    lev_writer w = lev_writer_init(table, sizeof table);
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        lev_value value = {.type = whole[i].type, .as.u = 100};
        lev_table_put(&w, whole[i].key, &value);
    }
    lev_table_put_bool(&w, "t", true);
    lev_table_put_double(&w, "d", -0.5);
    lev_table_put(&w, "f", &(lev_value){.type = 'f', .as.u = 0x3f000000});
    lev_table_put(&w, "D", &(lev_value){.type = 'D', .as.decimal = {2, 314}});
    lev_table_put_string(&w, "S", "text");
    lev_table_put_bytes(&w, "x", lev_span_of("bytes"));
    lev_table_put_void(&w, "V");
    size_t nested = lev_table_begin(&w, "F");
    size_t array = lev_array_begin(&w, "A");
    lev_array_put(&w, &(lev_value){.type = 'l', .as.i = -1});
    lev_table_end(&w, array);
    lev_table_end(&w, nested);
    lev_properties p = {.present = LEV_HAS_HEADERS, .headers = lev_writer_span(&w)};
    return step_queue(c, q, none) && step_publish_with(c, none, q, &p, "b") && step_get(c, q, &m) &&
           lev_table_equal(m->properties.headers, p.headers);
}

static bool keeps_every_property(lev_client *c) {
    lev_span q = step_name();
    const lev_message *m;
    lev_properties p = {.content_type = lev_span_of("text/plain"),
                        .content_encoding = lev_span_of("identity"),
                        .headers = step_int("n", 1),
                        .delivery_mode = 1,
                        .priority = 3,
                        .correlation_id = lev_span_of("c"),
                        .reply_to = lev_span_of("r"),
                        .expiration = lev_span_of("100000"),
                        .message_id = lev_span_of("m"),
                        .timestamp = 1234567890,
                        .type = lev_span_of("t"),
                        .user_id = lev_span_of("guest"),
                        .app_id = lev_span_of("a"),
                        .cluster_id = lev_span_of("k")};
    p.present = LEV_HAS_CONTENT_TYPE | LEV_HAS_CONTENT_ENCODING | LEV_HAS_HEADERS |
                LEV_HAS_DELIVERY_MODE | LEV_HAS_PRIORITY | LEV_HAS_CORRELATION_ID |
                LEV_HAS_REPLY_TO | LEV_HAS_EXPIRATION | LEV_HAS_MESSAGE_ID | LEV_HAS_TIMESTAMP |
                LEV_HAS_TYPE | LEV_HAS_USER_ID | LEV_HAS_APP_ID | LEV_HAS_CLUSTER_ID;
    return step_queue(c, q, none) && step_publish_with(c, none, q, &p, "b") && step_get(c, q, &m) &&
           lev_properties_equal(&m->properties, &p);
}

/* ---- the connection ---- */

static bool shows_its_name(lev_client *c) {
    const char *folder = getenv("LEVERET_RABBITMQ_DIR");
    char name[64];
    char line[400];
    (void)c;
    snprintf(name, sizeof name, "%s", (const char *)step_name().ptr);
    lev_client *named = lev_client_new(&(lev_client_options){.connection_name = name});
    snprintf(line, sizeof line,
             "tests/broker/rabbitmq ctl %s list_connections client_properties | grep -q '\"%s\"'",
             folder != NULL ? folder : "", name);
    bool good = lev_client_open(named, step_broker()) == LEV_OK && system(line) == 0;
    lev_client_close(named);
    lev_client_free(named);
    return good;
}

static bool says_why_a_login_failed(lev_client *c) {
    char uri[200];
    (void)c;
    snprintf(uri, sizeof uri, "amqp://guest:wrong%s", strchr(step_broker(), '@'));
    lev_client *refused = lev_client_new(NULL);
    bool good = lev_client_open(refused, uri) == LEV_ERR_REFUSED &&
                lev_client_error(refused)->layer == LEV_LAYER_BROKER;
    lev_client_free(refused);
    return good;
}

static bool updates_a_secret(lev_client *c) {
    lev_connection_update_secret update = {.new_secret = lev_span_of("guest"),
                                           .reason = lev_span_of("a test")};
    return lev_client_connection_update_secret(c, 0, &update, NULL) == LEV_OK;
}

static const feature features[] = {
    {"body of 0 bytes", carries_an_empty_body, "no effect"},
    {"bodies around multiples of frame-max - 8", carries_bodies_around_the_frame_size, "yes"},
    {"header frame of 20 kB", carries_large_headers, "yes"},
    {"header table with every type letter", carries_every_type, "501"},
    {"all 14 properties", keeps_every_property, "yes"},
    {"connection_name in rabbitmqctl list_connections", shows_its_name, NULL},
    {"authentication_failure_close", says_why_a_login_failed, "yes"},
    {"connection.update-secret", updates_a_secret, NULL},
};

static void goes_to_the_limits(void) {
    features_try(features, (int)(sizeof features / sizeof features[0]));
}

int main(void) {
    static const unit_case cases[] = {CASE(goes_to_the_limits)};
    if (brokers_count() == 0) {
        puts("skipped: LEVERET_RABBITMQ_URL and LEVERET_GARAGEMQ_URL name no broker");
        return 77;
    }
    return unit_run("limits", cases, (int)(sizeof cases / sizeof cases[0]));
}
