/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Logging in by other mechanisms than PLAIN, with a program that answers challenges, and changing
 * the secret later; against scripted peers. */

#include "../unit.h"
#include "peer.h"

#include <netinet/in.h>
#include <sys/socket.h>

static bool is(lev_span have, const char *want) { return lev_span_equal(have, lev_span_of(want)); }

/* Reads until the client is gone. */
static void wait_for_the_end(const peer *p) {
    char byte;
    while (recv(p->fd, &byte, 1, 0) > 0) {
    }
}

/* A program with a mechanism: it tells what it was asked in what it says. */
typedef struct program {
    unsigned asked;
    unsigned refuses; /* the round that it does not answer; 0: none but the first */
    bool refuses_first;
    size_t pads; /* answers are so many bytes longer */
    unsigned pads_round;
} program;

static bool answer(void *context, unsigned round, lev_span challenge, lev_writer *response) {
    static const uint8_t pad[10000];
    program *of = context;
    EXPECT_EQ(round, of->asked++);
    lev_writer_text(response, "to ");
    lev_writer_decimal(response, round);
    lev_writer_text(response, " ");
    lev_writer_bytes(response, challenge);
    if (of->pads_round == round) {
        lev_writer_bytes(response, (lev_span){pad, of->pads});
    }
    return round == 0 ? !of->refuses_first : round != of->refuses;
}

static lev_client_options with(program *of) {
    return (lev_client_options){.mechanism = "X", .answer = answer, .answer_context = of};
}

static void expect_answer(peer *p, const char *challenge, const char *text) {
    lev_connection_secure secure = {.challenge = lev_span_of(challenge)};
    peer_send_method(p, 0, LEV_CONNECTION_SECURE, &secure);
    lev_span said = peer_expect(p, LEV_CONNECTION_SECURE_OK).as.connection_secure_ok.response;
    peer_need(is(said, text), "another answer");
}

static void challenge_twice(peer *p) {
    lev_connection_start_ok ok = peer_greet(p, "PLAIN X", "3.10.8");
    peer_need(is(ok.mechanism, "X") && is(ok.response, "to 0 "), "another login");
    expect_answer(p, "who?", "to 1 who?");
    expect_answer(p, "", "to 2 ");
    peer_tune(p, 0);
    peer_close(p);
}

