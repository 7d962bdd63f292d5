/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The model broker's channels. After its own channel.close it ignores what was on its way, but
 * still reads it strictly; after the engine's, nothing may follow but the answer to its own. */

#include "model.h"

#include <string.h>

session *model_session(const model *m, uint16_t number, uint32_t opening) {
    session *s = m->sessions[number];
    while (s != NULL && s->opening != opening) {
        s = s->older;
    }
    return s;
}

void model_session_end(model *m, session *s) {
    if (s->state == SESSION_OPEN) {
        model_tx_rollback(s);
        model_requeue_all(m, s);
    }
    for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
        s->consumers[i].state = CONSUMING_NOT;
    }
    s->commit_due = false;
    s->state = SESSION_CLOSED;
}

void model_session_exception(model *m, session *s, uint16_t code, const lev_method *cause) {
    const lev_method_desc *desc = cause == NULL ? NULL : lev_method_describe(cause->id);
    lev_channel_close close = {.reply_code = code, .reply_text = lev_span_of("CLOSED BY CHANCE")};
    if (desc != NULL) {
        close.class_id = desc->class_id;
        close.method_id = desc->method_id;
        close.reply_text = lev_span_of("EXCEPTION");
    }
    model_session_end(m, s);
    s->state = SESSION_CLOSING;
    s->close_code = code;
    model_say(m, s->number, LEV_CHANNEL_CLOSE, &close);
}

static void open_session(model *m, uint16_t number) {
    lev_channel_open_ok ok = {0};
    session *before = m->sessions[number];
    model_rule(before == NULL || before->state == SESSION_CLOSED,
               "a channel is opened only when it is closed");
    session *s = arena_take(sizeof *s);
    *s = (session){.older = before, .number = number, .flow_wanted = true, .flow_active = true};
    s->opening = before == NULL ? 1 : before->opening + 1;
    s->raw_cap = 4096;
    s->raw = arena_take(s->raw_cap);
    m->sessions[number] = s;
    if (m->state == MODEL_OPEN) {
        model_say(m, number, LEV_CHANNEL_OPEN_OK, &ok);
    }
}

/* Deliveries may precede close-ok, even those of a consumer whose consume-ok never comes. */
static void close_session(model *m, session *s) {
    lev_channel_close_ok ok = {0};
    model_rule(!s->peer_closed, "channel.close is sent once");
    s->peer_closed = true;
    if (s->state == SESSION_OPEN) {
        for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
            model_consumer *c = &s->consumers[i];
            c->state = c->state == CONSUMING_OK_DUE ? CONSUMING : c->state;
        }
        while (chance_one_in(&m->dice, 2) && model_deliver(m, s)) {
        }
        while (chance_one_in(&m->dice, 2) && model_unsettled(s)) {
            model_settle_some(m, s);
        }
        model_session_end(m, s);
    }
    model_say(m, s->number, LEV_CHANNEL_CLOSE_OK, &ok);
}

static bool answers_something(session *s, const lev_method *method) {
    if (method->id == LEV_CHANNEL_CLOSE_OK) {
        model_rule(s->state == SESSION_CLOSING, "channel.close-ok answers a channel.close");
        s->state = SESSION_CLOSED;
        return true;
    }
    if (method->id == LEV_CHANNEL_FLOW_OK) {
        model_rule(s->flows_open > 0, "channel.flow-ok answers a channel.flow");
        s->flows_open--;
        s->flow_active = method->as.channel_flow_ok.active;
        model_rule(s->flows_open > 0 || s->flow_active == s->flow_wanted,
                   "channel.flow-ok repeats what channel.flow asked for");
        return true;
    }
    if (method->id == LEV_BASIC_CANCEL_OK) {
        model_rule(s->cancels_open > 0, "basic.cancel-ok answers a basic.cancel");
        s->cancels_open--;
        return true;
    }
    return false;
}

static void select_mode(model *m, session *s, const lev_method *method) {
    lev_confirm_select_ok confirm_ok = {0};
    lev_tx_select_ok tx_ok = {0};
    bool confirm = method->id == LEV_CONFIRM_SELECT;
    if (confirm ? s->tx : s->confirm) {
        model_session_exception(m, s, LEV_PRECONDITION_FAILED, method);
    } else if (confirm) {
        if (!s->confirm) {
            s->before_confirm = s->settled = s->published_len;
        }
        s->confirm = true;
        if (!method->as.confirm_select.nowait) {
            model_say(m, s->number, LEV_CONFIRM_SELECT_OK, &confirm_ok);
        }
    } else {
        s->tx_from = s->tx ? s->tx_from : s->published_len;
        s->tx = true;
        model_say(m, s->number, LEV_TX_SELECT_OK, &tx_ok);
    }
}

static void transact(model *m, session *s, const lev_method *method) {
    lev_tx_rollback_ok rolled = {0};
    if (!s->tx) {
        model_session_exception(m, s, LEV_PRECONDITION_FAILED, method);
    } else if (method->id == LEV_TX_COMMIT) {
        s->commit_due = true;
    } else {
        model_tx_rollback(s);
        model_say(m, s->number, LEV_TX_ROLLBACK_OK, &rolled);
    }
}

static void read_open(model *m, session *s, const lev_method *method) {
    lev_channel_flow_ok flow_ok = {.active = true};
    if (model_topology(m, s, method) || model_delivery_method(m, s, method)) {
        return;
    }
    if (method->id == LEV_CONFIRM_SELECT || method->id == LEV_TX_SELECT) {
        select_mode(m, s, method);
    } else if (method->id == LEV_TX_COMMIT || method->id == LEV_TX_ROLLBACK) {
        transact(m, s, method);
    } else if (method->id == LEV_CHANNEL_FLOW) {
        model_rule(method->as.channel_flow.active, "channel.flow(false) is never sent");
        model_say(m, s->number, LEV_CHANNEL_FLOW_OK, &flow_ok);
    } else {
        model_rule(false, "the engine sends only methods of a client");
    }
}

void model_session_method(model *m, uint16_t number, const lev_frame *frame,
                          const lev_method *method) {
    session *s = m->sessions[number];
    if (method->id == LEV_CHANNEL_OPEN) {
        open_session(m, number);
        return;
    }
    model_rule(s != NULL && s->state != SESSION_CLOSED,
               "no method is sent on a channel that is not open");
    model_rule(!s->peer_closed || method->id == LEV_CHANNEL_CLOSE_OK,
               "nothing but close-ok follows the engine's channel.close");
    model_rule(s->reading == READING_METHOD, "no method stands in the middle of content");
    if (answers_something(s, method)) {
        return;
    }
    model_rule(!s->commit_due || method->id == LEV_CHANNEL_CLOSE,
               "no method comes between tx.commit and its commit-ok");
    if (method->id == LEV_CHANNEL_CLOSE) {
        close_session(m, s);
    } else if (method->id == LEV_BASIC_PUBLISH) {
        model_rule(s->flow_active, "nothing is published while channel.flow forbids it");
        model_content_method(s, frame);
    } else if (s->state == SESSION_CLOSING) {
        if (method->id == LEV_CONFIRM_SELECT && !s->confirm) {
            s->confirm = true; /* unanswered, but what follows has numbers for the engine */
            s->before_confirm = s->published_len;
        }
    } else if (m->state == MODEL_OPEN) {
        read_open(m, s, method);
    }
}
