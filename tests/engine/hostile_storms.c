/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Acts of thousands of frames: each harmless or refused alone, and together a test of what grows. A
 * deaf broker reads nothing meanwhile, so what it is owed may only grow to a limit (506). */

#include "hostile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct hostile_storm {
    uint16_t channel;
    lev_method_id id;
    unsigned count;
} hostile_storm;

static const hostile_storm storms[] = {
    {1, LEV_CHANNEL_FLOW, 40000},       {1, LEV_BASIC_CANCEL, 40000},
    {1, LEV_CHANNEL_CLOSE, 40000},      {0, LEV_CONNECTION_CLOSE, 40000},
    {0, LEV_CONNECTION_BLOCKED, 20000}, {0, LEV_CONNECTION_UNBLOCKED, 20000},
    {1, LEV_BASIC_ACK, 20000},          {1, LEV_BASIC_NACK, 20000},
    {0, LEV_CONNECTION_SECURE, 20000},  {1, LEV_QUEUE_DECLARE_OK, 20000},
    {1, LEV_CHANNEL_CLOSE_OK, 20000},   {0, LEV_CONNECTION_CLOSE_OK, 20000},
    {0, LEV_CONNECTION_START, 10000},   {0, LEV_CONNECTION_TUNE, 10000},
    {0, LEV_CONNECTION_OPEN_OK, 10000}};

/* Returns whether each one of a storm must be answered there. */
static bool owes(const hostile_state *state, lev_method_id id) {
    if (hostile_leaving(state)) {
        return id == LEV_CONNECTION_CLOSE; /* nothing but close-ok follows connection.close */
    }
    if (id == LEV_CHANNEL_CLOSE) {
        return hostile_closing(state);
    }
    return (id == LEV_CHANNEL_FLOW || id == LEV_BASIC_CANCEL) && !hostile_closing(state);
}

/* What the second one leads to where the first was fine. */
static int judge_again(const hostile_state *state, lev_method_id id) {
    switch ((int)id) {
    case LEV_CONNECTION_START:
    case LEV_CONNECTION_TUNE:
    case LEV_CONNECTION_OPEN_OK:
    case LEV_QUEUE_DECLARE_OK:
        return hostile_closing(state) ? HOSTILE_HEALTHY : 503;
    case LEV_CONNECTION_SECURE:
        return 530;
    case LEV_CHANNEL_CLOSE:
        return hostile_closing(state) ? HOSTILE_HEALTHY : 504;
    case LEV_CHANNEL_CLOSE_OK:
        return 504;
    default:
        return HOSTILE_HEALTHY;
    }
}

static int say_storm(const hostile_state *state, unsigned turn, lev_writer *w) {
    const hostile_storm *storm = &storms[turn];
    for (unsigned i = 0; i < storm->count; i++) {
        hostile_say(w, storm->channel, storm->id);
    }
    int verdict = hostile_judge(state, storm->channel, storm->id);
    bool goes_on = verdict == HOSTILE_HEALTHY || verdict == HOSTILE_CHANNEL_CLOSED;
    return goes_on ? judge_again(state, storm->id) : verdict;
}

static int say_storm_and_read_nothing(const hostile_state *state, unsigned turn, lev_writer *w) {
    int verdict = say_storm(state, turn, w);
    return verdict == HOSTILE_HEALTHY && owes(state, storms[turn].id) ? 506 : verdict;
}

/* Frames without end, a kind each. */
static int say_frames(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint8_t kinds[] = {LEV_FRAME_HEARTBEAT, LEV_FRAME_BODY, 7};
    uint8_t type = kinds[turn];
    for (unsigned i = 0; i < 50000; i++) {
        lev_frame_encode(w, &(lev_frame){type, type == LEV_FRAME_BODY, {NULL, 0}});
    }
    if (hostile_before_start(state)) {
        return LEV_ERR_NOT_AMQP;
    }
    if (type == LEV_FRAME_HEARTBEAT) {
        return HOSTILE_HEALTHY;
    }
    return type == LEV_FRAME_BODY ? state->body : 501;
}

/* A frame on each channel that there can be. */
static int say_channels(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint8_t zeros[14];
    for (unsigned channel = 10; channel <= 65535; channel++) {
        if (turn == 0) {
            hostile_say(w, (uint16_t)channel, LEV_CONFIRM_SELECT_OK);
        } else {
            lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, (uint16_t)channel, {zeros, 1}});
        }
    }
    if (turn == 0) {
        return hostile_judge(state, 10, LEV_CONFIRM_SELECT_OK);
    }
    return hostile_before_start(state) ? LEV_ERR_NOT_AMQP : 504;
}

static void say_announced(lev_writer *w, uint16_t channel, uint64_t body_size) {
    hostile_say(w, channel, LEV_BASIC_DELIVER);
    size_t frame = lev_frame_begin(w, LEV_FRAME_HEADER, channel);
    lev_header_encode(w, &(lev_header){.class_id = LEV_CLASS_BASIC, .body_size = body_size});
    lev_frame_end(w, frame);
}

/* Messages of no bytes, one after the other. */
static int say_deliveries(const hostile_state *state, unsigned turn, lev_writer *w) {
    for (unsigned i = 0; i < 10000 + turn; i++) {
        say_announced(w, 1, 0);
    }
    return hostile_judge(state, 1, LEV_BASIC_DELIVER);
}

/* Huge bodies are announced on nine channels, and begun on each in turn. */
static int say_huge_bodies(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint64_t sizes[] = {HOSTILE_MESSAGE_MAX, UINT64_C(1) << 31, UINT64_C(1) << 40,
                                     UINT64_C(1) << 63, UINT64_MAX};
    static const uint8_t zeros[1000];
    (void)state;
    for (uint16_t channel = 1; channel <= 9; channel++) {
        say_announced(w, channel, sizes[turn]);
    }
    for (unsigned i = 0; i < 9 * 16; i++) {
        uint16_t channel = (uint16_t)(1 + i % 9);
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, channel, {zeros, sizeof zeros}});
    }
    return HOSTILE_HEALTHY;
}

const hostile_act hostile_storms[] = {
    {"storm", say_storm, COUNT(storms), HOSTILE_LONG, NULL},
    {"storm and deaf", say_storm_and_read_nothing, COUNT(storms), HOSTILE_LONG | HOSTILE_DEAF,
     NULL},
    {"frames", say_frames, 3, HOSTILE_LONG, NULL},
    {"channels", say_channels, 2, HOSTILE_LONG, NULL},
    {"deliveries", say_deliveries, 1, HOSTILE_LONG, NULL},
    {"huge bodies", say_huge_bodies, 5, HOSTILE_LONG, "many channels"},
    {NULL, NULL, 0, 0, NULL}};
