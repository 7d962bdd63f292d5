/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The engine's life: heartbeats, closing from either side, failures that stay, lent memory that
 * comes back. */

#include "../unit.h"
#include "stage.h"

static size_t heartbeats_sent(stage *s) {
    lev_frame frame;
    lev_method m;
    size_t count = 0;
    while (stage_sent(s, &frame, &m)) {
        count += frame.type == LEV_FRAME_HEARTBEAT;
    }
    return count;
}

static void sends_a_heartbeat_each_half_interval_of_silence(void) {
    stage s = {0};
    stage_open(&s, &(lev_engine_options){.heartbeat = 4});
    for (int i = 0; i < 10; i++) {
        stage_wait(&s, 2000);
        stage_says_frame(&s, LEV_FRAME_HEARTBEAT, 0, sp(""));
        stage_deliver(&s);
    }
    EXPECT_EQ(heartbeats_sent(&s), 10);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_deinit(&s);
}

static void gives_its_buffers_back_when_idle(void) {
    static uint8_t body[100000];
    stage s = {0};
    stage_open_channel(&s, &(lev_engine_options){.heartbeat = 4});
    size_t before = s.balance;
    lev_publication p = {.body = {body, sizeof body}};
    EXPECT(lev_engine_publish(s.e, 1, &p, NULL) == LEV_OK);
    stage_flush(&s);
    EXPECT(s.balance > before + sizeof body);
    stage_wait(&s, 2100);
    EXPECT(s.balance <= before);
    EXPECT(lev_engine_publish(s.e, 1, &p, NULL) == LEV_OK);
    stage_deinit(&s);
}

static void keeps_a_buffer_that_is_being_read_into(void) {
    size_t room;
    stage s = {0};
    stage_open(&s, &(lev_engine_options){.heartbeat = 4});
    uint8_t *space = lev_engine_recv_space(s.e, &room);
    stage_wait(&s, 2100);
    memset(space, 0, room);
    lev_engine_received(s.e, 0, s.now);
    stage_deinit(&s);
}

static void lets_traffic_stand_in_for_heartbeats(void) {
    stage s = {0};
    stage_open_channel(&s, &(lev_engine_options){.heartbeat = 4});
    for (int i = 0; i < 10; i++) {
        (void)lev_engine_publish(s.e, 1, &(lev_publication){0}, NULL);
        stage_flush(&s);
        stage_wait(&s, 1000);
        stage_says_bytes(&s, "\x08", 1);
        stage_says_bytes(&s, "\0\0\0\0\0\0\xCE", 7);
        stage_deliver(&s);
    }
    EXPECT_EQ(heartbeats_sent(&s), 0);
    stage_deinit(&s);
}

static void declares_a_silent_peer_dead_after_two_intervals(void) {
    stage s = {0};
    stage_open(&s, &(lev_engine_options){.heartbeat = 4});
    stage_wait(&s, 7999);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_wait(&s, 1);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_HEARTBEAT);
    EXPECT_EQ(lev_engine_deadline(s.e), UINT64_MAX);
    stage_deinit(&s);
}

static void counts_any_byte_as_a_sign_of_life(void) {
    stage s = {0};
    stage_open(&s, &(lev_engine_options){.heartbeat = 4});
    static const uint8_t frame[] = {8, 0, 0, 0, 0, 0, 0, 0xCE};
    for (size_t i = 0; i < 8; i++) {
        stage_wait(&s, 7000);
        stage_says_bytes(&s, frame + i, 1);
        stage_deliver(&s);
    }
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_deinit(&s);
}

static void keeps_no_heart_where_both_sides_want_none(void) {
    stage s = {0};
    lev_connection_open_ok ok = {0};
    stage_init(&s, &(lev_engine_options){.heartbeat_off = true});
    stage_says_login(&s, 0, 0, 0);
    stage_says(&s, 0, LEV_CONNECTION_OPEN_OK, &ok);
    stage_deliver(&s);
    stage_wait(&s, 10000000);
    EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_OPEN);
    stage_deinit(&s);
}

static void queues_one_heartbeat_only_while_the_peer_does_not_read(void) {
    stage s = {0};
    stage_open(&s, &(lev_engine_options){.heartbeat = 10});
    for (uint64_t t = 0; t < 19000; t += 100) {
        lev_engine_tick(s.e, s.now + t);
    }
    EXPECT_EQ(lev_engine_queued(s.e), 8);
    EXPECT_EQ(lev_engine_deadline(s.e), s.now + 20000); /* no earlier: it could do nothing */
    stage_deinit(&s);
}

static void closes_in_order(void) {
    stage s = {0};
    lev_method m;
    lev_connection_close_ok ok = {0};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_close(s.e, 200, "bye"), LEV_OK);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, &m));
    EXPECT_EQ(m.as.connection_close.reply_code, 200);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){0}, NULL), LEV_ERR_MISUSE);
    EXPECT_EQ(lev_engine_close(s.e, 200, "bye"), LEV_ERR_MISUSE);
    stage_says(&s, 0, LEV_CONNECTION_CLOSE_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "closed ch=0 LEV_ERR_CLOSED 0"));
    EXPECT_EQ(lev_engine_close(s.e, 200, "bye"), LEV_ERR_CLOSED);
    stage_deinit(&s);
}

