/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Large bodies in pieces, in both directions, against a broker of a few lines in a process of its
 * own: what arrives is right to the last byte, and the client needs less than 8 MiB for it, however
 * large the body is. 64 MiB each, or 1 GiB where LEVERET_LONG is set. */

#include "../unit.h"
#include "brokers.h"
#include "large.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 50000, RSS_LIMIT_KB = 8192 };

/* Takes a publish, which must be of `body_size` bytes of the pattern. */
static void play_reader(peer *p) {
    lev_frame frame;
    lev_header header;
    uint64_t at = 0;
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_CONFIRM_SELECT);
    peer_send_method(p, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
    peer_expect(p, LEV_BASIC_PUBLISH);
    peer_need(peer_take(p, &frame) && frame.type == LEV_FRAME_HEADER, "a header");
    peer_need(lev_header_decode(frame.payload, &header) == LEV_OK, "a good header");
    peer_need(header.body_size == body_size, "the announced size");
    usleep(body_size > 10000000 ? 300000 : 0); /* time to queue more than is good */
    while (at < body_size) {
        peer_need(peer_take(p, &frame) && frame.type == LEV_FRAME_BODY, "a body frame");
        peer_need(matches(at, frame.payload), "the right bytes");
        at += frame.payload.len;
    }
    peer_need(at == body_size, "no byte more");
    peer_send_method(p, 1, LEV_BASIC_ACK, &(lev_basic_ack){.delivery_tag = 1});
    peer_close(p);
}

static void play_writer(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of("c")};
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
    send_large(p);
    peer_expect(p, LEV_BASIC_ACK);
    peer_close(p);
}

/* ---- publishing ---- */

static lev_client *client_open(const char *uri, const lev_client_options *options) {
    lev_client *c = lev_client_new(options);
    EXPECT_EQ(lev_client_open(c, uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    return c;
}

static void client_confirms(lev_client *c) {
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
}

/* Starts the first publish of channel 1. */
static void client_begin(lev_client *c) {
    uint64_t number = 0;
    lev_publication p = {.routing_key = lev_span_of("k"), .mandatory = true};
    EXPECT_EQ(lev_client_publish_begin(c, 1, &p, body_size, &number), LEV_OK);
    EXPECT_EQ(number, 1);
}

static void client_finish(lev_client *c) {
    lev_tally tally;
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &tally), LEV_OK);
    EXPECT_EQ(tally.confirmed, 1);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
}

static void publish_pieces(lev_client *c, size_t step) {
    for (uint64_t at = 0; at < body_size; at += step) {
        size_t n = body_size - at < step ? (size_t)(body_size - at) : step;
        EXPECT_EQ(lev_client_publish_body(c, 1, pattern(at, n)), LEV_OK);
    }
}

static void publishes_a_large_body_in_little_memory(void) {
    body_size = large();
    broker b = broker_start(play_reader);
    lev_client *c = client_open(b.uri, NULL);
    client_confirms(c);
    client_begin(c);
    publish_pieces(c, PIECE);
    client_finish(c);
    broker_end(&b);
    EXPECT(resident_peak() < RSS_LIMIT_KB);
}

/* Writes the pattern into a pipe, with a pause in the middle. */
static pid_t pipe_pattern(int *from, uint64_t size) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        for (uint64_t at = 0; at < size;) {
            size_t n = size - at < PERIOD ? (size_t)(size - at) : PERIOD;
            ssize_t put = write(ends[1], pattern(at, n).ptr, n);
            if (put < 0) {
                _exit(1);
            }
            usleep(at < size / 2 && at + (uint64_t)put >= size / 2 ? 50000 : 0);
            at += (uint64_t)put;
        }
        _exit(0);
    }
    close(ends[1]);
    *from = ends[0];
    return pid;
}

