/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Acks given one by one leave merged, and settle exactly what the program settled. */

#include "../../src/engine/acks.h"
#include "../unit.h"
#include "stage.h"

enum { ACKS_TAGS = 3000 };

static uint64_t acks_seed;

static uint64_t random_below(uint64_t n) {
    acks_seed = acks_seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (acks_seed >> 33) % n;
}

static void consume(stage *s, const char *tag, bool no_ack) {
    lev_basic_consume c = {.consumer_tag = sp(tag), .no_ack = no_ack, .nowait = true};
    EXPECT_EQ(lev_engine_basic_consume(s->e, 1, &c, NULL), LEV_OK);
    stage_flush(s);
}

static void open_consumers(stage *s, const lev_engine_options *options) {
    stage_open_channel(s, options);
    consume(s, "acked", false);
    consume(s, "free", true);
    s->sent_read = s->sent_len;
}

static void says_delivery(stage *s, const char *consumer, uint64_t tag) {
    lev_basic_deliver d = {.consumer_tag = sp(consumer), .delivery_tag = tag};
    stage_says(s, 1, LEV_BASIC_DELIVER, &d);
    stage_says_body(s, 1, NULL, sp("b"), 4096);
}

/* Deliveries `first` to `last` that want an ack. */
static void deliver(stage *s, uint64_t first, uint64_t last) {
    for (uint64_t tag = first; tag <= last; tag++) {
        says_delivery(s, "acked", tag);
    }
    stage_deliver(s);
}

/* Of channel 1, in its first opening. */
static lev_delivery handle(uint64_t tag) { return (lev_delivery){1, 1, tag}; }

static void ack(stage *s, uint64_t tag) {
    EXPECT_EQ(lev_engine_ack(s->e, handle(tag), false), LEV_OK);
}

/* What the engine wrote since, as "a3* n4 r5": ack, nack, reject; with * for multiple. */
static const char *written(stage *s) {
    static char text[4096];
    size_t len = 0;
    lev_frame frame;
    lev_method m;
    text[0] = '\0';
    while (stage_sent(s, &frame, &m)) {
        const lev_basic_ack *a = &m.as.basic_ack;
        bool multiple = m.id == LEV_BASIC_NACK ? m.as.basic_nack.multiple
                                               : m.id == LEV_BASIC_ACK && a->multiple;
        char kind = m.id == LEV_BASIC_ACK ? 'a' : m.id == LEV_BASIC_NACK ? 'n' : 'r';
        kind = m.id == LEV_BASIC_ACK || m.id == LEV_BASIC_NACK || m.id == LEV_BASIC_REJECT ? kind
                                                                                           : '?';
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%c%u%s", len > 0 ? " " : "", kind,
                                (unsigned)a->delivery_tag, multiple ? "*" : "");
    }
    return text;
}

static void acks_in_order_leave_as_one(void) {
    stage s = {0};
    open_consumers(&s, NULL);
    deliver(&s, 1, 1000);
    for (uint64_t tag = 1; tag <= 1000; tag++) {
        ack(&s, tag);
        EXPECT_EQ(lev_engine_queued(s.e), 21);
    }
    EXPECT_STR(written(&s), "a1000*");
    deliver(&s, 1001, 1002);
    ack(&s, 1001);
    EXPECT_STR(written(&s), "a1001");
    ack(&s, 1002);
    EXPECT_STR(written(&s), "a1002");
    stage_deinit(&s);
}

static void in_steady_state_an_ack_allocates_nothing(void) {
    stage s = {0};
    open_consumers(&s, NULL);
    deliver(&s, 1, 500);
    unsigned long before = s.allocations;
    for (uint64_t tag = 1; tag <= 500; tag++) {
        ack(&s, tag);
        if (tag % 50 == 0) {
            lev_engine_sent(s.e, lev_engine_queued(s.e), s.now);
        }
    }
    EXPECT_EQ(s.allocations, before);
    stage_deinit(&s);
}

static void an_open_delivery_is_never_covered(void) {
    stage s = {0};
    open_consumers(&s, NULL);
    deliver(&s, 1, 6);
    ack(&s, 2);
    ack(&s, 3);
    EXPECT_STR(written(&s), "a2 a3");
    ack(&s, 1);
    ack(&s, 4);
    EXPECT_STR(written(&s), "a4*");
    ack(&s, 6);
    ack(&s, 5);
    EXPECT_STR(written(&s), "a6*");
    stage_deinit(&s);
}

static void other_settlements_keep_their_place(void) {
    stage s = {0};
    open_consumers(&s, NULL);
    deliver(&s, 1, 8);
    ack(&s, 1);
    ack(&s, 2);
    EXPECT_EQ(lev_engine_nack(s.e, handle(3), false, true), LEV_OK);
    ack(&s, 4);
    ack(&s, 5);
    EXPECT_EQ(lev_engine_reject(s.e, handle(6), false), LEV_OK);
    ack(&s, 7);
    EXPECT_EQ(lev_engine_ack(s.e, handle(8), true), LEV_OK);
    EXPECT_STR(written(&s), "a2* n3 a5* r6 a8*");
    stage_deinit(&s);
}