static void answers_a_close_that_crosses_its_own(void) {
    stage s = {0};
    lev_connection_close close = {.reply_code = 320, .reply_text = sp("CONNECTION_FORCED")};
    lev_connection_close_ok ok = {0};
    stage_open(&s, NULL);
    (void)lev_engine_close(s.e, 200, "");
    stage_says(&s, 0, LEV_CONNECTION_CLOSE, &close);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, NULL));
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE_OK, NULL));
    EXPECT_STR(s.log, "");
    stage_says(&s, 0, LEV_CONNECTION_CLOSE_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "closed"));
    stage_deinit(&s);
}

static void answers_no_channel_behind_its_connection_close(void) {
    stage s = {0};
    lev_channel_flow flow = {.active = false};
    lev_channel_close close = {.reply_code = LEV_NOT_FOUND};
    stage_open_channel(&s, NULL);
    EXPECT_EQ(lev_engine_close(s.e, 200, "done"), LEV_OK);
    stage_says(&s, 1, LEV_CHANNEL_FLOW, &flow);
    stage_says(&s, 1, LEV_CHANNEL_CLOSE, &close);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, NULL));
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_deinit(&s);
}

static void takes_the_end_of_the_stream_for_the_end_of_a_close(void) {
    stage s = {0};
    stage_open(&s, NULL);
    (void)lev_engine_close(s.e, 200, "");
    stage_flush(&s);
    lev_engine_lost(s.e, LEV_ERR_LOST, "reset");
    stage_events(&s);
    EXPECT(stage_logged(&s, "closed ch=0 LEV_ERR_CLOSED"));
    stage_deinit(&s);
}

static void waits_for_close_ok_only_so_long(void) {
    stage s = {0};
    stage_open(&s, &(lev_engine_options){.close_ms = 500, .heartbeat = 60});
    (void)lev_engine_close(s.e, 200, "");
    stage_wait(&s, 500);
    EXPECT(stage_logged(&s, "failed ch=0 LEV_ERR_TIMEOUT"));
    stage_deinit(&s);
}

static void answers_the_brokers_close_and_keeps_its_words(void) {
    stage s = {0};
    lev_connection_close close = {
        .reply_code = 320, .reply_text = sp("CONNECTION_FORCED - shutdown"), .class_id = 10};
    stage_open(&s, NULL);
    stage_says(&s, 0, LEV_CONNECTION_CLOSE, &close);
    stage_deliver(&s);
    EXPECT_STR(s.log, "failed ch=0 LEV_ERR_CLOSED 320 the broker closed the connection: 320 "
                      "CONNECTION_FORCED - shutdown\n");
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE_OK, NULL));
    EXPECT_EQ(lev_engine_error(s.e)->class_id, 10);
    stage_deinit(&s);
}

static void takes_what_arrived_before_the_end_first(void) {
    stage s = {0};
    lev_connection_close close = {.reply_code = 403, .reply_text = sp("why")};
    stage_open(&s, NULL);
    size_t room;
    stage_says(&s, 0, LEV_CONNECTION_CLOSE, &close);
    memcpy(lev_engine_recv_space(s.e, &room), s.wire, s.broker.len);
    lev_engine_received(s.e, s.broker.len, s.now);
    lev_engine_lost(s.e, LEV_ERR_LOST, "reset");
    stage_events(&s);
    EXPECT(stage_logged(&s, "403 why"));
    stage_deinit(&s);
}

static void keeps_the_first_failure_for_ever(void) {
    stage s = {0};
    stage_open_channel(&s, NULL);
    stage_says_bytes(&s, "\7garbage", 8);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_FRAME_ERROR);
    lev_engine_lost(s.e, LEV_ERR_LOST, "later");
    lev_event event;
    for (int i = 0; i < 3; i++) {
        EXPECT(lev_engine_next(s.e, &event));
        EXPECT_EQ(event.type, LEV_EVENT_FAILED);
        EXPECT_EQ(event.error->status, LEV_ERR_PROTOCOL);
    }
    EXPECT_EQ(lev_engine_channel_open(s.e, 2, &(lev_channel_open){0}, NULL), LEV_ERR_PROTOCOL);
    EXPECT_EQ(lev_engine_publish(s.e, 1, &(lev_publication){0}, NULL), LEV_ERR_PROTOCOL);
    EXPECT_EQ(lev_engine_ack(s.e, (lev_delivery){1, 1, 1}, false), LEV_ERR_PROTOCOL);
    size_t room = 1;
    EXPECT(lev_engine_recv_space(s.e, &room) == NULL && room == 0);
    stage_deinit(&s);
}

static void gives_lent_bodies_back_before_it_tells_of_the_failure(void) {
    stage s = {0};
    static const uint8_t body[9000];
    stage_open_channel(&s, NULL);
    lev_publication lent = {.body = {body, 9000}, .lend = true, .token = &s};
    EXPECT_EQ(lev_engine_publish(s.e, 1, &lent, NULL), LEV_OK);
    stage_says_bytes(&s, "\7garbage", 8);
    stage_deliver(&s);
    EXPECT_STR(s.log, "");
    stage_flush(&s);
    stage_events(&s);
    EXPECT(strncmp(s.log, "released ch=0\nfailed", 20) == 0);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_PUBLISH, NULL));
    stage_deinit(&s);
}

