/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Thousands of publishes on two channels through dozens of lost connections, over a ledger so small
 * that its ring wraps all the time. The server acks late, in ranges and out of order, refuses some,
 * returns some, and is gone at any publish. Afterwards what it saw and what the program heard are
 * compared: one outcome each, nothing confirmed that never came, nothing sent again that was
 * confirmed, the order kept in each connection and over all first arrivals. */

#include "../unit.h"
#include "server.h"

#include <unistd.h>

enum { CHANNELS = 2, EACH = 4000, LOSSES = 40, COUNT_MAX = 150, BYTES_MAX = 50000 };

typedef struct storm {
    lev_client *client;
    server *broker;
    uint64_t published[CHANNELS + 1];
    unsigned outcomes[CHANNELS + 1][EACH + 2];
    lev_outcome how[CHANNELS + 1][EACH + 2];
    uint64_t seed;                     /* the program's */
    uint64_t plan_seed;                /* the server's */
    bool none[CHANNELS + 1][EACH + 2]; /* published to where no queue is */
} storm;

static unsigned chance(uint64_t *seed, unsigned n) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % n;
}

/* ---- the server ------------------------------------------------------------------------------ */

/* Acks in ranges now and then, one by one out of order else, and forgets none for ever. */
static void settle_late(server *s, const server_publish *p, uint64_t *seed) {
    unsigned what = chance(seed, 8);
    if (strcmp(p->key, "none") == 0) {
        server_return(s, p);
        server_ack(s, p->channel, p->tag, false);
    } else if (what == 0) {
        server_ack(s, p->channel, p->tag, true);
    } else if (what < 3) {
        server_ack(s, p->channel, p->tag, false);
    } else if (what == 3 && p->tag > 1) {
        server_ack(s, p->channel, p->tag - 1, true);
    }
}

static void rage(server *s, server_publish *p) {
    storm *t = s->context;
    if (s->connections <= LOSSES && chance(&t->plan_seed, EACH * CHANNELS / LOSSES) == 0) {
        if (chance(&t->plan_seed, 2) == 0) {
            server_cut(s);
        }
        server_reset(s);
    }
    settle_late(s, p, &t->plan_seed);
    if (strcmp(p->key, "end") == 0 || p->tag % 20 == 0) { /* nothing waits for ever */
        server_ack(s, p->channel, p->tag, true);
    }
}

/* ---- the program ----------------------------------------------------------------------------- */

static void hear(storm *t, int timeout_ms) {
    lev_event e;
    lev_status status = lev_client_next(t->client, &e, timeout_ms);
    EXPECT(status == LEV_OK || status == LEV_ERR_TIMEOUT);
    EXPECT(e.type != LEV_EVENT_RETURN || t->none[e.channel][e.first]);
    if (e.type == LEV_EVENT_OUTCOME) {
        EXPECT(e.channel >= 1 && e.channel <= CHANNELS && e.last <= t->published[e.channel] + 1);
        for (uint64_t i = e.first; i <= e.last; i++) {
            t->outcomes[e.channel][i]++;
            t->how[e.channel][i] = e.outcome;
        }
    }
}

static void publish_key(storm *t, uint16_t channel, const char *key) {
    static uint8_t body[1000];
    char id[32];
    uint64_t number;
    uint64_t next = t->published[channel] + 1;
    snprintf(id, sizeof id, "%u-%u", channel, (unsigned)next);
    lev_properties p = {.present = LEV_HAS_MESSAGE_ID, .message_id = lev_span_of(id)};
    lev_publication m = {.routing_key = lev_span_of(key),
                         .properties = &p,
                         .mandatory = true,
                         .body = {body, chance(&t->seed, 10) == 0 ? sizeof body : next % 50}};
    t->none[channel][next] = strcmp(key, "none") == 0;
    EXPECT_EQ(lev_client_publish(t->client, channel, &m, &number), LEV_OK);
    EXPECT_EQ(number, next);
    t->published[channel] = next;
}

