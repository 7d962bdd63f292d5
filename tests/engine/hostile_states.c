/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The states: how each is reached, and which methods of a broker may come there. A broker's login,
 * then our calls and its answers, as a broker in its right mind would give them. */

#include "hostile.h"

#include "../unit.h"

static lev_span text(const char *s) { return lev_span_of(s); }

static void says(hostile_world *w, uint16_t channel, lev_method_id id) {
    hostile_say(&w->broker, channel, id);
    w->deliver(w);
}

static void call(hostile_world *w, uint16_t channel, lev_method_id id, const void *fields) {
    EXPECT_EQ(lev_engine_call(w->e, channel, id, fields, NULL), LEV_OK);
}

static void reach_start(hostile_world *w, const hostile_state *s) {
    (void)s;
    w->deliver(w);
}

static void reach_tune(hostile_world *w, const hostile_state *s) {
    (void)s;
    says(w, 0, LEV_CONNECTION_START);
}

static void reach_open_ok(hostile_world *w, const hostile_state *s) {
    reach_tune(w, s);
    says(w, 0, LEV_CONNECTION_TUNE);
}

static void reach_open(hostile_world *w, const hostile_state *s) {
    reach_open_ok(w, s);
    says(w, 0, LEV_CONNECTION_OPEN_OK);
}

static void reach_blocked(hostile_world *w, const hostile_state *s) {
    reach_open(w, s);
    says(w, 0, LEV_CONNECTION_BLOCKED);
}

static void reach_secret(hostile_world *w, const hostile_state *s) {
    reach_open(w, s);
    lev_connection_update_secret secret = {.new_secret = text("s"), .reason = text("r")};
    call(w, 0, LEV_CONNECTION_UPDATE_SECRET, &secret);
}

static void reach_opening(hostile_world *w, const hostile_state *s) {
    reach_open(w, s);
    call(w, 1, LEV_CHANNEL_OPEN, &(lev_channel_open){0});
}

static void reach_channel(hostile_world *w, const hostile_state *s) {
    reach_opening(w, s);
    says(w, 1, LEV_CHANNEL_OPEN_OK);
}

static void publish(hostile_world *w) {
    lev_publication p = {
        .exchange = text("e"), .routing_key = text("k"), .body = text("body"), .mandatory = true};
    for (int i = 0; i < HOSTILE_PUBLISHES; i++) {
        EXPECT_EQ(lev_engine_publish(w->e, 1, &p, NULL), LEV_OK);
        w->published++;
    }
    w->deliver(w);
}

static void reach_confirms(hostile_world *w, const hostile_state *s) {
    reach_channel(w, s);
    call(w, 1, LEV_CONFIRM_SELECT, &(lev_confirm_select){0});
    says(w, 1, LEV_CONFIRM_SELECT_OK);
    publish(w);
}

static void reach_flow_stopped(hostile_world *w, const hostile_state *s) {
    reach_confirms(w, s);
    says(w, 1, LEV_CHANNEL_FLOW);
    EXPECT_EQ(lev_engine_publish(w->e, 1, &(lev_publication){.body = text("b")}, NULL), LEV_AGAIN);
}

static void consume(hostile_world *w, bool stream) {
    lev_basic_consume consume = {.consumer_tag = text("c")};
    EXPECT_EQ(stream ? lev_engine_consume_stream(w->e, 1, &consume, NULL)
                     : lev_engine_basic_consume(w->e, 1, &consume, NULL),
              LEV_OK);
}

static void reach_consuming(hostile_world *w, const hostile_state *s) {
    reach_confirms(w, s);
    consume(w, false);
    says(w, 1, LEV_BASIC_CONSUME_OK);
}

static void reach_streaming(hostile_world *w, const hostile_state *s) {
    reach_confirms(w, s);
    consume(w, true);
    says(w, 1, LEV_BASIC_CONSUME_OK);
}

