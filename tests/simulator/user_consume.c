/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Consuming. The program settles what it has taken, in any order; each delivery is compared with
 * what the model handed out under its tag. */

#include "user.h"

#include <stdio.h>
#include <string.h>

static const char *const queue_names[] = {"q0", "q1", "q2", "q3"};

user_consumer *user_consumer_find(opening *o, lev_span tag) {
    for (size_t i = 0; i < o->consumers_len; i++) {
        if (lev_span_equal(lev_span_of(o->consumers[i].tag), tag)) {
            return &o->consumers[i];
        }
    }
    return NULL;
}

static user_consumer *consumer_add(opening *o, lev_span tag, bool stream) {
    user_consumer *c = user_consumer_find(o, tag);
    bool before =
        c != NULL && c->stream; /* a message of its tag's last consumer may be under way */
    if (c == NULL) {
        INVARIANT(o->consumers_len < USER_TAGS, "the program has room for its consumers");
        c = &o->consumers[o->consumers_len++];
    }
    *c = (user_consumer){.stream = stream || before};
    model_text(c->tag, tag);
    return c;
}

static lev_status consume(user *u, const opening *o, const lev_basic_consume *fields, bool stream,
                          uint32_t *number) {
    return stream ? lev_engine_consume_stream(u->e, o->number, fields, number)
                  : lev_engine_basic_consume(u->e, o->number, fields, number);
}

void user_consume(user *u, opening *o) {
    char tag[MODEL_NAME];
    uint32_t number = 0;
    bool named = !chance_one_in(&u->dice, 4);
    if (o->consumers_len + 1 >= USER_TAGS) {
        return;
    }
    snprintf(tag, sizeof tag, "c%u", (unsigned)chance_below(&u->dice, 20));
    lev_basic_consume wanted = {.queue = lev_span_of(queue_names[chance_below(&u->dice, 4)]),
                                .consumer_tag = lev_span_of(named ? tag : ""),
                                .no_ack = chance_one_in(&u->dice, 5),
                                .nowait = named && chance_one_in(&u->dice, 4)};
    bool stream = named && chance_one_in(&u->dice, 3);
    bool twice = named && user_consumer_find(o, lev_span_of(tag)) != NULL;
    lev_status status = consume(u, o, &wanted, stream, &number);
    while (status == LEV_ERR_MEMORY && u->memory_fails) { /* nothing may have stayed behind */
        status = consume(u, o, &wanted, stream, &number);
    }
    trace_line("user", "basic.consume \"%s\" on %u, call %u: %s", named ? tag : "", o->number,
               number, lev_status_name(status));
    if (twice && (status == LEV_ERR_MISUSE)) {
        return; /* the engine knows that tag still */
    }
    if (user_accepted(u, o, status)) {
        user_note_call(o, number, LEV_BASIC_CONSUME, wanted.consumer_tag);
        if (named) {
            (void)consumer_add(o, wanted.consumer_tag, stream);
        }
    }
}

/* Any consumer, even one whose consume-ok has not come; those that are gone must be refused. */
void user_cancel(user *u, opening *o) {
    uint32_t number = 0;
    if (o->consumers_len == 0) {
        return;
    }
    user_consumer *c = &o->consumers[chance_below(&u->dice, o->consumers_len)];
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of(c->tag),
                               .nowait = chance_one_in(&u->dice, 4)};
    lev_status status = lev_engine_basic_cancel(u->e, o->number, &cancel, &number);
    trace_line("user", "basic.cancel \"%s\" on %u, call %u: %s", c->tag, o->number, number,
               lev_status_name(status));
    if (c->cancelled) {
        INVARIANT(status != LEV_OK, "a consumer is cancelled once");
    } else if (user_accepted(u, o, status)) {
        c->cancelled = true;
        user_note_call(o, number, LEV_BASIC_CANCEL, cancel.consumer_tag);
    }
}

