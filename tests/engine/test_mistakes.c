/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Of the nine mistakes that AMQP clients made, those that need an engine to make (the codec's own
 * are in tests/codec; D, G and I also in test_content, test_login and test_publish). */

#include "../unit.h"
#include "stage.h"

/* An engine in each of the states in which frames can arrive. */
enum { BEFORE_START, BEFORE_TUNE, BEFORE_OPEN, OPEN, CHANNEL_OPEN, IN_CONTENT, CLOSING, STATES };

static void stage_in_state(stage *s, int state) {
    lev_connection_start start = {.version_minor = 9, .mechanisms = sp("PLAIN")};
    lev_basic_return ret = {.reply_code = 312};
    if (state <= BEFORE_OPEN) {
        stage_init(s, NULL);
        if (state == BEFORE_TUNE) {
            stage_says(s, 0, LEV_CONNECTION_START, &start);
        } else if (state == BEFORE_OPEN) {
            stage_says_login(s, 100, 131072, 10);
        }
        stage_deliver(s);
        return;
    }
    stage_open_channel(s, NULL);
    if (state == IN_CONTENT) {
        stage_says(s, 1, LEV_BASIC_RETURN, &ret);
        stage_deliver(s);
    } else if (state == CLOSING) {
        (void)lev_engine_close(s->e, 200, "");
    }
}

/* The head of a frame, with nothing behind it, in a state: the status that follows. */
static lev_status head_in_state(int state, uint8_t type, uint16_t channel, uint32_t size) {
    stage s = {0};
    stage_in_state(&s, state);
    lev_writer_u8(&s.broker, type);
    lev_writer_u16(&s.broker, channel);
    lev_writer_u32(&s.broker, size);
    size_t before = s.peak;
    stage_deliver(&s);
    EXPECT(s.peak - before < 65536);
    lev_status status = lev_engine_error(s.e)->status;
    stage_deinit(&s);
    return status;
}

static void A_D_E_judges_every_frame_size_by_its_limit_in_every_state(void) {
    static const uint32_t sizes[] = {131064,     131065,     131072,     262136,
                                     262137,     0x7FFFFFFF, 0x80000000, 0xFFFFFFF0,
                                     0xFFFFFFF8, 0xFFFFFFF9, 0xFFFFFFFA, 0xFFFFFFFB,
                                     0xFFFFFFFC, 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF};
    for (int state = 0; state < STATES; state++) {
        bool tuned = state >= BEFORE_OPEN;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            bool body_fits = tuned && sizes[i] <= 131064;
            bool method_fits = tuned && sizes[i] <= 262136;
            EXPECT_EQ(head_in_state(state, LEV_FRAME_METHOD, 0, sizes[i]) == LEV_OK, method_fits);
            if (state != BEFORE_START) {
                EXPECT_EQ(head_in_state(state, LEV_FRAME_BODY, 1, sizes[i]) == LEV_OK, body_fits);
            }
        }
    }
}

static void C_refuses_frames_below_their_minimum_in_every_state(void) {
    for (int state = 0; state < STATES; state++) {
        for (uint32_t size = 0; size < 4; size++) {
            EXPECT(head_in_state(state, LEV_FRAME_METHOD, 0, size) != LEV_OK);
        }
        for (uint32_t size = 0; size < 14 && state != BEFORE_START; size++) {
            EXPECT(head_in_state(state, LEV_FRAME_HEADER, 1, size) != LEV_OK);
        }
        EXPECT(head_in_state(state, LEV_FRAME_HEARTBEAT, 0, 1) != LEV_OK);
        EXPECT(head_in_state(state, LEV_FRAME_HEARTBEAT, 1, 0) != LEV_OK);
    }
}

static void C_refuses_every_truncation_of_every_method_with_a_typed_error(void) {
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        lev_method method = {.id = (lev_method_id)id};
        uint8_t bytes[256];
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        lev_method_encode(&w, method.id, &method.as);
        uint16_t channel = lev_method_describe(method.id)->class_id == LEV_CLASS_CONNECTION ? 0 : 1;
        for (size_t len = 4; len < w.len; len++) {
            stage s = {0};
            stage_open_channel(&s, NULL);
            stage_says_frame(&s, LEV_FRAME_METHOD, channel, (lev_span){bytes, len});
            stage_deliver(&s);
            EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_FRAME_ERROR);
            stage_deinit(&s);
        }
    }
}

