/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What goes over the wire when a connection is made again: each step in its place, on its channel,
 * and what follows when one of them fails. The first peer loses the connection; the others see what
 * comes then. */

#include "../unit.h"
#include "peer.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SPARE = 10 /* the highest channel of the scripted broker */, PEERS = 3, MOMENT_US = 50000 };

/* ---- the broker's side ---- */

/* Takes a method, which must come on that channel. */
static lev_method take(peer *p, uint16_t channel, lev_method_id id) {
    lev_frame frame;
    lev_method method;
    peer_need(peer_take(p, &frame), "the client has closed");
    peer_need(frame.type == LEV_FRAME_METHOD, "no method frame");
    peer_need(lev_method_decode(frame.payload, &method) == LEV_OK, "a malformed method");
    if (method.id != id || frame.channel != channel) {
        fprintf(stderr, "peer: expected %s on %u, have %s on %u\n",
                lev_method_describe(id)->method_name, channel,
                lev_method_describe(method.id)->method_name, frame.channel);
    }
    peer_need(method.id == id && frame.channel == channel, "another step");
    return method;
}

static void need_same(lev_span have, const char *want) {
    peer_need(lev_span_equal(have, lev_span_of(want)), want);
}

static void serve_open(peer *p, uint16_t channel) {
    take(p, channel, LEV_CHANNEL_OPEN);
    peer_send_method(p, channel, LEV_CHANNEL_OPEN_OK, &(lev_channel_open_ok){0});
}

static void serve_exchange(peer *p, uint16_t channel) {
    lev_method m = take(p, channel, LEV_EXCHANGE_DECLARE);
    need_same(m.as.exchange_declare.exchange, "e");
    need_same(m.as.exchange_declare.type, "topic");
    peer_send_method(p, channel, LEV_EXCHANGE_DECLARE_OK, &(lev_exchange_declare_ok){0});
}

static void serve_queue(peer *p, uint16_t channel, const char *made) {
    lev_method m = take(p, channel, LEV_QUEUE_DECLARE);
    need_same(m.as.queue_declare.queue, "");
    peer_need(m.as.queue_declare.exclusive, "exclusive");
    lev_queue_declare_ok ok = {.queue = lev_span_of(made)};
    peer_send_method(p, channel, LEV_QUEUE_DECLARE_OK, &ok);
}

static void serve_binding(peer *p, uint16_t channel, const char *queue) {
    lev_method m = take(p, channel, LEV_QUEUE_BIND);
    need_same(m.as.queue_bind.queue, queue);
    need_same(m.as.queue_bind.exchange, "e");
    need_same(m.as.queue_bind.routing_key, "k.#");
    peer_send_method(p, channel, LEV_QUEUE_BIND_OK, &(lev_queue_bind_ok){0});
}