static void drops_lent_bodies_when_the_peer_does_not_read_its_verdict(void) {
    stage s = {0};
    static const uint8_t body[9000];
    stage_open_channel(&s, &(lev_engine_options){.close_ms = 500});
    lev_publication lent = {.body = {body, 9000}, .lend = true, .token = &s};
    EXPECT_EQ(lev_engine_publish(s.e, 1, &lent, NULL), LEV_OK);
    stage_says_bytes(&s, "\7garbage", 8);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_deadline(s.e), s.now + 500);
    lev_engine_tick(s.e, s.now + 500);
    stage_events(&s);
    EXPECT(strncmp(s.log, "released ch=0\nfailed", 20) == 0);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_deinit(&s);
}

static void bounds_what_a_peer_can_make_it_say(void) {
    stage s = {0};
    lev_channel_flow flow = {.active = true};
    stage_open_channel(&s, &(lev_engine_options){.high_water = 1});
    for (int i = 0; i < 10000; i++) {
        stage_says(&s, 1, LEV_CHANNEL_FLOW, &flow);
    }
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_RESOURCE_ERROR);
    EXPECT(lev_engine_queued(s.e) < 2 * LEV_RESERVE);
    stage_deinit(&s);
}

static void tells_of_blocked_and_unblocked(void) {
    stage s = {0};
    lev_connection_blocked blocked = {.reason = sp("low on memory")};
    lev_connection_unblocked unblocked = {0};
    stage_open(&s, NULL);
    stage_says(&s, 0, LEV_CONNECTION_BLOCKED, &blocked);
    stage_says(&s, 0, LEV_CONNECTION_UNBLOCKED, &unblocked);
    stage_says(&s, 0, LEV_CONNECTION_UNBLOCKED, &unblocked);
    stage_deliver(&s);
    EXPECT_STR(s.log, "blocked ch=0 connection.blocked\nunblocked ch=0 connection.unblocked\n"
                      "unblocked ch=0 connection.unblocked\n");
    stage_deinit(&s);
}

static void updates_a_secret_on_channel_0(void) {
    stage s = {0};
    lev_connection_update_secret_ok ok = {0};
    stage_open(&s, NULL);
    EXPECT_EQ(lev_engine_connection_update_secret(
                  s.e, 0, &(lev_connection_update_secret){.new_secret = sp("t")}, NULL),
              LEV_OK);
    stage_says(&s, 0, LEV_CONNECTION_UPDATE_SECRET_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "reply ch=0 connection.update-secret-ok"));
    stage_says(&s, 0, LEV_CONNECTION_UPDATE_SECRET_OK, &ok);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_PROTOCOL);
    stage_deinit(&s);
}

/* PLAIN has no more to say, but each connection.secure gets its secure-ok. */
static void answers_a_challenge_with_nothing_more(void) {
    stage s = {0};
    lev_method m;
    lev_connection_start start = {.version_minor = 9, .mechanisms = sp("PLAIN")};
    lev_connection_secure secure = {.challenge = sp("?")};
    stage_init(&s, NULL);
    stage_says(&s, 0, LEV_CONNECTION_START, &start);
    stage_says(&s, 0, LEV_CONNECTION_SECURE, &secure);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_START_OK, &m));
    EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_SECURE_OK, &m));
    EXPECT_EQ(m.as.connection_secure_ok.response.len, 0);
    stage_deinit(&s);
}

UNIT_MAIN("engine", CASE(sends_a_heartbeat_each_half_interval_of_silence),
          CASE(gives_its_buffers_back_when_idle), CASE(keeps_a_buffer_that_is_being_read_into),
          CASE(lets_traffic_stand_in_for_heartbeats),
          CASE(declares_a_silent_peer_dead_after_two_intervals),
          CASE(counts_any_byte_as_a_sign_of_life), CASE(keeps_no_heart_where_both_sides_want_none),
          CASE(queues_one_heartbeat_only_while_the_peer_does_not_read), CASE(closes_in_order),
          CASE(answers_a_close_that_crosses_its_own),
          CASE(answers_no_channel_behind_its_connection_close),
          CASE(takes_the_end_of_the_stream_for_the_end_of_a_close),
          CASE(waits_for_close_ok_only_so_long),
          CASE(answers_the_brokers_close_and_keeps_its_words),
          CASE(takes_what_arrived_before_the_end_first), CASE(keeps_the_first_failure_for_ever),
          CASE(gives_lent_bodies_back_before_it_tells_of_the_failure),
          CASE(drops_lent_bodies_when_the_peer_does_not_read_its_verdict),
          CASE(bounds_what_a_peer_can_make_it_say), CASE(tells_of_blocked_and_unblocked),
          CASE(updates_a_secret_on_channel_0), CASE(answers_a_challenge_with_nothing_more))
