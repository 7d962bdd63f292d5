/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The program's calls. Most are right for the state that it sees; some are wrong on purpose and
 * must be refused without a byte sent. */

#include "user.h"

#include <stdio.h>
#include <string.h>

static const char *const queue_names[] = {"q0", "q1", "q2", "q3", ""};
static const char *const exchange_names[] = {"direct", "fanout", "topic", "amq.fanout"};
static const char *const keys[] = {"q0", "q1", "a.b", "a.*", "#", "b.#.c"};

#define ONE_OF(u, list) lev_span_of((list)[chance_below(&(u)->dice, COUNT_OF(list))])
#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

void user_init(user *u, uint64_t seed, model *m) {
    u->m = m;
    u->dice = chance_init(seed, 2);
    u->openings[0] = arena_take(sizeof(opening));
}

session *user_session(const user *u, const opening *o) {
    return model_session(u->m, o->number, o->opening);
}

bool user_accepted(user *u, opening *o, lev_status status) {
    lev_status latched = lev_engine_error(u->e)->status;
    u->counts->calls++;
    if (latched != LEV_OK) {
        INVARIANT(status == latched, "every call after the failure returns it");
        return false;
    }
    if (lev_engine_state(u->e) != LEV_STATE_OPEN) {
        INVARIANT(status == LEV_ERR_MISUSE, "a call on a connection that is not open is misuse");
        return false;
    }
    INVARIANT(status == LEV_OK || status == LEV_AGAIN ||
                  (status == LEV_ERR_MEMORY && u->memory_fails),
              "a call that fits the state is accepted, or told to wait");
    if (status == LEV_AGAIN) {
        u->counts->again++;
        o->again = true;
    }
    return status == LEV_OK;
}

void user_note_call(opening *o, uint32_t number, lev_method_id id, lev_span name) {
    if (number == 0) {
        return;
    }
    INVARIANT(o->calls_len < USER_CALLS, "calls are answered in time");
    user_call *call = &o->calls[o->calls_len++];
    *call = (user_call){.number = number, .id = id};
    model_text(call->name, name);
}

/* Makes a call and notes it, where it is accepted. */
static bool call(user *u, opening *o, lev_method_id id, const void *fields, const char *name) {
    uint32_t number = 0;
    lev_status status = lev_engine_call(u->e, o->number, id, fields, &number);
    const lev_method_desc *desc = lev_method_describe(id);
    trace_line("user", "%s.%s on %u, call %u: %s", desc->class_name, desc->method_name, o->number,
               number, lev_status_name(status));
    if (!user_accepted(u, o, status)) {
        INVARIANT(number == 0, "a call that is refused has no number");
        return false;
    }
    user_note_call(o, number, id, lev_span_of(name));
    return true;
}

/* ---- topology ---- */

static void declare_exchange(user *u, opening *o) {
    size_t i = (size_t)chance_below(&u->dice, 3);
    lev_exchange_declare d = {.exchange = lev_span_of(exchange_names[i]),
                              .type = lev_span_of(exchange_names[i]),
                              .durable = chance_one_in(&u->dice, 60),
                              .passive = chance_one_in(&u->dice, 15),
                              .nowait = chance_one_in(&u->dice, 4)};
    (void)call(u, o, LEV_EXCHANGE_DECLARE, &d, exchange_names[i]);
}

static void declare_queue(user *u, opening *o) {
    const char *name = queue_names[chance_below(&u->dice, COUNT_OF(queue_names))];
    lev_queue_declare d = {.queue = lev_span_of(name),
                           .durable = chance_one_in(&u->dice, 150),
                           .passive = name[0] != '\0' && chance_one_in(&u->dice, 15),
                           .nowait = chance_one_in(&u->dice, 4)};
    (void)call(u, o, LEV_QUEUE_DECLARE, &d, name);
}