static void serve_confirms(peer *p, uint16_t channel) {
    take(p, channel, LEV_CONFIRM_SELECT);
    peer_send_method(p, channel, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
}

static void serve_qos(peer *p, uint16_t channel) {
    peer_need(take(p, channel, LEV_BASIC_QOS).as.basic_qos.prefetch_count == 7, "the limit");
    peer_send_method(p, channel, LEV_BASIC_QOS_OK, &(lev_basic_qos_ok){0});
}

/* The tag that was made for the consumer, and that it has to keep. */
static char tag[256];

static void serve_consumer(peer *p, const char *queue) {
    lev_method m = take(p, 1, LEV_BASIC_CONSUME);
    lev_span asked = m.as.basic_consume.consumer_tag;
    need_same(m.as.basic_consume.queue, queue);
    peer_need(asked.len > 0 && (tag[0] == '\0' || lev_span_equal(asked, lev_span_of(tag))), "tag");
    snprintf(tag, sizeof tag, "%.*s", (int)asked.len, (const char *)asked.ptr);
    lev_basic_consume_ok ok = {.consumer_tag = asked};
    peer_send_method(p, 1, LEV_BASIC_CONSUME_OK, &ok);
}

static void refuse(peer *p, uint16_t code, const char *text) {
    lev_channel_close close = {.reply_code = code, .reply_text = lev_span_of(text)};
    peer_send_method(p, SPARE, LEV_CHANNEL_CLOSE, &close);
}

static void await_the_end(peer *p) {
    char byte;
    while (recv(p->fd, &byte, 1, 0) > 0) {
    }
}

static void lose(peer *p) {
    usleep(MOMENT_US);
    peer_reset(p);
}

/* What make_all calls. */
static void serve_all(peer *p) {
    peer_login(p, 0);
    serve_open(p, 1);
    serve_open(p, 2);
    serve_exchange(p, 1);
    serve_queue(p, 1, "gen-1");
    serve_binding(p, 1, "");
    serve_confirms(p, 2);
    serve_qos(p, 1);
    serve_consumer(p, "");
}

static void serve_all_and_lose(peer *p) {
    serve_all(p);
    lose(p);
}

/* The first is of a consumer that the program does not know, and says nothing. */
static void serve_all_and_cancel(peer *p) {
    lev_basic_cancel cancel = {.consumer_tag = lev_span_of("another"), .nowait = true};
    serve_all(p);
    usleep(MOMENT_US);
    peer_send_method(p, 1, LEV_BASIC_CANCEL, &cancel);
    cancel.consumer_tag = lev_span_of(tag);
    peer_send_method(p, 1, LEV_BASIC_CANCEL, &cancel);
    await_the_end(p);
}

static void see_entities_begin(peer *p) {
    peer_login(p, 0);
    serve_open(p, SPARE);
    serve_exchange(p, SPARE);
}

static void see_channel_close(peer *p) {
    take(p, SPARE, LEV_CHANNEL_CLOSE);
    peer_send_method(p, SPARE, LEV_CHANNEL_CLOSE_OK, &(lev_channel_close_ok){0});
}

static void see_all(peer *p) {
    see_entities_begin(p);
    serve_queue(p, SPARE, "gen-2");
    serve_binding(p, SPARE, "gen-2");
    see_channel_close(p);
    serve_open(p, 1);
    serve_open(p, 2);
    serve_confirms(p, 2);
    serve_qos(p, 1);
    serve_consumer(p, "gen-2");
    peer_close(p);
}

/* ---- the client's side ---- */

typedef struct story {
    lev_recovery_verdict verdict;
    unsigned lost, steps, failed, done, over;
    lev_method_id failed_at;
    char why[LEV_ERROR_TEXT];
} story;

static lev_recovery_verdict hear(void *context, const lev_recovery_news *news) {
    story *s = context;
    s->lost += news->stage == LEV_RECOVERY_LOST;
    s->done += news->stage == LEV_RECOVERY_DONE;
    s->over += news->stage == LEV_RECOVERY_OVER;
    if (news->stage == LEV_RECOVERY_STEP && news->error != NULL) {
        s->failed++;
        s->failed_at = news->method != NULL ? news->method->id : LEV_NO_METHOD;
        snprintf(s->why, sizeof s->why, "%s", news->error->text);
    } else if (news->stage == LEV_RECOVERY_STEP) {
        s->steps++;
    }
    return s->verdict;
}

/* A client and its brokers, in the order it meets them. */
typedef struct scene {
    bool restart_cancelled;
    story heard;
    peer *peers[PEERS];
    const char *uris[PEERS]; /* to live until the client is opened */
    int count;
    lev_client *c;
} scene;

static void begin(scene *s, void (*const *scripts)(peer *p), int count) {
    for (s->count = 0; s->count < count; s->count++) {
        s->peers[s->count] = peer_start(scripts[s->count]);
        s->uris[s->count] = s->peers[s->count]->uri;
    }
    lev_recovery_options r = {.on = true,
                              .restart_cancelled = s->restart_cancelled,
                              .attempts = 5,
                              .wait_first_ms = 1,
                              .wait_max_ms = 10,
                              .hook = hear,
                              .context = &s->heard};
    lev_client_options o = {
        .uris = s->uris + 1, .uri_count = (size_t)count - 1, .call_ms = 400, .recovery = r};
    tag[0] = '\0';
    s->c = lev_client_new(&o);
}

static void make_all(lev_client *c) {
    lev_exchange_declare e = {.exchange = lev_span_of("e"), .type = lev_span_of("topic")};
    lev_queue_bind b = {.exchange = lev_span_of("e"), .routing_key = lev_span_of("k.#")};
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 2, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_exchange_declare(c, 1, &e, NULL), LEV_OK);
    EXPECT_EQ(lev_client_queue_declare(c, 1, &(lev_queue_declare){.exclusive = true}, NULL),
              LEV_OK);
    EXPECT_EQ(lev_client_queue_bind(c, 1, &b, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(c, 2, &(lev_confirm_select){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_basic_qos(c, 1, &(lev_basic_qos){.prefetch_count = 7}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_basic_consume(c, 1, &(lev_basic_consume){0}, NULL), LEV_OK);
}

static lev_event expect_event(lev_client *c, lev_event_type type) {
    lev_event e;
    lev_client_next(c, &e, 5000);
    EXPECT_EQ(e.type, type);
    return e;
}

static void end(scene *s) {
    lev_client_free(s->c);
    for (int i = 0; i < s->count; i++) {
        peer_end(s->peers[i]);
    }
}

/* Makes everything, loses it and has it back. */
static void play(scene *s, void (*const *scripts)(peer *p), int count) {
    begin(s, scripts, count);
    EXPECT_EQ(lev_client_open(s->c, s->peers[0]->uri), LEV_OK);
    make_all(s->c);
    expect_event(s->c, LEV_EVENT_RECOVERING);
    expect_event(s->c, LEV_EVENT_RECOVERED);
    EXPECT_EQ(s->heard.lost, 1);
    EXPECT_EQ(s->heard.done, 1);
    EXPECT_EQ(lev_client_close(s->c), LEV_OK);
    EXPECT_EQ(s->heard.over, 0);
    end(s);
}

static void makes_all_again_in_order(void) {
    scene s = {.count = 0};
    play(&s, (void (*const[])(peer *)){serve_all_and_lose, see_all}, 2);
    EXPECT_EQ(s.heard.steps, 8);
    EXPECT_EQ(s.heard.failed, 0);
}

/* What was answered there counts for nothing: the third begins with the first step. */
static void lose_amid_the_entities(peer *p) {
    see_entities_begin(p);
    serve_queue(p, SPARE, "gen-lost");
    take(p, SPARE, LEV_QUEUE_BIND);
    peer_reset(p);
}

static void begins_again_where_it_is_lost_again(void) {
    scene s = {.count = 0};
    play(&s, (void (*const[])(peer *)){serve_all_and_lose, lose_amid_the_entities, see_all}, 3);
    EXPECT_EQ(s.heard.steps, 2 + 8);
}

static void find_the_queue_locked(peer *p) {
    see_entities_begin(p);
    take(p, SPARE, LEV_QUEUE_DECLARE);
    refuse(p, 405, "RESOURCE_LOCKED");
    await_the_end(p);
}

/* The broker has not noticed yet that the old connection is gone. */
static void tries_again_where_a_queue_is_locked(void) {
    scene s = {.count = 0};
    play(&s, (void (*const[])(peer *)){serve_all_and_lose, find_the_queue_locked, see_all}, 3);
    EXPECT_EQ(s.heard.failed, 1);
    EXPECT_EQ(s.heard.failed_at, LEV_QUEUE_DECLARE);
    EXPECT(strstr(s.heard.why, "RESOURCE_LOCKED") != NULL);
}

static void refuse_the_queue(peer *p) {
    see_entities_begin(p);
    take(p, SPARE, LEV_QUEUE_DECLARE);
    refuse(p, 406, "PRECONDITION_FAILED");
    await_the_end(p);
}

static void tries_again_where_the_program_says_so(void) {
    scene s = {.heard.verdict = LEV_RECOVERY_RETRY};
    play(&s, (void (*const[])(peer *)){serve_all_and_lose, refuse_the_queue, see_all}, 3);
    EXPECT_EQ(s.heard.failed, 1);
}

/* Neither the binding nor the consumer can be without it. */
static void see_all_without_the_queue(peer *p) {
    see_entities_begin(p);
    see_channel_close(p);
    serve_open(p, 1);
    serve_open(p, 2);
    serve_confirms(p, 2);
    serve_qos(p, 1);
    peer_close(p);
}

static void leaves_out_what_the_program_says(void) {
    scene s = {.heard.verdict = LEV_RECOVERY_SKIP};
    play(&s,
         (void (*const[])(peer *)){serve_all_and_lose, refuse_the_queue, see_all_without_the_queue},
         3);
    EXPECT_EQ(s.heard.failed, 1);
}

static void stops_where_the_program_says_so(void) {
    scene s = {.heard.verdict = LEV_RECOVERY_STOP};
    begin(&s, (void (*const[])(peer *)){serve_all_and_lose, find_the_queue_locked}, 2);
    EXPECT_EQ(lev_client_open(s.c, s.peers[0]->uri), LEV_OK);
    make_all(s.c);
    expect_event(s.c, LEV_EVENT_RECOVERING);
    EXPECT(strstr(expect_event(s.c, LEV_EVENT_FAILED).error->text, "RESOURCE_LOCKED") != NULL);
    EXPECT_EQ(s.heard.over, 1);
    end(&s);
}

static void never_answer_the_queue(peer *p) {
    see_entities_begin(p);
    take(p, SPARE, LEV_QUEUE_DECLARE);
    await_the_end(p);
}

static void does_not_wait_for_ever_for_a_step(void) {
    scene s = {.count = 0};
    play(&s, (void (*const[])(peer *)){serve_all_and_lose, never_answer_the_queue, see_all}, 3);
    EXPECT_EQ(s.heard.steps, 1 + 8);
}

/* ---- a consumer that the broker cancels ---- */

static void restarts_what_the_broker_cancelled(void) {
    scene s = {.restart_cancelled = true};
    play(&s, (void (*const[])(peer *)){serve_all_and_cancel, see_all}, 2);
    EXPECT_EQ(s.heard.steps, 8);
}

static void see_the_queue_missing(peer *p) {
    see_entities_begin(p);
    take(p, SPARE, LEV_QUEUE_DECLARE);
    refuse(p, 404, "NOT_FOUND");
    await_the_end(p);
}

static void names_the_cause_and_ends_where_it_cannot(void) {
    scene s = {.restart_cancelled = true};
    begin(&s, (void (*const[])(peer *)){serve_all_and_cancel, see_the_queue_missing}, 2);
    EXPECT_EQ(lev_client_open(s.c, s.peers[0]->uri), LEV_OK);
    make_all(s.c);
    const char *cause = expect_event(s.c, LEV_EVENT_RECOVERING).error->text;
    EXPECT(strstr(cause, "the broker cancelled consumer") != NULL);
    EXPECT(strstr(cause, tag) != NULL);
    EXPECT(strstr(expect_event(s.c, LEV_EVENT_FAILED).error->text, "NOT_FOUND") != NULL);
    end(&s);
}

static void leaves_it_cancelled_otherwise(void) {
    scene s = {.restart_cancelled = false};
    begin(&s, (void (*const[])(peer *)){serve_all_and_cancel}, 1);
    EXPECT_EQ(lev_client_open(s.c, s.peers[0]->uri), LEV_OK);
    make_all(s.c);
    expect_event(s.c, LEV_EVENT_CANCELLED);
    EXPECT_EQ(s.heard.lost, 0);
    end(&s);
}

/* ---- around it ---- */

/* A foreign loop: waits for what it is told to, and for no longer than five seconds in all. */
static lev_event loop_until_event(lev_client *c, bool *without_socket) {
    lev_event e = {.type = LEV_EVENT_NONE};
    for (int i = 0; i < 1000 && e.type == LEV_EVENT_NONE; i++) {
        unsigned wants = lev_client_wants(c);
        short events = (short)(((wants & LEV_CLIENT_READ) != 0 ? POLLIN : 0) |
                               ((wants & LEV_CLIENT_WRITE) != 0 ? POLLOUT : 0));
        struct pollfd p = {.fd = lev_client_fd(c), .events = events};
        int ms = lev_client_timeout(c);
        EXPECT(p.fd >= 0 || ms >= 0); /* else nothing would ever wake it */
        *without_socket = *without_socket || p.fd < 0;
        EXPECT(poll(&p, 1, ms >= 0 && ms < 5000 ? ms : 5000) > 0 || ms >= 0);
        EXPECT_EQ(lev_client_process(c), LEV_OK);
        lev_client_next(c, &e, 0);
    }
    return e;
}

static void comes_back_in_a_foreign_loop(void) {
    scene s = {.count = 0};
    bool without = false;
    begin(&s, (void (*const[])(peer *)){serve_all_and_lose, see_all}, 2);
    EXPECT_EQ(lev_client_start(s.c, s.peers[0]->uri), LEV_OK);
    EXPECT_EQ(loop_until_event(s.c, &without).type, LEV_EVENT_START);
    EXPECT_EQ(loop_until_event(s.c, &without).type, LEV_EVENT_OPEN);
    make_all(s.c);
    without = false;
    EXPECT_EQ(loop_until_event(s.c, &without).type, LEV_EVENT_RECOVERING);
    EXPECT_EQ(lev_client_fd(s.c), -1);
    EXPECT_EQ(loop_until_event(s.c, &without).type, LEV_EVENT_RECOVERED);
    EXPECT(without);
    EXPECT_EQ(lev_client_close(s.c), LEV_OK);
    end(&s);
}

static void see_a_close_amid_the_steps(peer *p) {
    see_entities_begin(p);
    take(p, SPARE, LEV_QUEUE_DECLARE);
    peer_close(p);
}

/* In order, and the step that is under way is waited for by nobody. */
static void closes_amid_the_steps(void) {
    scene s = {.count = 0};
    lev_event e;
    begin(&s, (void (*const[])(peer *)){serve_all_and_lose, see_a_close_amid_the_steps}, 2);
    EXPECT_EQ(lev_client_open(s.c, s.peers[0]->uri), LEV_OK);
    make_all(s.c);
    expect_event(s.c, LEV_EVENT_RECOVERING);
    EXPECT_EQ(lev_client_next(s.c, &e, 150), LEV_ERR_TIMEOUT);
    EXPECT_EQ(lev_client_close(s.c), LEV_OK);
    expect_event(s.c, LEV_EVENT_CLOSED);
    EXPECT_EQ(s.heard.done, 0);
    end(&s);
}

/* A mistake in the second is told though the first would do, which nobody has come to by then. */
static void connects_nowhere_with_a_bad_uri(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_EQ(bind(listener, (struct sockaddr *)&at, len), 0);
    EXPECT_EQ(listen(listener, 4), 0);
    EXPECT_EQ(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    char uri[64];
    snprintf(uri, sizeof uri, "amqp://127.0.0.1:%u", ntohs(at.sin_port));
    const char *others[] = {uri, "amqp://host:port"};
    lev_client *c = lev_client_new(&(lev_client_options){.uris = others, .uri_count = 2});
    EXPECT_EQ(lev_client_start(c, uri), LEV_ERR_URI);
    EXPECT_EQ(lev_client_fd(c), -1);
    struct pollfd p = {.fd = listener, .events = POLLIN};
    EXPECT_EQ(poll(&p, 1, 50), 0);
    lev_client_free(c);
    close(listener);
}

UNIT_MAIN("replay", CASE(makes_all_again_in_order), CASE(begins_again_where_it_is_lost_again),
          CASE(tries_again_where_a_queue_is_locked), CASE(tries_again_where_the_program_says_so),
          CASE(leaves_out_what_the_program_says), CASE(stops_where_the_program_says_so),
          CASE(does_not_wait_for_ever_for_a_step), CASE(restarts_what_the_broker_cancelled),
          CASE(names_the_cause_and_ends_where_it_cannot), CASE(leaves_it_cancelled_otherwise),
          CASE(comes_back_in_a_foreign_loop), CASE(closes_amid_the_steps),
          CASE(connects_nowhere_with_a_bad_uri))