static void says_header(hostile_world *w, uint64_t size) {
    size_t place = lev_frame_begin(&w->broker, LEV_FRAME_HEADER, 1);
    lev_header_encode(&w->broker, &(lev_header){.class_id = LEV_CLASS_BASIC, .body_size = size});
    lev_frame_end(&w->broker, place);
    w->deliver(w);
}

static void says_half(hostile_world *w) {
    lev_frame_encode(&w->broker, &(lev_frame){LEV_FRAME_BODY, 1, text("12345")});
    w->deliver(w);
}

static void reach_after_method(hostile_world *w, const hostile_state *s) {
    reach_consuming(w, s);
    says(w, 1, LEV_BASIC_DELIVER);
}

static void reach_after_header(hostile_world *w, const hostile_state *s) {
    reach_after_method(w, s);
    says_header(w, HOSTILE_BODY);
}

static void reach_half_body(hostile_world *w, const hostile_state *s) {
    reach_after_header(w, s);
    says_half(w);
}

static void reach_half_stream(hostile_world *w, const hostile_state *s) {
    reach_streaming(w, s);
    says(w, 1, LEV_BASIC_DELIVER);
    says_header(w, HOSTILE_BODY);
    says_half(w);
}

static void reach_returned(hostile_world *w, const hostile_state *s) {
    reach_confirms(w, s);
    says(w, 1, LEV_BASIC_RETURN);
}

static void reach_got(hostile_world *w, const hostile_state *s) {
    reach_channel(w, s);
    call(w, 1, LEV_BASIC_GET, &(lev_basic_get){0});
    says(w, 1, LEV_BASIC_GET_OK);
}

/* Asks for `state->call`, whose answer does not come. */
static void reach_asked(hostile_world *w, const hostile_state *s) {
    lev_method m;
    reach_channel(w, s);
    if (s->call == LEV_BASIC_CONSUME) {
        consume(w, false);
    } else if (s->call == LEV_BASIC_CANCEL) {
        consume(w, false);
        says(w, 1, LEV_BASIC_CONSUME_OK);
        call(w, 1, LEV_BASIC_CANCEL, &(lev_basic_cancel){.consumer_tag = text("c")});
    } else {
        hostile_fields(&m, s->call);
        if (s->call == LEV_CHANNEL_FLOW) {
            m.as.channel_flow.active = true;
        }
        call(w, 1, s->call, &m.as);
    }
}

static void reach_cancel_early(hostile_world *w, const hostile_state *s) {
    reach_channel(w, s);
    consume(w, false);
    call(w, 1, LEV_BASIC_CANCEL, &(lev_basic_cancel){.consumer_tag = text("c")});
}

static void reach_closing(hostile_world *w, const hostile_state *s) {
    reach_consuming(w, s);
    call(w, 1, LEV_CHANNEL_CLOSE, &(lev_channel_close){0});
}

/* A message over message_max makes us close its channel. */
static void reach_refusing(hostile_world *w, const hostile_state *s) {
    static const uint8_t body[HOSTILE_MESSAGE_MAX + 1];
    reach_after_method(w, s);
    says_header(w, sizeof body);
    lev_frame_encode(&w->broker, &(lev_frame){LEV_FRAME_BODY, 1, {body, sizeof body}});
    w->deliver(w);
}

static void reach_closed(hostile_world *w, const hostile_state *s) {
    reach_closing(w, s);
    says(w, 1, LEV_CHANNEL_CLOSE_OK);
}

static void reach_closed_by_peer(hostile_world *w, const hostile_state *s) {
    reach_consuming(w, s);
    says(w, 1, LEV_CHANNEL_CLOSE);
    w->channel_closed = false;
}

static void reach_reopened(hostile_world *w, const hostile_state *s) {
    reach_closed_by_peer(w, s);
    call(w, 1, LEV_CHANNEL_OPEN, &(lev_channel_open){0});
    says(w, 1, LEV_CHANNEL_OPEN_OK);
}

static void reach_leaving(hostile_world *w, const hostile_state *s) {
    reach_consuming(w, s);
    EXPECT_EQ(lev_engine_close(w->e, 200, "bye"), LEV_OK);
}

