/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How much is kept for sending again, what publishing does where it cannot go on, and what becomes
 * of all that at the end. */

#include "../unit.h"
#include "tale.h"

#include <unistd.h>

static void never_ack_the_first(server *s, server_publish *p) {
    if (s->connections > 1) {
        server_confirm(s, p);
    }
}

/* A full ledger is room that publishing waits for, and then says so. */
static void a_full_ledger_makes_publishing_wait(void) {
    server *s = server_start(never_ack_the_first);
    lev_client_options o = tale_options();
    o.progress_ms = 200;
    o.recovery.ledger_count = 3;
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 3);
    EXPECT_EQ(tale_publish(&t, 1, 4, NULL), LEV_ERR_TIMEOUT);
    EXPECT_EQ(lev_client_unsettled(t.client, 1), 3);
    tale_end(&t, s);
    EXPECT_EQ(s->count, 3);
    free(s);
}

static void ack_slowly(server *s, server_publish *p) {
    usleep(2000);
    server_ack(s, p->channel, p->tag, false);
}

static void a_full_ledger_goes_on_when_there_is_room(void) {
    server *s = server_start(ack_slowly);
    lev_client_options o = tale_options();
    o.recovery.ledger_count = 2;
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 30);
    tale_expect(&t, 1, 30, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_EQ(s->count, 30);
    free(s);
}

static bool only_the_first(server *s) { return s->connections == 1; }

/* Loses the connection at the first publish and asks what the next ones get meanwhile. */
static tale lose_with(server *s, lev_client_options *o, lev_publish_policy policy) {
    o->when_blocked = policy;
    o->recovery.wait_first_ms = o->recovery.wait_max_ms = 300;
    tale t = tale_begin(s, o);
    tale_publish_many(&t, 1, 1);
    while (!t.recovering) {
        tale_hear(&t, 3000);
    }
    return t;
}

static void cut_all_of_the_first(server *s, server_publish *p) {
    if (s->connections == 1) {
        server_cut(s);
    }
    server_confirm(s, p);
}

static void while_recovering_publishing_waits(void) {
    server *s = server_start(cut_all_of_the_first);
    lev_client_options o = tale_options();
    tale t = lose_with(s, &o, LEV_PUBLISH_WAIT);
    EXPECT_EQ(tale_publish(&t, 1, 2, NULL), LEV_OK);
    tale_expect(&t, 1, 2, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 2), "k1! k2");
    free(s);
}

static void while_recovering_publishing_is_refused(void) {
    server *s = server_start(cut_all_of_the_first);
    lev_client_options o = tale_options();
    tale t = lose_with(s, &o, LEV_PUBLISH_REFUSE);
    EXPECT_EQ(tale_publish(&t, 1, 2, NULL), LEV_AGAIN);
    tale_expect(&t, 1, 1, LEV_CONFIRMED);
    EXPECT_EQ(tale_publish(&t, 1, 2, NULL), LEV_OK);
    tale_expect(&t, 1, 2, LEV_CONFIRMED);
    tale_end(&t, s);
    free(s);
}

static void while_recovering_publishing_buffers_up_to_the_bound(void) {
    server *s = server_start(cut_all_of_the_first);
    lev_client_options o = tale_options();
    o.recovery.ledger_count = 3;
    tale t = lose_with(s, &o, LEV_PUBLISH_BUFFER);
    tale_publish_many(&t, 2, 3);
    EXPECT_EQ(tale_publish(&t, 1, 4, NULL), LEV_AGAIN);
    tale_expect(&t, 1, 3, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 2), "k1! k2 k3");
    free(s);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void what_is_given_up_has_an_outcome(void) {
    server *s = server_start(cut_all_of_the_first);
    s->opens = only_the_first;
    lev_client_options o = tale_options();
    o.recovery.attempts = 2;
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 1);
    while (!t.over) {
        tale_hear(&t, 5000);
    }
    EXPECT_EQ(t.outcomes[1][1], 1);
    EXPECT_EQ(t.how[1][1], LEV_IN_DOUBT);
    lev_client_free(t.client);
    server_end(s);
    free(s);
}

static void closing_amid_a_recovery_tells_all_outcomes(void) {
    server *s = server_start(cut_all_of_the_first);
    lev_client_options o = tale_options();
    tale t = lose_with(s, &o, LEV_PUBLISH_BUFFER);
    tale_publish_many(&t, 2, 2);
    EXPECT_EQ(lev_client_close(t.client), LEV_OK);
    while (!t.over) {
        tale_hear(&t, 100);
    }
    EXPECT(t.outcomes[1][1] == 1 && t.how[1][1] == LEV_IN_DOUBT);
    EXPECT(t.outcomes[1][2] == 1 && t.how[1][2] == LEV_NOT_SENT);
    lev_client_free(t.client);
    server_end(s);
    free(s);
}

/* ---- lent bodies, pieces, numbers -------------------------------------------------------------
 */

enum { LENT = 3, LARGE = 100000 };

static uint8_t large[LARGE];
static char tokens[LENT];

static void cut_the_first_at_the_third(server *s, server_publish *p) {
    if (s->connections > 1) {
        server_confirm(s, p);
    } else if (s->count == 3) {
        server_cut(s);
    }
}

