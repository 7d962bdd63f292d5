/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Messages on their way in: whole in the buffer, in pieces, streamed, unwanted, and out of order.
 */

#include "../unit.h"
#include "stage.h"

static const lev_basic_deliver hello = {.consumer_tag = {(const uint8_t *)"c", 1},
                                        .delivery_tag = 7,
                                        .routing_key = {(const uint8_t *)"key", 3}};

/* A channel with the consumer "c". */
static void open_consumer(stage *s, const lev_engine_options *options, bool no_ack, bool stream) {
    lev_basic_consume consume = {.queue = sp("q"), .consumer_tag = sp("c"), .no_ack = no_ack};
    lev_basic_consume_ok ok = {.consumer_tag = sp("c")};
    stage_open_channel(s, options);
    if (s->e == NULL) {
        return;
    }
    (void)(stream ? lev_engine_consume_stream(s->e, 1, &consume, NULL)
                  : lev_engine_basic_consume(s->e, 1, &consume, NULL));
    stage_says(s, 1, LEV_BASIC_CONSUME_OK, &ok);
    stage_deliver(s);
    stage_flush(s);
    s->sent_read = s->sent_len;
    stage_log_clear(s);
}

static uint8_t *pattern(size_t len) {
    uint8_t *bytes = malloc(len + 1);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 13 + i / 256);
    }
    return bytes;
}

/* The log of a message of `len` bytes in body frames of `most`, arriving `step` bytes at a time. */
static void receives(size_t len, size_t most, size_t step, char *log, size_t size) {
    stage s = {.step = step};
    uint8_t *body = pattern(len);
    open_consumer(&s, NULL, false, false);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
    stage_says_body(&s, 1, NULL, (lev_span){body, len}, most);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    snprintf(log, size, "%s", s.log);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
    free(body);
}

static void gives_the_same_message_however_it_arrives(void) {
    static const size_t lengths[] = {0, 1, 63, 4000, 70000, 131064, 300000};
    char whole[512];
    char other[512];
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        receives(lengths[i], 131064, 0, whole, sizeof whole);
        EXPECT(strstr(whole, "deliver ch=1 tag=7 key=key") != NULL);
        receives(lengths[i], 131064, 1, other, sizeof other);
        EXPECT_STR(other, whole);
        receives(lengths[i], 1000, 0, other, sizeof other);
        EXPECT_STR(other, whole);
        receives(lengths[i], 1000, 777, other, sizeof other);
        EXPECT_STR(other, whole);
    }
}

static void hands_out_a_whole_message_where_it_stands_without_allocating(void) {
    stage s = {0};
    open_consumer(&s, NULL, false, false);
    unsigned long before = s.allocations;
    for (int i = 0; i < 1000; i++) {
        stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
        stage_says_body(&s, 1, NULL, sp("small"), 100);
        stage_deliver(&s);
    }
    EXPECT_EQ(s.allocations, before);
    stage_deinit(&s);
}

static void puts_large_messages_together_in_one_block_that_it_keeps(void) {
    static uint8_t body[80000];
    stage s = {0};
    unsigned long warm = 0;
    open_consumer(&s, NULL, true, false);
    for (uint64_t tag = 1; tag <= 6; tag++) {
        lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = tag};
        stage_says(&s, 1, LEV_BASIC_DELIVER, &deliver);
        stage_says_body(&s, 1, NULL, (lev_span){body, sizeof body}, 30000);
        stage_deliver(&s);
        stage_log_clear(&s);
        warm = tag == 2 ? s.allocations : warm;
    }
    EXPECT_EQ(s.allocations, warm);
    size_t balance = s.balance;
    stage_wait(&s, 31000); /* until it idles */
    EXPECT(s.balance + sizeof body < balance);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void streams_a_message_piece_by_piece_within_bounded_memory(void) {
    stage s = {0};
    static const uint8_t piece[100000];
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = 5000000};
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_header_encode(&w, &header);
    open_consumer(&s, &(lev_engine_options){.message_max = 1000}, false, true);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
    stage_says_frame(&s, LEV_FRAME_HEADER, 1, lev_writer_span(&w));
    stage_deliver(&s);
    EXPECT_STR(s.log, "");
    for (int i = 0; i < 50; i++) {
        stage_says_frame(&s, LEV_FRAME_BODY, 1, (lev_span){piece, sizeof piece});
        stage_deliver(&s);
    }
    EXPECT(strncmp(s.log, "deliver ch=1 tag=7 key=key size=100000", 38) == 0);
    size_t pieces = 0;
    for (const char *at = s.log; (at = strstr(at, "body ch=1 piece=100000")) != NULL; at++) {
        pieces++;
    }
    EXPECT_EQ(pieces, 49);
    EXPECT(s.peak < 700000);
    stage_deinit(&s);
}