static void a_publish_stays_between_the_acks_around_it(void) {
    stage s = {0};
    lev_frame frame;
    lev_method m;
    open_consumers(&s, NULL);
    deliver(&s, 1, 2);
    ack(&s, 1);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){.routing_key = sp("k")}, NULL), LEV_OK);
    ack(&s, 2);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_ACK, &m));
    EXPECT(!m.as.basic_ack.multiple);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_PUBLISH, &m));
    EXPECT(stage_sent(&s, &frame, &m));
    EXPECT_STR(written(&s), "a2");
    stage_deinit(&s);
}

static void what_is_partly_written_is_left_alone(void) {
    stage s = {0};
    lev_span span;
    uint8_t out[64];
    open_consumers(&s, NULL);
    deliver(&s, 1, 3);
    ack(&s, 1);
    EXPECT_EQ(lev_engine_pending(s.e, &span, 1), 1);
    memcpy(out, span.ptr, 5);
    lev_engine_sent(s.e, 5, s.now);
    ack(&s, 2);
    ack(&s, 3);
    EXPECT_EQ(lev_engine_pending(s.e, &span, 1), 1);
    EXPECT_EQ(span.len, 16 + 21);
    memcpy(out + 5, span.ptr, span.len);
    EXPECT_EQ(out[18], 1); /* the first frame's tag, and no multiple */
    EXPECT_EQ(out[19], 0);
    EXPECT_EQ(out[21 + 18], 3);
    EXPECT_EQ(out[21 + 19], 1);
    stage_deinit(&s);
}

static void deliveries_without_acks_are_no_gaps(void) {
    stage s = {0};
    open_consumers(&s, NULL);
    says_delivery(&s, "free", 1);
    says_delivery(&s, "acked", 2);
    says_delivery(&s, "free", 3);
    says_delivery(&s, "free", 4);
    says_delivery(&s, "acked", 5);
    says_delivery(&s, "acked", 6);
    stage_deliver(&s);
    ack(&s, 2);
    ack(&s, 5);
    EXPECT_STR(written(&s), "a5*");
    stage_deinit(&s);
}

/* LavinMQ's direct replies all have tag 1 and want no ack. */
static void a_tag_that_comes_twice_opens_the_delivery_again(void) {
    stage s = {0};
    open_consumers(&s, NULL);
    says_delivery(&s, "free", 1);
    stage_deliver(&s);
    deliver(&s, 1, 3);
    ack(&s, 2);
    ack(&s, 3);
    EXPECT_STR(written(&s), "a2 a3");
    stage_deinit(&s);
}

static void a_transaction_gets_its_acks_one_by_one(void) {
    stage s = {0};
    open_consumers(&s, NULL);
    EXPECT_EQ(lev_engine_tx_select(s.e, 1, &(lev_tx_select){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_TX_SELECT_OK, &(lev_tx_select_ok){0});
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_TX_SELECT, NULL));
    deliver(&s, 1, 3);
    ack(&s, 1);
    ack(&s, 2);
    EXPECT_STR(written(&s), "a1 a2");
    stage_deinit(&s);
}

static void a_merged_ack_needs_no_room(void) {
    stage s = {0};
    open_consumers(&s, &(lev_engine_options){.high_water = 1});
    deliver(&s, 1, 9000);
    for (uint64_t tag = 1; tag <= 9000; tag++) {
        ack(&s, tag);
    }
    EXPECT_STR(written(&s), "a9000*");
    deliver(&s, 9001, 9001 + 6400);
    uint64_t even = 9002;
    while (even < 20000 && lev_engine_ack(s.e, handle(even), false) == LEV_OK) {
        even += 2;
    }
    EXPECT(even > 9002 + 6000 &&
           even < 20000); /* the reserve has an end, and what it refused is not settled */
    EXPECT_EQ(lev_engine_ack(s.e, handle(even), false), LEV_AGAIN);
    stage_deinit(&s);
}

/* ---- against a model ---- */

typedef enum fate { FATE_OPEN, FATE_FREE, FATE_ACKED, FATE_NACKED } fate;

typedef struct world {
    stage s;
    uint64_t last;           /* tag delivered last */
    fate wanted[ACKS_TAGS];  /* what the program decided */
    fate settled[ACKS_TAGS]; /* what the broker made of what it read */
    unsigned long frames;
} world;

static void settle_in(fate *fates, uint64_t tag, bool multiple, fate as) {
    for (uint64_t t = multiple ? 1 : tag; t <= tag; t++) {
        fates[t] = fates[t] == FATE_OPEN ? as : fates[t];
    }
}

static void world_deliver(world *w) {
    bool no_ack = random_below(8) == 0;
    w->last++;
    w->wanted[w->last] = w->settled[w->last] = no_ack ? FATE_FREE : FATE_OPEN;
    says_delivery(&w->s, no_ack ? "free" : "acked", w->last);
    stage_deliver(&w->s);
    stage_log_clear(&w->s);
}

