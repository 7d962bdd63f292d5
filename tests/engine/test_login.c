/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The handshake: what is sent, what is negotiated, and what a peer that is no broker gets. */

#include "../unit.h"
#include "stage.h"

static const char *failure(const stage *s) { return lev_engine_error(s->e)->text; }

static void says_the_protocol_header_first(void) {
    stage s = {0};
    stage_init(&s, NULL);
    stage_flush(&s);
    EXPECT_BYTES(s.sent, s.sent_len, "AMQP\0\0\11\1", 8);
    EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_AWAIT_START);
    stage_deinit(&s);
}

static void logs_in_tunes_and_opens(void) {
    stage s = {0};
    lev_method m;
    lev_connection_open_ok ok = {0};
    stage_init(&s, &(lev_engine_options){.user = sp("u"),
                                         .password = sp("p"),
                                         .vhost = sp("v"),
                                         .connection_name = sp("me")});
    stage_says_login(&s, 2047, 131072, 60);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, &m));
    EXPECT_BYTES(m.as.connection_start_ok.response.ptr, m.as.connection_start_ok.response.len,
                 "\0u\0p", 4);
    lev_value v;
    EXPECT(lev_table_find(m.as.connection_start_ok.client_properties, "connection_name", &v));
    EXPECT_BYTES(v.as.bytes.ptr, v.as.bytes.len, "me", 2);
    EXPECT(lev_table_find(m.as.connection_start_ok.client_properties, "capabilities", &v));
    EXPECT(lev_table_find(v.as.bytes, "consumer_cancel_notify", &v));
    EXPECT_EQ(v.type, 't');
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_TUNE_OK, &m));
    EXPECT_EQ(m.as.connection_tune_ok.channel_max, 2047);
    EXPECT_EQ(m.as.connection_tune_ok.frame_max, 131072);
    EXPECT_EQ(m.as.connection_tune_ok.heartbeat, 30);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_OPEN, &m));
    EXPECT_BYTES(m.as.connection_open.virtual_host.ptr, m.as.connection_open.virtual_host.len, "v",
                 1);
    stage_says(&s, 0, LEV_CONNECTION_OPEN_OK, &ok);
    stage_deliver(&s);
    EXPECT_STR(s.log, "start ch=0 connection.start\nopen ch=0\n");
    EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_OPEN);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* Returns what was negotiated for an offer, frame-max 0 where the engine refused. */
static lev_tuned tuned(uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat) {
    stage s = {0};
    stage_init(&s, NULL);
    stage_says_login(&s, channel_max, frame_max, heartbeat);
    stage_deliver(&s);
    lev_tuned t = lev_engine_tuned(s.e);
    if (lev_engine_error(s.e)->status != LEV_OK) {
        EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_NOT_ALLOWED);
        t = (lev_tuned){0};
    }
    EXPECT(s.peak < 65536);
    stage_deinit(&s);
    return t;
}

static void G_takes_the_lower_non_zero_limit_and_refuses_less_than_the_floor(void) {
    static const uint32_t offers[] = {0,    1,    7,      8,          4095,      4096,
                                      8191, 8192, 131072, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        for (size_t k = 0; k < sizeof offers / sizeof offers[0]; k++) {
            uint16_t channel_max = (uint16_t)offers[k];
            lev_tuned t = tuned(channel_max, offers[i], channel_max);
            bool refused = offers[i] != 0 && offers[i] < 4096;
            uint32_t frame_max = offers[i] == 0 || offers[i] > 131072 ? 131072 : offers[i];
            EXPECT_EQ(t.frame_max, refused ? 0 : frame_max);
            if (!refused) {
                EXPECT_EQ(t.channel_max,
                          channel_max == 0 || channel_max > 2047 ? 2047 : channel_max);
                EXPECT_EQ(t.heartbeat, channel_max == 0 || channel_max > 30 ? 30 : channel_max);
            }
        }
    }
}

static void refuses_an_own_frame_max_below_the_floor(void) {
    stage s = {0};
    stage_init(&s, &(lev_engine_options){.frame_max = 8191});
    EXPECT(s.e == NULL);
    stage_deinit(&s);
}

static void answers(const char *bytes, size_t len, lev_status status, const char *text) {
    for (size_t step = 0; step < 2; step++) {
        stage s = {.step = step};
        stage_init(&s, NULL);
        stage_says_bytes(&s, bytes, len);
        stage_deliver(&s);
        if (lev_engine_error(s.e)->status == LEV_OK) {
            lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
            stage_events(&s);
        }
        EXPECT_STR(lev_status_name(lev_engine_error(s.e)->status), lev_status_name(status));
        EXPECT(strstr(failure(&s), text) != NULL);
        EXPECT(stage_logged(&s, "failed"));
        stage_deinit(&s);
    }
}