static void H_refuses_frames_on_channels_that_were_never_opened(void) {
    lev_queue_declare_ok ok = {.queue = sp("q")};
    uint32_t stride = getenv("LEVERET_LONG") != NULL ? 1 : 7;
    for (uint32_t channel = 2; channel < 65536; channel += stride) {
        stage s = {0};
        stage_open_channel(&s, NULL);
        size_t before = s.peak;
        stage_says(&s, (uint16_t)channel, LEV_QUEUE_DECLARE_OK, &ok);
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_CHANNEL_ERROR);
        EXPECT(s.peak - before < 4096);
        stage_deinit(&s);
    }
}

static void H_refuses_unknown_frame_types_and_methods_at_once(void) {
    for (int type = 0; type < 256; type++) {
        if (type == 1 || type == 2 || type == 3 || type == 8) {
            continue;
        }
        EXPECT_EQ(head_in_state(OPEN, (uint8_t)type, 0, 0), LEV_ERR_PROTOCOL);
    }
    stage s = {0};
    stage_open_channel(&s, NULL);
    stage_says_frame(&s, LEV_FRAME_METHOD, 1, (lev_span){(const uint8_t *)"\0\x3c\3\xe7", 4});
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_NOT_IMPLEMENTED);
    stage_deinit(&s);
}

static void F_refuses_a_header_table_that_nests_too_deep(void) {
    for (int depth = 31; depth <= 33; depth++) {
        stage s = {0};
        uint8_t bytes[1024];
        size_t places[40];
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        lev_writer_u16(&w, LEV_CLASS_BASIC);
        lev_writer_u16(&w, 0);
        lev_writer_u64(&w, 0);
        lev_writer_u16(&w, LEV_HAS_HEADERS);
        size_t table = lev_writer_begin_u32(&w);
        for (int i = 1; i < depth; i++) {
            places[i] = i % 2 != 0 ? lev_array_begin(&w, "a") : lev_table_begin(&w, NULL);
        }
        for (int i = depth - 1; i >= 1; i--) {
            lev_table_end(&w, places[i]);
        }
        lev_writer_end_u32(&w, table);
        lev_basic_return ret = {.reply_code = 312};
        stage_open_channel(&s, NULL);
        stage_says(&s, 1, LEV_BASIC_RETURN, &ret);
        stage_says_frame(&s, LEV_FRAME_HEADER, 1, lev_writer_span(&w));
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->status, depth > 32 ? LEV_ERR_PROTOCOL : LEV_OK);
        stage_deinit(&s);
    }
}

/* The lower of both sides' wishes, where 0 wishes for nothing. */
static uint32_t lower(uint32_t ours, uint32_t theirs) {
    return theirs != 0 && theirs < ours ? theirs : ours;
}

static void tune(uint32_t frame_max, uint16_t channel_max, uint16_t heartbeat) {
    stage s = {0};
    stage_init(&s, NULL);
    stage_says_login(&s, channel_max, frame_max, heartbeat);
    stage_deliver(&s);
    if (frame_max != 0 && frame_max < 4096) {
        EXPECT_EQ(lev_engine_error(s.e)->reply_code, LEV_NOT_ALLOWED);
    } else {
        lev_tuned tuned = lev_engine_tuned(s.e);
        EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_AWAIT_OPEN_OK);
        EXPECT_EQ(tuned.frame_max, lower(LEV_FRAME_MAX_DEFAULT, frame_max));
        EXPECT_EQ(tuned.channel_max, lower(LEV_CHANNEL_MAX_DEFAULT, channel_max));
        EXPECT_EQ(tuned.heartbeat, lower(LEV_HEARTBEAT_DEFAULT, heartbeat));
    }
    EXPECT(s.peak < 65536);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void G_negotiates_or_refuses_every_tune(void) {
    static const uint32_t values[] = {0,    1,    7,      8,          4095,      4096,
                                      8191, 8192, 131072, 0x80000000, 0xFFFFFFFF};
    enum { N = sizeof values / sizeof values[0] };
    for (size_t i = 0; i < (size_t)N * N * N; i++) {
        tune(values[i / N / N], (uint16_t)values[i / N % N], (uint16_t)values[i % N]);
    }
}

UNIT_MAIN("mistakes", CASE(A_D_E_judges_every_frame_size_by_its_limit_in_every_state),
          CASE(C_refuses_frames_below_their_minimum_in_every_state),
          CASE(C_refuses_every_truncation_of_every_method_with_a_typed_error),
          CASE(G_negotiates_or_refuses_every_tune),
          CASE(H_refuses_frames_on_channels_that_were_never_opened),
          CASE(H_refuses_unknown_frame_types_and_methods_at_once),
          CASE(F_refuses_a_header_table_that_nests_too_deep))
