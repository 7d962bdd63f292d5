/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The tracer sees what goes over the wire, all of it, once, in order, and no password. */

#include "../unit.h"
#include "stage.h"

enum { SEEN_BYTES = 1 << 20, SEEN_TEXT = 1 << 16 };

/* What the tracer was shown: as bytes again, each way, and as text. */
typedef struct seen {
    uint8_t bytes[2][SEEN_BYTES];
    lev_writer wire[2]; /* received, sent */
    uint8_t text[SEEN_TEXT];
    lev_writer lines;
    size_t calls;
    bool secret;
} seen;

static bool has(lev_span bytes, const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= bytes.len; i++) {
        if (memcmp(bytes.ptr + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

static void see(void *context, const lev_trace *t) {
    seen *s = context;
    s->calls++;
    if (t->frame != NULL) {
        lev_frame_encode(&s->wire[t->sent], t->frame);
        s->secret = s->secret || has(t->frame->payload, "hunter2");
    } else {
        lev_writer_bytes(&s->wire[t->sent], t->bytes);
    }
    lev_trace_print(&s->lines, t);
    lev_writer_u8(&s->lines, '\n');
}

static seen *seen_new(void) {
    seen *s = calloc(1, sizeof *s);
    s->wire[0] = lev_writer_init(s->bytes[0], SEEN_BYTES);
    s->wire[1] = lev_writer_init(s->bytes[1], SEEN_BYTES);
    s->lines = lev_writer_init(s->text, SEEN_TEXT - 1);
    return s;
}

static const char *seen_text(seen *s) {
    s->text[s->lines.len] = '\0';
    return (const char *)s->text;
}

static void seen_clear(seen *s) { s->wire[0].len = s->wire[1].len = s->lines.len = s->calls = 0; }

static lev_engine_options traced(seen *s, bool secrets) {
    return (lev_engine_options){
        .user = sp("me"), .password = sp("hunter2"), .tracer = {see, s, secrets}};
}

static void shows_the_login_without_the_password(void) {
    stage s = {.step = 0};
    seen *shown = seen_new();
    lev_engine_options o = traced(shown, false);
    stage_open(&s, &o);
    const char *text = seen_text(shown);
    const char *properties = strstr(text, "client_properties=");
    const char *behind = strstr(text, " mechanism=\"PLAIN\"");
    EXPECT(properties != NULL && behind != NULL);
    EXPECT_EQ(strncmp(text,
                      "<- 0 connection.start version_major=0 version_minor=9 server_properties={} "
                      "mechanisms=\"AMQPLAIN PLAIN\" locales=\"en_US\"\n"
                      "<- 0 connection.tune channel_max=2047 frame_max=131072 heartbeat=60\n"
                      "<- 0 connection.open-ok\n"
                      "-> AMQP 0-9-1\n"
                      "-> 0 connection.start-ok ",
                      (size_t)(properties - text)),
              0);
    EXPECT_STR(behind, " mechanism=\"PLAIN\" response=\"***\" locale=\"en_US\"\n"
                       "-> 0 connection.tune-ok channel_max=2047 frame_max=131072 heartbeat=30\n"
                       "-> 0 connection.open virtual_host=\"/\"\n");
    EXPECT(!shown->secret);
    lev_connection_update_secret update = {.new_secret = sp("hunter2"), .reason = sp("r")};
    EXPECT_EQ(lev_engine_connection_update_secret(s.e, 0, &update, NULL), LEV_OK);
    stage_flush(&s);
    EXPECT(strstr(seen_text(shown),
                  "-> 0 connection.update-secret new_secret=\"***\" reason=\"r\"\n") != NULL);
    EXPECT(!shown->secret);
    stage_deinit(&s);
    free(shown);
}

static void shows_the_password_where_it_is_asked_for(void) {
    stage s = {.step = 0};
    seen *shown = seen_new();
    lev_engine_options o = traced(shown, true);
    stage_open(&s, &o);
    EXPECT(strstr(seen_text(shown), "response=\"\\x00me\\x00hunter2\"") != NULL);
    EXPECT(shown->secret);
    EXPECT_BYTES(shown->bytes[1], shown->wire[1].len, s.sent, s.sent_len);
    stage_deinit(&s);
    free(shown);
}

/* Writes all that is pending, at most `step` bytes at once, into `into`. Returns how many. */
static size_t write_by(stage *s, size_t step, uint8_t *into) {
    size_t len = 0;
    lev_span spans[3];
    size_t count;
    while ((count = lev_engine_pending(s->e, spans, 3)) > 0) {
        size_t left = step;
        for (size_t i = 0; i < count && left > 0; i++) {
            size_t n = spans[i].len < left ? spans[i].len : left;
            memcpy(into + len, spans[i].ptr, n);
            len += n;
            left -= n;
        }
        lev_engine_sent(s->e, step - left, s->now);
    }
    return len;
}

/* Every kind of frame that a client queues: copied, lent, in pieces, merged. */
static void queue_all(stage *s) {
    static const uint8_t body[300000] = {'b'};
    lev_publication small = {.exchange = sp("x"), .body = sp("hello")};
    lev_publication lent = {.exchange = sp("x"), .body = {body, sizeof body}, .lend = true};
    EXPECT_EQ(lev_engine_publish(s->e, 1, &small, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_publish(s->e, 1, &lent, NULL), LEV_OK);
    lent.token = s;
    lent.body.len = 10; /* lent, but copied */
    EXPECT_EQ(lev_engine_publish(s->e, 1, &lent, NULL), LEV_OK);
    EXPECT_EQ(
        lev_engine_publish_begin(s->e, 1, &(lev_publication){.exchange = sp("y")}, 5000, NULL),
        LEV_OK);
    EXPECT_EQ(lev_engine_publish_body(s->e, 1, (lev_span){body, 4500}, true, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_publish_body(s->e, 1, (lev_span){body, 500}, false, NULL), LEV_OK);
    EXPECT_EQ(lev_engine_queue_declare(s->e, 1, &(lev_queue_declare){0}, NULL), LEV_OK);
}

static void shows_each_frame_once_however_it_is_written(void) {
    static const size_t steps[] = {1, 2, 7, 8, 9, 100, 4096, 131072, SIZE_MAX};
    static uint8_t wrote[SEEN_BYTES];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        stage s = {.step = 0};
        seen *shown = seen_new();
        lev_engine_options o = traced(shown, false);
        stage_open_channel(&s, &o);
        seen_clear(shown);
        queue_all(&s);
        EXPECT_EQ(shown->calls, 0); /* not before they are written */
        size_t len = write_by(&s, steps[i], wrote);
        EXPECT(len > 305000);
        EXPECT_BYTES(shown->bytes[1], shown->wire[1].len, wrote, len);
        stage_deinit(&s);
        free(shown);
    }
}

static void shows_a_frame_when_its_first_byte_is_written(void) {
    stage s = {.step = 0};
    seen *shown = seen_new();
    lev_engine_options o = traced(shown, false);
    stage_open_channel(&s, &o);
    seen_clear(shown);
    lev_publication p = {.exchange = sp("x"), .body = sp("hello")};
    EXPECT_EQ(lev_engine_publish(s.e, 1, &p, NULL), LEV_OK);
    lev_engine_sent(s.e, 1, s.now);
    EXPECT_STR(seen_text(shown),
               "-> 1 basic.publish exchange=\"x\" routing_key=\"\" mandatory=false "
               "immediate=false\n");
    lev_engine_lost(s.e, LEV_ERR_LOST, "gone");
    stage_events(&s);
    EXPECT_EQ(shown->calls, 1); /* the rest never went */
    stage_deinit(&s);
    free(shown);
}

static void says_deliveries(stage *s, size_t most) {
    static const uint8_t body[20000] = {'b'};
    lev_basic_deliver deliver = {.consumer_tag = sp("c"), .delivery_tag = 1};
    stage_says(s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(s, 1, NULL, sp("at once"), most);
    deliver.delivery_tag = 2;
    stage_says(s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(s, 1, NULL, (lev_span){body, sizeof body}, most);
    deliver.delivery_tag = 3;
    stage_says(s, 1, LEV_BASIC_DELIVER, &deliver);
    stage_says_body(s, 1, NULL, (lev_span){NULL, 0}, most);
    stage_says_frame(s, LEV_FRAME_HEARTBEAT, 0, (lev_span){NULL, 0});
}

static void shows_each_frame_that_comes_once_however_it_is_read(void) {
    static const size_t steps[] = {0, 1, 3, 1000};
    lev_basic_consume consume = {.consumer_tag = sp("c"), .nowait = true};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        stage s = {.step = 0};
        seen *shown = seen_new();
        lev_engine_options o = traced(shown, false);
        stage_open_channel(&s, &o);
        EXPECT_EQ(lev_engine_basic_consume(s.e, 1, &consume, NULL), LEV_OK);
        seen_clear(shown);
        says_deliveries(&s, i % 2 == 0 ? 131064 : 5000);
        lev_span said = lev_writer_span(&s.broker);
        uint8_t *copy = malloc(said.len);
        memcpy(copy, said.ptr, said.len);
        s.step = steps[i];
        stage_deliver(&s);
        EXPECT(stage_logged(&s, "tag=3"));
        EXPECT_BYTES(shown->bytes[0], shown->wire[0].len, copy, said.len);
        free(copy);
        stage_deinit(&s);
        free(shown);
    }
}

static void shows_what_is_no_frame(void) {
    stage s = {.step = 0};
    seen *shown = seen_new();
    lev_engine_options o = traced(shown, false);
    stage_init(&s, &o);
    stage_says_bytes(&s, "AMQP\0\0\1\0", 8);
    stage_deliver(&s);
    EXPECT_STR(seen_text(shown), "<- AMQP 0-1-0\n");
    stage_deinit(&s);
    seen_clear(shown);
    stage_init(&s, &o);
    stage_says_bytes(&s, "HTTP/1.1 400 Bad Request", 24);
    stage_deliver(&s);
    EXPECT_STR(seen_text(shown), "<- malformed: this is no frame\n");
    stage_deinit(&s);
    stage_open(&s, &o);
    seen_clear(shown);
    stage_says_bytes(&s, "\x8\0\0\0\0\0\0\x1", 8);
    stage_deliver(&s);
    stage_flush(&s);
    EXPECT_STR(seen_text(shown),
               "<- malformed: a frame without its end octet\n"
               "-> 0 connection.close reply_code=501 reply_text=\"a frame without its end octet\" "
               "class_id=0 method_id=0\n");
    EXPECT_BYTES(shown->bytes[0], shown->wire[0].len, "\x8\0\0\0\0\0\0\x1", 8);
    stage_deinit(&s);
    free(shown);
}

static void calls_nothing_that_is_not_set(void) {
    stage s = {.step = 0};
    seen *shown = seen_new();
    lev_engine_options o = {.tracer = {.context = shown, .secrets = true}};
    stage_open_channel(&s, &o);
    queue_all(&s);
    stage_flush(&s);
    EXPECT_EQ(shown->calls, 0);
    EXPECT(s.sent_len > 305000);
    stage_deinit(&s);
    free(shown);
}

UNIT_MAIN("trace", CASE(shows_the_login_without_the_password),
          CASE(shows_the_password_where_it_is_asked_for),
          CASE(shows_each_frame_once_however_it_is_written),
          CASE(shows_a_frame_when_its_first_byte_is_written),
          CASE(shows_each_frame_that_comes_once_however_it_is_read), CASE(shows_what_is_no_frame),
          CASE(calls_nothing_that_is_not_set))
