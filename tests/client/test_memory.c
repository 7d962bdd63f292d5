/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A whole session in which the first, the second, the third ... allocation fails, until none does
 * any more. Nothing may crash, hang or be lost silently; each step either succeeds or says that it
 * did not. malloc and its siblings are replaced for this program, which address sanitizers cannot
 * have. */

#include "../unit.h"
#include "peer.h"

#include <sys/socket.h>
#include <unistd.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define MEMORY_FAILS 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef MEMORY_FAILS
#endif
#endif

#ifdef MEMORY_FAILS

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);

static _Thread_local bool armed; /* in this thread, and only within the client's calls */
static _Thread_local int countdown;
static _Thread_local bool fired;

static bool memory_fails(void) {
    if (!armed || countdown-- != 0) {
        return false;
    }
    fired = true;
    return true;
}

void *malloc(size_t size) { return memory_fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) {
    return memory_fails() ? NULL : __libc_calloc(count, size);
}
void *realloc(void *ptr, size_t size) { return memory_fails() ? NULL : __libc_realloc(ptr, size); }

static void play_a_session(peer *p) {
    char key[256];
    peer_forgive(p);
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_CONFIRM_SELECT);
    peer_send_method(p, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
    peer_expect(p, LEV_BASIC_CONSUME);
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of("c")};
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
    for (uint64_t i = 1; i <= 3; i++) {
        peer_expect_publish(p, key);
        peer_deliver(p, i, "a delivery while confirms are awaited");
        peer_send_method(p, 1, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = i});
    }
    peer_close(p);
}

typedef struct session {
    lev_client *client;
    lev_tally tally;
    uint64_t published;
    int deliveries;
    bool whole;
} session;

static bool session_start(session *s, const char *uri) {
    s->client = lev_client_new(&(lev_client_options){.connection_name = "memory", .window = 2});
    if (s->client == NULL || lev_client_open(s->client, uri) != LEV_OK) {
        return false;
    }
    lev_basic_consume consume = {.consumer_tag = lev_span_of("c")};
    return lev_client_channel_open(s->client, 1, &(lev_channel_open){0}, NULL) == LEV_OK &&
           lev_client_confirm_select(s->client, 1, &(lev_confirm_select){0}, NULL) == LEV_OK &&
           lev_client_basic_consume(s->client, 1, &consume, NULL) == LEV_OK;
}

static void session_count(session *s) {
    lev_event e;
    lev_status status = LEV_OK;
    do {
        status = lev_client_next(s->client, &e, 0);
        s->deliveries += e.type == LEV_EVENT_DELIVER;
    } while (status == LEV_OK);
}

static void session_run(session *s, const char *uri) {
    static const char body[] = "the body of a message";
    lev_publication m = {.routing_key = lev_span_of("k"), .body = lev_span_of(body)};
    lev_status status = session_start(s, uri) ? LEV_OK : LEV_ERR_MEMORY;
    for (int i = 0; i < 3 && status == LEV_OK; i++) {
        status = lev_client_publish(s->client, 1, &m, NULL);
        s->published += status == LEV_OK;
    }
    if (status == LEV_OK) {
        status = lev_client_wait_confirms(s->client, 1, &s->tally);
    }
    bool closed = s->client != NULL && lev_client_close(s->client) == LEV_OK;
    s->whole = status == LEV_OK && closed;
}

/* Returns whether an allocation failed. */
static bool run_with_failure(int at) {
    peer *p = peer_start(play_a_session);
    session s = {.client = NULL};
    fired = false;
    countdown = at;
    armed = true;
    session_run(&s, p->uri);
    armed = false;
    EXPECT(fired || s.whole);
    if (s.whole) {
        session_count(&s);
        EXPECT_EQ(s.deliveries, 3);
        EXPECT_EQ(s.tally.confirmed, s.published);
    } else if (s.client != NULL) {
        EXPECT(lev_client_error(s.client)->status != LEV_OK);
        EXPECT(strlen(lev_client_error(s.client)->text) > 0);
    }
    lev_client_free(s.client);
    shutdown(p->listener, SHUT_RDWR); /* for a peer that nobody called */
    peer_end(p);
    return fired;
}

static void survives_each_failed_allocation(void) {
    int at = 0;
    while (run_with_failure(at)) {
        at++;
    }
    EXPECT(at > 15 && at < 500);
}

UNIT_MAIN("memory", CASE(survives_each_failed_allocation))

#else

int main(void) {
    puts("skipped: malloc cannot be replaced in this build");
    return 77;
}

#endif
