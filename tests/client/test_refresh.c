/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A secret that is renewed while the connection runs: when the program is asked, what the broker is
 * told, and how it ends where that does not work; against scripted peers. */

#include "../unit.h"
#include "peer.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is(lev_span have, const char *want) { return lev_span_equal(have, lev_span_of(want)); }

/* A program with a token that it renews: "token 1", "token 2", ... */
typedef struct program {
    unsigned asked;
    unsigned times;  /* after so many there is none any more */
    uint32_t every;  /* ms */
    unsigned silent; /* that time it has nothing to say */
    size_t size;     /* zeros, or with `pad` those bytes, instead of a token */
    uint8_t pad;
} program;

static uint32_t renew(void *context, lev_writer *secret) {
    program *of = context;
    of->asked++;
    for (size_t i = 0; i < of->size; i++) {
        lev_writer_bytes(secret, (lev_span){&of->pad, 1});
    }
    if (of->size == 0 && of->asked != of->silent) {
        lev_writer_text(secret, "token ");
        lev_writer_decimal(secret, of->asked);
    }
    return of->asked == of->times ? 0 : of->every;
}

static lev_client *open_client(const peer *p, program *of, uint32_t refresh_ms) {
    lev_client_options o = {.heartbeat_off = true,
                            .refresh = renew,
                            .refresh_context = of,
                            .refresh_ms = refresh_ms,
                            .call_ms = 300};
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    return c;
}

static void end(peer *p, lev_client *c) {
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
}

static void expect_token(peer *p, const char *token) {
    lev_connection_update_secret update =
        peer_expect(p, LEV_CONNECTION_UPDATE_SECRET).as.connection_update_secret;
    peer_need(is(update.new_secret, token), "another token");
    peer_need(is(update.reason, "refresh"), "another reason");
}

static void say_ok(peer *p) {
    peer_send_method(p, 0, LEV_CONNECTION_UPDATE_SECRET_OK, &(lev_connection_update_secret_ok){0});
}

/* ---- all goes well ------------------------------------------------------------------------------
 */

static void take_three(peer *p) {
    peer_login(p, 0);
    expect_token(p, "token 1");
    usleep(20000);
    say_ok(p);
    expect_token(p, "token 2");
    say_ok(p);
    expect_token(p, "token 3");
    say_ok(p);
    peer_close(p);
}

static void renews_while_it_waits(void) {
    program of = {.times = 3, .every = 60};
    lev_event event;
    peer *p = peer_start(take_three);
    uint64_t before = lev_net_now();
    lev_client *c = open_client(p, &of, 150);
    EXPECT_EQ(of.asked, 0);
    while (of.asked < 3) {
        EXPECT_EQ(lev_client_next(c, &event, 10), LEV_ERR_TIMEOUT); /* the answers are not told */
    }
    EXPECT(lev_net_now() - before >= 270);
    EXPECT_EQ(lev_client_next(c, &event, 200), LEV_ERR_TIMEOUT);
    EXPECT_EQ(of.asked, 3);
    end(p, c);
}

static void renews_in_an_event_loop(void) {
    program of = {.times = 3, .every = 60};
    lev_event event;
    peer *p = peer_start(take_three);
    lev_client *c = open_client(p, &of, 0);
    for (int i = 0; i < 100 && (of.asked < 3 || lev_client_timeout(c) >= 0); i++) {
        struct pollfd f = {.fd = lev_client_fd(c), .events = POLLIN};
        EXPECT(lev_client_timeout(c) <= 300);
        poll(&f, 1, lev_client_timeout(c));
        EXPECT_EQ(lev_client_process(c), LEV_OK);
        EXPECT_EQ(lev_client_next(c, &event, 0), LEV_ERR_TIMEOUT);
    }
    EXPECT_EQ(of.asked, 3);
    EXPECT_EQ(lev_client_timeout(c), -1);
    end(p, c);
}

static void take_publishes(peer *p) {
    lev_frame frame;
    lev_method method = {.id = LEV_NO_METHOD};
    peer_login(p, 0);
    peer_open_channel(p);
    while (method.id != LEV_CONNECTION_UPDATE_SECRET) {
        peer_need(peer_take(p, &frame), "no new secret");
        if (frame.type == LEV_FRAME_METHOD) {
            peer_need(lev_method_decode(frame.payload, &method) == LEV_OK, "a malformed method");
        }
    }
    say_ok(p);
    while (method.id != LEV_CONNECTION_CLOSE) {
        peer_need(peer_take(p, &frame), "no close");
        if (frame.type == LEV_FRAME_METHOD) {
            peer_need(lev_method_decode(frame.payload, &method) == LEV_OK, "a malformed method");
        }
    }
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE_OK, &(lev_connection_close_ok){0});
}

static void renews_while_it_only_publishes(void) {
    program of = {.times = 1};
    lev_publication publication = {.routing_key = lev_span_of("k"), .body = lev_span_of("x")};
    peer *p = peer_start(take_publishes);
    lev_client *c = open_client(p, &of, 100);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    for (int i = 0; i < 300 && of.asked == 0; i++) {
        EXPECT_EQ(lev_client_publish(c, 1, &publication, NULL), LEV_OK);
        usleep(5000);
    }
    EXPECT_EQ(of.asked, 1);
    end(p, c);
}

