/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Connecting and closing, against peers that are no good brokers. */

#include "../unit.h"
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Expects that connecting fails so, and that the failure then comes as an event, for ever. */
static void expect_failure(lev_client *c, const char *uri, lev_status status, const char *text) {
    lev_event event;
    EXPECT_EQ(lev_client_open(c, uri), status);
    EXPECT_EQ(lev_client_error(c)->status, status);
    EXPECT_STR(lev_client_error(c)->text, text);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(lev_client_next(c, &event, 0), status);
        EXPECT_EQ(event.type, LEV_EVENT_FAILED);
        EXPECT_STR(event.error->text, text);
    }
    EXPECT_EQ(lev_client_publish(c, 1, &(lev_publication){0}, NULL), status);
    EXPECT_EQ(lev_client_call(c, 1, LEV_TX_SELECT, &(lev_tx_select){0}, NULL), status);
    EXPECT_EQ(lev_client_process(c), status);
    EXPECT_EQ(lev_client_fd(c), -1);
    EXPECT_EQ(lev_client_timeout(c), -1);
    EXPECT_EQ(lev_client_close(c), status);
    EXPECT_STR(lev_client_error(c)->text, text);
}

/* The same with a peer that plays a script. */
static void expect_failure_with(void (*script)(peer *p), const lev_client_options *options,
                                lev_status status, const char *text) {
    peer *p = peer_start(script);
    lev_client *c = lev_client_new(options);
    char whole[LEV_ERROR_TEXT];
    snprintf(whole, sizeof whole, "127.0.0.1:%u: %s", p->port, text);
    expect_failure(c, p->uri, status, whole);
    lev_client_free(c);
    peer_end(p);
}

static void says_that_a_port_is_refused(void) {
    lev_client *c = lev_client_new(NULL);
    expect_failure(c, "amqp://user:secret@localhost:1", LEV_ERR_CONNECT,
                   "cannot connect to localhost:1: Connection refused; is the broker running "
                   "there?");
    lev_client_free(c);
}

static void says_that_a_name_is_unknown(void) {
    const char *uri = "amqp://a-label-of-more-than-63-characters-is-no-part-of-any-name-in-the-dns";
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, uri), LEV_ERR_RESOLVE);
    EXPECT(strncmp(lev_client_error(c)->text, "cannot resolve a-label-of", 25) == 0);
    EXPECT(strstr(lev_client_error(c)->text, "; check the host name") != NULL);
    lev_client_free(c);
}

/* A listener whose queue is full does not answer. */
static void gives_up_connecting_at_the_deadline(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int hole = socket(AF_INET, SOCK_STREAM, 0);
    int filler = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(hole, (struct sockaddr *)&at, len), 0);
    EXPECT_EQ(listen(hole, 0), 0);
    EXPECT_EQ(getsockname(hole, (struct sockaddr *)&at, &len), 0);
    EXPECT_EQ(connect(filler, (struct sockaddr *)&at, len), 0);
    char uri[80];
    char text[200];
    unsigned port = ntohs(at.sin_port);
    snprintf(uri, sizeof uri, "amqp://127.0.0.1:%u?connection_timeout=300", port);
    snprintf(text, sizeof text,
             "cannot connect to 127.0.0.1:%u: no answer within 300 ms; check the address, or a "
             "firewall drops the packets",
             port);
    lev_client *c = lev_client_new(NULL);
    expect_failure(c, uri, LEV_ERR_TIMEOUT, text);
    lev_client_free(c);
    close(filler);
    close(hole);
}

static void speak_http(peer *p) {
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    peer_send(p, answer, sizeof answer - 1);
}

static void says_that_the_peer_speaks_http(void) {
    expect_failure_with(speak_http, NULL, LEV_ERR_NOT_AMQP,
                        "the peer does not speak AMQP 0-9-1; it sent: HTTP/1.1 400 Bad Request; "
                        "check the port");
}

static void hang_up(peer *p) {
    char byte;
    shutdown(p->fd, SHUT_WR);
    while (recv(p->fd, &byte, 1, 0) > 0) {
    }
}

static void says_that_the_peer_hung_up(void) {
    expect_failure_with(hang_up, NULL, LEV_ERR_LOST, "the peer closed the connection");
}

static void stay_silent(peer *p) {
    char byte;
    while (recv(p->fd, &byte, 1, 0) > 0) {
    }
}

static void gives_up_on_a_silent_peer(void) {
    uint64_t start = lev_net_now();
    expect_failure_with(stay_silent, &(lev_client_options){.handshake_ms = 500}, LEV_ERR_TIMEOUT,
                        "the peer accepted the connection and did not greet: no connection.start; "
                        "is this the broker's AMQP port, and is the broker in good health?");
    uint64_t took = lev_net_now() - start;
    EXPECT(took >= 500 && took < 3000);
}