static void reach_crossing(hostile_world *w, const hostile_state *s) {
    reach_leaving(w, s);
    says(w, 0, LEV_CONNECTION_CLOSE);
}

static void reach_many(hostile_world *w, const hostile_state *s) {
    reach_streaming(w, s);
    for (uint16_t ch = 2; ch <= 9; ch++) {
        call(w, ch, LEV_CHANNEL_OPEN, &(lev_channel_open){0});
        says(w, ch, LEV_CHANNEL_OPEN_OK);
        lev_basic_consume consume = {.consumer_tag = text("c"), .nowait = true};
        call(w, ch, LEV_BASIC_CONSUME, &consume);
    }
}

static void reach_violated(hostile_world *w, const hostile_state *s) {
    reach_consuming(w, s);
    says(w, 1, LEV_TX_SELECT_OK);
}

static void reach_ended(hostile_world *w, const hostile_state *s) {
    reach_consuming(w, s);
    says(w, 0, LEV_CONNECTION_CLOSE);
}

/* Once connection.open-ok has come, and while we wait for connection.close-ok. */
#define OPEN "connection.close connection.blocked connection.unblocked"
#define LEAVING OPEN " connection.close-ok"

/* On an open channel, and on one with consumers or confirms. */
#define IDLE "channel.close channel.flow basic.cancel basic.return"
#define CONFIRMS IDLE " basic.ack basic.nack"
#define CONSUMING CONFIRMS " basic.deliver"

/* On a channel that we close: all that a broker may ever say there. */
#define CLOSING                                                                                    \
    CONSUMING " channel.open-ok channel.flow-ok channel.close-ok exchange.declare-ok "             \
              "exchange.delete-ok exchange.bind-ok exchange.unbind-ok queue.declare-ok "           \
              "queue.bind-ok queue.purge-ok queue.delete-ok queue.unbind-ok basic.qos-ok "         \
              "basic.consume-ok basic.cancel-ok basic.get-ok basic.get-empty basic.recover-ok "    \
              "confirm.select-ok tx.select-ok tx.commit-ok tx.rollback-ok"