static void publishes_a_large_pipe_in_little_memory(void) {
    int from;
    int status = -1;
    body_size = large();
    broker b = broker_start(play_reader);
    lev_client *c = client_open(b.uri, NULL);
    pid_t pid = pipe_pattern(&from, body_size);
    client_confirms(c);
    client_begin(c);
    EXPECT_EQ(lev_client_publish_fd(c, 1, from), LEV_OK);
    client_finish(c);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    close(from);
    broker_end(&b);
    EXPECT(resident_peak() < RSS_LIMIT_KB);
}

static void publishes_bodies_around_the_frame_size(void) {
    static const uint64_t sizes[] = {0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        body_size = sizes[i];
        broker b = broker_start(play_reader);
        lev_client *c = client_open(b.uri, NULL);
        client_confirms(c);
        client_begin(c);
        publish_pieces(c, i % 2 == 0 ? PERIOD : FRAME);
        client_finish(c);
        broker_end(&b);
    }
}

/* ---- what goes wrong with the input ---- */

static void play_until_close(peer *p) {
    lev_frame frame;
    peer_login(p, 1);
    peer_open_channel(p);
    peer_expect(p, LEV_CONFIRM_SELECT);
    peer_send_method(p, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
    peer_expect(p, LEV_BASIC_PUBLISH);
    while (peer_take(p, &frame) && frame.type != LEV_FRAME_METHOD) {
    }
    lev_method m;
    peer_need(lev_method_decode(frame.payload, &m) == LEV_OK && m.id == LEV_CONNECTION_CLOSE,
              "connection.close amid the body");
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE_OK, &(lev_connection_close_ok){0});
}

static void a_short_input_is_an_error_and_the_message_not_sent(void) {
    int from;
    lev_tally tally;
    body_size = 1000000;
    broker b = broker_start(play_until_close);
    lev_client *c = client_open(b.uri, NULL);
    pid_t pid = pipe_pattern(&from, body_size - 7);
    client_confirms(c);
    client_begin(c);
    EXPECT_EQ(lev_client_publish_fd(c, 1, from), LEV_ERR_INPUT);
    EXPECT(strstr(lev_client_error(c)->text, "ended 7 bytes before") != NULL);
    EXPECT_EQ(lev_client_publish_fd(c, 1, -1), LEV_ERR_INPUT);
    EXPECT(strstr(lev_client_error(c)->text, "Bad file descriptor") != NULL);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &tally), LEV_ERR_MISUSE);
    EXPECT(strstr(lev_client_error(c)->text, "half sent") != NULL);
    EXPECT_EQ(lev_client_publish_body(c, 1, pattern(0, 8)), LEV_ERR_LIMIT);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    EXPECT(lev_client_wait_confirms(c, 1, &tally) != LEV_OK);
    EXPECT_EQ(tally.not_sent, 1);
    lev_client_free(c);
    EXPECT_EQ(waitpid(pid, NULL, 0), pid);
    close(from);
    broker_end(&b);
}

/* Beats, delivers, and wants to hear heartbeats, while the client waits for its input. */
static void play_patient(peer *p) {
    lev_frame frame;
    uint64_t got = 0;
    peer_login(p, 1);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of("c")};
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
    peer_expect(p, LEV_BASIC_PUBLISH);
    peer_need(peer_take(p, &frame) && frame.type == LEV_FRAME_HEADER, "a header");
    for (uint64_t i = 1; i <= 6; i++) {
        usleep(500000);
        peer_send_heartbeat(p);
        peer_deliver(p, i, "meanwhile");
    }
    while (got < body_size) {
        peer_need(peer_take(p, &frame) && frame.type == LEV_FRAME_BODY, "a body frame");
        got += frame.payload.len;
    }
    peer_need(p->heartbeats >= 3, "heartbeats while the input is silent");
    peer_close(p);
}