static void refuse_login(peer *p) {
    lev_connection_start start = {.version_minor = 9, .mechanisms = lev_span_of("PLAIN")};
    lev_connection_close close = {.reply_code = 403,
                                  .reply_text = lev_span_of("ACCESS_REFUSED - no\nway")};
    p->in_used = p->in_len = 0;
    peer_send_method(p, 0, LEV_CONNECTION_START, &start);
    uint8_t header[LEV_PROTOCOL_HEADER_SIZE];
    peer_need(recv(p->fd, header, sizeof header, MSG_WAITALL) == sizeof header, "no header");
    lev_span response = peer_expect(p, LEV_CONNECTION_START_OK).as.connection_start_ok.response;
    peer_need(lev_span_equal(response, (lev_span){(const uint8_t *)"\0bob\0geheim", 11}),
              "another login");
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE, &close);
    peer_reset(p);
}

static void says_that_the_login_was_refused(void) {
    expect_failure_with(refuse_login, &(lev_client_options){.user = "bob", .password = "geheim"},
                        LEV_ERR_REFUSED,
                        "the broker refused the login: 403 ACCESS_REFUSED - no\\nway; check user, "
                        "password and virtual host");
}

/* Nobody's password is guest but the user guest's. */
static void want_no_password(peer *p) {
    lev_connection_start start = {.version_minor = 9, .mechanisms = lev_span_of("PLAIN")};
    uint8_t header[LEV_PROTOCOL_HEADER_SIZE];
    peer_send_method(p, 0, LEV_CONNECTION_START, &start);
    peer_need(recv(p->fd, header, sizeof header, MSG_WAITALL) == sizeof header, "no header");
    lev_span response = peer_expect(p, LEV_CONNECTION_START_OK).as.connection_start_ok.response;
    peer_need(lev_span_equal(response, (lev_span){(const uint8_t *)"\0bob\0", 5}), "another login");
    shutdown(p->fd, SHUT_WR);
    hang_up(p);
}

static void says_what_an_end_after_the_login_means(void) {
    expect_failure_with(want_no_password, &(lev_client_options){.user = "bob"}, LEV_ERR_REFUSED,
                        "the broker ended the connection after the login: it probably refused the "
                        "credentials; check user, password and virtual host");
}

/* A peer at an address that is not the loopback's hears nothing at all. */
static void expect_no_byte(peer *p) {
    char byte;
    peer_need(recv(p->fd, &byte, 1, 0) <= 0, "the client sent something");
}

static void sends_no_password_unencrypted_to_another_machine(void) {
    char address[INET_ADDRSTRLEN];
    if (!peer_own_address(address)) {
        return; /* a machine without a network */
    }
    peer *p = peer_start_at(address, expect_no_byte);
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_ERR_UNSUPPORTED);
    EXPECT(strstr(lev_client_error(c)->text, ": the password would travel unencrypted") != NULL);
    EXPECT(strstr(lev_client_error(c)->text, "--allow-plaintext-auth)") != NULL);
    lev_client_free(c);
    peer_end(p);
}

static void log_in_and_close(peer *p) {
    peer_login(p, 0);
    peer_close(p);
}