/* A state that awaits the answers named to a call. */
#define ASKED(CALL, answers)                                                                       \
    { "asked " #CALL, reach_asked, {OPEN, IDLE " " answers}, 503, 505, 505, LEV_##CALL }

// clang-format off
const hostile_state hostile_states[] = {
    {"before start",     reach_start,        {"connection.start connection.close", ""}, 503, LEV_ERR_NOT_AMQP, LEV_ERR_NOT_AMQP, 0},
    {"await tune",       reach_tune,         {"connection.secure connection.tune connection.close", ""}, 503, 504, 504, 0},
    {"await open-ok",    reach_open_ok,      {"connection.open-ok connection.close", ""}, 503, 504, 504, 0},
    {"open",             reach_open,         {OPEN, ""},         504, 504, 504, 0},
    {"blocked",          reach_blocked,      {OPEN, ""},         504, 504, 504, 0},
    {"asked for secret", reach_secret,       {OPEN " connection.update-secret-ok", ""}, 504, 504, 504, 0},
    {"opening",          reach_opening,      {OPEN, "channel.open-ok channel.close"}, 503, 505, 505, 0},
    {"channel",          reach_channel,      {OPEN, IDLE},       503, 505, 505, 0},
    {"confirms",         reach_confirms,     {OPEN, CONFIRMS},   503, 505, 505, 0},
    {"flow stopped",     reach_flow_stopped, {OPEN, CONFIRMS},   503, 505, 505, 0},
    {"consuming",        reach_consuming,    {OPEN, CONSUMING},  503, 505, 505, 0},
    {"streaming",        reach_streaming,    {OPEN, CONSUMING},  503, 505, 505, 0},
    {"after method",     reach_after_method, {OPEN, ""},         505, 0,   505, 0},
    {"after header",     reach_after_header, {OPEN, ""},         505, 505, 0,   0},
    {"half body",        reach_half_body,    {OPEN, ""},         505, 505, 0,   0},
    {"half stream",      reach_half_stream,  {OPEN, ""},         505, 505, 0,   0},
    {"returned",         reach_returned,     {OPEN, ""},         505, 0,   505, 0},
    {"got",              reach_got,          {OPEN, ""},         505, 0,   505, 0},
    ASKED(CHANNEL_FLOW,     "channel.flow-ok"),
    ASKED(EXCHANGE_DECLARE, "exchange.declare-ok"),
    ASKED(EXCHANGE_DELETE,  "exchange.delete-ok"),
    ASKED(EXCHANGE_BIND,    "exchange.bind-ok"),
    ASKED(EXCHANGE_UNBIND,  "exchange.unbind-ok"),
    ASKED(QUEUE_DECLARE,    "queue.declare-ok"),
    ASKED(QUEUE_BIND,       "queue.bind-ok"),
    ASKED(QUEUE_PURGE,      "queue.purge-ok"),
    ASKED(QUEUE_DELETE,     "queue.delete-ok"),
    ASKED(QUEUE_UNBIND,     "queue.unbind-ok"),
    ASKED(BASIC_QOS,        "basic.qos-ok"),
    ASKED(BASIC_CONSUME,    "basic.consume-ok basic.deliver"),
    ASKED(BASIC_CANCEL,     "basic.cancel-ok basic.deliver"),
    ASKED(BASIC_GET,        "basic.get-ok basic.get-empty"),
    ASKED(BASIC_RECOVER,    "basic.recover-ok"),
    ASKED(CONFIRM_SELECT,   "confirm.select-ok"),
    ASKED(TX_SELECT,        "tx.select-ok"),
    ASKED(TX_COMMIT,        "tx.commit-ok"),
    ASKED(TX_ROLLBACK,      "tx.rollback-ok"),
    {"cancelled early",  reach_cancel_early, {OPEN, IDLE " basic.consume-ok basic.deliver"}, 503, 505, 505, 0},
    {"closing",          reach_closing,      {OPEN, CLOSING},    503, 505, 505, 0},
    {"refusing",         reach_refusing,     {OPEN, CLOSING},    503, 505, 505, 0},
    {"closed",           reach_closed,       {OPEN, ""},         504, 504, 504, 0},
    {"closed by peer",   reach_closed_by_peer, {OPEN, ""},       504, 504, 504, 0},
    {"reopened",         reach_reopened,     {OPEN, IDLE},       503, 505, 505, 0},
    {"many channels",    reach_many,         {OPEN, CONSUMING},  503, 505, 505, 0},
    {"leaving",          reach_leaving,      {LEAVING, CONSUMING " basic.get-ok"}, 503, 505, 505, 0},
    {"crossing closes",  reach_crossing,     {LEAVING, CONSUMING " basic.get-ok"}, 503, 505, 505, 0},
    {"violated",         reach_violated,     {"", ""},           0, 0, 0, 0},
    {"ended",            reach_ended,        {"", ""},           0, 0, 0, 0},
};
// clang-format on

const size_t hostile_state_count = sizeof hostile_states / sizeof hostile_states[0];

bool hostile_from_server(lev_method_id id) {
    return hostile_lists("connection.start connection.secure connection.tune connection.open-ok "
                         "connection.update-secret-ok basic.deliver " LEAVING " " CLOSING,
                         id);
}

bool hostile_before_start(const hostile_state *state) { return state->reach == reach_start; }

bool hostile_tuned(const hostile_state *state) {
    return state->reach != reach_start && state->reach != reach_tune;
}

bool hostile_opened(const hostile_state *state) {
    return strstr(state->legal[0], "connection.blocked") != NULL;
}

bool hostile_in_content(const hostile_state *state) { return state->illegal == 505; }

bool hostile_closing(const hostile_state *state) {
    return state->reach == reach_closing || state->reach == reach_refusing;
}

bool hostile_leaving(const hostile_state *state) {
    return strstr(state->legal[0], "connection.close-ok") != NULL;
}
