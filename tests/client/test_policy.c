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

UNIT_MAIN("policy", CASE(a_full_ledger_makes_publishing_wait),
          CASE(a_full_ledger_goes_on_when_there_is_room), CASE(while_recovering_publishing_waits),
          CASE(while_recovering_publishing_is_refused),
          CASE(while_recovering_publishing_buffers_up_to_the_bound),
          CASE(what_is_given_up_has_an_outcome), CASE(closing_amid_a_recovery_tells_all_outcomes))