static void sends_it_where_that_is_allowed(void) {
    char address[INET_ADDRSTRLEN];
    if (!peer_own_address(address)) {
        return;
    }
    peer *p = peer_start_at(address, log_in_and_close);
    lev_client *c = lev_client_new(&(lev_client_options){.plaintext_auth = true});
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    EXPECT_EQ(lev_client_error(c)->status, LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void opens_and_closes(void) {
    peer *p = peer_start(log_in_and_close);
    lev_client *c = lev_client_new(NULL);
    lev_event event;
    EXPECT(lev_client_engine(c) == NULL);
    EXPECT_EQ(lev_client_next(c, &event, 0), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_ERR_MISUSE);
    EXPECT(lev_client_engine(c) != NULL);
    EXPECT_EQ(lev_client_next(c, &event, 0), LEV_ERR_TIMEOUT);
    EXPECT_EQ(event.type, LEV_EVENT_NONE);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    EXPECT_EQ(lev_client_error(c)->status, LEV_ERR_MISUSE); /* still the last failure */
    EXPECT_EQ(lev_client_next(c, &event, LEV_FOREVER), LEV_ERR_CLOSED);
    EXPECT_EQ(event.type, LEV_EVENT_CLOSED);
    EXPECT_EQ(lev_client_publish(c, 1, &(lev_publication){0}, NULL), LEV_ERR_CLOSED);
    lev_client_free(c);
    peer_end(p);
}

static void log_in_and_ignore_the_close(peer *p) {
    peer_login(p, 0);
    peer_expect(p, LEV_CONNECTION_CLOSE);
    stay_silent(p);
}

static void closes_the_hard_way_after_five_seconds(void) {
    peer *p = peer_start(log_in_and_ignore_the_close);
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    uint64_t start = lev_net_now();
    EXPECT_EQ(lev_client_close(c), LEV_ERR_TIMEOUT);
    uint64_t took = lev_net_now() - start;
    EXPECT(took >= 4900 && took < 7000);
    EXPECT_EQ(lev_client_fd(c), -1);
    peer_end(p);
    lev_client_free(c);
}

static void refuses_what_cannot_work(void) {
    static const struct {
        const char *uri;
        lev_client_options options;
        lev_status status;
        const char *text;
    } cases[] = {
        {"http://u:geheim@h",
         {0},
         LEV_ERR_URI,
         "malformed URI: neither amqp:// nor amqps:// at offset 0"},
        {"amqp://u:ge%xheim@h",
         {0},
         LEV_ERR_URI,
         "malformed URI: '%' without two hexadecimal digits at offset 11"},
        {"amqp://h?verify=x",
         {0},
         LEV_ERR_URI,
         "malformed URI: parameter verify needs amqps://, at offset 9"},
        {"amqps://h?verify=verify_none",
         {0},
         LEV_ERR_UNSUPPORTED,
         "h:5671: verify=verify_none would accept anybody as the broker; leave it out, or say "
         "`insecure`, too"},
        {NULL,
         {.frame_max = 4096},
         LEV_ERR_LIMIT,
         "localhost:5672: frame_max is under 8192, which brokers refuse; set it higher, or leave "
         "it out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lev_client *c = lev_client_new(&cases[i].options);
        EXPECT_EQ(lev_client_open(c, cases[i].uri), cases[i].status);
        EXPECT_STR(lev_client_error(c)->text, cases[i].text);
        lev_client_free(c);
    }
}

/* A foreign event loop: wait as told, process, take events. */
static void opens_in_an_event_loop(void) {
    peer *p = peer_start(log_in_and_close);
    lev_client *c = lev_client_new(NULL);
    lev_event event = {.type = LEV_EVENT_NONE};
    bool greeted = false;
    char uri[80];
    snprintf(uri, sizeof uri, "amqp://localhost:%u", p->port); /* looked up in a thread */
    EXPECT_EQ(lev_client_start(c, uri), LEV_OK);
    while (event.type != LEV_EVENT_OPEN) {
        unsigned wants = lev_client_wants(c);
        struct pollfd f = {.fd = lev_client_fd(c)};
        f.events = (short)((wants & LEV_CLIENT_READ ? POLLIN : 0) |
                           (wants & LEV_CLIENT_WRITE ? POLLOUT : 0));
        EXPECT(poll(&f, 1, lev_client_timeout(c)) >= 0);
        EXPECT_EQ(lev_client_process(c), LEV_OK);
        if (lev_client_next(c, &event, 0) == LEV_OK) {
            greeted = greeted || event.type == LEV_EVENT_START;
        }
    }
    EXPECT(greeted);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void closes_before_it_is_open(void) {
    lev_event event;
    peer *p = peer_start(stay_silent);
    lev_client *c = lev_client_new(NULL);
    lev_client_free(NULL);
    EXPECT_EQ(lev_client_start(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &event, 0), LEV_ERR_CLOSED);
    lev_client_free(c);
    c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_start(c, p->uri), LEV_OK);
    while (lev_client_engine(c) == NULL) {
        EXPECT_EQ(lev_client_process(c), LEV_OK);
    }
    EXPECT_EQ(lev_client_close(c), LEV_ERR_LOST);
    lev_client_free(c);
    peer_end(p);
}

UNIT_MAIN("client", CASE(says_that_a_port_is_refused), CASE(says_that_a_name_is_unknown),
          CASE(gives_up_connecting_at_the_deadline), CASE(says_that_the_peer_speaks_http),
          CASE(says_that_the_peer_hung_up), CASE(gives_up_on_a_silent_peer),
          CASE(says_that_the_login_was_refused), CASE(says_what_an_end_after_the_login_means),
          CASE(sends_no_password_unencrypted_to_another_machine),
          CASE(sends_it_where_that_is_allowed), CASE(opens_and_closes),
          CASE(closes_the_hard_way_after_five_seconds), CASE(refuses_what_cannot_work),
          CASE(opens_in_an_event_loop), CASE(closes_before_it_is_open))
