/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Authentication as RabbitMQ really does it. It runs a node of its own, since RABBIT-CR-DEMO, the
 * one mechanism with a challenge that it brings along, must be switched on; skipped where
 * tests/broker/with-brokers has not been asked for brokers at all. */

#include "../unit.h"
#include "brokers.h"

/* The node's address with other credentials. */
static const char *uri_of(const char *credentials) {
    static char uri[5000];
    snprintf(uri, sizeof uri, "amqp://%s@%s", credentials, strchr(brokers_node_uri(), '@') + 1);
    return uri;
}

typedef struct program {
    const char *password;
    char challenge[100];
} program;

/* RabbitMQ asks: "Please tell me your password". */
static bool tell_password(void *context, unsigned round, lev_span challenge, lev_writer *response) {
    program *of = context;
    if (round == 0) {
        lev_writer_text(response, "guest");
    } else {
        snprintf(of->challenge, sizeof of->challenge, "%.*s", (int)challenge.len,
                 (const char *)challenge.ptr);
        lev_writer_text(response, "My password is ");
        lev_writer_text(response, of->password);
    }
    return round <= 1;
}

static lev_client_options with(program *of) {
    return (lev_client_options){
        .mechanism = "RABBIT-CR-DEMO", .answer = tell_password, .answer_context = of};
}

static void logs_in_with_each_mechanism(void) {
    char said[500];
    program of = {.password = "guest"};
    lev_client_options demo = with(&of);
    lev_client *plain = brokers_open(brokers_node_uri(), NULL);
    lev_client *amqplain =
        brokers_open(brokers_node_uri(),
                     &(lev_client_options){.mechanisms = LEV_SASL_AMQPLAIN | LEV_SASL_EXTERNAL |
                                                         LEV_SASL_ANONYMOUS});
    lev_client *own = brokers_open(brokers_node_uri(), &demo);
    EXPECT_STR(of.challenge, "Please tell me your password");
    brokers_node_say("ctl", "list_connections --no-table-headers auth_mechanism user | sort", said,
                     sizeof said);
    EXPECT_STR(said, "AMQPLAIN\tguest\nPLAIN\tguest\nRABBIT-CR-DEMO\tguest\n");
    brokers_close(plain);
    brokers_close(amqplain);
    brokers_close(own);
}

static void expect_failure(const char *uri, const lev_client_options *options, lev_status status,
                           const char *text) {
    lev_client *c = lev_client_new(options);
    EXPECT_EQ(lev_client_open(c, uri), status);
    EXPECT_STR(strstr(lev_client_error(c)->text, ": ") + 2, text);
    lev_client_free(c);
}

static void says_that_each_mechanism_was_refused(void) {
    static const char text[] =
        "the broker refused the login: 403 ACCESS_REFUSED - Login was refused using authentication "
        "mechanism %s. For details see the broker logfile.; check user, password and virtual host";
    char whole[400];
    program of = {.password = "wrong"};
    lev_client_options demo = with(&of);
    snprintf(whole, sizeof whole, text, "PLAIN");
    expect_failure(uri_of("guest:wrong"), NULL, LEV_ERR_REFUSED, whole);
    snprintf(whole, sizeof whole, text, "AMQPLAIN");
    expect_failure(uri_of("guest:wrong"), &(lev_client_options){.mechanisms = LEV_SASL_AMQPLAIN},
                   LEV_ERR_REFUSED, whole);
    snprintf(whole, sizeof whole, text, "RABBIT-CR-DEMO");
    expect_failure(brokers_node_uri(), &demo, LEV_ERR_REFUSED, whole);
}

static void logs_in_with_nothing_weaker_than_asked_for(void) {
    static const unsigned asked = LEV_SASL_EXTERNAL | LEV_SASL_ANONYMOUS;
    lev_client *c = lev_client_new(&(lev_client_options){.mechanisms = asked});
    EXPECT_EQ(lev_client_open(c, brokers_node_uri()), LEV_ERR_UNSUPPORTED);
    const char *text = lev_client_error(c)->text;
    EXPECT(strstr(text, "none of the mechanisms asked for (EXTERNAL, ANONYMOUS)") != NULL);
    EXPECT(strstr(text, "PLAIN") != NULL && strstr(text, "RABBIT-CR-DEMO") != NULL);
    lev_client_free(c);
}

