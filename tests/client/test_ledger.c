/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The ledger: numbers that go on, outcomes that find their messages, and what a loss leaves; also
 * against a model that keeps an array. */

#include "../../src/client/ledger.h"
#include "../unit.h"

#include <stdlib.h>

static lev_ledger l;

static void begin(void) { l = (lev_ledger){.count_max = 1000, .size_max = 1 << 20}; }

static uint64_t add(uint16_t channel, uint64_t sent) {
    lev_owed *m = lev_owed_new(&(lev_publication){.body = lev_span_of("body")}, false);
    EXPECT(m != NULL);
    return lev_ledger_add(&l, channel, m, sent);
}

/* Tells an outcome of the engine's, and what the program hears of it: "1-3 5-5". */
static const char *hear(uint16_t channel, lev_outcome how, uint64_t first, uint64_t last,
                        bool again) {
    static char text[200];
    lev_owed_run run = {.channel = channel, .outcome = how};
    lev_writer w = lev_writer_init((uint8_t *)text, sizeof text - 1);
    memset(text, 0, sizeof text);
    while (first <= last) {
        if (lev_ledger_settle(&l, &run, &first, last, again)) {
            lev_writer_text(&w, w.len > 0 ? " " : "");
            lev_writer_decimal(&w, run.first);
            lev_writer_text(&w, "-");
            lev_writer_decimal(&w, run.last);
        }
    }
    return text;
}

static void send_all(uint16_t channel) {
    uint64_t sent = 0;
    lev_account *a = l.accounts;
    while (a->channel != channel) {
        a = a->next;
    }
    for (lev_owed *m = lev_account_unsent(a); m != NULL; m = m->next) {
        m->sent = ++sent;
        l.unsent--;
    }
}

static void copies_all_of_a_publication(void) {
    char text[] = "exchange key id body";
    lev_properties p = {.present = LEV_HAS_MESSAGE_ID, .message_id = {(uint8_t *)text + 13, 2}};
    lev_publication from = {.exchange = {(uint8_t *)text, 8},
                            .routing_key = {(uint8_t *)text + 9, 3},
                            .properties = &p,
                            .body = {(uint8_t *)text + 16, 4},
                            .mandatory = true,
                            .lend = true,
                            .token = text};
    lev_owed *m = lev_owed_new(&from, false);
    memset(text, '#', sizeof text);
    memset(&p, '#', sizeof p);
    const lev_publication *kept = &m->publication;
    EXPECT(lev_span_equal(kept->exchange, lev_span_of("exchange")));
    EXPECT(lev_span_equal(kept->routing_key, lev_span_of("key")));
    EXPECT(lev_span_equal(kept->properties->message_id, lev_span_of("id")));
    EXPECT(lev_span_equal(kept->body, lev_span_of("body")));
    EXPECT(kept->mandatory && !kept->lend && kept->token == NULL);
    free(m);
}

static void tells_outcomes_by_the_messages_own_numbers(void) {
    begin();
    for (uint64_t i = 1; i <= 6; i++) {
        EXPECT_EQ(add(1, i), i);
    }
    EXPECT_EQ(add(2, 1), 1);
    EXPECT_STR(hear(1, LEV_CONFIRMED, 2, 2, false), "2-2");
    EXPECT_STR(hear(1, LEV_CONFIRMED, 4, 5, false), "4-5");
    lev_ledger_lost(&l);
    send_all(1);
    EXPECT_EQ(lev_ledger_number(&l, 1, 2), 3);
    EXPECT_STR(hear(1, LEV_CONFIRMED, 1, 3, false), "1-1 3-3 6-6");
    EXPECT_EQ(add(1, 4), 7);
    EXPECT_EQ(lev_ledger_owed(&l, 1), 1);
    EXPECT_EQ(lev_ledger_owed(&l, 2), 1);
    lev_ledger_deinit(&l);
}

static void keeps_what_will_be_sent_again_and_knows_what_is_in_doubt(void) {
    begin();
    add(1, 1);
    add(1, 2);
    EXPECT_STR(hear(1, LEV_IN_DOUBT, 1, 1, true), "");
    EXPECT_STR(hear(1, LEV_NOT_SENT, 2, 2, true), "");
    lev_ledger_lost(&l);
    EXPECT_EQ(l.unsent, 2);
    lev_owed_run run;
    EXPECT(lev_ledger_give_up(&l, &run));
    EXPECT(run.outcome == LEV_IN_DOUBT && run.first == 1 && run.last == 1);
    EXPECT(lev_ledger_give_up(&l, &run));
    EXPECT(run.outcome == LEV_NOT_SENT && run.first == 2 && run.last == 2);
    EXPECT(!lev_ledger_give_up(&l, &run));
    EXPECT_EQ(l.size + l.count + l.unsent, 0);
    lev_ledger_deinit(&l);
}