static void lets_the_program_answer_challenges(void) {
    program of = {0};
    lev_client_options o = with(&of);
    peer *p = peer_start(challenge_twice);
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(of.asked, 3);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void lets_it_answer_in_an_event_loop(void) {
    program of = {0};
    lev_client_options o = with(&of);
    lev_event event = {.type = LEV_EVENT_NONE};
    peer *p = peer_start(challenge_twice);
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_start(c, p->uri), LEV_OK);
    while (event.type != LEV_EVENT_OPEN) {
        EXPECT_EQ(lev_client_process(c), LEV_OK);
        if (lev_client_next(c, &event, 0) == LEV_OK) {
            EXPECT(event.type == LEV_EVENT_START || event.type == LEV_EVENT_OPEN);
        }
    }
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

/* Expects that the login fails so, and that the text comes after where the broker is. */
static void expect_failure(void (*script)(peer *p), const lev_client_options *options,
                           lev_status status, const char *text) {
    peer *p = peer_start(script);
    lev_client *c = lev_client_new(options);
    char whole[LEV_ERROR_TEXT];
    lev_event event;
    snprintf(whole, sizeof whole, "127.0.0.1:%u: %s", p->port, text);
    EXPECT_EQ(lev_client_open(c, p->uri), status);
    EXPECT_STR(lev_client_error(c)->text, whole);
    EXPECT_EQ(lev_client_next(c, &event, 0), status);
    EXPECT_EQ(event.type, LEV_EVENT_FAILED);
    lev_client_free(c);
    peer_end(p);
}

static void expect_no_login(peer *p) {
    lev_connection_start start = {.version_minor = 9, .mechanisms = lev_span_of("PLAIN X")};
    uint8_t header[LEV_PROTOCOL_HEADER_SIZE + 1];
    ssize_t n = recv(p->fd, header, sizeof header - 1, MSG_WAITALL);
    if (n > 0) {
        peer_send_method(p, 0, LEV_CONNECTION_START, &start);
        n = recv(p->fd, header, 1, 0);
    }
    peer_need(n <= 0, "the client logs in");
}

static void challenge_in_vain(peer *p) {
    lev_connection_secure secure = {.challenge = lev_span_of("who?")};
    peer_greet(p, "X", "3.10.8");
    peer_send_method(p, 0, LEV_CONNECTION_SECURE, &secure);
    lev_frame frame;
    peer_need(!peer_take(p, &frame), "the client answers");
}

static void ends_where_the_program_does_not_answer(void) {
    static const char refused[] = "the program refused to answer for its mechanism";
    static const char too_long[] = "the program's answer is longer than the broker takes";
    program first = {.refuses_first = true};
    program later = {.refuses = 1};
    program long_first = {.pads = 8192, .pads_round = 0};
    program long_later = {.pads = 4096, .pads_round = 1};
    program longer_later = {.pads = 8192, .pads_round = 1};
    expect_failure(
        expect_no_login,
        &(lev_client_options){.mechanism = "X", .answer = answer, .answer_context = &first},
        LEV_ERR_UNSUPPORTED, refused);
    lev_client_options o = with(&later);
    expect_failure(challenge_in_vain, &o, LEV_ERR_UNSUPPORTED, refused);
    o = with(&long_first);
    expect_failure(expect_no_login, &o, LEV_ERR_LIMIT, too_long);
    o = with(&long_later);
    expect_failure(challenge_in_vain, &o, LEV_ERR_LIMIT, too_long);
    o = with(&longer_later);
    expect_failure(challenge_in_vain, &o, LEV_ERR_LIMIT, too_long);
}

static void refuses_mechanisms_that_make_no_sense(void) {
    static char name[66];
    memset(name, 'X', 65);
    static const char bad[] =
        "the name of the mechanism is not 1 to 64 printable characters without blanks";
    const struct {
        lev_client_options options;
        const char *text;
    } rows[] = {
        {{.mechanism = "X"}, "a mechanism of the program's own needs `answer`"},
        {{.mechanism = "", .answer = answer}, bad},
        {{.mechanism = "X Y", .answer = answer}, bad},
        {{.mechanism = "X\x7f", .answer = answer}, bad},
        {{.mechanism = name, .answer = answer}, bad},
        {{.mechanisms = LEV_SASL_ALL + 1}, "mechanisms has a bit that stands for none"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lev_client *c = lev_client_new(&rows[i].options);
        EXPECT_EQ(lev_client_open(c, "amqp://localhost:1"), LEV_ERR_MISUSE);
        EXPECT_STR(lev_client_error(c)->text + strlen("localhost:1: "), rows[i].text);
        lev_client_free(c);
    }
}

static void want_external(peer *p) {
    lev_connection_start_ok ok = peer_greet(p, "PLAIN EXTERNAL", "3.10.8");
    peer_need(is(ok.mechanism, "EXTERNAL") && ok.response.len == 0, "another login");
    peer_tune(p, 0);
    peer_close(p);
}

static void want_anonymous(peer *p) {
    lev_connection_start_ok ok = peer_greet(p, "ANONYMOUS PLAIN", "4.1.0");
    peer_need(is(ok.mechanism, "ANONYMOUS") && ok.response.len == 0, "another login");
    peer_tune(p, 0);
    peer_close(p);
}

static void log_in_with(void (*script)(peer *p), const lev_client_options *options,
                        const char *query, const char *address) {
    peer *p = address != NULL ? peer_start_at(address, script) : peer_start(script);
    lev_client *c = lev_client_new(options);
    char uri[160];
    snprintf(uri, sizeof uri, "%s%s", p->uri, query);
    EXPECT_EQ(lev_client_open(c, uri), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void logs_in_without_a_password(void) {
    program of = {0};
    lev_client_options own = with(&of);
    own.mechanisms = LEV_SASL_PLAIN;
    log_in_with(want_external, &(lev_client_options){.mechanisms = LEV_SASL_EXTERNAL}, "", NULL);
    log_in_with(want_anonymous, &(lev_client_options){.mechanisms = LEV_SASL_ANONYMOUS}, "", NULL);
    log_in_with(want_external, NULL, "?auth_mechanism=anonymous&auth_mechanism=External", NULL);
    log_in_with(want_anonymous, &own, "?auth_mechanism=ANONYMOUS", NULL);
    EXPECT_EQ(of.asked, 0); /* the URI counts first */
    expect_failure(expect_no_login, &(lev_client_options){.mechanisms = LEV_SASL_EXTERNAL},
                   LEV_ERR_UNSUPPORTED,
                   "the broker offers none of the mechanisms asked for (EXTERNAL); it offers: "
                   "PLAIN X");
}

static void expect_no_byte(peer *p) {
    char byte;
    peer_need(recv(p->fd, &byte, 1, 0) <= 0, "the client sent something");
}

static void lets_no_password_but_others_travel_unencrypted(void) {
    char address[INET_ADDRSTRLEN];
    if (!peer_own_address(address)) {
        return; /* a machine without a network */
    }
    log_in_with(want_anonymous, &(lev_client_options){.mechanisms = LEV_SASL_ANONYMOUS}, "",
                address);
    log_in_with(want_external,
                &(lev_client_options){.mechanisms = LEV_SASL_ANONYMOUS | LEV_SASL_EXTERNAL}, "",
                address);
    const lev_client_options refused[] = {
        {.mechanism = "X", .answer = answer, .mechanisms = LEV_SASL_EXTERNAL},
        {.mechanisms = LEV_SASL_EXTERNAL | LEV_SASL_PLAIN},
        {.mechanisms = LEV_SASL_AMQPLAIN | LEV_SASL_ANONYMOUS}};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        peer *p = peer_start_at(address, expect_no_byte);
        lev_client *c = lev_client_new(&refused[i]);
        EXPECT_EQ(lev_client_open(c, p->uri), LEV_ERR_UNSUPPORTED);
        EXPECT(strstr(lev_client_error(c)->text, ": the password would travel") != NULL);
        lev_client_free(c);
        peer_end(p);
    }
    program of = {0};
    lev_client_options o = with(&of);
    o.plaintext_auth = true;
    log_in_with(challenge_twice, &o, "", address);
}

/* A token of nearly 8,192 bytes: taken since RabbitMQ 4.1. */
static char token[7801];

static void want_token(peer *p) {
    lev_connection_start_ok ok = peer_greet(p, "PLAIN", "4.1.0");
    peer_need(ok.response.len == 3 + 7800, "another token");
    peer_tune(p, 0);
    peer_close(p);
}

static void want_no_token(peer *p) {
    lev_frame frame;
    uint8_t table[100];
    uint8_t header[LEV_PROTOCOL_HEADER_SIZE];
    lev_writer w = lev_writer_init(table, sizeof table);
    lev_table_put_string(&w, "product", "RabbitMQ");
    lev_table_put_string(&w, "version", "4.0.5");
    lev_connection_start start = {.version_minor = 9,
                                  .server_properties = lev_writer_span(&w),
                                  .mechanisms = lev_span_of("PLAIN")};
    peer_need(recv(p->fd, header, sizeof header, MSG_WAITALL) == sizeof header, "no header");
    peer_send_method(p, 0, LEV_CONNECTION_START, &start);
    peer_need(!peer_take(p, &frame), "the client logs in");
}

static void sends_a_long_token_only_where_it_is_taken(void) {
    memset(token, 't', sizeof token - 1);
    lev_client_options o = {.user = "u", .password = token};
    log_in_with(want_token, &o, "", NULL);
    peer *p = peer_start(want_no_token);
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_ERR_LIMIT);
    const char *text = lev_client_error(c)->text;
    EXPECT(strstr(text, ": the login is too long, a frame of 80") != NULL);
    EXPECT(strstr(text, " bytes where the broker takes at most 4096: RabbitMQ 4.0.5") != NULL);
    lev_client_free(c);
    peer_end(p);
}

static void take_a_new_secret(peer *p) {
    peer_login(p, 0);
    lev_connection_update_secret update =
        peer_expect(p, LEV_CONNECTION_UPDATE_SECRET).as.connection_update_secret;
    peer_need(is(update.new_secret, "new") && is(update.reason, "because"), "another secret");
    peer_send_method(p, 0, LEV_CONNECTION_UPDATE_SECRET_OK, &(lev_connection_update_secret_ok){0});
    peer_expect(p, LEV_CONNECTION_UPDATE_SECRET);
    lev_connection_close close = {.reply_code = 530,
                                  .reply_text = lev_span_of("NOT_ALLOWED - no"),
                                  .class_id = 10,
                                  .method_id = 70};
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE, &close);
    peer_expect(p, LEV_CONNECTION_CLOSE_OK);
    wait_for_the_end(p);
}

static void updates_the_secret(void) {
    peer *p = peer_start(take_a_new_secret);
    lev_client *c = lev_client_new(NULL);
    lev_connection_update_secret update = {.new_secret = lev_span_of("new"),
                                           .reason = lev_span_of("because")};
    lev_method reply;
    char text[120];
    EXPECT_EQ(lev_client_connection_update_secret(c, 0, &update, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_connection_update_secret(c, 1, &update, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_client_connection_update_secret(c, 0, &update, &reply), LEV_OK);
    EXPECT_EQ(reply.id, LEV_CONNECTION_UPDATE_SECRET_OK);
    EXPECT_EQ(lev_client_connection_update_secret(c, 0, &update, NULL), LEV_ERR_REFUSED);
    snprintf(text, sizeof text,
             "127.0.0.1:%u: the broker refused the new secret: 530 NOT_ALLOWED - no", p->port);
    EXPECT_STR(lev_client_error(c)->text, text);
    lev_client_free(c);
    peer_end(p);
}

UNIT_MAIN("login", CASE(lets_the_program_answer_challenges), CASE(lets_it_answer_in_an_event_loop),
          CASE(ends_where_the_program_does_not_answer), CASE(refuses_mechanisms_that_make_no_sense),
          CASE(logs_in_without_a_password), CASE(lets_no_password_but_others_travel_unencrypted),
          CASE(sends_a_long_token_only_where_it_is_taken), CASE(updates_the_secret))
