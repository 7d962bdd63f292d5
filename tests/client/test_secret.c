/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* No secret is left in memory that the client frees or moves, nor in a line that it reports. malloc
 * and its siblings are replaced for this program, which address sanitizers cannot have. */

#include "../unit.h"
#include "peer.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define MEMORY_WATCHED 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef MEMORY_WATCHED
#endif
#endif

#ifdef MEMORY_WATCHED

#include <malloc.h>
#include <sys/socket.h>

void *__libc_malloc(size_t size);
void __libc_free(void *ptr);

static const char secret[] = "geheimnis";

static _Thread_local bool armed; /* in this thread, and only within the client's calls */
static _Thread_local int leaks;
static _Thread_local int watched;

static bool holds_secret(const void *ptr, size_t size) {
    const char *p = ptr;
    for (size_t i = 0; i + sizeof secret - 1 <= size; i++) {
        if (memcmp(p + i, secret, sizeof secret - 1) == 0) {
            return true;
        }
    }
    return false;
}

void free(void *ptr) {
    if (armed && ptr != NULL) {
        watched++;
        leaks += holds_secret(ptr, malloc_usable_size(ptr)) ? 1 : 0;
    }
    __libc_free(ptr);
}

/* Each block that grows or shrinks moves. */
void *realloc(void *ptr, size_t size) {
    void *moved = __libc_malloc(size);
    if (moved != NULL && ptr != NULL) {
        size_t before = malloc_usable_size(ptr);
        memcpy(moved, ptr, before < size ? before : size);
        free(ptr);
    }
    return moved;
}

/* What was freed before is not looked at again, whatever is still in it. */
void *malloc(size_t size) {
    void *ptr = __libc_malloc(size);
    if (ptr != NULL) {
        memset(ptr, 0, malloc_usable_size(ptr));
    }
    return ptr;
}

static void challenge(peer *p, const char *mechanism, bool accept) {
    peer_forgive(p);
    peer_greet(p, mechanism, "3.10.8");
    if (strcmp(mechanism, "X") == 0) {
        lev_connection_secure secure = {.challenge = lev_span_of("?")};
        peer_send_method(p, 0, LEV_CONNECTION_SECURE, &secure);
        peer_expect(p, LEV_CONNECTION_SECURE_OK);
    }
    if (!accept) {
        lev_connection_close close = {.reply_code = 403, .reply_text = lev_span_of("no")};
        peer_send_method(p, 0, LEV_CONNECTION_CLOSE, &close);
        peer_expect(p, LEV_CONNECTION_CLOSE_OK);
        return;
    }
    peer_tune(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_CONNECTION_UPDATE_SECRET);
    peer_send_method(p, 0, LEV_CONNECTION_UPDATE_SECRET_OK, &(lev_connection_update_secret_ok){0});
    peer_close(p);
}

static void accept_plain(peer *p) { challenge(p, "PLAIN", true); }
static void accept_amqplain(peer *p) { challenge(p, "AMQPLAIN", true); }
static void accept_own(peer *p) { challenge(p, "X", true); }
static void refuse_plain(peer *p) { challenge(p, "PLAIN", false); }
static void refuse_own(peer *p) { challenge(p, "X", false); }
static void leave_at_once(peer *p) { shutdown(p->fd, SHUT_RDWR); }
static void leave_after_the_login(peer *p) {
    peer_forgive(p);
    peer_greet(p, "PLAIN X", "3.10.8");
}

/* Two new secrets, in whatever order with the rest. */
static void accept_two_secrets(peer *p) {
    peer_forgive(p);
    peer_login(p, 0);
    for (int i = 0; i < 3; i++) {
        lev_frame frame;
        lev_method method;
        peer_need(peer_take(p, &frame) && lev_method_decode(frame.payload, &method) == LEV_OK, "");
        if (method.id == LEV_CHANNEL_OPEN) {
            peer_send_method(p, 1, LEV_CHANNEL_OPEN_OK, &(lev_channel_open_ok){{NULL, 0}});
        } else {
            peer_need(method.id == LEV_CONNECTION_UPDATE_SECRET, "another method");
            peer_send_method(p, 0, LEV_CONNECTION_UPDATE_SECRET_OK,
                             &(lev_connection_update_secret_ok){0});
        }
    }
    peer_close(p);
}

static uint32_t renew_secret(void *context, lev_writer *into) {
    (void)context;
    lev_writer_text(into, secret);
    return 0;
}

static bool say_secret(void *context, unsigned round, lev_span challenge, lev_writer *response) {
    (void)challenge;
    lev_writer_text(response, secret);
    return round != *(unsigned *)context;
}