/* A message in pieces is not here to be sent again, so the loss is its outcome. */
static void tells_of_a_message_in_pieces_at_once(void) {
    begin();
    add(1, 1);
    lev_owed *m = lev_owed_new(&(lev_publication){.mandatory = true}, true);
    lev_ledger_add(&l, 1, m, 2);
    add(1, 3);
    EXPECT_STR(hear(1, LEV_IN_DOUBT, 1, 3, true), "2-2");
    EXPECT_EQ(lev_ledger_owed(&l, 1), 2);
    lev_ledger_deinit(&l);
}

static void has_two_bounds(void) {
    l = (lev_ledger){.count_max = 2, .size_max = SIZE_MAX};
    add(1, 1);
    EXPECT(lev_ledger_room(&l));
    add(1, 2);
    EXPECT(!lev_ledger_room(&l));
    hear(1, LEV_CONFIRMED, 1, 1, false);
    EXPECT(lev_ledger_room(&l));
    l.size_max = l.size;
    EXPECT(!lev_ledger_room(&l));
    lev_ledger_deinit(&l);
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

enum { MODEL_MAX = 4000 };

/* The model: which message each number of the engine stands for, and which of them are open. */
typedef struct model {
    uint32_t seed;
    uint64_t carried[MODEL_MAX]; /* the engine's number -> its own */
    bool open[MODEL_MAX];        /* own number */
    bool acked[MODEL_MAX];       /* the engine's */
    uint64_t sent;
    uint64_t own;
} model;

static void model_settle(model *m) {
    uint64_t first = 1 + next_random(&m->seed) % m->sent;
    uint64_t last = first;
    while (last < m->sent && !m->acked[last + 1] && next_random(&m->seed) % 3 != 0) {
        last++;
    }
    if (m->acked[first]) {
        return;
    }
    lev_owed_run run = {.channel = 7, .outcome = LEV_CONFIRMED};
    for (uint64_t at = first; at <= last;) {
        uint64_t before = at;
        EXPECT(lev_ledger_settle(&l, &run, &at, last, false));
        EXPECT_EQ(run.last - run.first, at - 1 - before);
        for (uint64_t i = before; i < at; i++) {
            EXPECT_EQ(m->carried[i], run.first + (i - before));
            EXPECT(m->open[m->carried[i]]);
            m->open[m->carried[i]] = false;
            m->acked[i] = true;
        }
    }
}

static void model_lose(model *m) {
    lev_ledger_lost(&l);
    m->sent = 0;
    memset(m->acked, 0, sizeof m->acked);
    for (uint64_t own = 1; own <= m->own; own++) {
        if (m->open[own]) {
            m->carried[++m->sent] = own;
        }
    }
    if (l.accounts != NULL) {
        send_all(7);
    }
}

static void agrees_with_a_model(void) {
    for (uint32_t seed = 1; seed <= 200; seed++) {
        static model m;
        m = (model){.seed = seed};
        begin();
        while (m.own < 300) {
            uint32_t what = next_random(&m.seed) % 20;
            if (what < 12 || m.sent == 0) {
                m.carried[++m.sent] = ++m.own;
                m.open[m.own] = true;
                EXPECT_EQ(add(7, m.sent), m.own);
            } else if (what < 19) {
                model_settle(&m);
            } else {
                model_lose(&m);
            }
        }
        size_t open = 0;
        for (uint64_t own = 1; own <= m.own; own++) {
            open += m.open[own];
        }
        EXPECT_EQ(lev_ledger_owed(&l, 7), open);
        lev_ledger_deinit(&l);
    }
}

UNIT_MAIN("ledger", CASE(copies_all_of_a_publication),
          CASE(tells_outcomes_by_the_messages_own_numbers),
          CASE(keeps_what_will_be_sent_again_and_knows_what_is_in_doubt),
          CASE(tells_of_a_message_in_pieces_at_once), CASE(has_two_bounds),
          CASE(agrees_with_a_model))
