/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The ledger against a model that knows nothing of rings: an array of all that was ever published.
 * Whatever happens, each publish gets one outcome, each lent body comes back once, and what is sent
 * again is what was published, in that order. */

#include "../../src/client/ledger.h"
#include "../unit.h"

enum { CHANNELS = 3, ENTRIES = 4000, BODY_MAX = 3000, KEPT_MAX = 300, BYTES_MAX = 200000 };

typedef struct entry {
    uint16_t channel;
    uint64_t number;
    uint64_t engine; /* 0: not sent in this connection */
    size_t len;
    void *token; /* that the engine has */
    bool kept, lent, written, released, settled, doubt;
} entry;

typedef struct model {
    lev_ledger ledger;
    entry entries[ENTRIES];
    size_t count;
    uint64_t engine[CHANNELS + 1]; /* the engine's last number */
    uint64_t seed;
    int refused; /* at a bound */
    int resent;
    int told;
} model;

static uint8_t bodies[BODY_MAX + 256];

static unsigned chance(model *m, unsigned n) {
    m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(m->seed >> 33) % n;
}

/* The body of the i-th publish: a window of `bodies` that begins with the rest of i. */
static lev_span body_of(const model *m, size_t i) {
    return (lev_span){bodies + i % 256, m->entries[i].len};
}

static lev_publication publication_of(const model *m, size_t i, lev_properties *p, char *id) {
    snprintf(id, 24, "m%zu", i);
    *p = (lev_properties){.present = LEV_HAS_MESSAGE_ID | LEV_HAS_DELIVERY_MODE,
                          .message_id = lev_span_of(id),
                          .delivery_mode = 2};
    return (lev_publication){.exchange = lev_span_of("exchange"),
                             .routing_key = lev_span_of(id),
                             .properties = i % 3 != 0 ? p : NULL,
                             .mandatory = i % 5 == 0,
                             .body = body_of(m, i),
                             .lend = m->entries[i].lent,
                             .token =
                                 m->entries[i].lent ? &((model *)(uintptr_t)m)->entries[i] : NULL};
}

static entry *oldest_unsent(model *m) {
    for (size_t i = 0; i < m->count; i++) {
        if (!m->entries[i].settled && m->entries[i].engine == 0) {
            return &m->entries[i];
        }
    }
    return NULL;
}

static void publish(model *m) {
    if (m->count == ENTRIES) {
        return;
    }
    entry *e = &m->entries[m->count];
    *e = (entry){.channel = (uint16_t)(1 + chance(m, CHANNELS)),
                 .len = chance(m, 4) == 0 ? chance(m, BODY_MAX) : chance(m, 40),
                 .kept = chance(m, 10) != 0,
                 .lent = chance(m, 4) == 0};
    e->kept =
        e->kept || oldest_unsent(m) != NULL; /* what comes in pieces waits until all is sent */
    e->lent = e->lent && e->kept;
    lev_properties p;
    char id[24];
    lev_publication what = publication_of(m, m->count, &p, id);
    lev_status status = lev_ledger_prepare(&m->ledger, e->channel, &what, e->kept);
    if (status == LEV_AGAIN) {
        EXPECT(!lev_ledger_has_room(&m->ledger));
        m->refused++;
        return;
    }
    EXPECT_EQ(status, LEV_OK);
    e->token = lev_ledger_token(&m->ledger);
    EXPECT_EQ(e->token != NULL, e->lent);
    e->engine = oldest_unsent(m) == NULL ? ++m->engine[e->channel] : 0;
    e->number = lev_ledger_add(&m->ledger, e->engine);
    uint64_t before = 0;
    for (size_t i = 0; i < m->count; i++) {
        before = m->entries[i].channel == e->channel ? m->entries[i].number : before;
    }
    EXPECT_EQ(e->number, before + 1);
    m->count++;
}

/* Takes all that the ledger tells, and holds it against what is due: `due[i]` for an outcome. */
static void expect_told(model *m, const bool *due, lev_outcome how) {
    lev_event event;
    static bool told[ENTRIES];
    size_t wrong = 0;
    memset(told, 0, sizeof told);
    while (lev_ledger_tell(&m->ledger, &event)) {
        if (event.type == LEV_EVENT_RELEASED) {
            entry *e = event.token;
            EXPECT(e->lent && e->settled && !e->released && (e->written || e->engine == 0));
            e->released = true;
            continue;
        }
        EXPECT_EQ(event.type, LEV_EVENT_OUTCOME);
        for (size_t i = 0; i < m->count; i++) {
            entry *e = &m->entries[i];
            if (e->channel == event.channel && e->number >= event.first &&
                e->number <= event.last) {
                bool doubt = how == LEV_NOT_SENT && e->doubt;
                wrong += !due[i] || e->settled;
                wrong += event.outcome != (doubt ? LEV_IN_DOUBT : how);
                e->settled = told[i] = true;
                m->told++;
            }
        }
    }
    for (size_t i = 0; i < m->count; i++) {
        const entry *e = &m->entries[i];
        bool released = e->lent && e->settled && (e->written || e->engine == 0);
        wrong += told[i] != due[i] || e->released != released;
    }
    EXPECT_EQ(wrong, 0);
}