static void refuses_a_message_above_the_limit_and_keeps_the_connection(void) {
    stage s = {0};
    uint8_t *body = pattern(5000);
    lev_channel_close_ok ok = {0};
    lev_method m;
    open_consumer(&s, &(lev_engine_options){.message_max = 4999}, false, false);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
    stage_says_body(&s, 1, NULL, (lev_span){body, 5000}, 1000);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
    stage_says_body(&s, 1, NULL, sp("late"), 1000);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE, &m));
    EXPECT_EQ(m.as.channel_close.reply_code, LEV_CONTENT_TOO_LARGE);
    EXPECT_STR(s.log, "");
    stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &ok);
    stage_deliver(&s);
    EXPECT(strncmp(s.log, "channel-closed ch=1 LEV_ERR_LIMIT 311", 37) == 0);
    EXPECT_EQ(lev_engine_state(s.e), LEV_STATE_OPEN);
    EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    free(body);
    stage_deinit(&s);
}

/* Opens channels 1 to `count`, each with the consumer "c", and starts a delivery of `size` bytes on
 * each, of which `sent` come. */
static void start_deliveries(stage *s, uint16_t count, uint64_t size, lev_span sent) {
    lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
    for (uint16_t n = 1; n <= count; n++) {
        EXPECT_EQ(lev_engine_channel_open(s->e, n, &(lev_channel_open){0}, NULL), LEV_OK);
        stage_says(s, n, LEV_CHANNEL_OPEN_OK, &(lev_channel_open_ok){0});
        stage_deliver(s);
        EXPECT_EQ(lev_engine_basic_consume(s->e, n, &consume, NULL), LEV_OK);
    }
    stage_flush(s);
    stage_log_clear(s);
    s->sent_read = s->sent_len;
    for (uint16_t n = 1; n <= count; n++) {
        uint8_t header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        for (unsigned i = 0; i < 8; i++) {
            header[4 + i] = (uint8_t)(size >> (56 - 8 * i));
        }
        stage_says(s, n, LEV_BASIC_DELIVER, &hello);
        stage_says_frame(s, LEV_FRAME_HEADER, n, (lev_span){header, sizeof header});
        stage_says_frame(s, LEV_FRAME_BODY, n, sent);
        stage_deliver(s);
    }
}

static void many_announcements_cost_only_what_came(void) {
    stage s = {0};
    stage_open(&s, NULL);
    start_deliveries(&s, 2000, 100000000, sp("a little"));
    EXPECT_STR(s.log, "");
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    EXPECT(s.balance < 2000 * 1024 && s.peak < 2000 * 1024);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void bounds_the_unfinished_messages_of_all_channels_together(void) {
    stage s = {0};
    lev_method m;
    static uint8_t piece[10000];
    stage_open(&s, &(lev_engine_options){.message_max = 200000, .assembly_max = 1000000});
    start_deliveries(&s, 90, 15000, (lev_span){piece, sizeof piece});
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_says_frame(&s, LEV_FRAME_BODY, 1, (lev_span){piece, 5000});
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "deliver ch=1 tag=7"));
    EXPECT_EQ(lev_engine_channel_state(s.e, 90), LEV_STATE_CHANNEL_OPEN);
    stage_log_clear(&s);
    for (uint16_t n = 2; n <= 90; n++) { /* 89 times 14,999 bytes would be too much */
        stage_says_frame(&s, LEV_FRAME_BODY, n, (lev_span){piece, 4999});
    }
    stage_deliver(&s);
    EXPECT_STR(s.log, "");
    size_t refused = 0;
    for (uint16_t n = 2; n <= 90; n++) {
        if (lev_engine_channel_state(s.e, n) == LEV_STATE_AWAIT_CHANNEL_CLOSE_OK) {
            refused++;
            EXPECT(stage_sent_is(&s, n, LEV_CHANNEL_CLOSE, &m));
            EXPECT_EQ(m.as.channel_close.reply_code, LEV_CONTENT_TOO_LARGE);
        }
    }
    EXPECT((89 - refused) * 14999 <= 1000000); /* and no more of them than need be */
    EXPECT((89 - refused + 1) * 15100 > 1000000);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

/* What a refused channel had collected is free for others, and its frames are counted to the end.
 */
