/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A client over TLS: what poll cannot see, bytes that were decrypted already and bytes that are
 * still to be sent, is not slept on. The scripted broker says how its bytes become records: one for
 * each peer_send. */

#include "../net/tls_peer.h"
#include "../unit.h"
#include "peer.h"
#include "tap.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { BURST = 120, LARGE = 15000, WAIT_MS = 3000 };

static char cert[4096];
static SSL *session; /* of the peer that is started next */

static ssize_t secure_send(void *layer, const void *bytes, size_t len) {
    return SSL_write(layer, bytes, (int)len);
}

static ssize_t secure_receive(void *layer, void *into, size_t room) {
    return SSL_read(layer, into, (int)room);
}

static void secure(peer *p) {
    struct timeval patience = {.tv_sec = 10};
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_set_fd(session, p->fd);
    peer_need(SSL_accept(session) == 1, "no TLS");
    p->layer = session;
    p->layer_send = secure_send;
    p->layer_receive = secure_receive;
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &(lev_basic_consume_ok){lev_span_of("c")});
}

/* Starts the peer and opens a client with a channel at it. */
static lev_client *open_client(peer **p, void (*script)(peer *p)) {
    char uri[80];
    int small = 1; /* as little as there can be */
    lev_basic_consume consume = {.consumer_tag = lev_span_of("c"), .no_ack = true};
    session = tls_peer_server(cert, sizeof cert);
    *p = peer_start(script);
    EXPECT_EQ(setsockopt((*p)->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    snprintf(uri, sizeof uri, "amqps://127.0.0.1:%u", (*p)->port);
    lev_client *c = lev_client_new(&(lev_client_options){.tls.ca_pem = cert});
    lev_status status = lev_client_open(c, uri);
    EXPECT_STR(lev_client_error(c)->text, "");
    EXPECT_EQ(status, LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(setsockopt(lev_client_fd(c), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    status = lev_client_basic_consume(c, 1, &consume, NULL);
    EXPECT_STR(lev_client_error(c)->text, "");
    EXPECT_EQ(status, LEV_OK);
    return c;
}

static void end(peer *p, lev_client *c) {
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
    SSL_free(session);
}

/* Waits as a foreign event loop does. Returns false where nothing comes for long. */
static bool wait_and_process(lev_client *c) {
    unsigned wants = lev_client_wants(c);
    int due = lev_client_timeout(c);
    struct pollfd f = {.fd = lev_client_fd(c)};
    f.events =
        (short)((wants & LEV_CLIENT_READ ? POLLIN : 0) | (wants & LEV_CLIENT_WRITE ? POLLOUT : 0));
    bool news = poll(&f, 1, due < 0 || due > WAIT_MS ? WAIT_MS : due) > 0 || due == 0;
    EXPECT_EQ(lev_client_process(c), LEV_OK);
    return news;
}

static bool next(lev_client *c, lev_event *event, bool in_loop) {
    if (!in_loop) {
        return lev_client_next(c, event, WAIT_MS) == LEV_OK;
    }
    while (lev_client_timeout(c) != 0 || lev_client_next(c, event, 0) != LEV_OK) {
        if (!wait_and_process(c)) {
            return false;
        }
    }
    return true;
}

/* ---- bytes that were decrypted already ----------------------------------------------------------
 */

static size_t gathered_len;
static uint8_t gathered[65536];

static ssize_t gather(void *layer, const void *bytes, size_t len) {
    (void)layer;
    memcpy(gathered + gathered_len, bytes, len);
    gathered_len += len;
    return (ssize_t)len;
}

/* All deliveries are one record, and then there is silence until the client closes. */
static void deliver_in_one_record(peer *p) {
    secure(p);
    p->layer_send = gather;
    gathered_len = 0;
    for (uint64_t tag = 1; tag <= BURST; tag++) {
        peer_deliver(p, tag, "some body of some length");
    }
    peer_need(gathered_len < 16384, "more than a record");
    p->layer_send = secure_send;
    peer_send(p, gathered, gathered_len);
    peer_close(p);
}

static void take_a_burst(bool in_loop) {
    peer *p;
    lev_event event;
    tap_read_max = 1000; /* so most of the record stays with OpenSSL, where poll cannot see it */
    lev_client *c = open_client(&p, deliver_in_one_record);
    for (uint64_t tag = 1; tag <= BURST; tag++) {
        EXPECT(next(c, &event, in_loop));
        EXPECT_EQ(event.type, LEV_EVENT_DELIVER);
        EXPECT_EQ(event.message->delivery.tag, tag);
    }
    tap_read_max = 0;
    end(p, c);
}

static void takes_a_record_that_is_larger_than_its_buffer(void) { take_a_burst(false); }

static void takes_it_in_an_event_loop(void) { take_a_burst(true); }

/* ---- bytes that are still to be sent ------------------------------------------------------------
 */

static void read_late(peer *p) {
    char key[256];
    lev_frame frame;
    size_t got = 0;
    secure(p);
    usleep(300000);
    for (int i = 0; i < 2; i++) {
        peer_need(peer_take(p, &frame), "the publish is cut");
    }
    while (got < LARGE) {
        peer_need(peer_take(p, &frame) && frame.type == LEV_FRAME_BODY, "the body is cut");
        got += frame.payload.len;
    }
    peer_need(got == LARGE, "another body");
    peer_deliver(p, 1, "thanks");
    for (int i = 0; i < 1000; i++) {
        peer_need(peer_expect_publish(p, key).len == 1, "another small body");
    }
    peer_close(p);
}

/* The socket takes a part of the only record, and the engine has nothing more to say. */
static void leave_a_record_half_taken(bool in_loop) {
    static uint8_t body[LARGE];
    peer *p;
    lev_event event;
    lev_client *c = open_client(&p, read_late);
    lev_publication publication = {.routing_key = lev_span_of("k"), .body = {body, sizeof body}};
    EXPECT_EQ(lev_client_publish(c, 1, &publication, NULL), LEV_OK);
    EXPECT_EQ(lev_client_process(c), LEV_OK);
    EXPECT_EQ(lev_engine_queued(lev_client_engine(c)), 0);
    EXPECT((lev_client_wants(c) & LEV_CLIENT_WRITE) != 0);
    EXPECT(next(c, &event, in_loop));
    EXPECT_EQ(event.type, LEV_EVENT_DELIVER);
    EXPECT_EQ(lev_client_wants(c), LEV_CLIENT_READ);
    publication.body = lev_span_of("x");
    for (int i = 0; i < 1000; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &publication, NULL), LEV_OK);
    }
    end(p, c);
}

static void sends_the_rest_of_a_record(void) { leave_a_record_half_taken(false); }

static void sends_it_in_an_event_loop(void) { leave_a_record_half_taken(true); }

/* ---- before anything is connected ---------------------------------------------------------------
 */

static void says_what_is_wrong_with_a_file(void) {
    lev_client *c = lev_client_new(NULL);
    EXPECT_EQ(lev_client_open(c, "amqps://h?cacertfile=/nowhere"), LEV_ERR_TLS);
    EXPECT_STR(lev_client_error(c)->text,
               "h:5671: the CA file \"/nowhere\" cannot be read: No such file or directory; check "
               "its name and its permissions");
    lev_client_free(c);
}

/* ---- memory ----------------------------------------------------------------------------------
 */

typedef struct heap {
    size_t blocks;
    unsigned long calls;
    unsigned long fail_at; /* the n-th allocation fails */
} heap;

static void *heap_resize(void *context, void *ptr, size_t size) {
    heap *h = context;
    h->blocks -= size == 0 ? 1 : 0;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    h->calls++;
    if (h->calls == h->fail_at) {
        return NULL;
    }
    h->blocks += ptr == NULL ? 1 : 0;
    return realloc(ptr, size);
}

/* The client may give up at any point. */
static void open_and_close(peer *p) {
    struct timeval patience = {.tv_sec = 10};
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_set_fd(session, p->fd);
    if (SSL_accept(session) != 1) {
        return;
    }
    p->layer = session;
    p->layer_send = secure_send;
    p->layer_receive = secure_receive;
    peer_forgive(p);
    peer_login(p, 0);
    peer_close(p);
}

/* Lets a peer that nobody connected to end. */
static void knock(const peer *p) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(p->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)connect(fd, (struct sockaddr *)&at, sizeof at);
    close(fd);
}

static void tells_each_allocation_that_fails(void) {
    lev_status status = LEV_ERR_MEMORY;
    signal(SIGPIPE, SIG_IGN); /* the peer's: its client leaves at any point */
    for (unsigned long n = 1; status != LEV_OK; n++) {
        heap h = {.fail_at = n};
        char uri[80];
        session = tls_peer_server(cert, sizeof cert);
        peer *p = peer_start(open_and_close);
        snprintf(uri, sizeof uri, "amqps://localhost:%u", p->port);
        lev_client_options o = {.tls = {.ca_pem = cert, .server_name = "localhost"},
                                .allocator = {heap_resize, &h}};
        lev_client *c = lev_client_new(&o);
        status = c != NULL ? lev_client_open(c, uri) : LEV_ERR_MEMORY;
        if (c != NULL && status == LEV_OK) {
            status = lev_client_close(c);
        }
        EXPECT(status == LEV_ERR_MEMORY || status == LEV_OK);
        lev_client_free(c);
        EXPECT_EQ(h.blocks, 0);
        knock(p);
        peer_end(p);
        SSL_free(session);
        status = n > h.calls ? status : LEV_ERR_MEMORY; /* on to the next */
    }
}

UNIT_MAIN("client over TLS", CASE(takes_a_record_that_is_larger_than_its_buffer),
          CASE(takes_it_in_an_event_loop), CASE(sends_the_rest_of_a_record),
          CASE(sends_it_in_an_event_loop), CASE(says_what_is_wrong_with_a_file),
          CASE(tells_each_allocation_that_fails))