static void settle(model *m, lev_event told, bool keeps) {
    static bool due[ENTRIES];
    bool open = told.outcome == LEV_NOT_SENT || told.outcome == LEV_IN_DOUBT;
    for (size_t i = 0; i < m->count; i++) {
        entry *e = &m->entries[i];
        due[i] = !e->settled && e->channel == told.channel && e->engine >= told.first &&
                 e->engine <= told.last && e->engine != 0;
        if (due[i] && keeps && open && e->kept) {
            due[i] = false;
            e->doubt = e->doubt || told.outcome == LEV_IN_DOUBT;
        }
    }
    lev_ledger_settle(&m->ledger, &told, keeps);
    expect_told(m, due, told.outcome);
}

static lev_event outcome(uint16_t channel, uint64_t first, uint64_t last, lev_outcome how) {
    return (lev_event){.channel = channel, .first = first, .last = last, .outcome = how};
}

/* As a broker does it: one, or all up to one; and RabbitMQ names what has its outcome again. */
static void settle_some(model *m) {
    static const lev_outcome outcomes[] = {LEV_CONFIRMED, LEV_CONFIRMED, LEV_NACKED, LEV_RETURNED};
    uint16_t channel = (uint16_t)(1 + chance(m, CHANNELS));
    uint64_t most = m->engine[channel];
    if (most > 0) {
        uint64_t last = most - chance(m, most < 30 ? (unsigned)most : 30);
        uint64_t first = chance(m, 3) == 0 ? 1 : last;
        settle(m, outcome(channel, first, last, outcomes[chance(m, 4)]), false);
    }
}

static void expect_same(const model *m, const lev_ledger_message *have) {
    lev_properties p;
    char id[24];
    size_t i = (size_t)strtoul((const char *)have->publication.routing_key.ptr + 1, NULL, 10);
    lev_publication want = publication_of(m, i, &p, id);
    EXPECT_EQ(have->channel, m->entries[i].channel);
    EXPECT_EQ(have->in_doubt, m->entries[i].doubt);
    EXPECT(lev_span_equal(have->publication.exchange, want.exchange));
    EXPECT(lev_span_equal(have->publication.routing_key, want.routing_key));
    EXPECT(lev_span_equal(have->publication.body, want.body));
    EXPECT_EQ(have->publication.mandatory, want.mandatory);
    EXPECT_EQ(have->publication.lend, want.lend);
    EXPECT(!want.lend || have->publication.body.ptr == want.body.ptr);
    EXPECT_EQ(have->publication.properties != NULL, want.properties != NULL);
    EXPECT(want.properties == NULL || lev_properties_equal(&have->properties, want.properties));
}

static void send_one(model *m) {
    lev_ledger_message shown;
    entry *e = oldest_unsent(m);
    EXPECT_EQ(lev_ledger_unsent(&m->ledger, &shown), e != NULL);
    if (e == NULL) {
        return;
    }
    expect_same(m, &shown);
    if (chance(m, 20) == 0) {
        static bool due[ENTRIES];
        memset(due, 0, sizeof due);
        due[e - m->entries] = true;
        lev_ledger_refuse(&m->ledger);
        expect_told(m, due, LEV_NOT_SENT);
        return;
    }
    e->engine = ++m->engine[e->channel];
    e->token = shown.publication.token;
    EXPECT_EQ(e->token != NULL, e->lent);
    m->resent++;
    lev_ledger_sent(&m->ledger, e->engine);
    EXPECT_EQ(lev_ledger_public(&m->ledger, e->channel, e->engine), e->number);
}

/* The engine is done with the oldest body that it was lent in this connection. */
static bool write_one(model *m) {
    entry *oldest = NULL;
    for (size_t i = 0; i < m->count && oldest == NULL; i++) {
        entry *e = &m->entries[i];
        oldest = e->lent && e->engine != 0 && !e->written ? e : NULL;
    }
    if (oldest == NULL) {
        return false;
    }
    void *token = oldest->token;
    oldest->written = true;
    bool released = lev_ledger_written(&m->ledger, &token);
    EXPECT_EQ(released, oldest->settled);
    if (released) {
        EXPECT(token == oldest && !oldest->released);
        oldest->released = true;
    }
    return true;
}

