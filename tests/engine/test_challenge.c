/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* connection.secure: who answers it, how often, and what may not come instead. */

#include "../unit.h"
#include "stage.h"

static void start(stage *s) {
    lev_connection_start start = {.version_minor = 9, .mechanisms = sp("PLAIN X EXTERNAL")};
    stage_says(s, 0, LEV_CONNECTION_START, &start);
}

static void challenge(stage *s, const char *text) {
    lev_connection_secure secure = {.challenge = sp(text)};
    stage_says(s, 0, LEV_CONNECTION_SECURE, &secure);
}

/* An engine that has logged in with mechanism X and been challenged. */
static void stage_challenged(stage *s, uint32_t handshake_ms) {
    stage_init(s, &(lev_engine_options){.mechanism = sp("X"), .handshake_ms = handshake_ms});
    start(s);
    challenge(s, "who?");
    stage_deliver(s);
    EXPECT_STR(s->log, "start ch=0 connection.start\nchallenge ch=0 connection.secure\n");
    EXPECT_EQ(lev_engine_state(s->e), LEV_STATE_AWAIT_RESPONSE);
    EXPECT(stage_sent_is(s, 0, LEV_CONNECTION_START_OK, NULL));
    stage_log_clear(s);
}

static void expect_answer(stage *s, const char *text) {
    lev_method m;
    EXPECT(stage_sent_is(s, 0, LEV_CONNECTION_SECURE_OK, &m));
    lev_span response = m.as.connection_secure_ok.response;
    EXPECT_BYTES(response.ptr, response.len, text, strlen(text));
}

static void lets_the_caller_answer_for_its_own_mechanism(void) {
    stage s = {0};
    lev_event event;
    lev_connection_tune tune = {100, 8192, 0};
    stage_init(&s, &(lev_engine_options){.mechanism = sp("X")});
    EXPECT_EQ(lev_engine_respond(s.e, sp("early")), LEV_ERR_MISUSE);
    start(&s);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_respond(s.e, sp("early")), LEV_ERR_MISUSE);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, NULL));
    challenge(&s, "one");
    size_t room;
    memcpy(lev_engine_recv_space(s.e, &room), s.wire, s.broker.len);
    lev_engine_received(s.e, s.broker.len, s.now);
    s.broker.len = 0;
    EXPECT(lev_engine_next(s.e, &event));
    EXPECT_EQ(event.type, LEV_EVENT_CHALLENGE);
    lev_span asked = event.method->as.connection_secure.challenge;
    EXPECT_BYTES(asked.ptr, asked.len, "one", 3);
    EXPECT_EQ(lev_engine_respond(s.e, asked), LEV_OK); /* an answer may point into the event */
    EXPECT_EQ(lev_engine_respond(s.e, sp("again")), LEV_ERR_MISUSE);
    expect_answer(&s, "one");
    challenge(&s, "two");
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_respond(s.e, sp("")), LEV_OK);
    expect_answer(&s, "");
    stage_says(&s, 0, LEV_CONNECTION_TUNE, &tune);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_respond(s.e, sp("late")), LEV_ERR_MISUSE);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_TUNE_OK, NULL));
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_OPEN, NULL));
    stage_says(&s, 0, LEV_CONNECTION_OPEN_OK, &(lev_connection_open_ok){0});
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_OPEN);
    EXPECT_EQ(lev_engine_respond(s.e, sp("late")), LEV_ERR_MISUSE);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* Eight rounds pass, the ninth is one too many, whoever answers. */
static void bounds_the_rounds(void) {
    for (int own = 0; own < 2; own++) {
        stage s = {0};
        lev_method m;
        stage_init(&s, &(lev_engine_options){.mechanism = own != 0 ? sp("X") : sp("")});
        start(&s);
        stage_deliver(&s);
        EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, NULL));
        for (int i = 0; i < 8; i++) {
            challenge(&s, "?");
            stage_deliver(&s);
            EXPECT_EQ(lev_engine_respond(s.e, sp("!")), own != 0 ? LEV_OK : LEV_ERR_MISUSE);
            expect_answer(&s, own != 0 ? "!" : "");
        }
        EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
        challenge(&s, "?");
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_PROTOCOL);
        EXPECT_STR(lev_engine_error(s.e)->text, "too many rounds of connection.secure");
        EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, &m));
        EXPECT_EQ(m.as.connection_close.reply_code, LEV_NOT_ALLOWED);
        stage_deinit(&s);
    }
}