/* An open tag: mostly the lowest. 0: none. */
static uint64_t world_choose(const world *w, bool ordered) {
    uint64_t skip = ordered || random_below(3) > 0 ? 0 : random_below(5);
    uint64_t chosen = 0;
    for (uint64_t t = 1; t <= w->last; t++) {
        if (w->wanted[t] == FATE_OPEN) {
            chosen = t;
            if (skip-- == 0) {
                break;
            }
        }
    }
    return chosen;
}

static void world_settle(world *w, bool ordered) {
    uint64_t tag = world_choose(w, ordered);
    uint64_t how = random_below(ordered ? 40 : 12);
    bool multiple = random_below(20) == 0;
    if (tag == 0) {
        return;
    }
    fate as = how <= 1 ? FATE_NACKED : FATE_ACKED;
    lev_status status = LEV_OK;
    if (how == 0) {
        status = lev_engine_nack(w->s.e, handle(tag), multiple, true);
    } else if (how == 1) {
        multiple = false;
        status = lev_engine_reject(w->s.e, handle(tag), false);
    } else {
        status = lev_engine_ack(w->s.e, handle(tag), multiple);
    }
    EXPECT_EQ(status, LEV_OK);
    settle_in(w->wanted, tag, multiple, as);
}

/* The broker reads all; then both must agree on every delivery. */
static void world_flush(world *w) {
    lev_frame frame;
    lev_method m;
    while (stage_sent(&w->s, &frame, &m)) {
        w->frames++;
        if (m.id == LEV_BASIC_ACK) {
            EXPECT(m.as.basic_ack.delivery_tag <= w->last);
            settle_in(w->settled, m.as.basic_ack.delivery_tag, m.as.basic_ack.multiple, FATE_ACKED);
        } else if (m.id == LEV_BASIC_NACK) {
            settle_in(w->settled, m.as.basic_nack.delivery_tag, m.as.basic_nack.multiple,
                      FATE_NACKED);
        } else {
            EXPECT_EQ(m.id, LEV_BASIC_REJECT);
            settle_in(w->settled, m.as.basic_reject.delivery_tag, false, FATE_NACKED);
        }
    }
    EXPECT(memcmp(w->wanted, w->settled, sizeof w->wanted) == 0);
}

static unsigned long play(uint64_t seed, bool ordered) {
    world *w = calloc(1, sizeof *w);
    acks_seed = seed;
    open_consumers(&w->s, NULL);
    for (int step = 0; step < 4000 && w->last + 1 < ACKS_TAGS; step++) {
        uint64_t what = random_below(20);
        if (what < 9) {
            world_deliver(w);
        } else if (what < 19) {
            world_settle(w, ordered);
        } else {
            world_flush(w);
        }
    }
    world_flush(w);
    unsigned long frames = w->frames;
    stage_deinit(&w->s);
    EXPECT_EQ(w->s.balance, 0);
    free(w);
    return frames;
}

static void what_was_settled_is_settled_and_nothing_else(void) {
    unsigned long ordered = 0;
    unsigned long any = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        ordered += play(seed, true);
        any += play(seed, false);
    }
    EXPECT(ordered < any);
}

/* ---- the set by itself ---- */

static void the_set_moves_over_no_gap_at_any_distance(void) {
    lev_acks a = {.floor = 0};
    for (uint64_t t = 2; t <= LEV_ACKS_AHEAD + 2; t++) {
        lev_acks_settle(&a, t, false);
        EXPECT_EQ(a.floor, 0);
    }
    lev_acks_settle(&a, 1, false);
    EXPECT_EQ(a.floor, LEV_ACKS_AHEAD); /* what was farther is not known any more */
    lev_acks_settle(&a, 100000, true);
    EXPECT_EQ(a.floor, 100000);
    lev_acks_settle(&a, UINT64_MAX, false);
    lev_acks_settle(&a, 100001, false);
    EXPECT_EQ(a.floor, 100001);
    lev_acks_settle(&a, 100003, false);
    lev_acks_deliver(&a, 100003);
    lev_acks_settle(&a, 100002, false);
    EXPECT_EQ(a.floor, 100002);
    lev_acks_settle(&a, 100010, false);
    lev_acks_settle(&a, 100009 + 50 * LEV_ACKS_AHEAD, true);
    EXPECT_EQ(a.floor, 100009 + 50 * LEV_ACKS_AHEAD);
}

UNIT_MAIN("acks", CASE(acks_in_order_leave_as_one), CASE(in_steady_state_an_ack_allocates_nothing),
          CASE(an_open_delivery_is_never_covered), CASE(other_settlements_keep_their_place),
          CASE(a_publish_stays_between_the_acks_around_it),
          CASE(what_is_partly_written_is_left_alone), CASE(deliveries_without_acks_are_no_gaps),
          CASE(a_tag_that_comes_twice_opens_the_delivery_again),
          CASE(a_transaction_gets_its_acks_one_by_one), CASE(a_merged_ack_needs_no_room),
          CASE(what_was_settled_is_settled_and_nothing_else),
          CASE(the_set_moves_over_no_gap_at_any_distance))