/* Returns how logging in with a password of `len` bytes ends. */
static lev_status log_in_long(size_t len, size_t *size) {
    char credentials[4600] = "guest:";
    memset(credentials + 6, 'x', len);
    lev_client *c = lev_client_new(NULL);
    lev_status status = lev_client_open(c, uri_of(credentials));
    const char *told = strstr(lev_client_error(c)->text, "a frame of ");
    *size = told != NULL ? strtoul(told + 11, NULL, 10) : 0;
    lev_client_free(c);
    return status;
}

/* The longest login that we send is read and judged; one byte more is not sent. */
static void sends_the_longest_login_that_the_broker_reads(void) {
    size_t size;
    EXPECT_EQ(log_in_long(4500, &size), LEV_ERR_LIMIT);
    size_t most = 4500 - (size - 4096);
    EXPECT_EQ(log_in_long(most + 1, &size), LEV_ERR_LIMIT);
    EXPECT_EQ(size, 4097);
    EXPECT_EQ(log_in_long(most, &size), LEV_ERR_REFUSED);
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, uri_of("guest:x")), LEV_ERR_REFUSED);
    EXPECT_EQ(lev_client_error(c)->reply_code, 403);
    lev_client_free(c);
}

/* The internal back end takes any new secret. */
static void updates_the_secret(void) {
    static char token[131073];
    char name[256];
    lev_client *c = brokers_open(brokers_node_uri(), NULL);
    lev_connection_update_secret update = {.reason = lev_span_of("a new token")};
    lev_method reply = {.id = LEV_NO_METHOD};
    memset(token, 't', sizeof token - 1);
    update.new_secret = lev_span_of(token);
    EXPECT_EQ(lev_client_connection_update_secret(c, 0, &update, &reply), LEV_ERR_LIMIT);
    update.new_secret.len = 100000;
    EXPECT_EQ(lev_client_connection_update_secret(c, 0, &update, &reply), LEV_OK);
    EXPECT_EQ(reply.id, LEV_CONNECTION_UPDATE_SECRET_OK);
    brokers_queue(c, name); /* and all goes on */
    brokers_close(c);
}

/* A token that is renewed while the broker delivers. */
static uint32_t renew(void *context, lev_writer *secret) {
    unsigned *asked = context;
    lev_writer_text(secret, "token ");
    lev_writer_decimal(secret, ++*asked);
    return 50;
}

static void refreshes_the_secret(void) {
    char name[256];
    unsigned asked = 0;
    lev_event event;
    lev_client_options o = {.refresh = renew, .refresh_context = &asked, .refresh_ms = 20};
    lev_client *c = brokers_open(brokers_node_uri(), &o);
    lev_span queue = brokers_queue(c, name);
    lev_publication m = {.routing_key = queue, .body = lev_span_of("x")};
    lev_basic_consume consume = {.queue = queue, .no_ack = true};
    EXPECT_EQ(lev_client_basic_consume(c, 1, &consume, NULL), LEV_OK);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
        EXPECT_EQ(lev_client_next(c, &event, 5000), LEV_OK);
        EXPECT_EQ(event.type, LEV_EVENT_DELIVER);
        EXPECT_EQ(lev_client_next(c, &event, 20), LEV_ERR_TIMEOUT);
    }
    EXPECT(asked >= 5);
    brokers_close(c);
}

int main(void) {
    static const unit_case cases[] = {
        CASE(logs_in_with_each_mechanism),
        CASE(says_that_each_mechanism_was_refused),
        CASE(logs_in_with_nothing_weaker_than_asked_for),
        CASE(sends_the_longest_login_that_the_broker_reads),
        CASE(updates_the_secret),
        CASE(refreshes_the_secret),
    };
    if (brokers_rabbitmq() == NULL) {
        puts("skipped: LEVERET_RABBITMQ_URL names no broker, so none is started");
        return 77;
    }
    brokers_node_start("auth_mechanisms.1 = PLAIN\n"
                       "auth_mechanisms.2 = AMQPLAIN\n"
                       "auth_mechanisms.3 = RABBIT-CR-DEMO\n");
    int failed = unit_run("mechanisms", cases, (int)(sizeof cases / sizeof cases[0]));
    brokers_node_end();
    return failed;
}