static void a_refused_channel_gives_its_share_back(void) {
    stage s = {0};
    static uint8_t piece[60000];
    stage_open(&s, &(lev_engine_options){.assembly_max = 100000});
    start_deliveries(&s, 3, 60001, (lev_span){piece, 30000});
    stage_says_frame(&s, LEV_FRAME_BODY, 1, (lev_span){piece, 30000});
    stage_says_frame(&s, LEV_FRAME_BODY, 2, (lev_span){piece, 30001});
    stage_says_frame(&s, LEV_FRAME_BODY, 1, (lev_span){piece, 1});
    stage_says(&s, 1, LEV_CHANNEL_CLOSE_OK, &(lev_channel_close_ok){0});
    stage_says_frame(&s, LEV_FRAME_BODY, 3, (lev_span){piece, 30001});
    stage_deliver(&s);
    EXPECT(stage_logged(&s, "deliver ch=2"));
    EXPECT(stage_logged(&s, "deliver ch=3"));
    EXPECT(stage_logged(&s, "channel-closed ch=1 LEV_ERR_LIMIT 311"));
    EXPECT_EQ(lev_engine_error(s.e)->status, LEV_OK);
    stage_deinit(&s);
    EXPECT_EQ(s.balance, 0);
}

static void lets_messages_of_two_channels_interleave_anywhere(void) {
    stage s = {0};
    lev_channel_open_ok open_ok = {0};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = 2};
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_header_encode(&w, &header);
    open_consumer(&s, NULL, false, false);
    lev_basic_consume consume = {.queue = sp("q"), .consumer_tag = sp("c"), .nowait = true};
    (void)lev_engine_channel_open(s.e, 2, &(lev_channel_open){0}, NULL);
    (void)lev_engine_basic_consume(s.e, 2, &consume, NULL);
    stage_says(&s, 2, LEV_CHANNEL_OPEN_OK, &open_ok);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
    stage_says(&s, 2, LEV_BASIC_DELIVER, &hello);
    stage_says_frame(&s, LEV_FRAME_HEARTBEAT, 0, sp(""));
    stage_says_frame(&s, LEV_FRAME_HEADER, 2, lev_writer_span(&w));
    stage_says_frame(&s, LEV_FRAME_HEADER, 1, lev_writer_span(&w));
    stage_says_frame(&s, LEV_FRAME_BODY, 1, sp("a"));
    stage_says_frame(&s, LEV_FRAME_BODY, 2, sp("x"));
    stage_says_frame(&s, LEV_FRAME_BODY, 1, sp(""));
    stage_says_frame(&s, LEV_FRAME_BODY, 1, sp("b"));
    stage_says_frame(&s, LEV_FRAME_BODY, 2, sp("y"));
    stage_deliver(&s);
    EXPECT(stage_logged(
        &s, "deliver ch=1 tag=7 key=key body=ab\ndeliver ch=2 tag=7 key=key body=xy\n"));
    stage_deinit(&s);
}

enum { SKIP, METHOD, HEADER, BODY, LONG_BODY, WEIGHT, CLASS, CLOSE };

static void say_part(stage *s, int part) {
    lev_header header = {
        .class_id = part == CLASS ? 50 : LEV_CLASS_BASIC, .weight = part == WEIGHT, .body_size = 2};
    lev_channel_close close = {.reply_code = 404};
    uint8_t bytes[64];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_header_encode(&w, &header);
    if (part == METHOD) {
        stage_says(s, 1, LEV_BASIC_DELIVER, &hello);
    } else if (part == CLOSE) {
        stage_says(s, 1, LEV_CHANNEL_CLOSE, &close);
    } else if (part == BODY || part == LONG_BODY) {
        stage_says_frame(s, LEV_FRAME_BODY, 1, sp(part == BODY ? "ab" : "abc"));
    } else if (part != SKIP) {
        stage_says_frame(s, LEV_FRAME_HEADER, 1, lev_writer_span(&w));
    }
}

static void answers_content_out_of_order_with_the_right_code(void) {
    static const struct {
        int parts[4];
        uint16_t code;
    } rows[] = {
        {{HEADER}, LEV_UNEXPECTED_FRAME},
        {{BODY}, LEV_UNEXPECTED_FRAME},
        {{METHOD, METHOD}, LEV_UNEXPECTED_FRAME},
        {{METHOD, BODY}, LEV_UNEXPECTED_FRAME},
        {{METHOD, CLOSE}, LEV_UNEXPECTED_FRAME},
        {{METHOD, HEADER, HEADER}, LEV_UNEXPECTED_FRAME},
        {{METHOD, HEADER, METHOD}, LEV_UNEXPECTED_FRAME},
        {{METHOD, HEADER, LONG_BODY}, LEV_FRAME_ERROR},
        {{METHOD, WEIGHT}, LEV_UNEXPECTED_FRAME},
        {{METHOD, CLASS}, LEV_UNEXPECTED_FRAME},
        {{METHOD, HEADER, BODY, BODY}, LEV_UNEXPECTED_FRAME},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage s = {0};
        lev_method m;
        open_consumer(&s, NULL, false, false);
        for (size_t k = 0; k < 4; k++) {
            say_part(&s, rows[i].parts[k]);
        }
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->reply_code, rows[i].code);
        EXPECT(stage_sent_is(&s, 0, LEV_CONNECTION_CLOSE, &m));
        EXPECT_EQ(m.as.connection_close.reply_code, rows[i].code);
        stage_deinit(&s);
    }
}

