/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing. Each publish is a record with its content, and in confirm mode has a number; equal
 * contents are the same content on purpose, because a returned message is known by what it holds
 * alone: among equal ones any may bear the return, and only their count is checked. */

#include "user.h"

#include <string.h>

enum { PUBLISH_LENT = 4096 /* from here on a lent body is not copied */ };

/* Sizes at the edges of frames, and any. */
static size_t body_size(user *u) {
    size_t frame = u->m->tuned.frame_max;
    const size_t edges[] = {0,         1,         frame - 9,    frame - 8,        frame - 7,
                            frame * 2, frame - 1, PUBLISH_LENT, PUBLISH_LENT - 1, frame * 3 + 5};
    if (frame > 30000 || !chance_one_in(&u->dice, 5)) {
        bool large = chance_one_in(&u->dice, 400);
        return large ? edges[chance_below(&u->dice, 10)] : (size_t)chance_below(&u->dice, 80);
    }
    return edges[chance_below(&u->dice, 10)];
}

static lev_properties make_properties(user *u, uint64_t stamp) {
    static const lev_span texts[] = {{(const uint8_t *)"text/plain", 10},
                                     {(const uint8_t *)"", 0},
                                     {(const uint8_t *)"\xff\x00z", 3}};
    lev_properties p = {.present = (uint16_t)(chance_below(&u->dice, 1 << 14) << 2)};
    lev_writer w = lev_writer_init(arena_take(64), 64);
    if (chance_one_in(&u->dice, 2)) {
        p.present = 0;
        return p;
    }
    lev_table_put_int(&w, "stamp", (int64_t)stamp);
    lev_table_put_string(&w, "", "x");
    p.content_type = p.user_id = p.type = texts[stamp % 3];
    p.content_encoding = p.app_id = texts[(stamp + 1) % 3];
    p.correlation_id = p.reply_to = texts[(stamp + 2) % 3];
    p.headers = lev_writer_span(&w);
    p.delivery_mode = (uint8_t)(1 + stamp % 2);
    p.priority = (uint8_t)stamp;
    p.timestamp = stamp * UINT64_C(0x1234567);
    return p;
}

static const content *make_content(user *u) {
    static const char *const exchanges[] = {"", "", "amq.fanout", "direct", "fanout", "topic"};
    static const char *const keys[] = {"q0", "q1", "q2", "a.b", "b.x.y.c", "nowhere"};
    content *c = arena_take(sizeof *c);
    uint64_t stamp = chance_below(&u->dice, 1 << 30);
    const char *to = exchanges[chance_below(&u->dice, chance_one_in(&u->dice, 6) ? 6 : 3)];
    const char *key = keys[chance_below(&u->dice, 6)];
    memcpy(c->exchange, to, strlen(to));
    memcpy(c->key, key, strlen(key));
    c->properties = make_properties(u, stamp);
    size_t len = body_size(u);
    uint8_t *body = arena_take(len + 1);
    for (size_t i = 0; i < len; i++) {
        body[i] = (uint8_t)(stamp + i * 7 + (i >> 8));
    }
    c->body = (lev_span){body, len};
    return c;
}

static const content *choose_content(user *u) {
    const content **usual = &u->usual[chance_below(&u->dice, 4)];
    if (!chance_one_in(&u->dice, 4)) {
        return make_content(u);
    }
    if (*usual == NULL || chance_one_in(&u->dice, 20)) {
        *usual = make_content(u);
    }
    return *usual;
}

void user_publish(user *u, opening *o) {
    const content *c = choose_content(u);
    bool lend = chance_one_in(&u->dice, 2) && u->loans_len < USER_LOANS;
    loan *l = &u->loans[u->loans_len];
    if (o->published == MODEL_PUBLISHES) {
        return;
    }
    lev_publication p = {.exchange = lev_span_of(c->exchange),
                         .routing_key = lev_span_of(c->key),
                         .properties = &c->properties,
                         .body = c->body,
                         .mandatory = chance_one_in(&u->dice, 2),
                         .lend = lend,
                         .token = lend ? l : NULL};
    if (lend) {
        *l = (loan){arena_copy(c->body.ptr, c->body.len), c->body.len, false};
        p.body.ptr = l->bytes;
    }
    uint64_t number = 0;
    lev_status status = lev_engine_publish(u->e, o->number, &p, &number);
    trace_line("user", "publish %llu on %u, %zu bytes%s: %s", (unsigned long long)number, o->number,
               c->body.len, lend ? " lent" : "", lev_status_name(status));
    if (!user_accepted(u, o, status)) {
        INVARIANT(number == 0, "a publish that is refused has no number");
        return;
    }
    o->records[++o->published] = (record){.content = c, .mandatory = p.mandatory};
    o->records[o->published].end = u->written + lev_engine_queued(u->e);
    INVARIANT(number == (o->confirm ? o->published - o->before_confirm : 0),
              "publishes are numbered from 1 in confirm mode");
    INVARIANT(lev_engine_unsettled(u->e, o->number) <= u->window,
              "no more than the window is unsettled");
    u->counts->published++;
    if (lend) {
        l->out = true;
        u->loans_len++;
        u->loans_out++;
    }
}

/* ---- the ledger ---- */

