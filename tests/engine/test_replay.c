/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Sessions recorded from real brokers, played whole, byte by byte, split, cut and damaged at each
 * offset. */

#include "../unit.h"
#include "replay.h"

#include <glob.h>

static const disturbance none = {.split_at = SIZE_MAX, .cut_at = SIZE_MAX, .flip_at = SIZE_MAX};

static void for_each(void (*play)(const transcript *t)) {
    glob_t found;
    static transcript t;
    EXPECT_EQ(glob("tests/transcripts/*.txt", 0, NULL, &found), 0);
    EXPECT(found.gl_pathc >= 4);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        EXPECT(transcript_load(&t, found.gl_pathv[i]));
        play(&t);
        transcript_free(&t);
    }
    globfree(&found);
}

/* The log and the engine's bytes of an undisturbed replay, to compare others with. */
static void play_whole(stage *s, const transcript *t) {
    *s = (stage){0};
    replay(s, t, &none);
    EXPECT(s->log_len > 0);
}

static void same(const stage *a, const stage *b) {
    EXPECT_STR(a->log, b->log);
    EXPECT(a->sent_len == b->sent_len && memcmp(a->sent, b->sent, a->sent_len) == 0);
}

static void says_what_was_said(const transcript *t) {
    stage s;
    play_whole(&s, t);
    EXPECT_EQ(s.sent_len, t->client_len);
    EXPECT_BYTES(s.sent, s.sent_len, t->client, t->client_len);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void repeats_a_recorded_session_to_the_byte(void) { for_each(says_what_was_said); }

static void plays_in_steps(const transcript *t) {
    static const size_t steps[] = {1, 2, 3, 7, 8, 100};
    stage whole;
    play_whole(&whole, t);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        stage s = {0};
        disturbance how = none;
        how.step = steps[i];
        replay(&s, t, &how);
        same(&s, &whole);
        stage_deinit(&s);
    }
    stage_deinit(&whole);
}

static void gives_the_same_events_byte_by_byte(void) { for_each(plays_in_steps); }

/* All offsets of a small session, a sample of a large one unless LEVERET_LONG is set. */
static size_t stride(const transcript *t) {
    return getenv("LEVERET_LONG") != NULL ? 1 : 1 + t->broker_len / 8000;
}

static void plays_split(const transcript *t) {
    stage whole;
    play_whole(&whole, t);
    for (size_t at = 1; at < t->broker_len; at += stride(t)) {
        stage s = {0};
        disturbance how = none;
        how.split_at = at;
        replay(&s, t, &how);
        same(&s, &whole);
        stage_deinit(&s);
    }
    stage_deinit(&whole);
}

static void gives_the_same_events_split_at_each_offset(void) { for_each(plays_split); }

static void plays_cut(const transcript *t) {
    for (size_t at = 0; at < t->broker_len; at += stride(t)) {
        stage s = {0};
        disturbance how = none;
        how.cut_at = at;
        replay(&s, t, &how);
        EXPECT(lev_engine_error(s.e)->status != LEV_OK);
        EXPECT(stage_logged(&s, "failed") || stage_logged(&s, "closed"));
        stage_deinit(&s);
        EXPECT_EQ(s.balance, 0);
    }
}

static void fails_cleanly_when_cut_at_each_offset(void) { for_each(plays_cut); }

static void plays_damaged(const transcript *t) {
    for (size_t at = 0; at < t->broker_len; at += stride(t)) {
        for (int bit = 0; bit < 8; bit++) {
            stage s = {0};
            disturbance how = none;
            how.flip_at = at;
            how.flip = (uint8_t)(1 << bit);
            replay(&s, t, &how);
            stage_deinit(&s);
            EXPECT_EQ(s.balance, 0);
            EXPECT(s.peak < 4u << 20);
        }
    }
}

static void survives_each_bit_flipped(void) { for_each(plays_damaged); }

UNIT_MAIN("replay", CASE(repeats_a_recorded_session_to_the_byte),
          CASE(gives_the_same_events_byte_by_byte),
          CASE(gives_the_same_events_split_at_each_offset),
          CASE(fails_cleanly_when_cut_at_each_offset), CASE(survives_each_bit_flipped))