static void bind_queue(user *u, opening *o) {
    lev_queue_bind b = {.queue = ONE_OF(u, queue_names),
                        .exchange = ONE_OF(u, exchange_names),
                        .routing_key = ONE_OF(u, keys),
                        .nowait = chance_one_in(&u->dice, 4)};
    lev_queue_unbind un = {.queue = b.queue, .exchange = b.exchange, .routing_key = b.routing_key};
    if (chance_one_in(&u->dice, 4)) {
        (void)call(u, o, LEV_QUEUE_UNBIND, &un, "");
    } else {
        (void)call(u, o, LEV_QUEUE_BIND, &b, "");
    }
}

static void bind_exchange(user *u, opening *o) {
    lev_exchange_bind b = {.destination = ONE_OF(u, exchange_names),
                           .source = ONE_OF(u, exchange_names),
                           .routing_key = ONE_OF(u, keys),
                           .nowait = chance_one_in(&u->dice, 4)};
    lev_exchange_unbind un = {
        .destination = b.destination, .source = b.source, .routing_key = b.routing_key};
    if (chance_one_in(&u->dice, 2)) {
        (void)call(u, o, LEV_EXCHANGE_UNBIND, &un, "");
    } else {
        (void)call(u, o, LEV_EXCHANGE_BIND, &b, "");
    }
}

static void empty_or_delete(user *u, opening *o) {
    bool nowait = chance_one_in(&u->dice, 4);
    lev_queue_purge purge = {.queue = ONE_OF(u, queue_names), .nowait = nowait};
    lev_queue_delete gone = {.queue = purge.queue,
                             .if_unused = chance_one_in(&u->dice, 3),
                             .if_empty = chance_one_in(&u->dice, 4),
                             .nowait = nowait};
    lev_exchange_delete left = {.exchange = ONE_OF(u, exchange_names),
                                .if_unused = chance_one_in(&u->dice, 2),
                                .nowait = nowait};
    uint64_t dice = chance_below(&u->dice, 3);
    if (dice == 0) {
        (void)call(u, o, LEV_QUEUE_PURGE, &purge, "");
    } else if (dice == 1) {
        (void)call(u, o, LEV_QUEUE_DELETE, &gone, "");
    } else {
        (void)call(u, o, LEV_EXCHANGE_DELETE, &left, "");
    }
}

static void topology(user *u, opening *o) {
    uint64_t dice = chance_below(&u->dice, 40);
    if (dice < 18) {
        declare_queue(u, o);
    } else if (dice < 24) {
        declare_exchange(u, o);
    } else if (dice < 37) {
        bind_queue(u, o);
    } else if (dice < 39) {
        bind_exchange(u, o);
    } else {
        empty_or_delete(u, o);
    }
}