static bool same(const content *a, const content *b) {
    return a == b || (a->body.len == b->body.len && strcmp(a->exchange, b->exchange) == 0 &&
                      strcmp(a->key, b->key) == 0 && lev_span_equal(a->body, b->body) &&
                      lev_properties_equal(&a->properties, &b->properties));
}

/* Equal messages of one opening: how many there are, how many the broker returned, and of how many
 * the program was told so. */
typedef struct twins {
    uint64_t all, returned, told;
} twins;

static twins count_twins(const opening *o, const session *s, const content *c) {
    twins t = {0};
    for (uint64_t i = 1; i <= o->published; i++) {
        const record *r = &o->records[i];
        if (same(r->content, c)) {
            t.all++;
            t.returned += i <= s->published_len && s->fates[i].returned;
            t.told += r->ended && r->outcome == LEV_RETURNED;
        }
    }
    return t;
}

bool user_has_twin(const opening *o, const content *c) {
    uint64_t all = 0;
    for (uint64_t i = 1; i <= o->published; i++) {
        all += same(o->records[i].content, c);
    }
    return all > 1;
}

/* Checks one outcome against what the broker did. */
static void judge_outcome(const user *u, const opening *o, uint64_t number, lev_outcome outcome) {
    const session *s = user_session(u, o);
    uint64_t index = o->before_confirm + number;
    bool seen = s != NULL && index <= s->accepted;
    bool ended = lev_engine_channel_state(u->e, o->number) != LEV_STATE_CHANNEL_OPEN ||
                 lev_engine_error(u->e)->status != LEV_OK;
    if (outcome == LEV_NOT_SENT || outcome == LEV_IN_DOUBT) {
        INVARIANT(ended, "without an answer only publishes of an ended channel have outcomes");
        INVARIANT(outcome == LEV_IN_DOUBT || !seen, "the broker has nothing of what is not sent");
        INVARIANT(outcome == LEV_NOT_SENT || o->records[index].end <= u->written,
                  "in doubt is only what left whole");
        return;
    }
    twins t = count_twins(o, s, o->records[index].content);
    INVARIANT(seen || (outcome == LEV_RETURNED && t.all > 1), "the broker has what is settled");
    const fate *f = &s->fates[index];
    INVARIANT(f->told || outcome == LEV_RETURNED, "what is settled was answered");
    INVARIANT((outcome == LEV_NACKED) == f->nacked || outcome == LEV_RETURNED,
              "nacked is what the broker nacked");
    INVARIANT(t.all > 1 || (outcome == LEV_RETURNED) == (f->returned && !f->nacked),
              "returned is what the broker returned");
    INVARIANT(t.told <= t.returned, "no more are returned than the broker returned");
}

void user_judge_outcome(user *u, opening *o, const lev_event *event) {
    uint64_t last = o->published - o->before_confirm;
    INVARIANT(o->confirm && event->first >= 1 && event->first <= event->last && event->last <= last,
              "outcomes name what was published");
    for (uint64_t i = event->first; i <= event->last; i++) {
        record *r = &o->records[o->before_confirm + i];
        INVARIANT(!r->ended, "a publish has one outcome");
        r->ended = true;
        r->outcome = event->outcome;
        judge_outcome(u, o, i, event->outcome);
        u->counts->outcomes[event->outcome]++;
    }
}

static bool same_content(const content *c, const lev_message *msg) {
    return lev_span_equal(lev_span_of(c->exchange), msg->exchange) &&
           lev_span_equal(lev_span_of(c->key), msg->routing_key) &&
           lev_properties_equal(&c->properties, &msg->properties) &&
           lev_span_equal(c->body, msg->body);
}

/* The returned message must be one that the program published as mandatory, and where the engine
 * names the publish, of that content. One without a name belongs to none that is unsettled. */
void user_judge_return(user *u, opening *o, const lev_event *event) {
    const lev_message *msg = event->message;
    const session *s = user_session(u, o);
    bool known = false;
    u->counts->returns++;
    INVARIANT(msg->reply_code == LEV_NO_ROUTE, "a return tells why");
    for (uint64_t i = 1; i <= o->published && !known; i++) {
        known = o->records[i].mandatory && same_content(o->records[i].content, msg);
    }
    INVARIANT(known, "a returned message is one that was published");
    if (event->first != 0) {
        const record *r = &o->records[o->before_confirm + event->first];
        INVARIANT(o->confirm && event->first <= o->published - o->before_confirm && !r->ended &&
                      r->mandatory && same_content(r->content, msg),
                  "a return names an unsettled mandatory publish of its content");
        return;
    }
    for (uint64_t i = o->before_confirm + 1; o->confirm && i <= o->published; i++) {
        const record *r = &o->records[i];
        const fate *f = &s->fates[i];
        INVARIANT(r->ended || !f->returned || f->nacked || !same_content(r->content, msg) ||
                      count_twins(o, s, r->content).all > 1,
                  "a return of an unsettled publish names it");
    }
}

void user_judge_released(user *u, void *token) {
    loan *l = token;
    INVARIANT(l != NULL && l->out, "a lent body comes back once");
    l->out = false;
    u->loans_out--;
    memset(l->bytes, 0xDD, l->len); /* whoever still reads it shows */
}
