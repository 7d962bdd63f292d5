/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How bytes flow: when publishes are written, a slow reader, large deliveries, pipelined answers,
 * and what a foreign event loop is told. */

#include "../unit.h"
#include "peer.h"
#include "tap.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static lev_client *open_channel(const peer *p, const lev_client_options *options) {
    lev_client *c = lev_client_new(options);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    return c;
}

static void consume(lev_client *c) {
    lev_basic_consume fields = {.consumer_tag = lev_span_of("c")};
    EXPECT_EQ(lev_client_basic_consume(c, 1, &fields, NULL), LEV_OK);
}

static void give_consumer(peer *p) {
    lev_basic_consume_ok ok = {.consumer_tag = lev_span_of("c")};
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_BASIC_CONSUME);
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
}

static void read_all(peer *p) {
    uint8_t bytes[65536];
    while (recv(p->fd, bytes, sizeof bytes, 0) > 0) {
    }
}

static void read_all_at_once(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    read_all(p);
}

static void writes_by_itself_when_much_is_queued(void) {
    static uint8_t body[1000];
    peer *p = peer_start(read_all_at_once);
    lev_client *c = open_channel(p, NULL);
    lev_publication m = {.body = {body, sizeof body}};
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT(lev_engine_queued(lev_client_engine(c)) >= sizeof body); /* a little may wait */
    for (int i = 0; i < 2000; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    }
    EXPECT(lev_engine_queued(lev_client_engine(c)) < 600000);
    lev_client_free(c);
    peer_end(p);
}

static void read_nothing_for_a_while(peer *p) {
    int small = 16384;
    setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer_login(p, 0);
    peer_open_channel(p);
    usleep(300000);
    read_all(p);
}

/* Where the socket takes no more, each further publish only queues. */
static void asks_a_full_socket_seldom(void) {
    static uint8_t body[100];
    peer *p = peer_start(read_nothing_for_a_while);
    lev_client *c = open_channel(p, NULL);
    lev_publication m = {.body = {body, sizeof body}};
    tap_writes = 0;
    for (int i = 0; i < 40000; i++) { /* 6 MB */
        EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    }
    EXPECT(lev_engine_queued(lev_client_engine(c)) > 1000000);
    EXPECT(tap_writes > 0 && tap_writes < 150);
    lev_client_free(c);
    peer_end(p);
}

static void make_buffers_small(int fd) {
    int small = 16384;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
}

/* At most 300 KB/s. */
static void read_slowly(peer *p) {
    uint8_t bytes[32768];
    make_buffers_small(p->fd);
    peer_login(p, 0);
    peer_open_channel(p);
    while (recv(p->fd, bytes, sizeof bytes, 0) > 0) {
        usleep(100000);
    }
}

static void is_patient_while_there_is_progress(void) {
    enum { SIZE = 600000 };
    peer *p = peer_start(read_slowly);
    lev_client *c =
        open_channel(p, &(lev_client_options){.progress_ms = 1000, .high_water = 20000});
    make_buffers_small(lev_client_fd(c));
    uint8_t *body = calloc(1, SIZE);
    lev_publication m = {.body = {body, SIZE}};
    uint64_t start = lev_net_now();
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish(c, 1, &m, NULL), LEV_OK); /* waits for most of the first */
    EXPECT(lev_net_now() - start > 1500);
    EXPECT(lev_client_wants(c) & LEV_CLIENT_WRITE);
    free(body);
    lev_client_free(c);
    peer_end(p);
}

static void deliver_large(peer *p) {
    enum { SIZE = 2000000, PIECE = 100000 };
    static uint8_t frame[PIECE + LEV_FRAME_OVERHEAD];
    lev_basic_deliver deliver = {.consumer_tag = lev_span_of("c"), .delivery_tag = 1};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = SIZE};
    uint8_t head[100];
    give_consumer(p);
    peer_send_method(p, 1, LEV_BASIC_DELIVER, &deliver);
    lev_writer w = lev_writer_init(head, sizeof head);
    size_t place = lev_frame_begin(&w, LEV_FRAME_HEADER, 1);
    lev_header_encode(&w, &header);
    lev_frame_end(&w, place);
    peer_send(p, head, w.len);
    memset(frame, 'x', sizeof frame);
    for (size_t sent = 0; sent < SIZE; sent += PIECE) {
        w = lev_writer_init(frame, sizeof frame);
        lev_frame_encode(&w, &(lev_frame){LEV_FRAME_BODY, 1, {frame + LEV_FRAME_HEAD, PIECE}});
        peer_send(p, frame, w.len);
    }
}

static void deliver_two_megabytes(peer *p) {
    deliver_large(p);
    peer_close(p);
}