void user_get(user *u, opening *o) {
    uint32_t number = 0;
    lev_basic_get get = {.queue = lev_span_of(queue_names[chance_below(&u->dice, 4)]),
                         .no_ack = chance_one_in(&u->dice, 3)};
    lev_status status = lev_engine_basic_get(u->e, o->number, &get, &number);
    trace_line("user", "basic.get on %u, call %u: %s", o->number, number, lev_status_name(status));
    if (user_accepted(u, o, status)) {
        user_note_call(o, number, LEV_BASIC_GET, get.queue);
    }
}

/* ---- settling ---- */

static uint64_t some_open_tag(user *u, const opening *o) {
    uint64_t count = 0;
    uint64_t tag = 0;
    for (uint64_t i = 1; i <= o->last_tag; i++) {
        if (o->taken[i].state == TAKEN_OPEN && chance_one_in(&u->dice, ++count)) {
            tag = i;
        }
    }
    return tag;
}

/* A handle of an earlier opening of the same number, or one that needs no ack: LEV_ERR_STALE. */
static void settle_stale(user *u, const opening *o) {
    for (const opening *old = o; old != NULL; old = old->older) {
        const taken *t = &old->taken[1 + chance_below(&u->dice, MODEL_HANDED)];
        if (t->handle.tag != 0 && (old != o || t->handle.incarnation == 0)) {
            size_t before = lev_engine_queued(u->e);
            INVARIANT(lev_engine_ack(u->e, t->handle, true) == LEV_ERR_STALE &&
                          lev_engine_nack(u->e, t->handle, false, true) == LEV_ERR_STALE &&
                          lev_engine_reject(u->e, t->handle, true) == LEV_ERR_STALE &&
                          lev_engine_queued(u->e) == before,
                      "a stale delivery cannot be settled");
        }
    }
}

static lev_status settle(user *u, lev_delivery handle, bool *multiple, enum taken_how *how) {
    uint64_t dice = chance_below(&u->dice, 10);
    bool requeue = chance_one_in(&u->dice, 2);
    *multiple = chance_one_in(&u->dice, 3);
    *how = requeue ? TAKEN_REQUEUED : TAKEN_DROPPED;
    if (dice < 7) {
        *how = TAKEN_ACKED;
        return lev_engine_ack(u->e, handle, *multiple);
    }
    if (dice < 9) {
        return lev_engine_nack(u->e, handle, *multiple, requeue);
    }
    *multiple = false;
    return lev_engine_reject(u->e, handle, requeue);
}

void user_settle(user *u, opening *o) {
    uint64_t tag = some_open_tag(u, o);
    bool multiple;
    enum taken_how how;
    if (chance_one_in(&u->dice, 10)) {
        settle_stale(u, o);
    }
    if (tag == 0 || o->recovering > 0 || o->acks_unsafe) {
        return;
    }
    lev_status status = settle(u, o->taken[tag].handle, &multiple, &how);
    trace_line("user", "settle %llu%s on %u: %s", (unsigned long long)tag,
               multiple ? " and before" : "", o->number, lev_status_name(status));
    if (!user_accepted(u, o, status)) {
        return;
    }
    for (uint64_t i = multiple ? 1 : tag; i <= tag; i++) {
        if (o->taken[i].state == TAKEN_OPEN) {
            o->taken[i].state = o->tx ? TAKEN_IN_TX : TAKEN_SETTLED;
            o->taken[i].how = how;
        }
    }
    u->counts->acks++;
}

static void taken_change(opening *o, enum taken_state from, enum taken_state to) {
    for (uint64_t i = 1; i <= o->last_tag; i++) {
        o->taken[i].state = o->taken[i].state == from ? to : o->taken[i].state;
    }
}

static void tx_call(user *u, opening *o, lev_method_id id) {
    static const uint8_t nothing[8];
    uint32_t number = 0;
    lev_status status = lev_engine_call(u->e, o->number, id, nothing, &number);
    trace_line("user", "tx.%s on %u, call %u: %s", lev_method_describe(id)->method_name, o->number,
               number, lev_status_name(status));
    if (!user_accepted(u, o, status)) {
        return;
    }
    user_note_call(o, number, id, lev_span_of(""));
    if (id == LEV_TX_ROLLBACK) {
        taken_change(o, TAKEN_IN_TX, TAKEN_OPEN);
    } else if (id == LEV_TX_COMMIT) {
        taken_change(o, TAKEN_IN_TX, TAKEN_SETTLED);
        o->committing = true;
    } else {
        o->tx = true;
    }
}