/* A session as far as the peer lets it come. Returns whether it came to its end. */
static bool run(lev_client *c, const char *uri) {
    lev_connection_update_secret update = {.new_secret = lev_span_of(secret)};
    return lev_client_open(c, uri) == LEV_OK &&
           lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL) == LEV_OK &&
           lev_client_connection_update_secret(c, 0, &update, NULL) == LEV_OK &&
           lev_client_close(c) == LEV_OK;
}

/* `query` goes behind a URI with the secret as its password. */
static void expect_no_trace(void (*script)(peer *p), lev_client_options options, const char *query,
                            bool whole) {
    peer *p = script != NULL ? peer_start(script) : NULL;
    char uri[200];
    snprintf(uri, sizeof uri, "amqp://u:%s@127.0.0.1:%u%s", secret, p != NULL ? p->port : 1, query);
    watched = leaks = 0;
    armed = true;
    lev_client *c = lev_client_new(&options);
    bool done = run(c, uri);
    bool told = strstr(lev_client_error(c)->text, secret) != NULL;
    lev_client_free(c);
    armed = false;
    EXPECT_EQ(done, whole);
    EXPECT(!told);
    EXPECT(watched >= 5);
    EXPECT_EQ(leaks, 0);
    if (p != NULL) {
        peer_end(p);
    }
}

static void leaves_no_secret_behind(void) {
    unsigned never = 99;
    unsigned first = 0;
    unsigned second = 1;
    lev_client_options plain = {.user = "v", .password = secret};
    lev_client_options own = {
        .password = secret, .mechanism = "X", .answer = say_secret, .answer_context = &never};
    expect_no_trace(accept_plain, plain, "", true);
    expect_no_trace(accept_amqplain, plain, "", true);
    expect_no_trace(accept_own, own, "", true);
    expect_no_trace(refuse_plain, plain, "", false);
    expect_no_trace(refuse_own, own, "", false);
    expect_no_trace(leave_at_once, own, "", false);
    expect_no_trace(leave_after_the_login, own, "", false);
    expect_no_trace(leave_after_the_login, plain, "", false);
    expect_no_trace(leave_at_once, plain, "?auth_mechanism=external", false);
    expect_no_trace(NULL, plain, "", false);
    expect_no_trace(NULL, plain, "?heartbeat=x", false);
    expect_no_trace(NULL, plain, "%zz", false);
    plain.refresh = renew_secret;
    expect_no_trace(accept_two_secrets, plain, "", true);
    expect_no_trace(leave_after_the_login, plain, "", false);
    own.answer_context = &first;
    expect_no_trace(leave_at_once, own, "", false);
    own.answer_context = &second;
    expect_no_trace(refuse_own, own, "", false);
}

static void take_little(peer *p) {
    peer_forgive(p);
    peer_login(p, 0);
    peer_open_channel(p);
    lev_method get = peer_expect(p, LEV_BASIC_GET);
    lev_basic_get_ok ok = {.delivery_tag = 1, .routing_key = get.as.basic_get.queue};
    peer_send_content(p, 1, LEV_BASIC_GET_OK, &ok, lev_span_of(secret));
    lev_frame frame;
    while (peer_take(p, &frame)) {
    }
}

/* The new secret is a message's body, so it is copied while the call waits for room. */
static void leaves_no_copy_of_a_secret_that_had_to_wait(void) {
    static const uint8_t body[1000];
    lev_publication m = {.body = {body, sizeof body}};
    const lev_message *got = NULL;
    peer *p = peer_start(take_little);
    lev_client *c = lev_client_new(&(lev_client_options){.high_water = 800, .call_ms = 300});
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_get(c, 1, &(lev_basic_get){.queue = lev_span_of("q")}, &got), LEV_OK);
    lev_connection_update_secret update = {.new_secret = got->body};
    EXPECT_EQ(lev_engine_publish(lev_client_engine(c), 1, &m, NULL), LEV_OK);
    leaks = watched = 0;
    armed = true;
    lev_status status = lev_client_connection_update_secret(c, 0, &update, NULL);
    armed = false;
    EXPECT_EQ(status, LEV_ERR_TIMEOUT);
    EXPECT(watched >= 1);
    EXPECT_EQ(leaks, 0);
    lev_client_free(c);
    peer_end(p);
}

UNIT_MAIN("secret", CASE(leaves_no_secret_behind),
          CASE(leaves_no_copy_of_a_secret_that_had_to_wait))

#else

int main(void) {
    puts("skipped: malloc cannot be replaced in this build");
    return 77;
}

#endif