static void takes_a_delivery_larger_than_its_buffer(void) {
    peer *p = peer_start(deliver_two_megabytes);
    lev_client *c = open_channel(p, NULL);
    lev_event e;
    consume(c);
    EXPECT_EQ(lev_client_next(c, &e, 5000), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_DELIVER);
    EXPECT_EQ(e.message->body.len, 2000000);
    EXPECT(e.message->body.ptr[0] == 'x' && e.message->body.ptr[1999999] == 'x');
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void deliver_too_much(peer *p) {
    deliver_large(p);
    peer_expect(p, LEV_CHANNEL_CLOSE);
    peer_send_method(p, 1, LEV_CHANNEL_CLOSE_OK, &(lev_channel_close_ok){0});
    peer_close(p);
}

static void takes_no_delivery_over_its_limit(void) {
    peer *p = peer_start(deliver_too_much);
    lev_client *c = open_channel(p, &(lev_client_options){.message_max = 1000000});
    lev_event e;
    consume(c);
    EXPECT_EQ(lev_client_next(c, &e, 5000), LEV_ERR_CHANNEL);
    EXPECT_EQ(e.type, LEV_EVENT_CHANNEL_CLOSED);
    EXPECT_EQ(e.error->status, LEV_ERR_LIMIT);
    EXPECT_EQ(lev_client_error(c)->status, LEV_ERR_CHANNEL);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void answer_two_calls(peer *p) {
    lev_queue_declare_ok ok = {.queue = lev_span_of("q"), .message_count = 2};
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect(p, LEV_QUEUE_DECLARE);
    peer_expect(p, LEV_QUEUE_DECLARE);
    peer_send_method(p, 1, LEV_QUEUE_DECLARE_OK, &(lev_queue_declare_ok){.message_count = 1});
    peer_send_method(p, 1, LEV_QUEUE_DECLARE_OK, &ok);
    peer_close(p);
}

static void takes_its_own_answer_among_others(void) {
    peer *p = peer_start(answer_two_calls);
    lev_client *c = open_channel(p, NULL);
    uint32_t first;
    lev_method reply;
    lev_event e;
    lev_queue_declare declare = {0};
    EXPECT_EQ(lev_engine_queue_declare(lev_client_engine(c), 1, &declare, &first), LEV_OK);
    EXPECT_EQ(lev_client_queue_declare(c, 1, &declare, &reply), LEV_OK);
    EXPECT_EQ(reply.as.queue_declare_ok.message_count, 2);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_OK);
    EXPECT_EQ(e.type, LEV_EVENT_REPLY);
    EXPECT_EQ(e.call, first);
    EXPECT_EQ(e.method->as.queue_declare_ok.message_count, 1);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void deliver_two(peer *p) {
    give_consumer(p);
    usleep(100000); /* so that they do not come with the answer */
    peer_deliver(p, 1, "one");
    peer_deliver(p, 2, "two");
    peer_close(p);
}

/* One event is taken a turn, and the second one lies in memory already: the loop must not sleep. */
static void tells_a_foreign_loop_that_more_is_there(void) {
    peer *p = peer_start(deliver_two);
    lev_client *c = open_channel(p, NULL);
    lev_event e;
    consume(c);
    usleep(200000);
    EXPECT_EQ(lev_client_wants(c), LEV_CLIENT_READ);
    EXPECT_EQ(lev_client_process(c), LEV_OK);
    EXPECT_EQ(lev_client_timeout(c), 0);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_OK);
    EXPECT(lev_span_equal(e.message->body, lev_span_of("one")));
    EXPECT_EQ(lev_client_process(c), LEV_OK);
    EXPECT_EQ(lev_client_timeout(c), 0);
    EXPECT_EQ(lev_client_next(c, &e, 0), LEV_OK);
    EXPECT(lev_span_equal(e.message->body, lev_span_of("two")));
    EXPECT_EQ(lev_client_process(c), LEV_OK);
    EXPECT(lev_client_timeout(c) > 1000); /* the next heartbeat */
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

/* Reads nothing for a while, and sends what lands where the client's last answer lay. */
static void read_late(peer *p) {
    lev_frame frame;
    lev_method method = {.id = LEV_NO_METHOD};
    lev_basic_get_ok ok = {.delivery_tag = 1, .routing_key = lev_span_of("the key of the answer")};
    make_buffers_small(p->fd);
    give_consumer(p);
    peer_expect(p, LEV_BASIC_GET);
    peer_send_content(p, 1, LEV_BASIC_GET_OK, &ok, lev_span_of("body"));
    usleep(300000);
    for (uint64_t tag = 2; tag < 40; tag++) {
        peer_deliver(p, tag, "a delivery that takes the place of the answer");
    }
    while (method.id != LEV_QUEUE_DECLARE) {
        peer_need(peer_take(p, &frame), "no queue.declare");
        if (frame.type == LEV_FRAME_METHOD) {
            peer_need(lev_method_decode(frame.payload, &method) == LEV_OK, "a malformed method");
        }
    }
    peer_need(lev_span_equal(method.as.queue_declare.queue, ok.routing_key), "another name");
    peer_close(p);
}

static void calls_out_of_the_last_answer_even_where_it_waits(void) {
    enum { SIZE = 600000 };
    peer *p = peer_start(read_late);
    lev_client *c = open_channel(p, &(lev_client_options){.high_water = 20000});
    make_buffers_small(lev_client_fd(c));
    consume(c);
    uint8_t *body = calloc(1, SIZE);
    lev_publication m = {.body = {body, SIZE}};
    const lev_message *got;
    EXPECT_EQ(lev_client_get(c, 1, &(lev_basic_get){0}, &got), LEV_OK);
    EXPECT_EQ(lev_engine_publish(lev_client_engine(c), 1, &m, NULL), LEV_OK);
    lev_queue_declare declare = {.queue = got->routing_key, .nowait = true};
    EXPECT_EQ(lev_client_queue_declare(c, 1, &declare, NULL), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    free(body);
    lev_client_free(c);
    peer_end(p);
}

UNIT_MAIN("flow", CASE(writes_by_itself_when_much_is_queued), CASE(asks_a_full_socket_seldom),
          CASE(is_patient_while_there_is_progress), CASE(takes_a_delivery_larger_than_its_buffer),
          CASE(takes_no_delivery_over_its_limit), CASE(takes_its_own_answer_among_others),
          CASE(tells_a_foreign_loop_that_more_is_there),
          CASE(calls_out_of_the_last_answer_even_where_it_waits))
