/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

#include "tale.h"

#include "../unit.h"

lev_client_options tale_options(void) {
    return (lev_client_options){.call_ms = 2000,
                                .progress_ms = 3000,
                                .recovery = {.on = true,
                                             .wait_first_ms = 1,
                                             .wait_max_ms = 20,
                                             .retransmit = true,
                                             .mark_doubt = true}};
}

void tale_open(lev_client *c, uint16_t channel) {
    EXPECT_EQ(lev_client_channel_open(c, channel, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(c, channel, &(lev_confirm_select){0}, NULL), LEV_OK);
}

tale tale_begin(const server *s, const lev_client_options *o) {
    tale t = {.client = lev_client_new(o)};
    EXPECT_EQ(lev_client_open(t.client, s->uri), LEV_OK);
    tale_open(t.client, 1);
    return t;
}

lev_status tale_publish(const tale *t, uint16_t channel, int i, const char *key) {
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

void tale_publish_many(const tale *t, int first, int last) {
    for (int i = first; i <= last; i++) {
        EXPECT_EQ(tale_publish(t, 1, i, NULL), LEV_OK);
    }
}

void tale_hear(tale *t, int timeout_ms) {
    lev_event e;
    (void)lev_client_next(t->client, &e, timeout_ms);
    if (e.type == LEV_EVENT_OUTCOME) {
        EXPECT(e.first > 0 && e.first <= e.last && e.last < TALE_MOST);
        for (uint64_t i = e.first; i <= e.last; i++) {
            t->told++;
            t->outcomes[e.channel][i]++;
            t->how[e.channel][i] = e.outcome;
        }
    }
    if (e.type == LEV_EVENT_RETURN) {
        EXPECT(e.first > 0 && e.first < TALE_MOST);
        t->returned[e.first]++;
    }
    if (e.type == LEV_EVENT_CHANNEL_CLOSED) {
        t->closed++;
        t->told_at_close = t->told;
    }
    t->recovering += e.type == LEV_EVENT_RECOVERING;
    t->recovered += e.type == LEV_EVENT_RECOVERED;
    t->over = e.type == LEV_EVENT_FAILED || e.type == LEV_EVENT_CLOSED;
}

void tale_expect(tale *t, uint16_t channel, int last, lev_outcome how) {
    uint64_t until = lev_net_now() + 5000;
    while (lev_client_unsettled(t->client, channel) > 0 && lev_net_now() < until && !t->over) {
        tale_hear(t, 100);
    }
    for (int i = 0; i < 10 && !t->over; i++) {
        tale_hear(t, 0);
    }
    for (int i = 1; i <= last; i++) {
        EXPECT_EQ(t->outcomes[channel][i], 1);
        EXPECT_EQ(t->how[channel][i], how);
    }
    EXPECT_EQ(t->outcomes[channel][last + 1], 0);
}

void tale_expect_settled(tale *t) {
    uint64_t until = lev_net_now() + 5000;
    while (lev_client_unsettled(t->client, 1) > 0 && lev_net_now() < until && !t->over) {
        tale_hear(t, 100);
    }
    for (int i = 0; i < 10 && !t->over; i++) {
        tale_hear(t, 10);
    }
    EXPECT_EQ(lev_client_unsettled(t->client, 1), 0);
    for (int i = 1; t->outcomes[1][i] > 0; i++) {
        EXPECT_EQ(t->outcomes[1][i], 1);
    }
}

void tale_end(tale *t, server *s) {
    EXPECT_EQ(lev_client_close(t->client), LEV_OK);
    lev_client_free(t->client);
    server_end(s);
}

const char *tale_seen(const server *s, unsigned connection) {
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
