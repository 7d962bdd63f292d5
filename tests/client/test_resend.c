/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What becomes of publishes when connections are lost, with retransmission: each has exactly one
 * outcome under its own number, what had none is sent again in its order with its message-id, and
 * nothing else is. The broker is a server whose plan says what it does with each publish. */

#include "../unit.h"
#include "tale.h"

#include <unistd.h>

/* ---- losses ---------------------------------------------------------------------------------- */

static void cut_at_the_third(server *s, server_publish *p) {
    if (s->connections > 1) {
        server_confirm(s, p);
    } else if (s->count == 3) {
        server_cut(s);
    }
}

static void between_publish_and_confirm(void) {
    server *s = server_start(cut_at_the_third);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 3);
    tale_expect(&t, 1, 3, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 1), "k1 k2 k3");
    EXPECT_STR(tale_seen(s, 2), "k1! k2! k3!");
    EXPECT_STR(s->publishes[3].id, "m1");
    EXPECT_STR(s->publishes[5].id, "m3");
    EXPECT_EQ(t.recovered, 1);
    free(s);
}

static void lose_the_last_ack(server *s, server_publish *p) {
    if (s->connections == 1 && s->count == 3) {
        usleep(20000); /* for the acks before to arrive */
        server_reset(s);
    }
    server_confirm(s, p);
}

static void an_ack_is_lost(void) {
    server *s = server_start(lose_the_last_ack);
    lev_client_options o = tale_options();
    o.recovery.mark_doubt = false;
    tale t = tale_begin(s, &o);
    lev_tally tally;
    tale_publish_many(&t, 1, 3);
    EXPECT_EQ(lev_client_wait_confirms(t.client, 1, &tally), LEV_OK);
    EXPECT_EQ(tally.confirmed, 3);
    tale_publish_many(&t, 4, 5);
    EXPECT_EQ(lev_client_wait_confirms(t.client, 1, &tally), LEV_OK);
    EXPECT_EQ(tally.confirmed, 2);
    tale_end(&t, s);
    unsigned again = server_times(s, "k1") + server_times(s, "k2");
    EXPECT(again >= 2 && again <= 4); /* a reset may swallow what lay unread */
    EXPECT_EQ(server_times(s, "k3"), 2);
    EXPECT_EQ(server_times(s, "k4"), 1);
    free(s);
}

static void ack_three_of_five(server *s, server_publish *p) {
    if (s->connections > 1) {
        server_confirm(s, p);
    } else if (s->count == 3) {
        server_ack(s, 1, 3, true);
    } else if (s->count == 5) {
        server_cut(s);
    }
}

static void some_were_acked_together(void) {
    server *s = server_start(ack_three_of_five);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 5);
    tale_expect(&t, 1, 5, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 2), "k4! k5!");
    free(s);
}

/* Acks the fourth and the second, and is gone. */
static void ack_out_of_order(server *s, server_publish *p) {
    if (s->connections > 1) {
        server_confirm(s, p);
    } else if (s->count == 5) {
        server_ack(s, 1, 4, false);
        server_ack(s, 1, 2, false);
        server_cut(s);
    }
}

static void some_were_acked_out_of_order(void) {
    server *s = server_start(ack_out_of_order);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 5);
    tale_expect(&t, 1, 5, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 2), "k1! k3! k5!");
    free(s);
}

static void return_and_cut(server *s, server_publish *p) {
    if (s->connections > 1) {
        server_confirm(s, p);
    } else if (s->count == 3) {
        server_return(s, &s->publishes[1]);
        server_cut(s);
    }
}

/* A returned message has its outcome, though its ack never came; the others go again. */
static void one_was_returned(void) {
    server *s = server_start(return_and_cut);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    EXPECT_EQ(tale_publish(&t, 1, 1, NULL), LEV_OK);
    EXPECT_EQ(tale_publish(&t, 1, 2, "none"), LEV_OK);
    EXPECT_EQ(tale_publish(&t, 1, 3, NULL), LEV_OK);
    tale_expect_settled(&t);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 2), "k1! k3!");
    EXPECT_EQ(t.returned[2], 1);
    EXPECT(t.how[1][1] == LEV_CONFIRMED && t.how[1][2] == LEV_RETURNED &&
           t.how[1][3] == LEV_CONFIRMED);
    free(s);
}

/* The number of a return is the message's own, also when the engine counts anew. */
static void returns_after_a_recovery_have_their_own_numbers(void) {
    server *s = server_start(ack_three_of_five);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 4);
    EXPECT_EQ(tale_publish(&t, 1, 5, "none"), LEV_OK);
    tale_expect_settled(&t);
    tale_end(&t, s);
    EXPECT_EQ(t.returned[5], 1);
    EXPECT_EQ(t.how[1][5], LEV_RETURNED);
    EXPECT_EQ(t.outcomes[1][5], 1);
    free(s);
}

static bool refuse_the_second(server *s) { return s->connections != 2; }

static void cut_the_first_and_the_third(server *s, server_publish *p) {
    if (s->connections == 1 && s->count == 3) {
        server_cut(s);
    } else if (s->connections == 3) {
        server_reset(s);
    } else if (s->connections > 3) {
        server_confirm(s, p);
    }
}

static void several_losses_in_a_row(void) {
    server *s = server_start(cut_the_first_and_the_third);
    s->opens = refuse_the_second;
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 3);
    tale_expect(&t, 1, 3, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 4), "k1! k2! k3!");
    free(s);
}

static void confirm_four_and_cut(server *s, server_publish *p) {
    if (s->connections == 1 && s->count == 10) {
        server_cut(s);
    } else if (s->connections == 2 && p->tag == 5) {
        server_ack(s, 1, 4, true);
        server_cut(s);
    } else if (s->connections == 3) {
        server_confirm(s, p);
    }
}