static void heartbeats_and_events_go_on_while_the_input_is_silent(void) {
    lev_event e;
    int ends[2];
    body_size = 5;
    broker b = broker_start(play_patient);
    lev_client *c = client_open(b.uri, NULL);
    lev_basic_consume consume = {.consumer_tag = lev_span_of("c")};
    lev_publication p = {.routing_key = lev_span_of("k")};
    EXPECT_EQ(lev_client_basic_consume(c, 1, &consume, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish_begin(c, 1, &p, body_size, NULL), LEV_OK);
    EXPECT_EQ(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(3500000);
        _exit(write(ends[1], "bytes", 5) == 5 ? 0 : 1);
    }
    EXPECT_EQ(lev_client_publish_fd(c, 1, ends[0]), LEV_OK);
    for (uint64_t i = 1; i <= 6; i++) {
        EXPECT_EQ(lev_client_next(c, &e, 5000), LEV_OK);
        EXPECT_EQ(e.type, LEV_EVENT_DELIVER);
        EXPECT_EQ(e.message->delivery.tag, i);
    }
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    EXPECT_EQ(waitpid(pid, NULL, 0), pid);
    broker_end(&b);
}

/* Closes the channel when it has seen some of the body. */
static void play_refusal(peer *p) {
    lev_frame frame;
    uint64_t got = 0;
    lev_method m = {.id = LEV_NO_METHOD};
    lev_channel_close close = {.reply_code = 404, .reply_text = lev_span_of("NOT_FOUND")};
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_CONFIRM_SELECT);
    peer_send_method(p, 1, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
    peer_expect(p, LEV_BASIC_PUBLISH);
    for (int i = 0; i < 100; i++) {
        peer_need(peer_take(p, &frame) && frame.type != LEV_FRAME_METHOD, "content");
        got += frame.type == LEV_FRAME_BODY ? frame.payload.len : 0;
    }
    peer_send_method(p, 1, LEV_CHANNEL_CLOSE, &close);
    while (m.id == LEV_NO_METHOD && peer_take(p, &frame)) {
        got += frame.type == LEV_FRAME_BODY ? frame.payload.len : 0;
        peer_need(frame.type != LEV_FRAME_METHOD || lev_method_decode(frame.payload, &m) == LEV_OK,
                  "a good method");
    }
    peer_need(m.id == LEV_CHANNEL_CLOSE_OK, "close-ok");
    peer_need(got == body_size, "the whole body before it");
    peer_open_channel(p);
    peer_close(p);
}

/* The rest comes in pieces, from a descriptor that always has more, or from one that never has. */
static lev_status publish_rest(lev_client *c, int how) {
    int silent[2];
    lev_status status = LEV_OK;
    int zeros = open("/dev/zero", O_RDONLY);
    EXPECT_EQ(pipe(silent), 0);
    for (int i = 0; i < 200 && how == 2; i++) {
        EXPECT_EQ(lev_client_publish_body(c, 1, pattern(0, 1)), LEV_OK);
    }
    while (status == LEV_OK && how == 0) {
        status = lev_client_publish_body(c, 1, pattern(0, PERIOD));
    }
    if (how != 0) {
        status = lev_client_publish_fd(c, 1, how == 1 ? zeros : silent[0]);
    }
    close(zeros);
    close(silent[0]);
    close(silent[1]);
    return status;
}

static void a_channel_closed_amid_the_body_is_told(void) {
    lev_tally tally;
    for (int how = 0; how < 3; how++) {
        body_size = UINT64_C(1) << 28;
        broker b = broker_start(play_refusal);
        lev_client *c = client_open(b.uri, NULL);
        client_confirms(c);
        client_begin(c);
        EXPECT_EQ(publish_rest(c, how), LEV_ERR_CHANNEL);
        EXPECT(strstr(lev_client_error(c)->text, "404 NOT_FOUND") != NULL);
        EXPECT(lev_client_wait_confirms(c, 1, &tally) != LEV_OK);
        EXPECT_EQ(tally.not_sent, 1);
        EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
        EXPECT_EQ(lev_client_close(c), LEV_OK);
        lev_client_free(c);
        broker_end(&b);
    }
}

/* ---- consuming ---- */

/* Takes one delivery in pieces, acks it, and returns how many events it took. */
static size_t consume_large(lev_client *c) {
    lev_event e;
    size_t events = 0;
    uint64_t at = 0;
    lev_delivery delivery = {.tag = 0};
    while (events == 0 || at < body_size) {
        EXPECT_EQ(lev_client_next(c, &e, 10000), LEV_OK);
        EXPECT_EQ(e.type, events == 0 ? LEV_EVENT_DELIVER : LEV_EVENT_BODY);
        EXPECT_EQ(e.message->body_size, body_size);
        EXPECT(matches(at, e.body));
        delivery = e.message->delivery;
        at += e.body.len;
        events++;
    }
    EXPECT_EQ(at, body_size);
    EXPECT_EQ(lev_client_ack(c, delivery, false), LEV_OK);
    return events;
}

static size_t consume(bool stream, const lev_client_options *options) {
    broker b = broker_start(play_writer);
    lev_client *c = client_open(b.uri, options);
    lev_basic_consume fields = {.queue = lev_span_of("q"), .consumer_tag = lev_span_of("c")};
    lev_method reply;
    EXPECT_EQ(stream ? lev_client_consume_stream(c, 1, &fields, &reply)
                     : lev_client_basic_consume(c, 1, &fields, &reply),
              LEV_OK);
    EXPECT_EQ(reply.id, LEV_BASIC_CONSUME_OK);
    size_t events = consume_large(c);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    broker_end(&b);
    return events;
}

static void consumes_a_large_body_in_little_memory(void) {
    body_size = large();
    EXPECT_EQ(consume(true, NULL), (body_size + FRAME - 1) / FRAME);
    EXPECT(resident_peak() < RSS_LIMIT_KB);
}

/* The limit above means something: it does not hold for a message that is put together. */
static void a_whole_message_needs_more(void) {
    body_size = UINT64_C(32) << 20;
    EXPECT_EQ(consume(false, NULL), 1);
    EXPECT(!RSS_KNOWN || resident_peak() > RSS_LIMIT_KB);
}

static void consumes_bodies_around_the_frame_size(void) {
    static const uint64_t sizes[] = {0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 1};
    static const size_t events[] = {1, 1, 1, 1, 2, 3, 4};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        body_size = sizes[i];
        EXPECT_EQ(consume(true, NULL), events[i]);
    }
}

