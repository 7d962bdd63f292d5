/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Legality: the rows of amqp091.def say in which states a method may come or go, and this is the
 * one place that looks them up. The verdict on what a peer sent is the reply code that the
 * specification assigns (AMQP 0-9-1, 1.2): 503 for a method out of order, 504 for a channel that is
 * not open. */

#include "state.h"

static bool legality_allows(uint8_t states, unsigned state) { return (states >> state & 1) != 0; }

static uint16_t legality_channel(const lev_engine *e, const lev_channel *ch,
                                 const lev_method_desc *desc, const char **why) {
    if (e->state != LEV_STATE_OPEN && e->state != LEV_STATE_AWAIT_CLOSE_OK) {
        *why = "a method on a channel before the connection is open";
        return LEV_COMMAND_INVALID;
    }
    if (ch == NULL || ch->state == LEV_STATE_CHANNEL_CLOSED) {
        *why = "a method on a channel that is not open";
        return LEV_CHANNEL_ERROR;
    }
    if (!legality_allows(desc->recv, ch->state)) {
        *why = "a method that does not fit the channel's state";
        return LEV_COMMAND_INVALID;
    }
    return 0;
}

uint16_t lev_legality_inbound(const lev_engine *e, const lev_channel *ch, uint16_t channel,
                              lev_method_id id, const char **why) {
    const lev_method_desc *desc = lev_method_describe(id);
    bool on_connection = desc->class_id == LEV_CLASS_CONNECTION;
    if (desc->recv == 0) {
        *why = "a method that only a client sends";
        return LEV_COMMAND_INVALID;
    }
    if (on_connection != (channel == 0)) {
        *why = on_connection ? "a connection method on a channel" : "a channel method on channel 0";
        return LEV_COMMAND_INVALID;
    }
    if (!on_connection) {
        return legality_channel(e, ch, desc, why);
    }
    if (!legality_allows(desc->recv, e->state)) {
        *why = "a method that does not fit the connection's state";
        return LEV_COMMAND_INVALID;
    }
    return 0;
}

bool lev_legality_outbound(const lev_engine *e, const lev_channel *ch, lev_method_id id) {
    const lev_method_desc *desc = lev_method_describe(id);
    if (desc->class_id == LEV_CLASS_CONNECTION) {
        return legality_allows(desc->send, e->state);
    }
    return ch != NULL && !ch->ending && ch->sending == NULL &&
           legality_allows(desc->send, ch->state);
}