static void run_program(storm *t) {
    lev_client_options o = {.progress_ms = 5000,
                            .recovery = {.on = true,
                                         .wait_first_ms = 1,
                                         .wait_max_ms = 2,
                                         .retransmit = true,
                                         .mark_doubt = true,
                                         .ledger_count = COUNT_MAX,
                                         .ledger_bytes = BYTES_MAX}};
    t->client = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(t->client, t->broker->uri), LEV_OK);
    for (uint16_t channel = 1; channel <= CHANNELS; channel++) {
        EXPECT_EQ(lev_client_channel_open(t->client, channel, &(lev_channel_open){0}, NULL),
                  LEV_OK);
        EXPECT_EQ(lev_client_confirm_select(t->client, channel, &(lev_confirm_select){0}, NULL),
                  LEV_OK);
    }
    while (t->published[1] < EACH || t->published[2] < EACH) {
        uint16_t channel = (uint16_t)(1 + chance(&t->seed, CHANNELS));
        if (t->published[channel] < EACH) {
            publish_key(t, channel, chance(&t->seed, 20) == 0 ? "none" : "key");
        }
        if (chance(&t->seed, 10) == 0) {
            hear(t, 0);
        }
    }
    for (uint16_t channel = 1; channel <= CHANNELS; channel++) {
        publish_key(t, channel, "end");
    }
    uint64_t until = lev_net_now() + 10000;
    while (lev_client_unsettled(t->client, 1) + lev_client_unsettled(t->client, 2) > 0) {
        EXPECT(lev_net_now() < until);
        hear(t, 50);
    }
    for (int i = 0; i < 5; i++) {
        hear(t, 0);
    }
    EXPECT_EQ(lev_client_close(t->client), LEV_OK);
    lev_client_free(t->client);
}

/* ---- the comparison -------------------------------------------------------------------------- */

typedef struct arrivals {
    unsigned count[EACH + 2];
    bool confirmed[EACH + 2];
    uint64_t first; /* highest number so far */
    uint64_t last;  /* in this connection */
    unsigned connection;
} arrivals;

static void expect_in_order(arrivals *a, const server_publish *p, uint64_t number) {
    if (a->connection != p->connection) {
        a->connection = p->connection;
        a->last = 0;
    }
    EXPECT(number > a->last);       /* within a connection */
    EXPECT(number <= a->first + 1); /* and nothing was left out */
    EXPECT(p->doubt || a->count[number] == 0);
    a->last = number;
    a->first = number > a->first ? number : a->first;
    a->count[number]++;
    a->confirmed[number] = a->confirmed[number] || p->confirmed;
}

static unsigned expect_agreement(const storm *t, uint16_t channel) {
    static arrivals a;
    unsigned again = 0;
    memset(&a, 0, sizeof a);
    for (unsigned i = 0; i < t->broker->count; i++) {
        const server_publish *p = &t->broker->publishes[i];
        if (p->channel == channel) {
            expect_in_order(&a, p, strtoul(p->id + 2, NULL, 10));
        }
    }
    for (uint64_t i = 1; i <= EACH + 1; i++) {
        EXPECT_EQ(t->outcomes[channel][i], 1);
        EXPECT_EQ(t->how[channel][i], t->none[channel][i] ? LEV_RETURNED : LEV_CONFIRMED);
        EXPECT(a.count[i] > 0 && (t->none[channel][i] || a.confirmed[i]));
        again += a.count[i] > 1;
    }
    return again;
}

static void weather(uint64_t seed) {
    storm *t = calloc(1, sizeof *t);
    t->seed = seed;
    t->plan_seed = ~seed;
    t->broker = server_start(rage);
    t->broker->context = t;
    run_program(t);
    server_end(t->broker);
    EXPECT(t->broker->connections > LOSSES / 3);
    unsigned again = expect_agreement(t, 1) + expect_agreement(t, 2);
    EXPECT(again > LOSSES && again < EACH);
    free(t->broker);
    free(t);
}

static void nothing_is_lost_and_nothing_invented(void) {
    const char *all = getenv("LEVERET_LONG");
    uint64_t seeds = all != NULL && all[0] != '\0' ? 100 : 4;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        weather(seed);
    }
}

UNIT_MAIN("storm", CASE(nothing_is_lost_and_nothing_invented))