static void in_the_middle_of_the_resend(void) {
    server *s = server_start(confirm_four_and_cut);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 10);
    tale_expect(&t, 1, 10, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 2), "k1! k2! k3! k4! k5!");
    EXPECT_STR(tale_seen(s, 3), "k5! k6! k7! k8! k9! k10!");
    free(s);
}

/* What the broker closes a channel for must not be sent again and again. */
static void close_the_channel_for_the_second(server *s, server_publish *p) {
    if (s->connections == 1 && s->count == 4) {
        server_cut(s);
    } else if (s->connections > 1 && p->channel == 1 && p->tag == 2) {
        server_close_channel(s, 1);
    } else if (s->connections > 1) {
        server_confirm(s, p);
    }
}

/* Channel 1 has k1 to k3 to send again, channel 2 one message. */
static void close_for_one(bool consumes) {
    server *s = server_start(close_the_channel_for_the_second);
    lev_client_options o = tale_options();
    tale t = tale_begin(s, &o);
    tale_open(t.client, 2);
    if (consumes) {
        EXPECT_EQ(lev_client_basic_consume(t.client, 2, &(lev_basic_consume){0}, NULL), LEV_OK);
    }
    tale_publish_many(&t, 1, 3);
    EXPECT_EQ(tale_publish(&t, 2, 9, NULL), LEV_OK);
    tale_expect(&t, 2, 1, LEV_CONFIRMED);
    tale_expect_settled(&t);
    tale_end(&t, s);
    EXPECT_EQ(s->connections, 2);
    EXPECT_EQ(t.closed, 1);
    EXPECT(t.how[1][1] == LEV_CONFIRMED || t.how[1][1] == LEV_IN_DOUBT);
    EXPECT_EQ(t.how[1][2], LEV_IN_DOUBT);
    EXPECT_EQ(t.how[1][3], LEV_IN_DOUBT);
    free(s);
}

static void the_channel_is_closed_for_one_of_them(void) { close_for_one(false); }
static void the_channel_is_closed_before_all_is_back(void) { close_for_one(true); }

/* Takes two and closes the channel, with neither confirmed, so no third fits the window. */
static void close_at_the_second(server *s, server_publish *p) {
    if (s->connections == 1 && p->tag == 2) {
        server_cut(s);
    } else if (s->connections > 1 && p->tag == 2) {
        server_close_channel(s, 1);
    }
}

/* What waits for room on a channel that is closed has its outcome, and is not tried for ever. */
static void the_channel_is_closed_amid_the_resend(void) {
    server *s = server_start(close_at_the_second);
    lev_client_options o = tale_options();
    o.window = 2;
    o.when_blocked = LEV_PUBLISH_BUFFER;
    tale t = tale_begin(s, &o);
    tale_publish_many(&t, 1, 2);
    while (!t.recovering) {
        tale_hear(&t, 3000);
    }
    tale_publish_many(&t, 3, 4);
    tale_expect_settled(&t);
    tale_end(&t, s);
    EXPECT_EQ(s->connections, 2);
    EXPECT_EQ(t.closed, 1);
    EXPECT(t.how[1][1] == LEV_IN_DOUBT && t.how[1][2] == LEV_IN_DOUBT);
    EXPECT(t.how[1][3] == LEV_NOT_SENT && t.how[1][4] == LEV_NOT_SENT);
    EXPECT_EQ(t.told_at_close, 4);
    EXPECT_EQ(server_times(s, "k3"), 0);
    free(s);
}

/* Lets channel 1 wait for its first ack. */
static void ack_the_first_late(server *s, server_publish *p) {
    if (s->connections == 1) {
        server_cut(s);
    }
    if (p->channel == 1 && p->tag == 1) {
        usleep(200000);
    }
    server_ack(s, p->channel, p->tag, false);
}

/* Channel 1 has no room; what is behind it goes before what is new, on any channel. */
static void nothing_new_overtakes_what_waits(void) {
    server *s = server_start(ack_the_first_late);
    lev_client_options o = tale_options();
    o.window = 1;
    o.when_blocked = LEV_PUBLISH_BUFFER;
    tale t = tale_begin(s, &o);
    tale_open(t.client, 2);
    tale_publish_many(&t, 1, 1);
    while (t.recovering == 0) {
        tale_hear(&t, 3000);
    }
    tale_publish_many(&t, 2, 2);
    EXPECT_EQ(tale_publish(&t, 2, 3, NULL), LEV_OK);
    while (t.recovered == 0) {
        tale_hear(&t, 3000);
    }
    EXPECT_EQ(tale_publish(&t, 2, 4, NULL), LEV_OK);
    tale_expect(&t, 2, 2, LEV_CONFIRMED);
    tale_expect(&t, 1, 2, LEV_CONFIRMED);
    tale_end(&t, s);
    EXPECT_STR(tale_seen(s, 2), "k1! k2 k3 k4");
    free(s);
}

UNIT_MAIN("resend", CASE(between_publish_and_confirm), CASE(an_ack_is_lost),
          CASE(some_were_acked_together), CASE(some_were_acked_out_of_order),
          CASE(one_was_returned), CASE(returns_after_a_recovery_have_their_own_numbers),
          CASE(several_losses_in_a_row), CASE(in_the_middle_of_the_resend),
          CASE(the_channel_is_closed_for_one_of_them),
          CASE(the_channel_is_closed_before_all_is_back),
          CASE(the_channel_is_closed_amid_the_resend), CASE(nothing_new_overtakes_what_waits))