static void says_what_a_stranger_is(void) {
    answers("HTTP/1.1 400 Bad Request\r\n", 26, LEV_ERR_NOT_AMQP, "it sent: H");
    answers("AMQP\0\0\11\1", 8, LEV_ERR_NOT_AMQP, "offers: AMQP\\x00\\x00\\t\\x01");
    answers("AMQ", 3, LEV_ERR_NOT_AMQP, "offers: AMQ");
    answers("\x15\3\1\0\2\2\12", 7, LEV_ERR_NOT_AMQP, "amqps");
    answers("", 0, LEV_ERR_LOST, "gone");
}

static void takes_an_end_after_the_login_for_a_refusal(void) {
    stage s = {0};
    lev_connection_start start = {.version_minor = 9, .mechanisms = sp("PLAIN")};
    stage_init(&s, NULL);
    stage_says(&s, 0, LEV_CONNECTION_START, &start);
    stage_deliver(&s);
    lev_engine_lost(s.e, LEV_ERR_LOST, "reset");
    stage_events(&s);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_REFUSED);
    stage_deinit(&s);
}

static void reports_the_brokers_refusal_with_its_words(void) {
    stage s = {0};
    lev_connection_start start = {.version_minor = 9, .mechanisms = sp("PLAIN")};
    lev_connection_close close = {.reply_code = 403, .reply_text = sp("ACCESS_REFUSED - no\n")};
    stage_init(&s, NULL);
    stage_says(&s, 0, LEV_CONNECTION_START, &start);
    stage_says(&s, 0, LEV_CONNECTION_CLOSE, &close);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_REFUSED);
    EXPECT_EQ(lev_engine_error(s.e)->layer, LEV_LAYER_BROKER);
    EXPECT_STR(failure(&s), "the broker refused the login: 403 ACCESS_REFUSED - no\\n");
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, NULL));
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE_OK, NULL));
    stage_deinit(&s);
}

/* Each method of the handshake has one place in it. `before` is how many of the right ones came. */
static void refuses_each_method_of_the_handshake_out_of_its_place(void) {
    lev_connection_start start = {.version_minor = 9, .mechanisms = sp("PLAIN")};
    lev_connection_secure secure = {.challenge = sp("?")};
    lev_connection_tune tune = {100, 8192, 0};
    lev_connection_open_ok open_ok = {0};
    lev_connection_close_ok close_ok = {0};
    lev_connection_blocked blocked = {0};
    lev_connection_update_secret_ok update_ok = {0};
    const struct {
        lev_method_id id;
        const void *fields;
        int from, to; /* the places where it may come */
    } rows[] = {
        {LEV_CONNECTION_START, &start, 0, 0},
        {LEV_CONNECTION_SECURE, &secure, 1, 1},
        {LEV_CONNECTION_TUNE, &tune, 1, 1},
        {LEV_CONNECTION_OPEN_OK, &open_ok, 2, 2},
        {LEV_CONNECTION_CLOSE_OK, &close_ok, 9, 9},
        {LEV_CONNECTION_BLOCKED, &blocked, 3, 3},
        {LEV_CONNECTION_UPDATE_SECRET_OK, &update_ok, 9, 9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int before = 0; before <= 3; before++) {
            stage s = {0};
            lev_method m = {.id = LEV_NO_METHOD};
            stage_init(&s, NULL);
            stage_says(&s, 0, before > 0 ? LEV_CONNECTION_START : rows[i].id,
                       before > 0 ? &start : rows[i].fields);
            if (before > 1) {
                stage_says(&s, 0, LEV_CONNECTION_TUNE, &tune);
            }
            if (before > 2) {
                stage_says(&s, 0, LEV_CONNECTION_OPEN_OK, &open_ok);
            }
            if (before > 0) {
                stage_says(&s, 0, rows[i].id, rows[i].fields);
            }
            stage_deliver(&s);
            bool legal = before >= rows[i].from && before <= rows[i].to;
            EXPECT_EQ(lev_engine_error(s.e)->status, legal ? LEV_OK : LEV_ERR_PROTOCOL);
            EXPECT_EQ(lev_engine_error(s.e)->reply_code, legal ? 0 : LEV_COMMAND_INVALID);
            while (!legal && m.id != LEV_CONNECTION_CLOSE) {
                lev_frame frame;
                EXPECT(stage_sent(&s, &frame, &m)); /* and the peer is told */
            }
            stage_deinit(&s);
        }
    }
}

static void gives_up_when_the_handshake_takes_too_long(void) {
    stage s = {0};
    stage_init(&s, &(lev_engine_options){.handshake_ms = 700});
    stage_wait(&s, 699);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_wait(&s, 1);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_TIMEOUT);
    EXPECT(stage_logged(&s, "did not greet"));
    stage_deinit(&s);
}

UNIT_MAIN("login", CASE(says_the_protocol_header_first), CASE(logs_in_tunes_and_opens),
          CASE(G_takes_the_lower_non_zero_limit_and_refuses_less_than_the_floor),
          CASE(refuses_an_own_frame_max_below_the_floor), CASE(says_what_a_stranger_is),
          CASE(takes_an_end_after_the_login_for_a_refusal),
          CASE(reports_the_brokers_refusal_with_its_words),
          CASE(refuses_each_method_of_the_handshake_out_of_its_place),
          CASE(gives_up_when_the_handshake_takes_too_long))