/* Pieces that come while another call waits are kept, in order, up to message_max bytes. */
static void play_writer_and_answer(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of("c")};
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
    peer_expect(p, LEV_BASIC_QOS);
    send_large(p);
    peer_send_method(p, 1, LEV_BASIC_QOS_OK, &(lev_basic_qos_ok){0});
    peer_expect(p, LEV_BASIC_ACK);
    peer_close(p);
}

static void pieces_wait_in_the_backlog(void) {
    for (int small = 0; small < 2; small++) {
        lev_client_options o = {.message_max = small != 0 ? 1000000 : 0};
        body_size = 5000000;
        broker b = broker_start(play_writer_and_answer);
        lev_client *c = client_open(b.uri, &o);
        lev_basic_consume fields = {.consumer_tag = lev_span_of("c")};
        EXPECT_EQ(lev_client_consume_stream(c, 1, &fields, NULL), LEV_OK);
        EXPECT_EQ(lev_client_basic_qos(c, 1, &(lev_basic_qos){0}, NULL),
                  small != 0 ? LEV_ERR_LIMIT : LEV_OK);
        EXPECT_EQ(consume_large(c), 39);
        EXPECT_EQ(lev_client_close(c), LEV_OK);
        lev_client_free(c);
        broker_end(&b);
    }
}

/* ---- RabbitMQ ---- */

static uint64_t rabbitmq_size(void) {
    return getenv("LEVERET_LONG") != NULL ? UINT64_C(100) << 20 : UINT64_C(8) << 20;
}