/* A lent body is needed until its outcome: it may have to be sent again. */
static void lent_bodies_come_back_behind_their_outcome(void) {
    static const size_t sizes[LENT] = {LARGE, 10, LARGE / 2};
    server *s = server_start(cut_the_first_at_the_third);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    uint64_t numbers[LENT];
    unsigned released[LENT] = {0};
    unsigned outcomes[LENT] = {0};
    memset(large, 'b', sizeof large);
    for (int i = 0; i < LENT; i++) {
        lev_publication m = {.body = {large, sizes[i]}, .lend = true, .token = &tokens[i]};
        EXPECT_EQ(lev_client_publish(t.client, 1, &m, &numbers[i]), LEV_OK);
        EXPECT_EQ(numbers[i], i + 1);
    }
    for (int i = 0; i < 100 && released[0] + released[1] + released[2] < LENT; i++) {
        lev_event e;
        (void)lev_client_next(t.client, &e, 3000);
        for (uint64_t n = e.first; e.type == LEV_EVENT_OUTCOME && n <= e.last; n++) {
            outcomes[n - 1]++;
        }
        if (e.type == LEV_EVENT_RELEASED) {
            EXPECT_EQ(outcomes[(char *)e.token - tokens], 1);
            released[(char *)e.token - tokens]++;
        }
    }
    tale_end(&t, s);
    for (int i = 0; i < LENT; i++) {
        EXPECT_EQ(released[i], 1);
        EXPECT_EQ(s->publishes[3 + i].len, sizes[i]);
        EXPECT(s->publishes[3 + i].first == 'b' && s->publishes[3 + i].last == 'b');
    }
    free(s);
}

static void without_confirms_a_lent_body_comes_back_when_it_is_written(void) {
    server *s = server_start(cut_the_first_at_the_third);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    lev_event e = {.type = LEV_EVENT_NONE};
    uint64_t number = 7;
    lev_publication m = {.body = {large, LARGE}, .lend = true, .token = tokens};
    EXPECT_EQ(lev_client_channel_open(t.client, 2, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish(t.client, 2, &m, &number), LEV_OK);
    EXPECT_EQ(number, 0);
    while (e.type != LEV_EVENT_RELEASED) {
        EXPECT_EQ(lev_client_next(t.client, &e, 3000), LEV_OK);
    }
    EXPECT(e.token == tokens);
    tale_end(&t, s);
    free(s);
}

/* A message in pieces is not kept: the loss is its outcome; its neighbours go again. */
static void pieces_have_their_outcome_at_the_loss(void) {
    server *s = server_start(cut_the_first_at_the_third);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    uint64_t number;
    lev_publication m = {.routing_key = lev_span_of("pieces")};
    tale_publish_many(&t, 1, 1);
    EXPECT_EQ(lev_client_publish_begin(t.client, 1, &m, 4, &number), LEV_OK);
    EXPECT_EQ(number, 2);
    EXPECT_EQ(lev_client_publish_body(t.client, 1, lev_span_of("four")), LEV_OK);
    tale_publish_many(&t, 3, 3);
    tale_expect_settled(&t);
    tale_end(&t, s);
    EXPECT_EQ(t.how[1][1], LEV_CONFIRMED);
    EXPECT_EQ(t.how[1][2], LEV_IN_DOUBT);
    EXPECT_EQ(t.how[1][3], LEV_CONFIRMED);
    EXPECT_STR(tale_seen(s, 2), "k1! k3!");
    free(s);
}

/* Numbers go on, also where nothing is sent again. */
static void without_retransmission_the_loss_is_the_outcome(void) {
    server *s = server_start(cut_the_first_at_the_third);
    lev_client_options o = tale_options();
    o.recovery.retransmit = false;
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 3);
    while (t.recovered == 0) {
        tale_hear(&t, 3000);
    }
    for (int i = 1; i <= 3; i++) {
        EXPECT(t.outcomes[1][i] == 1 && t.how[1][i] == LEV_IN_DOUBT);
    }
    tale_publish_many(&t, 4, 5);
    tale_expect_settled(&t);
    tale_end(&t, s);
    EXPECT(t.outcomes[1][4] == 1 && t.how[1][4] == LEV_CONFIRMED);
    EXPECT(t.outcomes[1][5] == 1 && t.how[1][5] == LEV_CONFIRMED);
    EXPECT_STR(tale_seen(s, 2), "k4 k5");
    free(s);
}

/* ... and over new openings of a channel. */
static void numbers_go_on_when_a_channel_is_opened_again(void) {
    server *s = server_start(server_confirm);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 2);
    tale_expect(&t, 1, 2, LEV_CONFIRMED);
    EXPECT_EQ(lev_client_channel_close(t.client, 1, &(lev_channel_close){0}, NULL), LEV_OK);
    tale_open(t.client, 1);
    tale_publish_many(&t, 3, 4);
    tale_expect(&t, 1, 4, LEV_CONFIRMED);
    tale_end(&t, s);
    free(s);
}

UNIT_MAIN("policy", CASE(a_full_ledger_makes_publishing_wait),
          CASE(a_full_ledger_goes_on_when_there_is_room), CASE(while_recovering_publishing_waits),
          CASE(while_recovering_publishing_is_refused),
          CASE(while_recovering_publishing_buffers_up_to_the_bound),
          CASE(what_is_given_up_has_an_outcome), CASE(closing_amid_a_recovery_tells_all_outcomes),
          CASE(lent_bodies_come_back_behind_their_outcome),
          CASE(without_confirms_a_lent_body_comes_back_when_it_is_written),
          CASE(pieces_have_their_outcome_at_the_loss),
          CASE(without_retransmission_the_loss_is_the_outcome),
          CASE(numbers_go_on_when_a_channel_is_opened_again))