static void D_grows_only_with_what_arrives(void) {
    static const uint64_t announced[] = {0x7FFFFFFF, 0xFFFFFFFF, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        stage s = {0};
        lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = announced[i]};
        uint8_t bytes[64];
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        lev_header_encode(&w, &header);
        open_consumer(&s, &(lev_engine_options){.message_max = SIZE_MAX}, false, false);
        size_t before = s.peak;
        stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
        stage_says_frame(&s, LEV_FRAME_HEADER, 1, lev_writer_span(&w));
        stage_says_frame(&s, LEV_FRAME_BODY, 1, sp("little"));
        stage_deliver(&s);
        EXPECT(s.peak - before < 65536);
        stage_deinit(&s);
    }
}

static void refuses_deliveries_that_name_nobody_or_nothing(void) {
    lev_basic_deliver stranger = hello;
    lev_basic_deliver untagged = hello;
    stranger.consumer_tag = sp("someone");
    untagged.delivery_tag = 0;
    for (int i = 0; i < 2; i++) {
        stage s = {0};
        open_consumer(&s, NULL, false, false);
        stage_says(&s, 1, LEV_BASIC_DELIVER, i == 0 ? &stranger : &untagged);
        stage_says_body(&s, 1, NULL, sp("b"), 9);
        stage_deliver(&s);
        EXPECT_EQ(lev_engine_error(s.e)->status, LEV_ERR_PROTOCOL);
        stage_deinit(&s);
    }
}

static void settles_deliveries_of_this_opening_of_the_channel_only(void) {
    stage s = {0};
    lev_method m;
    lev_channel_close close = {.reply_code = 404, .reply_text = sp("NOT_FOUND")};
    open_consumer(&s, NULL, false, false);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
    stage_says_body(&s, 1, NULL, sp("b"), 9);
    stage_deliver(&s);
    lev_delivery old = s.delivery;
    EXPECT_EQ(lev_engine_ack(s.e, old, true), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_ACK, &m));
    EXPECT_EQ(m.as.basic_ack.delivery_tag, 7);
    EXPECT(m.as.basic_ack.multiple);
    EXPECT_EQ(lev_engine_nack(s.e, old, false, true), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_NACK, &m));
    EXPECT(m.as.basic_nack.requeue);
    EXPECT_EQ(lev_engine_reject(s.e, old, false), LEV_OK);
    EXPECT(stage_sent_is(&s, 1, LEV_BASIC_REJECT, &m));
    stage_says(&s, 1, LEV_CHANNEL_CLOSE, &close);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_ack(s.e, old, false), LEV_ERR_STALE);
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_CLOSE_OK, NULL));
    lev_channel_open_ok ok = {0};
    EXPECT_EQ(lev_engine_channel_open(s.e, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    stage_says(&s, 1, LEV_CHANNEL_OPEN_OK, &ok);
    stage_deliver(&s);
    EXPECT(stage_sent_is(&s, 1, LEV_CHANNEL_OPEN, NULL));
    EXPECT_EQ(lev_engine_ack(s.e, old, false), LEV_ERR_STALE);
    EXPECT_EQ(lev_engine_queued(s.e), 0);
    stage_deinit(&s);
}

static void has_nothing_to_settle_where_no_ack_is_wanted(void) {
    stage s = {0};
    open_consumer(&s, NULL, true, false);
    stage_says(&s, 1, LEV_BASIC_DELIVER, &hello);
    stage_says_body(&s, 1, NULL, sp("b"), 9);
    stage_deliver(&s);
    EXPECT_EQ(lev_engine_ack(s.e, s.delivery, false), LEV_ERR_STALE);
    stage_deinit(&s);
}

UNIT_MAIN("content", CASE(gives_the_same_message_however_it_arrives),
          CASE(puts_large_messages_together_in_one_block_that_it_keeps),
          CASE(hands_out_a_whole_message_where_it_stands_without_allocating),
          CASE(streams_a_message_piece_by_piece_within_bounded_memory),
          CASE(refuses_a_message_above_the_limit_and_keeps_the_connection),
          CASE(many_announcements_cost_only_what_came),
          CASE(bounds_the_unfinished_messages_of_all_channels_together),
          CASE(a_refused_channel_gives_its_share_back),
          CASE(lets_messages_of_two_channels_interleave_anywhere),
          CASE(answers_content_out_of_order_with_the_right_code),
          CASE(D_grows_only_with_what_arrives),
          CASE(refuses_deliveries_that_name_nobody_or_nothing),
          CASE(settles_deliveries_of_this_opening_of_the_channel_only),
          CASE(has_nothing_to_settle_where_no_ack_is_wanted))