static void take_second(peer *p) {
    peer_login(p, 0);
    expect_token(p, "token 2");
    say_ok(p);
    peer_close(p);
}

static void tells_nothing_where_there_is_nothing_new(void) {
    program of = {.times = 2, .every = 50, .silent = 1};
    lev_event event;
    peer *p = peer_start(take_second);
    lev_client *c = open_client(p, &of, 50);
    EXPECT_EQ(lev_client_next(c, &event, 300), LEV_ERR_TIMEOUT);
    EXPECT_EQ(of.asked, 2);
    end(p, c);
}

static void take_both(peer *p) {
    peer_login(p, 0);
    expect_token(p, "token 1");
    peer_need(
        is(peer_expect(p, LEV_CONNECTION_UPDATE_SECRET).as.connection_update_secret.new_secret,
           "the program's"),
        "another secret");
    peer_open_channel(p); /* other answers come between */
    say_ok(p);
    say_ok(p);
    peer_close(p);
}

/* Each answer goes to who asked. */
static void lets_the_program_tell_one_itself(void) {
    program of = {.times = 1};
    lev_event event;
    uint32_t call = 0;
    lev_connection_update_secret update = {.new_secret = lev_span_of("the program's")};
    peer *p = peer_start(take_both);
    lev_client *c = open_client(p, &of, 50);
    EXPECT_EQ(lev_client_next(c, &event, 100), LEV_ERR_TIMEOUT);
    EXPECT_EQ(of.asked, 1);
    EXPECT_EQ(lev_engine_connection_update_secret(lev_client_engine(c), 0, &update, &call), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_next(c, &event, 1000), LEV_OK);
    EXPECT(event.type == LEV_EVENT_REPLY && event.call == call);
    EXPECT_EQ(lev_client_next(c, &event, 50), LEV_ERR_TIMEOUT);
    end(p, c);
}

static void close_slowly(peer *p) {
    peer_login(p, 0);
    peer_expect(p, LEV_CONNECTION_CLOSE);
    usleep(200000);
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE_OK, &(lev_connection_close_ok){0});
}

static void does_not_ask_while_it_closes(void) {
    program of = {.times = 9, .every = 1};
    peer *p = peer_start(close_slowly);
    lev_client *c = open_client(p, &of, 100);
    end(p, c);
    EXPECT_EQ(of.asked, 0);
}

/* ---- and not --------------------------------------------------------------------------------- */

static void refuse(peer *p) {
    lev_connection_close close = {.reply_code = 530,
                                  .reply_text = lev_span_of("NOT_ALLOWED - no"),
                                  .class_id = 10,
                                  .method_id = 70};
    peer_login(p, 0);
    expect_token(p, "token 1");
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE, &close);
    peer_expect(p, LEV_CONNECTION_CLOSE_OK);
}

static void say_nothing(peer *p) {
    char byte;
    peer_login(p, 0);
    while (recv(p->fd, &byte, 1, 0) > 0) {
    }
}

/* Opens, waits for the end, which must come so. */
static void ends_with(void (*script)(peer *p), program of, lev_status status, const char *text) {
    lev_event event;
    char want[160];
    peer *p = peer_start(script);
    lev_client *c = open_client(p, &of, 20);
    snprintf(want, sizeof want, "127.0.0.1:%u: %s", p->port, text);
    EXPECT_EQ(lev_client_next(c, &event, 2000), status);
    EXPECT_EQ(event.type, LEV_EVENT_FAILED);
    EXPECT_STR(lev_client_error(c)->text, want);
    EXPECT_EQ(of.asked, 1);
    lev_client_free(c);
    peer_end(p);
}

static void ends_where_the_broker_refuses(void) {
    ends_with(refuse, (program){.every = 1000}, LEV_ERR_REFUSED,
              "the broker refused the new secret: 530 NOT_ALLOWED - no");
}

static void ends_where_the_broker_does_not_answer(void) {
    ends_with(say_nothing, (program){.every = 1}, LEV_ERR_LOST,
              "the broker does not answer to the refreshed secret");
}

static void ends_where_a_secret_cannot_be_told(void) {
    ends_with(say_nothing, (program){.size = 65537, .pad = 'x'}, LEV_ERR_LIMIT,
              "the refreshed secret is longer than 65,536 bytes");
    ends_with(say_nothing, (program){.size = 7}, LEV_ERR_MISUSE,
              "the refreshed secret has a NUL in it");
}

UNIT_MAIN("refresh", CASE(renews_while_it_waits), CASE(renews_in_an_event_loop),
          CASE(renews_while_it_only_publishes), CASE(tells_nothing_where_there_is_nothing_new),
          CASE(lets_the_program_tell_one_itself), CASE(does_not_ask_while_it_closes),
          CASE(ends_where_the_broker_refuses), CASE(ends_where_the_broker_does_not_answer),
          CASE(ends_where_a_secret_cannot_be_told))