/* EXTERNAL is asked for with the own one, and is stronger. */
static void answers_for_the_mechanism_that_is_used(void) {
    stage s = {0};
    stage_init(&s, &(lev_engine_options){.mechanism = sp("X"), .mechanisms = LEV_SASL_EXTERNAL});
    start(&s);
    challenge(&s, "?");
    stage_deliver(&s);
    EXPECT_STR(s.log, "start ch=0 connection.start\n");
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, NULL));
    expect_answer(&s, "");
    stage_deinit(&s);
}

static void lets_nothing_come_before_the_answer(void) {
    lev_connection_start again = {.version_minor = 9, .mechanisms = sp("X")};
    lev_connection_secure secure = {.challenge = sp("?")};
    lev_connection_tune tune = {100, 8192, 0};
    lev_connection_open_ok open = {0};
    const struct {
        lev_method_id id;
        const void *fields;
    } rows[] = {{LEV_CONNECTION_START, &again},
                {LEV_CONNECTION_SECURE, &secure},
                {LEV_CONNECTION_TUNE, &tune},
                {LEV_CONNECTION_OPEN_OK, &open}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage s = {0};
        stage_challenged(&s, 0);
        stage_says(&s, 0, rows[i].id, rows[i].fields);
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_PROTOCOL);
        EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_COMMAND_INVALID);
        EXPECT_EQ(lev_engine_respond(s.e, sp("!")), LEV_ERR_PROTOCOL);
        stage_deinit(&s);
    }
}

static void says_how_the_connection_ended_before_the_answer(void) {
    lev_connection_close close = {.reply_code = 403, .reply_text = sp("too slow")};
    stage s = {0};
    stage_challenged(&s, 700);
    stage_wait(&s, 700);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_TIMEOUT);
    EXPECT(stage_logged(&s, "the broker's challenge was not answered in time"));
    stage_deinit(&s);
    stage_challenged(&s, 0);
    lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
    stage_events(&s);
    EXPECT_STR(s.log, "failed ch=0 LEV_ERR_LOST 0 gone\n");
    EXPECT_EQ(lev_engine_respond(s.e, sp("!")), LEV_ERR_LOST);
    stage_deinit(&s);
    stage_challenged(&s, 0);
    stage_says(&s, 0, LEV_CONNECTION_CLOSE, &close);
    stage_deliver(&s);
    EXPECT_STR(s.log, "failed ch=0 LEV_ERR_REFUSED 403 the broker refused the login: 403 too "
                      "slow\n");
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE_OK, NULL));
    stage_deinit(&s);
}

/* secure-ok has 16 bytes around the response. */
static void sends_no_answer_larger_than_the_broker_takes(void) {
    static uint8_t bytes[4096 - 16 + 1];
    stage s = {0};
    lev_frame frame;
    lev_method m;
    stage_challenged(&s, 0);
    EXPECT_EQ(lev_engine_respond(s.e, (lev_span){bytes, sizeof bytes}), LEV_ERR_LIMIT);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_AWAIT_RESPONSE);
    EXPECT_EQ(lev_engine_respond(s.e, (lev_span){bytes, sizeof bytes - 1}), LEV_OK);
    EXPECT(stage_sent(&s, &frame, &m));
    EXPECT_EQ(frame.payload.len + LEV_FRAME_OVERHEAD, 4096);
    EXPECT_EQ(m.id, LEV_CONNECTION_SECURE_OK);
    stage_deinit(&s);
}

UNIT_MAIN("challenge", CASE(lets_the_caller_answer_for_its_own_mechanism), CASE(bounds_the_rounds),
          CASE(answers_for_the_mechanism_that_is_used), CASE(lets_nothing_come_before_the_answer),
          CASE(says_how_the_connection_ended_before_the_answer),
          CASE(sends_no_answer_larger_than_the_broker_takes))