static void rabbitmq_takes_and_gives_a_large_body_in_pieces(void) {
    char name[256];
    uint64_t number;
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    body_size = rabbitmq_size() + 1;
    lev_client *c = brokers_open(brokers_rabbitmq(), &(lev_client_options){.progress_ms = 60000});
    lev_span queue = brokers_queue(c, name);
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    lev_publication p = {.routing_key = queue, .mandatory = true};
    EXPECT_EQ(lev_client_publish_begin(c, 1, &p, body_size, &number), LEV_OK);
    publish_pieces(c, PIECE);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, NULL), LEV_OK);
    lev_basic_consume consume = {.queue = queue, .consumer_tag = lev_span_of("s")};
    EXPECT_EQ(lev_client_consume_stream(c, 1, &consume, NULL), LEV_OK);
    EXPECT(consume_large(c) > 1);
    brokers_close(c);
    EXPECT(resident_peak() < RSS_LIMIT_KB);
}

/* An unroutable message in pieces comes back and is known by its content. */
static void rabbitmq_returns_what_came_in_pieces(void) {
    lev_tally tally;
    uint64_t number;
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    body_size = 300000;
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    EXPECT_EQ(lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    lev_publication p = {.routing_key = lev_span_of("leveret.no.such.queue"), .mandatory = true};
    EXPECT_EQ(lev_client_publish_begin(c, 1, &p, body_size, &number), LEV_OK);
    publish_pieces(c, 777);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &tally), LEV_ERR_NOT_CONFIRMED);
    EXPECT_EQ(tally.returned, 1);
    brokers_close(c);
}

/* RabbitMQ closes a channel amid content that we send there; the connection lives on. */
static void rabbitmq_accepts_a_close_ok_amid_content(void) {
    lev_event e;
    lev_tally tally;
    if (brokers_rabbitmq() == NULL) {
        return;
    }
    body_size = 1000000;
    lev_client *c = brokers_open(brokers_rabbitmq(), NULL);
    client_confirms(c);
    client_begin(c);
    EXPECT_EQ(lev_client_publish_body(c, 1, pattern(0, 1000)), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK); /* of the connection, amid content, is fine too */
    lev_client_free(c);
    c = brokers_open(brokers_rabbitmq(), NULL);
    client_confirms(c);
    EXPECT_EQ(lev_client_ack(c, (lev_delivery){1, 1, 999}, false), LEV_OK);
    client_begin(c);
    EXPECT_EQ(lev_client_publish_body(c, 1, pattern(0, 1000)), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &e, 10000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_OUTCOME);
    EXPECT_EQ(e.outcome, LEV_NOT_SENT);
    EXPECT_EQ(lev_client_next(c, &e, 10000), LEV_ERR_CHANNEL);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    body_size = 100;
    client_confirms(c);
    client_begin(c);
    publish_pieces(c, 10);
    EXPECT_EQ(lev_client_wait_confirms(c, 1, &tally), LEV_ERR_NOT_CONFIRMED);
    EXPECT_EQ(tally.returned, 1);
    brokers_close(c);
}

UNIT_MAIN("stream", CASE(publishes_a_large_body_in_little_memory),
          CASE(publishes_a_large_pipe_in_little_memory),
          CASE(consumes_a_large_body_in_little_memory), CASE(a_whole_message_needs_more),
          CASE(publishes_bodies_around_the_frame_size), CASE(consumes_bodies_around_the_frame_size),
          CASE(a_short_input_is_an_error_and_the_message_not_sent),
          CASE(heartbeats_and_events_go_on_while_the_input_is_silent),
          CASE(a_channel_closed_amid_the_body_is_told), CASE(pieces_wait_in_the_backlog),
          CASE(rabbitmq_takes_and_gives_a_large_body_in_pieces),
          CASE(rabbitmq_returns_what_came_in_pieces),
          CASE(rabbitmq_accepts_a_close_ok_amid_content))