void user_transact(user *u, opening *o) {
    if (!o->tx && !o->confirm && chance_one_in(&u->dice, 4)) {
        tx_call(u, o, LEV_TX_SELECT);
    } else if (o->tx) {
        tx_call(u, o, chance_one_in(&u->dice, 3) ? LEV_TX_ROLLBACK : LEV_TX_COMMIT);
    }
}

/* After basic.recover every tag up to its recover-ok is void; after the asynchronous one, which has
 * no answer, the program can no longer tell and settles nothing more. */
void user_recover(user *u, opening *o) {
    lev_basic_recover recover = {.requeue = true};
    lev_basic_recover_async async = {.requeue = true};
    bool waits = !chance_one_in(&u->dice, 6);
    uint32_t number = 0;
    if (o->tx) {
        return;
    }
    lev_status status = waits ? lev_engine_basic_recover(u->e, o->number, &recover, &number)
                              : lev_engine_basic_recover_async(u->e, o->number, &async, &number);
    if (!user_accepted(u, o, status)) {
        return;
    }
    trace_line("user", "basic.recover on %u, call %u", o->number, number);
    user_note_call(o, number, LEV_BASIC_RECOVER, lev_span_of(""));
    o->recovering += waits;
    o->acks_unsafe = o->acks_unsafe || !waits;
}

/* ---- judging ---- */

void user_judge_delivery(user *u, opening *o, const lev_message *msg) {
    const session *s = user_session(u, o);
    uint64_t tag = msg->delivery.tag;
    INVARIANT(!o->streaming, "a message begins when the one before has ended");
    INVARIANT(tag == o->last_tag + 1, "delivery tags ascend without a gap");
    INVARIANT(s != NULL && tag <= s->handed_len, "only what was handed out is delivered");
    const handed *h = &s->handed[tag];
    const message *was = h->entry->message;
    INVARIANT(lev_span_equal(msg->consumer_tag, lev_span_of(h->consumer_tag)),
              "a delivery has its consumer's tag");
    INVARIANT(lev_span_equal(msg->exchange, was->publish.exchange) &&
                  lev_span_equal(msg->routing_key, was->publish.routing_key) &&
                  msg->redelivered == h->redelivered,
              "a delivery has its exchange, key and redelivered flag");
    INVARIANT(lev_properties_equal(&msg->properties, &was->header.properties),
              "a delivery has its properties");
    INVARIANT(msg->body_size == was->body.len && msg->body.len <= was->body.len &&
                  (msg->body.len == 0 || memcmp(msg->body.ptr, was->body.ptr, msg->body.len) == 0),
              "a delivery has its body");
    INVARIANT((msg->delivery.incarnation == 0) == h->no_ack,
              "a delivery can be settled unless it needs no ack");
    const user_consumer *c = user_consumer_find(o, msg->consumer_tag);
    o->streaming = msg->body.len < msg->body_size;
    o->streaming_at = msg->body.len;
    INVARIANT(!o->streaming || (c != NULL && c->stream), "only a streamed body comes in pieces");
    o->taken[tag] = (taken){msg->delivery, h->no_ack ? TAKEN_SETTLED : TAKEN_OPEN, TAKEN_VOID};
    o->last_tag = tag;
    u->counts->delivered++;
}

void user_judge_piece(user *u, opening *o, const lev_event *event) {
    const session *s = user_session(u, o);
    INVARIANT(o->streaming && event->message->delivery.tag == o->last_tag,
              "a piece belongs to the message before");
    lev_span body = s->handed[o->last_tag].entry->message->body;
    INVARIANT(event->body.len > 0 && event->body.len <= body.len - o->streaming_at &&
                  memcmp(event->body.ptr, body.ptr + o->streaming_at, event->body.len) == 0,
              "the pieces of a body are its bytes in order");
    o->streaming_at += event->body.len;
    o->streaming = o->streaming_at < body.len;
    u->counts->pieces++;
}
