/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the broker does of its own accord: one act of chance at a time, all of them legal. */

#include "model.h"

static void say_flow(model *m, session *s) {
    if (!m->manner.uses_flow || s->commit_due || s->flows_open > 0) {
        return;
    }
    s->flow_wanted = !s->flow_wanted;
    s->flows_open++;
    lev_channel_flow flow = {.active = s->flow_wanted};
    model_say(m, s->number, LEV_CHANNEL_FLOW, &flow);
}

static void toggle_blocked(model *m) {
    lev_connection_blocked blocked = {.reason = lev_span_of("low on memory")};
    lev_connection_unblocked unblocked = {0};
    if (!m->blocked) {
        model_say(m, 0, LEV_CONNECTION_BLOCKED, &blocked);
    } else {
        model_say(m, 0, LEV_CONNECTION_UNBLOCKED, &unblocked);
        m->heard = m->now;
    }
    m->blocked = !m->blocked;
}

/* Says a consume-ok or a commit-ok that is due. Returns whether there was one. */
static bool say_due(model *m, session *s) {
    size_t start = (size_t)chance_below(&m->dice, MODEL_CONSUMERS);
    if (s->commit_due && chance_one_in(&m->dice, 2)) {
        model_tx_commit(m, s);
        return true;
    }
    for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
        model_consumer *c = &s->consumers[(start + i) % MODEL_CONSUMERS];
        if (c->state == CONSUMING_OK_DUE) {
            model_consume_ok(m, s, c);
            return true;
        }
    }
    return false;
}

static void cancel_some(model *m, session *s) {
    for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
        if (s->consumers[i].state == CONSUMING && chance_one_in(&m->dice, 3)) {
            model_cancel(m, s, &s->consumers[i]);
            return;
        }
    }
}

static void act_on(model *m, session *s) {
    static const uint16_t codes[] = {LEV_NOT_FOUND, LEV_PRECONDITION_FAILED, LEV_ACCESS_REFUSED,
                                     LEV_RESOURCE_LOCKED, LEV_INTERNAL_ERROR};
    uint64_t dice = chance_below(&m->dice, 100);
    if (dice < 35) {
        model_settle_some(m, s);
    } else if (dice < 70) {
        (void)model_deliver(m, s);
    } else if (dice < 92) {
        (void)say_due(m, s);
    } else if (dice < 94) {
        cancel_some(m, s);
    } else if (dice < 98) {
        say_flow(m, s);
    } else if (m->manner.closes > 0 && chance_one_in(&m->dice, m->manner.closes / 50)) {
        model_session_exception(m, s, codes[chance_below(&m->dice, 5)], NULL);
    }
}

void model_act(model *m) {
    if (m->state != MODEL_OPEN) {
        return;
    }
    if (m->close_due && chance_one_in(&m->dice, 8)) {
        model_answer_close(m);
        return;
    }
    session *s = m->sessions[1 + chance_below(&m->dice, MODEL_CHANNELS)];
    if (s != NULL && s->state == SESSION_OPEN) {
        act_on(m, s);
    }
    if (chance_one_in(&m->dice, m->blocked ? 20 : 300) && !m->peer_closed) {
        toggle_blocked(m);
    }
}

void model_finish(model *m) {
    if (m->blocked) {
        toggle_blocked(m);
    }
    if (m->close_due && m->state == MODEL_OPEN) {
        model_answer_close(m);
    }
    for (size_t i = 1; i <= MODEL_CHANNELS; i++) {
        session *s = m->sessions[i];
        while (s != NULL && s->state == SESSION_OPEN && (say_due(m, s) || s->commit_due)) {
        }
        while (s != NULL && model_unsettled(s)) {
            model_settle_some(m, s);
        }
        while (s != NULL && s->state == SESSION_OPEN && model_deliver(m, s)) {
        }
        if (s != NULL && s->state == SESSION_OPEN && !s->flow_wanted) {
            say_flow(m, s);
        }
    }
}
