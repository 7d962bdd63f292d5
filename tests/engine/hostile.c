/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Scripts out of states and acts, and what every one of them is held to: a typed error or health,
 * never both; the same error for ever; each publish settled exactly once; only whole frames
 * written, the last of them our connection.close where the peer broke a rule. */

#include "hostile.h"

#include "../unit.h"

static const hostile_script *playing;

#define HOLD(condition)                                                                            \
    ((condition)                                                                                   \
         ? (void)0                                                                                 \
         : unit_fail(__FILE__, __LINE__, "HOSTILE='%s': expected %s", playing->name, #condition))

/* Calls `play` for the scripts of a state and an act. */
static size_t each_turn(const hostile_state *state, const hostile_act *act,
                        void (*play)(const hostile_script *script)) {
    static uint8_t scratch[HOSTILE_WIRE];
    const char *wanted = getenv("HOSTILE");
    hostile_script s = {.state = state, .act = act};
    size_t count = 0;
    if (act->where != NULL && strcmp(act->where, state->name) != 0) {
        return 0;
    }
    for (s.turn = 0; s.turn < act->turns; s.turn++) {
        snprintf(s.name, sizeof s.name, "%s: %s %u", state->name, act->name, s.turn);
        lev_writer w = lev_writer_init(scratch, sizeof scratch);
        if ((wanted != NULL && strstr(s.name, wanted) == NULL) ||
            act->say(state, s.turn, &w) == HOSTILE_NO_SCRIPT) {
            continue;
        }
        play(&s);
        count++;
    }
    return count;
}

size_t hostile_each(void (*play)(const hostile_script *script)) {
    const hostile_act *const tables[] = {hostile_frames, hostile_contents, hostile_storms};
    size_t count = 0;
    for (size_t i = 0; i < hostile_state_count; i++) {
        for (size_t j = 0; j < sizeof tables / sizeof tables[0]; j++) {
            for (const hostile_act *act = tables[j]; act->name != NULL; act++) {
                count += each_turn(&hostile_states[i], act, play);
            }
        }
    }
    return count;
}

void hostile_see(hostile_world *w, const lev_event *event) {
    if (event->type == LEV_EVENT_OUTCOME) {
        HOLD(event->channel == 1 && event->first >= 1 && event->last >= event->first);
        for (uint64_t n = event->first; n <= event->last; n++) {
            HOLD(n <= w->published && (w->settled >> n & 1) == 0);
            w->settled |= UINT64_C(1) << n;
        }
    }
    w->channel_closed = w->channel_closed || event->type == LEV_EVENT_CHANNEL_CLOSED;
    if (event->type == LEV_EVENT_FAILED || event->type == LEV_EVENT_CLOSED) {
        HOLD(event->error->status < 0);
        w->failed = true;
    }
}

/* What the client wrote is a protocol header and whole frames; returns the last method. */
static lev_method last_written(const hostile_world *w) {
    static const lev_frame_limits limits = {HOSTILE_WIRE, HOSTILE_WIRE};
    lev_reader r = lev_reader_init((lev_span){w->sent, w->sent_len});
    lev_method last = {.id = LEV_NO_METHOD};
    lev_frame frame;
    size_t need;
    HOLD(memcmp(lev_reader_bytes(&r, 8).ptr, "AMQP\0\0\x09\x01", 8) == 0);
    while (r.left > 0) {
        HOLD(lev_frame_decode(&r, &limits, &frame, &need) == LEV_OK);
        if (frame.type == LEV_FRAME_METHOD) {
            HOLD(lev_method_decode(frame.payload, &last) == LEV_OK);
        }
    }
    return last;
}

static void hold_verdict(hostile_world *w, int verdict) {
    const lev_error *error = lev_engine_error(w->e);
    bool leaving = hostile_leaving(playing->state);
    if (verdict > 100) {
        lev_method last = last_written(w);
        HOLD(error->status == LEV_ERR_PROTOCOL && error->reply_code == verdict);
        HOLD(last.id == LEV_CONNECTION_CLOSE && last.as.connection_close.reply_code == verdict);
    } else if (verdict < 0) {
        HOLD(error->status == verdict);
        HOLD(verdict == LEV_ERR_NOT_AMQP || verdict == LEV_ERR_UNSUPPORTED || leaving ||
             last_written(w).id == LEV_CONNECTION_CLOSE_OK);
    } else {
        HOLD(error->status == LEV_OK);
        HOLD(w->channel_closed == (verdict == HOSTILE_CHANNEL_CLOSED));
        (void)last_written(w);
    }
}

/* Once failed, every call that starts work says so, and nothing more is read. */
static void hold_failure(const hostile_world *w, const lev_error *error) {
    size_t room;
    lev_delivery delivery = {1, 1, 1};
    HOLD(memcmp(lev_engine_error(w->e), error, sizeof *error) == 0);
    HOLD(lev_engine_channel_open(w->e, 20, &(lev_channel_open){0}, NULL) == error->status);
    HOLD(lev_engine_publish(w->e, 1, &(lev_publication){0}, NULL) == error->status);
    HOLD(lev_engine_ack(w->e, delivery, true) == error->status);
    HOLD(lev_engine_close(w->e, 200, "") == error->status);
    (void)lev_engine_recv_space(w->e, &room);
    HOLD(room == 0);
    HOLD(memcmp(lev_engine_error(w->e), error, sizeof *error) == 0);
}

/* The connection is lost, whatever happened: what is left of the session is told. */
static void hold_end(hostile_world *w) {
    lev_error before = *lev_engine_error(w->e);
    lev_status expected = LEV_ERR_LOST;
    if (before.status != LEV_OK) {
        hold_failure(w, &before);
        expected = before.status;
    } else if (lev_engine_state(w->e) == LEV_STATE_OPEN) {
        HOLD(lev_engine_channel_open(w->e, 20, &(lev_channel_open){0}, NULL) == LEV_OK);
    } else if (lev_engine_state(w->e) == LEV_STATE_AWAIT_TUNE) {
        expected = LEV_ERR_REFUSED;
    } else if (lev_engine_state(w->e) == LEV_STATE_AWAIT_CLOSE_OK) {
        expected = LEV_ERR_CLOSED;
    }
    HOLD(w->failed == (before.status != LEV_OK));
    w->hang_up(w);
    lev_error after = *lev_engine_error(w->e);
    HOLD(w->failed && after.status == expected);
    hold_failure(w, before.status != LEV_OK ? &before : &after);
    HOLD(w->settled == ((UINT64_C(1) << w->published) - 1) << 1);
}

void hostile_play(hostile_world *w, const hostile_script *script,
                  void (*during)(hostile_world *w)) {
    playing = script;
    script->state->reach(w, script->state);
    w->deliver(w);
    lev_error before = *lev_engine_error(w->e);
    during(w);
    w->deaf = (script->act->flags & HOSTILE_DEAF) != 0;
    int verdict = script->act->say(script->state, script->turn, &w->broker);
    HOLD(w->broker.status == LEV_OK);
    w->deliver(w);
    w->deaf = false;
    w->deliver(w);
    if (before.status == LEV_OK) {
        hold_verdict(w, verdict);
    } else {
        HOLD(memcmp(lev_engine_error(w->e), &before, sizeof before) == 0);
    }
    hold_end(w);
}