/* All outcomes of a lost connection: the first of each channel had been written. */
static void lose(model *m) {
    for (uint16_t channel = 1; channel <= CHANNELS; channel++) {
        uint64_t most = m->engine[channel];
        uint64_t cut = most - (most > 0 ? chance(m, most < 20 ? (unsigned)most : 20) : 0);
        settle(m, outcome(channel, 1, cut, LEV_IN_DOUBT), true);
        settle(m, outcome(channel, cut + 1, most, LEV_NOT_SENT), true);
        m->engine[channel] = 0;
    }
    while (write_one(m)) {
    }
    lev_ledger_lost(&m->ledger);
    for (size_t i = 0; i < m->count; i++) {
        m->entries[i].engine = 0;
        m->entries[i].written = m->entries[i].written && m->entries[i].settled;
    }
}

/* The channel is closed: the engine has told of what was sent, the rest never will be. */
static void close_channel(model *m, uint16_t channel) {
    static bool due[ENTRIES];
    settle(m, outcome(channel, 1, m->engine[channel], LEV_IN_DOUBT), false);
    m->engine[channel] = 0;
    for (size_t i = 0; i < m->count; i++) {
        due[i] = m->entries[i].channel == channel && !m->entries[i].settled;
    }
    lev_ledger_drop(&m->ledger, channel);
    expect_told(m, due, LEV_NOT_SENT);
}

static void give_up(model *m) {
    static bool due[ENTRIES];
    lose(m);
    for (size_t i = 0; i < m->count; i++) {
        due[i] = !m->entries[i].settled;
    }
    lev_ledger_give_up(&m->ledger);
    expect_told(m, due, LEV_NOT_SENT);
}

static void step(model *m) {
    unsigned what = chance(m, 100);
    if (what < 45) {
        publish(m);
    } else if (what < 60) {
        settle_some(m);
    } else if (what < 80) {
        send_one(m);
    } else if (what < 97) {
        (void)write_one(m);
    } else if (what < 98) {
        close_channel(m, (uint16_t)(1 + chance(m, CHANNELS)));
    } else if (chance(m, 3) == 0) {
        lose(m);
    }
}

static void expect_counts(const model *m) {
    uint64_t open[CHANNELS + 1] = {0};
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        open[m->entries[i].channel] += !m->entries[i].settled;
        kept += !m->entries[i].settled && m->entries[i].kept;
    }
    for (uint16_t channel = 1; channel <= CHANNELS; channel++) {
        EXPECT_EQ(lev_ledger_open(&m->ledger, channel), open[channel]);
    }
    EXPECT_EQ(m->ledger.kept, kept);
    EXPECT(kept <= KEPT_MAX && m->ledger.ring.cap < 2 * BYTES_MAX);
}

static void agrees_with_the_model(void) {
    int refused = 0;
    int resent = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        model *m = calloc(1, sizeof *m);
        m->seed = seed;
        lev_ledger_init(&m->ledger, NULL, KEPT_MAX, seed % 2 == 0 ? BYTES_MAX : BYTES_MAX / 4);
        for (int i = 0; i < 3000; i++) {
            step(m);
            if (i % 10 == 0) {
                expect_counts(m);
            }
        }
        give_up(m);
        EXPECT_EQ(m->told, (int)m->count);
        EXPECT_EQ(m->ledger.ring.head, m->ledger.ring.tail);
        refused += m->refused;
        resent += m->resent;
        lev_ledger_deinit(&m->ledger);
        free(m);
    }
    EXPECT(refused > 100 && resent > 1000);
}

static lev_publication plain(size_t len) {
    return (lev_publication){.routing_key = lev_span_of("m0"), .body = {bodies, len}};
}

/* One message alone may be larger than the bound; a second finds no room until it has gone. */
static void keeps_one_message_beyond_the_bound(void) {
    lev_ledger l;
    lev_event event;
    lev_publication large = plain(BODY_MAX);
    lev_publication small = plain(1);
    lev_ledger_init(&l, NULL, 10, 1000);
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &large, true), LEV_OK);
    EXPECT_EQ(lev_ledger_add(&l, 1), 1);
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &small, true), LEV_AGAIN);
    lev_ledger_settle(&l, &(lev_event){.channel = 1, .first = 1, .last = 1}, false);
    EXPECT(lev_ledger_tell(&l, &event) && !lev_ledger_tell(&l, &event));
    EXPECT(lev_ledger_has_room(&l));
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &small, true), LEV_OK);
    lev_ledger_deinit(&l);
}

