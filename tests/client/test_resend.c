/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What becomes of publishes when connections are lost, with retransmission: each has exactly one
 * outcome under its own number, what had none is sent again in its order with its message-id, and
 * nothing else is. The broker is a server whose plan says what it does with each publish. */

#include "../unit.h"
#include "server.h"

#include <unistd.h>

enum { MOST = 200 };

/* What the program heard. */
typedef struct tale {
    lev_client *client;
    unsigned outcomes[SERVER_CHANNELS][MOST]; /* how many, by number */
    lev_outcome how[SERVER_CHANNELS][MOST];
    unsigned returned[MOST]; /* returns on channel 1, by number */
    unsigned closed;         /* channels */
    unsigned recovering;
    unsigned recovered;
    bool over;
} tale;

static lev_client_options options(void) {
    return (lev_client_options){.call_ms = 2000,
                                .progress_ms = 3000,
                                .recovery = {.on = true,
                                             .wait_first_ms = 1,
                                             .wait_max_ms = 20,
                                             .retransmit = true,
                                             .mark_doubt = true}};
}

static void open_confirming(lev_client *c, uint16_t channel) {
    EXPECT_EQ(lev_client_channel_open(c, channel, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(c, channel, &(lev_confirm_select){0}, NULL), LEV_OK);
}

static tale begin(const server *s, const lev_client_options *o) {
    tale t = {.client = lev_client_new(o)};
    EXPECT_EQ(lev_client_open(t.client, s->uri), LEV_OK);
    open_confirming(t.client, 1);
    return t;
}

/* Publishes to key "k<i>" with message-id "m<i>"; key "none" for what no queue takes. */
static lev_status publish(const tale *t, uint16_t channel, int i, const char *key) {
    char name[16];
    char id[16];
    snprintf(name, sizeof name, "k%d", i);
    snprintf(id, sizeof id, "m%d", i);
    lev_properties p = {.present = LEV_HAS_MESSAGE_ID, .message_id = lev_span_of(id)};
    lev_publication m = {.routing_key = lev_span_of(key != NULL ? key : name),
                         .properties = &p,
                         .mandatory = true,
                         .body = lev_span_of("bbbb")};
    return lev_client_publish(t->client, channel, &m, NULL);
}

static void publish_many(const tale *t, int first, int last) {
    for (int i = first; i <= last; i++) {
        EXPECT_EQ(publish(t, 1, i, NULL), LEV_OK);
    }
}

static void hear(tale *t, int timeout_ms) {
    lev_event e;
    (void)lev_client_next(t->client, &e, timeout_ms);
    if (e.type == LEV_EVENT_OUTCOME) {
        EXPECT(e.first > 0 && e.first <= e.last && e.last < MOST);
        for (uint64_t i = e.first; i <= e.last; i++) {
            t->outcomes[e.channel][i]++;
            t->how[e.channel][i] = e.outcome;
        }
    }
    if (e.type == LEV_EVENT_RETURN) {
        EXPECT(e.first > 0 && e.first < MOST);
        t->returned[e.first]++;
    }
    t->closed += e.type == LEV_EVENT_CHANNEL_CLOSED;
    t->recovering += e.type == LEV_EVENT_RECOVERING;
    t->recovered += e.type == LEV_EVENT_RECOVERED;
    t->over = e.type == LEV_EVENT_FAILED || e.type == LEV_EVENT_CLOSED;
}

/* Waits until each of a channel's publishes up to `last` has an outcome; it must be that one. */
static void expect_outcomes(tale *t, uint16_t channel, int last, lev_outcome how) {
    uint64_t until = lev_net_now() + 5000;
    while (lev_client_unsettled(t->client, channel) > 0 && lev_net_now() < until && !t->over) {
        hear(t, 100);
    }
    for (int i = 0; i < 10 && !t->over; i++) {
        hear(t, 0);
    }
    for (int i = 1; i <= last; i++) {
        EXPECT_EQ(t->outcomes[channel][i], 1);
        EXPECT_EQ(t->how[channel][i], how);
    }
    EXPECT_EQ(t->outcomes[channel][last + 1], 0);
}

/* Waits until channel 1 owes nothing; each publish has one outcome then. */
static void expect_settled(tale *t) {
    uint64_t until = lev_net_now() + 5000;
    while (lev_client_unsettled(t->client, 1) > 0 && lev_net_now() < until && !t->over) {
        hear(t, 100);
    }
    for (int i = 0; i < 10 && !t->over; i++) {
        hear(t, 10);
    }
    EXPECT_EQ(lev_client_unsettled(t->client, 1), 0);
    for (int i = 1; t->outcomes[1][i] > 0; i++) {
        EXPECT_EQ(t->outcomes[1][i], 1);
    }
}

/* Closes; the server may be looked at afterwards. */
static void end(tale *t, server *s) {
    EXPECT_EQ(lev_client_close(t->client), LEV_OK);
    lev_client_free(t->client);
    server_end(s);
}

/* What came over a connection: "k1 k2!", with ! for what says that it may have come before. */
static const char *seen(const server *s, unsigned connection) {
    static char text[1000];
    text[0] = '\0';
    for (unsigned i = 0; i < s->count; i++) {
        const server_publish *p = &s->publishes[i];
        if (p->connection == connection) {
            size_t len = strlen(text);
            snprintf(text + len, sizeof text - len, "%s%s%s", len > 0 ? " " : "", p->key,
                     p->doubt ? "!" : "");
        }
    }
    return text;
}

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
    lev_client_options o = options();
    tale t = begin(s, &o);
    publish_many(&t, 1, 3);
    expect_outcomes(&t, 1, 3, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_STR(seen(s, 1), "k1 k2 k3");
    EXPECT_STR(seen(s, 2), "k1! k2! k3!");
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
    lev_client_options o = options();
    o.recovery.mark_doubt = false;
    tale t = begin(s, &o);
    lev_tally tally;
    publish_many(&t, 1, 3);
    EXPECT_EQ(lev_client_wait_confirms(t.client, 1, &tally), LEV_OK);
    EXPECT_EQ(tally.confirmed, 3);
    publish_many(&t, 4, 5);
    EXPECT_EQ(lev_client_wait_confirms(t.client, 1, &tally), LEV_OK);
    EXPECT_EQ(tally.confirmed, 2);
    end(&t, s);
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
    lev_client_options o = options();
    tale t = begin(s, &o);
    publish_many(&t, 1, 5);
    expect_outcomes(&t, 1, 5, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_STR(seen(s, 2), "k4! k5!");
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
    lev_client_options o = options();
    tale t = begin(s, &o);
    publish_many(&t, 1, 5);
    expect_outcomes(&t, 1, 5, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_STR(seen(s, 2), "k1! k3! k5!");
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
    lev_client_options o = options();
    tale t = begin(s, &o);
    EXPECT_EQ(publish(&t, 1, 1, NULL), LEV_OK);
    EXPECT_EQ(publish(&t, 1, 2, "none"), LEV_OK);
    EXPECT_EQ(publish(&t, 1, 3, NULL), LEV_OK);
    expect_settled(&t);
    end(&t, s);
    EXPECT_STR(seen(s, 2), "k1! k3!");
    EXPECT_EQ(t.returned[2], 1);
    EXPECT(t.how[1][1] == LEV_CONFIRMED && t.how[1][2] == LEV_RETURNED &&
           t.how[1][3] == LEV_CONFIRMED);
    free(s);
}

/* The number of a return is the message's own, also when the engine counts anew. */
static void returns_after_a_recovery_have_their_own_numbers(void) {
    server *s = server_start(ack_three_of_five);
    lev_client_options o = options();
    tale t = begin(s, &o);
    publish_many(&t, 1, 4);
    EXPECT_EQ(publish(&t, 1, 5, "none"), LEV_OK);
    expect_settled(&t);
    end(&t, s);
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
    lev_client_options o = options();
    tale t = begin(s, &o);
    publish_many(&t, 1, 3);
    expect_outcomes(&t, 1, 3, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_STR(seen(s, 4), "k1! k2! k3!");
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
    lev_client_options o = options();
    tale t = begin(s, &o);
    publish_many(&t, 1, 10);
    expect_outcomes(&t, 1, 10, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_STR(seen(s, 2), "k1! k2! k3! k4! k5!");
    EXPECT_STR(seen(s, 3), "k5! k6! k7! k8! k9! k10!");
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
    lev_client_options o = options();
    tale t = begin(s, &o);
    open_confirming(t.client, 2);
    if (consumes) {
        EXPECT_EQ(lev_client_basic_consume(t.client, 2, &(lev_basic_consume){0}, NULL), LEV_OK);
    }
    publish_many(&t, 1, 3);
    EXPECT_EQ(publish(&t, 2, 9, NULL), LEV_OK);
    expect_outcomes(&t, 2, 1, LEV_CONFIRMED);
    expect_settled(&t);
    end(&t, s);
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
    lev_client_options o = options();
    o.window = 2;
    o.when_blocked = LEV_PUBLISH_BUFFER;
    tale t = begin(s, &o);
    publish_many(&t, 1, 2);
    while (!t.recovering) {
        hear(&t, 3000);
    }
    publish_many(&t, 3, 4);
    expect_settled(&t);
    end(&t, s);
    EXPECT_EQ(s->connections, 2);
    EXPECT_EQ(t.closed, 1);
    EXPECT(t.how[1][1] == LEV_IN_DOUBT && t.how[1][2] == LEV_IN_DOUBT);
    EXPECT(t.how[1][3] == LEV_NOT_SENT && t.how[1][4] == LEV_NOT_SENT);
    EXPECT_EQ(server_times(s, "k3"), 0);
    free(s);
}

/* ---- bounds and policies --------------------------------------------------------------------- */

static void never_ack_the_first(server *s, server_publish *p) {
    if (s->connections > 1) {
        server_confirm(s, p);
    }
}

/* A full ledger is room that publishing waits for, and then says so. */
static void a_full_ledger_makes_publishing_wait(void) {
    server *s = server_start(never_ack_the_first);
    lev_client_options o = options();
    o.progress_ms = 200;
    o.recovery.ledger_count = 3;
    tale t = begin(s, &o);
    publish_many(&t, 1, 3);
    EXPECT_EQ(publish(&t, 1, 4, NULL), LEV_ERR_TIMEOUT);
    EXPECT_EQ(lev_client_unsettled(t.client, 1), 3);
    end(&t, s);
    EXPECT_EQ(s->count, 3);
    free(s);
}

static void ack_slowly(server *s, server_publish *p) {
    usleep(2000);
    server_ack(s, p->channel, p->tag, false);
}

static void a_full_ledger_goes_on_when_there_is_room(void) {
    server *s = server_start(ack_slowly);
    lev_client_options o = options();
    o.recovery.ledger_count = 2;
    tale t = begin(s, &o);
    publish_many(&t, 1, 30);
    expect_outcomes(&t, 1, 30, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_EQ(s->count, 30);
    free(s);
}

static bool only_the_first(server *s) { return s->connections == 1; }

/* Loses the connection at the first publish and asks what the next ones get meanwhile. */
static tale lose_with(server *s, lev_client_options *o, lev_publish_policy policy) {
    o->when_blocked = policy;
    o->recovery.wait_first_ms = o->recovery.wait_max_ms = 300;
    tale t = begin(s, o);
    publish_many(&t, 1, 1);
    while (!t.recovering) {
        hear(&t, 3000);
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
    lev_client_options o = options();
    tale t = lose_with(s, &o, LEV_PUBLISH_WAIT);
    EXPECT_EQ(publish(&t, 1, 2, NULL), LEV_OK);
    expect_outcomes(&t, 1, 2, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_STR(seen(s, 2), "k1! k2");
    free(s);
}

static void while_recovering_publishing_is_refused(void) {
    server *s = server_start(cut_all_of_the_first);
    lev_client_options o = options();
    tale t = lose_with(s, &o, LEV_PUBLISH_REFUSE);
    EXPECT_EQ(publish(&t, 1, 2, NULL), LEV_AGAIN);
    expect_outcomes(&t, 1, 1, LEV_CONFIRMED);
    EXPECT_EQ(publish(&t, 1, 2, NULL), LEV_OK);
    expect_outcomes(&t, 1, 2, LEV_CONFIRMED);
    end(&t, s);
    free(s);
}

static void while_recovering_publishing_buffers_up_to_the_bound(void) {
    server *s = server_start(cut_all_of_the_first);
    lev_client_options o = options();
    o.recovery.ledger_count = 3;
    tale t = lose_with(s, &o, LEV_PUBLISH_BUFFER);
    publish_many(&t, 2, 3);
    EXPECT_EQ(publish(&t, 1, 4, NULL), LEV_AGAIN);
    expect_outcomes(&t, 1, 3, LEV_CONFIRMED);
    end(&t, s);
    EXPECT_STR(seen(s, 2), "k1! k2 k3");
    free(s);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void what_is_given_up_has_an_outcome(void) {
    server *s = server_start(cut_all_of_the_first);
    s->opens = only_the_first;
    lev_client_options o = options();
    o.recovery.attempts = 2;
    tale t = begin(s, &o);
    publish_many(&t, 1, 1);
    while (!t.over) {
        hear(&t, 5000);
    }
    EXPECT_EQ(t.outcomes[1][1], 1);
    EXPECT_EQ(t.how[1][1], LEV_IN_DOUBT);
    lev_client_free(t.client);
    server_end(s);
    free(s);
}

static void closing_amid_a_recovery_tells_all_outcomes(void) {
    server *s = server_start(cut_all_of_the_first);
    lev_client_options o = options();
    tale t = lose_with(s, &o, LEV_PUBLISH_BUFFER);
    publish_many(&t, 2, 2);
    EXPECT_EQ(lev_client_close(t.client), LEV_OK);
    while (!t.over) {
        hear(&t, 100);
    }
    EXPECT(t.outcomes[1][1] == 1 && t.how[1][1] == LEV_IN_DOUBT);
    EXPECT(t.outcomes[1][2] == 1 && t.how[1][2] == LEV_NOT_SENT);
    lev_client_free(t.client);
    server_end(s);
    free(s);
}

UNIT_MAIN("resend", CASE(between_publish_and_confirm), CASE(an_ack_is_lost),
          CASE(some_were_acked_together), CASE(some_were_acked_out_of_order),
          CASE(one_was_returned), CASE(returns_after_a_recovery_have_their_own_numbers),
          CASE(several_losses_in_a_row), CASE(in_the_middle_of_the_resend),
          CASE(the_channel_is_closed_for_one_of_them),
          CASE(the_channel_is_closed_before_all_is_back),
          CASE(the_channel_is_closed_amid_the_resend), CASE(a_full_ledger_makes_publishing_wait),
          CASE(a_full_ledger_goes_on_when_there_is_room), CASE(while_recovering_publishing_waits),
          CASE(while_recovering_publishing_is_refused),
          CASE(while_recovering_publishing_buffers_up_to_the_bound),
          CASE(what_is_given_up_has_an_outcome), CASE(closing_amid_a_recovery_tells_all_outcomes))
