/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The outbox: what any thread puts ends in exactly one outcome, with its own tag, in the order of
 * its thread; waiting ends; nothing is lost with the connection. */

#include "../unit.h"
#include "server.h"
#include "tap.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { PUTS = 512, THREADS = 8, MANY = 100000, LONG = 1000000, WAIT_MS = 20000 };

/* A client with an outbox on channel 1, and what its hook has been told. Tags are 1, 2, ... */
typedef struct owner {
    lev_client *client;
    lev_outbox *outbox;
    unsigned told[PUTS]; /* how often */
    lev_outcome outcome[PUTS];
    lev_status status[PUTS];
    unsigned all;
    unsigned closed; /* channels, that is */
} owner;

static void note(void *context, void *tag, lev_outcome outcome, lev_status status) {
    owner *w = context;
    size_t i = (size_t)(uintptr_t)tag;
    EXPECT(i < PUTS);
    w->told[i]++;
    w->outcome[i] = outcome;
    w->status[i] = status;
    w->all++;
}

static void open_channel(owner *w) {
    EXPECT_EQ(lev_client_channel_open(w->client, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(w->client, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
}

static void begin(owner *w, const server *s, const lev_client_options *o, size_t count) {
    lev_outbox_options options = {.count = count, .hook = note, .context = w};
    *w = (owner){.client = lev_client_new(o)};
    EXPECT_EQ(lev_client_open(w->client, s->uri), LEV_OK);
    w->outbox = lev_outbox_new(w->client, 1, &options);
    EXPECT(w->outbox != NULL);
    EXPECT(lev_outbox_new(w->client, 2, NULL) == NULL);
}

static void end(owner *w, server *s) {
    lev_outbox_free(w->outbox);
    lev_client_close(w->client);
    lev_client_free(w->client);
    server_end(s);
    free(s);
}

static lev_status put(const owner *w, unsigned tag, const char *key, int wait_ms) {
    lev_properties properties = {.present = LEV_HAS_MESSAGE_ID, .message_id = lev_span_of(key)};
    lev_publication p = {.routing_key = lev_span_of(key),
                         .properties = &properties,
                         .body = lev_span_of("bbbb"), /* the server returns such a one */
                         .mandatory = true};
    return lev_outbox_put(w->outbox, &p, (void *)(uintptr_t)tag, wait_ms);
}

/* Lets the client work until nothing is left, or it has ended, and returns how. */
static lev_status work(owner *w) {
    lev_event e = {.type = LEV_EVENT_NONE};
    lev_status status = LEV_OK;
    uint64_t deadline = lev_net_now() + WAIT_MS;
    while (lev_outbox_left(w->outbox) > 0 && e.type != LEV_EVENT_FAILED) {
        EXPECT(lev_net_now() < deadline);
        status = lev_client_next(w->client, &e, 20);
        w->closed += e.type == LEV_EVENT_CHANNEL_CLOSED;
        EXPECT(e.type != LEV_EVENT_OUTCOME); /* the hook's */
    }
    return status == LEV_ERR_TIMEOUT ? LEV_OK : status;
}

static void expect_told(const owner *w, unsigned tag, lev_outcome outcome, lev_status status) {
    EXPECT_EQ(w->told[tag], 1);
    EXPECT_EQ(w->outcome[tag], outcome);
    EXPECT_EQ(w->status[tag], status);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static void by_key(server *s, server_publish *p) {
    if (strcmp(p->key, "no") == 0) {
        server_nack(s, p->channel, p->tag, false);
    } else if (strcmp(p->key, "silent") != 0) {
        server_confirm(s, p);
    }
}

static void each_message_has_one_outcome(void) {
    char too_long[300] = "";
    server *s = server_start(by_key);
    owner w;
    memset(too_long, 'k', sizeof too_long - 1);
    begin(&w, s, NULL, 0);
    open_channel(&w);
    EXPECT_EQ(put(&w, 1, "yes", 0), LEV_OK);
    EXPECT_EQ(put(&w, 2, "none", 0), LEV_OK);
    EXPECT_EQ(put(&w, 3, "no", 0), LEV_OK);
    EXPECT_EQ(put(&w, 4, too_long, 0), LEV_OK);
    EXPECT_EQ(put(&w, 5, "yes", 0), LEV_OK);
    EXPECT_EQ(lev_outbox_left(w.outbox), 5);
    EXPECT_EQ(w.all, 0);
    work(&w);
    EXPECT_EQ(w.all, 5);
    expect_told(&w, 1, LEV_CONFIRMED, LEV_OK);
    expect_told(&w, 2, LEV_RETURNED, LEV_OK);
    expect_told(&w, 3, LEV_NACKED, LEV_OK);
    expect_told(&w, 4, LEV_NOT_SENT, LEV_ERR_LIMIT);
    expect_told(&w, 5, LEV_CONFIRMED, LEV_OK);
    end(&w, s);
}

/* What was published may be there; what still waited is not. */
static void freeing_tells_of_the_rest(void) {
    server *s = server_start(by_key);
    owner w;
    begin(&w, s, NULL, 0);
    open_channel(&w);
    EXPECT_EQ(put(&w, 1, "silent", 0), LEV_OK);
    EXPECT_EQ(lev_client_process(w.client), LEV_OK);
    EXPECT_EQ(put(&w, 2, "late", 0), LEV_OK);
    lev_outbox_free(w.outbox);
    w.outbox = NULL;
    EXPECT_EQ(w.all, 2);
    expect_told(&w, 1, LEV_IN_DOUBT, LEV_OK);
    expect_told(&w, 2, LEV_NOT_SENT, LEV_ERR_CLOSED);
    end(&w, s);
}

static void the_client_may_be_freed_before(void) {
    server *s = server_start(by_key);
    owner w;
    begin(&w, s, NULL, 0);
    EXPECT_EQ(put(&w, 1, "never", 0), LEV_OK);
    lev_client_free(w.client);
    expect_told(&w, 1, LEV_NOT_SENT, LEV_ERR_CLOSED);
    EXPECT_EQ(put(&w, 2, "later", LEV_FOREVER), LEV_ERR_CLOSED);
    EXPECT_EQ(w.all, 1);
    lev_outbox_free(w.outbox);
    server_end(s);
    free(s);
}

static void cut_at_the_third(server *s, server_publish *p) {
    if (s->connections == 1 && p->tag == 3) {
        server_cut(s);
    }
    if (s->connections > 1) {
        server_confirm(s, p);
    }
}

static void a_lost_connection_tells_of_all(void) {
    server *s = server_start(cut_at_the_third);
    owner w;
    begin(&w, s, NULL, 0);
    open_channel(&w);
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT_EQ(put(&w, i, "k", 0), LEV_OK);
    }
    EXPECT_EQ(work(&w), LEV_ERR_LOST);
    EXPECT_EQ(put(&w, 4, "k", 0), LEV_ERR_CLOSED);
    EXPECT_EQ(w.all, 3);
    expect_told(&w, 1, LEV_IN_DOUBT, LEV_OK);
    expect_told(&w, 3, LEV_IN_DOUBT, LEV_OK);
    end(&w, s);
}

static void with_recovery_nothing_is_lost(void) {
    server *s = server_start(cut_at_the_third);
    lev_client_options o = {.recovery = {.on = true, .retransmit = true, .wait_max_ms = 20}};
    owner w;
    begin(&w, s, &o, 0);
    open_channel(&w);
    for (unsigned i = 1; i <= 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        EXPECT_EQ(put(&w, i, key, 0), LEV_OK);
    }
    EXPECT_EQ(work(&w), LEV_OK);
    EXPECT_EQ(w.all, 200);
    for (unsigned i = 1; i <= 200; i++) {
        expect_told(&w, i, LEV_CONFIRMED, LEV_OK);
    }
    lev_outbox_free(w.outbox);
    w.outbox = NULL;
    lev_client_close(w.client);
    server_end(s);
    unsigned next = 1;
    for (unsigned i = 0; i < s->count; i++) { /* the second connection has all, in order */
        if (s->publishes[i].connection == 2) {
            EXPECT_EQ(atoi(s->publishes[i].key), next++);
        }
    }
    EXPECT_EQ(next, 201);
    lev_client_free(w.client);
    free(s);
}

static void close_the_first_channel(server *s, server_publish *p) {
    if (strcmp(p->key, "bad") == 0) {
        server_close_channel(s, p->channel);
    } else {
        server_confirm(s, p);
    }
}

/* Before the channel is there, and when the broker has closed it, messages wait. */
static void a_closed_channel_holds_messages_back(void) {
    server *s = server_start(close_the_first_channel);
    owner w;
    begin(&w, s, NULL, 0);
    EXPECT_EQ(put(&w, 1, "early", 0), LEV_OK);
    EXPECT_EQ(lev_client_process(w.client), LEV_OK);
    EXPECT_EQ(lev_client_timeout(w.client) == 0, false);
    EXPECT_EQ(w.all, 0);
    open_channel(&w);
    work(&w);
    EXPECT_EQ(put(&w, 2, "bad", 0), LEV_OK);
    work(&w);
    expect_told(&w, 2, LEV_IN_DOUBT, LEV_OK);
    EXPECT_EQ(put(&w, 3, "late", 0), LEV_OK);
    if (w.closed == 0) { /* or work has seen it */
        EXPECT_EQ(lev_outbox_run(w.outbox), LEV_ERR_CHANNEL);
    }
    EXPECT_EQ(lev_outbox_left(w.outbox), 1);
    open_channel(&w);
    work(&w);
    expect_told(&w, 1, LEV_CONFIRMED, LEV_OK);
    expect_told(&w, 3, LEV_CONFIRMED, LEV_OK);
    end(&w, s);
}

/* ---- room and waiting ------------------------------------------------------------------------ */

static void a_full_outbox_says_so(void) {
    server *s = server_start(by_key);
    owner w;
    begin(&w, s, NULL, 2);
    open_channel(&w);
    EXPECT_EQ(put(&w, 1, "k", 0), LEV_OK);
    EXPECT_EQ(put(&w, 2, "k", 0), LEV_OK);
    EXPECT_EQ(put(&w, 3, "k", 0), LEV_AGAIN);
    EXPECT_EQ(put(&w, 3, "k", 30), LEV_ERR_TIMEOUT);
    work(&w);
    EXPECT_EQ(put(&w, 4, "k", 0), LEV_OK);
    work(&w);
    EXPECT_EQ(w.all, 3);
    EXPECT_EQ(w.told[3], 0);
    end(&w, s);
}

static void bytes_are_bounded_too(void) {
    static const uint8_t large[4096];
    server *s = server_start(by_key);
    lev_client *c = lev_client_new(NULL);
    lev_outbox *o = lev_outbox_new(c, 1, &(lev_outbox_options){.bytes = 5000});
    lev_publication p = {.body = {large, sizeof large}};
    EXPECT_EQ(lev_outbox_put(o, &p, NULL, 0), LEV_OK);
    EXPECT_EQ(lev_outbox_put(o, &p, NULL, 0), LEV_OK); /* one may pass the mark */
    EXPECT_EQ(lev_outbox_put(o, &p, NULL, 0), LEV_AGAIN);
    lev_outbox_free(o);
    lev_client_free(c);
    server_end(s);
    free(s);
}

/* A thread that puts more than there is room for, and what it got last. */
typedef struct patient {
    const owner *w;
    unsigned count;
    pthread_t thread;
    lev_status last;
} patient;

static void *put_patiently(void *arg) {
    patient *p = arg;
    for (unsigned i = 1; i <= p->count; i++) {
        p->last = put(p->w, i, "k", LEV_FOREVER);
        if (p->last != LEV_OK) {
            break;
        }
    }
    return NULL;
}

static void who_waits_goes_on_when_there_is_room(void) {
    server *s = server_start(by_key);
    owner w;
    lev_event e;
    begin(&w, s, NULL, 2);
    open_channel(&w);
    patient p = {.w = &w, .count = 100};
    EXPECT_EQ(pthread_create(&p.thread, NULL, put_patiently, &p), 0);
    for (uint64_t start = lev_net_now(); w.all < 100 && lev_net_now() < start + WAIT_MS;) {
        lev_client_next(w.client, &e, 20);
    }
    pthread_join(p.thread, NULL);
    EXPECT_EQ(p.last, LEV_OK);
    EXPECT_EQ(w.all, 100);
    end(&w, s);
}

static void closing_wakes_who_waits(void) {
    server *s = server_start(by_key);
    owner w;
    begin(&w, s, NULL, 2);
    open_channel(&w);
    patient p = {.w = &w, .count = 3};
    EXPECT_EQ(pthread_create(&p.thread, NULL, put_patiently, &p), 0);
    usleep(50 * 1000);
    lev_outbox_close(w.outbox);
    pthread_join(p.thread, NULL);
    EXPECT_EQ(p.last, LEV_ERR_CLOSED);
    EXPECT_EQ(lev_outbox_left(w.outbox), 2);
    work(&w); /* what was put before is still published */
    expect_told(&w, 2, LEV_CONFIRMED, LEV_OK);
    end(&w, s);
}

/* ---- waking the owner ------------------------------------------------------------------------ */

static bool readable(int fd) {
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

static void a_batch_wakes_once(void) {
    server *s = server_start(by_key);
    owner w;
    begin(&w, s, NULL, 0);
    open_channel(&w);
    int fd = lev_outbox_fd(w.outbox);
    int watch = lev_client_watch_fd(w.client);
    lev_client_timeout(w.client);
    EXPECT(!readable(fd) && !readable(watch));
    for (unsigned i = 1; i <= 100; i++) {
        EXPECT_EQ(put(&w, i, "silent", 0), LEV_OK);
    }
    EXPECT(readable(fd) && readable(watch));
    EXPECT_EQ(lev_client_timeout(w.client), 0);
    EXPECT_EQ(lev_client_process(w.client), LEV_OK);
    EXPECT(!readable(fd));
    EXPECT(lev_client_timeout(w.client) != 0);
    EXPECT_EQ(lev_client_unsettled(w.client, 1), 100);
    end(&w, s);
}

/* ---- many ------------------------------------------------------------------------------------ */

typedef struct crowd {
    lev_client *client;
    lev_outbox *outbox;
    unsigned each; /* thread puts so many */
    unsigned told[THREADS];
    unsigned seen[THREADS]; /* by the server */
    atomic_uint done;
} crowd;

typedef struct member {
    crowd *crowd;
    unsigned number;
    pthread_t thread;
} member;

/* Messages are "THREAD:N"; each comes once, and in the order of its thread. */
static void count_and_ack(server *s, server_publish *p) {
    crowd *all = s->context;
    unsigned thread = 0;
    unsigned n = 0;
    peer_need(sscanf(p->key, "%u:%u", &thread, &n) == 2 && thread < THREADS, "a key of ours");
    peer_need(n == ++all->seen[thread], "the order of a thread");
    if (p->tag % 64 == 0 || n + 64 > all->each) {
        server_ack(s, p->channel, p->tag, true);
    }
    s->count = 0; /* it need not remember them */
}

static void count_told(void *context, void *tag, lev_outcome outcome, lev_status status) {
    crowd *all = context;
    EXPECT(outcome == LEV_CONFIRMED && status == LEV_OK);
    EXPECT((size_t)(uintptr_t)tag < THREADS);
    all->told[(size_t)(uintptr_t)tag]++;
}

static void *put_many(void *arg) {
    member *m = arg;
    crowd *all = m->crowd;
    lev_status status = LEV_OK;
    for (unsigned i = 1; i <= all->each && status == LEV_OK; i++) {
        char key[32];
        snprintf(key, sizeof key, "%u:%u", m->number, i);
        lev_publication p = {.routing_key = lev_span_of(key), .body = lev_span_of("body")};
        status = lev_outbox_put(all->outbox, &p, (void *)(uintptr_t)m->number, LEV_FOREVER);
    }
    EXPECT_EQ(status, LEV_OK);
    if (++all->done == THREADS) {
        lev_outbox_close(all->outbox);
    }
    return NULL;
}

static void eight_threads_and_many_messages(void) {
    const char *wish = getenv("LEVERET_LONG");
    static crowd all;
    server *s = server_start(count_and_ack);
    member members[THREADS];
    all.each = (wish != NULL && strcmp(wish, "1") == 0 ? LONG : MANY) / THREADS;
    s->context = &all;
    tap_off = true;
    all.client = lev_client_new(NULL);
    all.outbox = lev_outbox_new(
        all.client, 1, &(lev_outbox_options){.count = 1000, .hook = count_told, .context = &all});
    EXPECT_EQ(lev_client_open(all.client, s->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(all.client, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(all.client, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        members[i] = (member){.crowd = &all, .number = i};
        EXPECT_EQ(pthread_create(&members[i].thread, NULL, put_many, &members[i]), 0);
    }
    EXPECT_EQ(lev_outbox_run(all.outbox), LEV_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(members[i].thread, NULL);
        EXPECT_EQ(all.told[i], all.each);
    }
    lev_outbox_free(all.outbox);
    EXPECT_EQ(lev_client_close(all.client), LEV_OK);
    lev_client_free(all.client);
    server_end(s);
    free(s);
}

UNIT_MAIN("outbox", CASE(each_message_has_one_outcome), CASE(freeing_tells_of_the_rest),
          CASE(the_client_may_be_freed_before), CASE(a_lost_connection_tells_of_all),
          CASE(with_recovery_nothing_is_lost), CASE(a_closed_channel_holds_messages_back),
          CASE(a_full_outbox_says_so), CASE(bytes_are_bounded_too),
          CASE(who_waits_goes_on_when_there_is_room), CASE(closing_wakes_who_waits),
          CASE(a_batch_wakes_once), CASE(eight_threads_and_many_messages))