/* Publishes until there is no room; returns how many there was room for. */
static int fill(size_t count_max, size_t bytes_max) {
    lev_ledger l;
    int count = 0;
    lev_publication small = plain(20);
    lev_ledger_init(&l, NULL, count_max, bytes_max);
    while (lev_ledger_prepare(&l, 1, &small, true) == LEV_OK) {
        (void)lev_ledger_add(&l, 0);
        count++;
    }
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &small, true), LEV_AGAIN);
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &small, false), LEV_OK);
    lev_ledger_deinit(&l);
    return count;
}

static void stops_at_either_bound(void) {
    EXPECT_EQ(fill(17, 1 << 20), 17);
    EXPECT_EQ(fill(1000, 640), 10); /* 64 bytes each */
    EXPECT_EQ(fill(1000, 650), 10);
    EXPECT_EQ(fill(100000, 64000), 1000);
}

static void refuses_what_cannot_be_encoded(void) {
    lev_ledger l;
    lev_publication p = plain(1);
    lev_properties bad = {.present = LEV_HAS_HEADERS, .headers = lev_span_of("no table")};
    lev_ledger_init(&l, NULL, 10, 100000);
    p.routing_key = (lev_span){bodies, 256};
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &p, true), LEV_ERR_LIMIT);
    p = plain(1);
    p.properties = &bad;
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &p, true), LEV_ERR_SYNTAX);
    p.properties = NULL;
    EXPECT_EQ(lev_ledger_prepare(&l, 65535, &p, true), LEV_OK);
    EXPECT_EQ(lev_ledger_add(&l, 1), 1); /* what was only prepared left no trace */
    EXPECT_EQ(lev_ledger_open(&l, 65535), 1);
    lev_ledger_deinit(&l);
}

/* A broker that confirms at once what it got: the ring stays small and is never moved. */
/* On a channel without confirms the ledger knows a lent body, and nothing else. */
static void gives_back_what_was_lent_without_confirms(void) {
    lev_ledger l;
    lev_ledger_message m;
    lev_publication p = plain(9);
    p.lend = true;
    p.token = &p;
    lev_ledger_init(&l, NULL, 10, 100000);
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &p, true), LEV_OK);
    EXPECT_EQ(lev_ledger_add(&l, 0), 1);
    EXPECT_EQ(lev_ledger_prepare(&l, 2, &p, true), LEV_OK);
    void *token = lev_ledger_token(&l);
    lev_ledger_lend(&l);
    EXPECT_EQ(lev_ledger_prepare(&l, 1, &p, true), LEV_OK);
    EXPECT_EQ(lev_ledger_add(&l, 0), 2);
    EXPECT_EQ(lev_ledger_open(&l, 2), 0);
    EXPECT(lev_ledger_unsent(&l, &m) && m.channel == 1);
    lev_ledger_sent(&l, 1);
    EXPECT(lev_ledger_unsent(&l, &m) && m.channel == 1);
    lev_ledger_sent(&l, 2);
    EXPECT(!lev_ledger_unsent(&l, &m));
    EXPECT(lev_ledger_written(&l, &token));
    EXPECT(token == &p);
    lev_ledger_deinit(&l);
}

static void takes_no_memory_a_message(void) {
    lev_ledger l;
    lev_event event;
    lev_publication p = plain(16);
    uint64_t engine = 0;
    lev_ledger_init(&l, NULL, 65536, 1 << 26);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 100; i++) {
            EXPECT_EQ(lev_ledger_prepare(&l, 1, &p, true), LEV_OK);
            engine++;
            EXPECT_EQ(lev_ledger_add(&l, engine), engine);
        }
        lev_event ack = {.channel = 1, .first = engine - 99, .last = engine - 50};
        lev_ledger_settle(&l, &ack, false);
        EXPECT(lev_ledger_tell(&l, &event) && !lev_ledger_tell(&l, &event));
        ack.first = engine - 49;
        ack.last = engine;
        lev_ledger_settle(&l, &ack, false);
        EXPECT(lev_ledger_tell(&l, &event) && !lev_ledger_tell(&l, &event));
        EXPECT_EQ(event.last, engine);
    }
    EXPECT_EQ(l.ring.cap, 16384);
    lev_ledger_deinit(&l);
}

int main(void) {
    static const unit_case cases[] = {CASE(agrees_with_the_model),
                                      CASE(keeps_one_message_beyond_the_bound),
                                      CASE(stops_at_either_bound),
                                      CASE(refuses_what_cannot_be_encoded),
                                      CASE(gives_back_what_was_lent_without_confirms),
                                      CASE(takes_no_memory_a_message)};
    for (size_t i = 0; i < sizeof bodies; i++) {
        bodies[i] = (uint8_t)(i * 31 >> 3);
    }
    return unit_run("ledger", cases, 6);
}