/* What a program with sense would do first. Without it most calls would end with 404. */
static void declare_all(user *u, opening *o) {
    for (size_t i = 0; i < 4; i++) {
        lev_queue_declare d = {.queue = lev_span_of(queue_names[i]), .nowait = i > 0};
        (void)call(u, o, LEV_QUEUE_DECLARE, &d, queue_names[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        lev_exchange_declare x = {.exchange = lev_span_of(exchange_names[i]),
                                  .type = lev_span_of(exchange_names[i]),
                                  .nowait = i > 0};
        (void)call(u, o, LEV_EXCHANGE_DECLARE, &x, exchange_names[i]);
    }
}

/* ---- channels ---- */

static void open_channel(user *u, uint16_t number) {
    opening *before = u->openings[number];
    opening *o = arena_take(sizeof *o);
    *o = (opening){.older = before, .number = number, .opening = 1};
    o->opening = before == NULL ? 1 : before->opening + 1;
    if (call(u, o, LEV_CHANNEL_OPEN, &(lev_channel_open){0}, "")) {
        u->openings[number] = o;
        u->counts->reopened += before != NULL;
        if (!chance_one_in(&u->dice, 5)) {
            declare_all(u, o);
        }
    }
}

static void close_channel(user *u, opening *o) {
    if (call(u, o, LEV_CHANNEL_CLOSE, &(lev_channel_close){0}, "")) {
        o->state = OPENING_LEAVING;
        user_call last = o->calls[o->calls_len - 1];
        o->calls[0] = last; /* the others will have no answer */
        o->calls_len = 1;
        u->counts->closed_by_user++;
    }
}

static void limit(user *u, opening *o) {
    lev_basic_qos qos = {.prefetch_count = (uint16_t)chance_below(&u->dice, 8),
                         .global = chance_one_in(&u->dice, 5)};
    (void)call(u, o, LEV_BASIC_QOS, &qos, "");
}

static void select_confirm(user *u, opening *o) {
    lev_confirm_select select = {.nowait = chance_one_in(&u->dice, 4)};
    if (!o->tx && call(u, o, LEV_CONFIRM_SELECT, &select, "")) {
        o->before_confirm = o->confirm ? o->before_confirm : o->published;
        o->confirm = true;
    }
}

/* What the engine must refuse, whatever the state. */
static void misuse(user *u, opening *o) {
    lev_basic_recover recover = {.requeue = false};
    lev_basic_qos qos = {.prefetch_size = 1};
    lev_channel_flow flow = {.active = false};
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("nobody")};
    size_t before = lev_engine_queued(u->e);
    uint32_t n;
    INVARIANT(lev_engine_basic_recover(u->e, o->number, &recover, &n) != LEV_OK &&
                  lev_engine_basic_qos(u->e, o->number, &qos, &n) != LEV_OK &&
                  lev_engine_channel_flow(u->e, o->number, &flow, &n) != LEV_OK &&
                  lev_engine_basic_cancel(u->e, o->number, &cancel, &n) != LEV_OK &&
                  lev_engine_call(u->e, o->number, LEV_QUEUE_DECLARE_OK, &recover, &n) != LEV_OK &&
                  lev_engine_channel_open(u->e, MODEL_CHANNELS + 1, &(lev_channel_open){0}, &n) !=
                      LEV_OK,
              "what would cost the connection is refused");
    INVARIANT(lev_engine_queued(u->e) == before, "a refused call sends nothing");
}

static void act_on(user *u, opening *o) {
    uint64_t dice = chance_below(&u->dice, 100);
    if (dice < 44) {
        user_publish(u, o);
    } else if (dice < 66) {
        user_settle(u, o);
    } else if (dice < 74) {
        topology(u, o);
    } else if (dice < 79) {
        user_consume(u, o);
    } else if (dice < 84) {
        user_get(u, o);
    } else if (dice < 86) {
        user_cancel(u, o);
    } else if (dice < 89) {
        select_confirm(u, o);
    } else if (dice < 91) {
        limit(u, o);
    } else if (dice < 95) {
        user_transact(u, o);
    } else if (dice < 96) {
        user_recover(u, o);
    } else if (dice < 97) {
        (void)call(u, o, LEV_CHANNEL_FLOW, &(lev_channel_flow){.active = true}, "");
    } else if (dice < 98) {
        misuse(u, o);
    } else if (dice == 99 && chance_one_in(&u->dice, 2)) {
        close_channel(u, o);
    }
}

void user_act(user *u) {
    uint16_t number = (uint16_t)(1 + chance_below(&u->dice, MODEL_CHANNELS));
    opening *o = u->openings[number];
    enum lev_channel_state state = lev_engine_channel_state(u->e, number);
    if (!u->opened || u->over) {
        return;
    }
    if (chance_one_in(&u->dice, 200)) {
        (void)call(u, u->openings[0], LEV_CONNECTION_UPDATE_SECRET,
                   &(lev_connection_update_secret){0}, "");
    }
    if (o == NULL || o->state == OPENING_ENDED) {
        open_channel(u, number);
    } else if (o->committing || o->calls_len + 4 > USER_CALLS ||
               lev_engine_error(u->e)->status != LEV_OK) {
        return;
    } else if (o->state == OPENING_OPEN && state == LEV_STATE_CHANNEL_OPEN) {
        act_on(u, o);
    } else if (o->state == OPENING_ASKED && state == LEV_STATE_AWAIT_CHANNEL_OPEN_OK) {
        chance_one_in(&u->dice, 2) ? user_publish(u, o) : topology(u, o); /* pipelined */
    }
}

void user_close(user *u) {
    lev_status status = lev_engine_close(u->e, LEV_REPLY_SUCCESS, "done");
    trace_line("user", "connection.close: %s", lev_status_name(status));
    u->closes = u->closes || status == LEV_OK;
}
