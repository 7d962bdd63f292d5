/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Connections over real sockets on the loopback. */

#include "../unit.h"
#include "loopback.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <unistd.h>

static void connects_to_an_address_and_to_a_name(void) {
    const char *hosts[] = {"127.0.0.1", "localhost"};
    for (int i = 0; i < 2; i++) {
        uint16_t port = 0;
        int listener = loopback_listen("127.0.0.1", &port);
        lev_net *n = lev_net_connect(hosts[i], port, lev_net_now(), lev_net_now() + 5000);
        EXPECT_EQ(loopback_settle(n), LEV_OK);
        EXPECT_EQ(lev_net_step(n, lev_net_now()), LEV_OK);
        EXPECT(lev_net_due(n) == UINT64_MAX);
        EXPECT(lev_net_is_local(n));
        EXPECT_STR(lev_net_fault(n), "");
        lev_net_close(n);
        close(listener);
    }
}

/* A socket that was reset has no peer any more; it must not pass for one of another machine. */
static void is_local_when_the_peer_is_gone_again(void) {
    int peer;
    lev_net *n = loopback_pair(&peer);
    loopback_reset(peer);
    usleep(20000);
    EXPECT(lev_net_is_local(n));
    lev_net_close(n);
}

static void connects_over_ipv6(void) {
    uint16_t port = 0;
    int listener = loopback_listen("::1", &port);
    lev_net *n = lev_net_connect("::1", port, lev_net_now(), lev_net_now() + 5000);
    EXPECT_EQ(loopback_settle(n), LEV_OK);
    EXPECT(lev_net_is_local(n));
    lev_net_close(n);
    close(listener);
    n = lev_net_connect("::1", port, lev_net_now(), lev_net_now() + 5000);
    char text[80];
    snprintf(text, sizeof text, "cannot connect to [::1]:%u: Connection refused", port);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_CONNECT);
    EXPECT_STR(lev_net_fault(n), text);
    lev_net_close(n);
}

static void sets_the_socket_up(void) {
    int peer;
    int on = 0;
    socklen_t len = sizeof on;
    unsigned wants = 7;
    lev_net *n = loopback_pair(&peer);
    int fd = lev_net_fd(n, &wants);
    EXPECT_EQ(wants, 0);
    EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    EXPECT(on != 0);
    lev_net_close(n);
    close(peer);
}

static void says_that_a_port_is_refused(void) {
    uint16_t port = loopback_dead_port();
    lev_net *n = lev_net_connect("127.0.0.1", port, lev_net_now(), lev_net_now() + 5000);
    char text[80];
    snprintf(text, sizeof text, "cannot connect to 127.0.0.1:%u: Connection refused", port);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_CONNECT);
    EXPECT_STR(lev_net_fault(n), text);
    EXPECT_EQ(lev_net_step(n, lev_net_now()), LEV_ERR_CONNECT);
    EXPECT_EQ(lev_net_fd(n, NULL), -1);
    EXPECT(lev_net_due(n) == UINT64_MAX);
    lev_net_close(n);
}

static void gives_up_on_silence_at_the_deadline(void) {
    uint16_t port = 0;
    int filler;
    int hole = loopback_black_hole("127.0.0.1", &port, &filler);
    uint64_t start = lev_net_now();
    lev_net *n = lev_net_connect("127.0.0.1", port, start, start + 400);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_TIMEOUT);
    uint64_t took = lev_net_now() - start;
    EXPECT(took >= 400 && took < 2000);
    char text[80];
    snprintf(text, sizeof text, "cannot connect to 127.0.0.1:%u: no answer within 400 ms", port);
    EXPECT_STR(lev_net_fault(n), text);
    EXPECT_EQ(lev_net_fd(n, NULL), -1);
    lev_net_close(n);
    close(filler);
    close(hole);
}

static void says_that_a_name_is_unknown(void) {
    const char *host = "a-label-of-more-than-63-characters-"
                       "is-no-part-of-any-name-and-fails-at-once.test";
    lev_net *n = lev_net_connect(host, 5672, lev_net_now(), lev_net_now() + 10000);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_RESOLVE);
    EXPECT(strncmp(lev_net_fault(n), "cannot resolve a-label", 22) == 0);
    lev_net_close(n);
    n = lev_net_connect("", 5672, lev_net_now(), lev_net_now() + 10000);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_RESOLVE);
    lev_net_close(n);
}

static void shows_a_strange_host_on_one_line(void) {
    lev_net *n = lev_net_connect("a\nb", 1, lev_net_now(), lev_net_now());
    lev_status status = loopback_settle(n);
    EXPECT(status == LEV_ERR_RESOLVE || status == LEV_ERR_TIMEOUT);
    EXPECT(strncmp(lev_net_fault(n), "cannot resolve a\\nb: ", 21) == 0);
    lev_net_close(n);
}

static void answers_again_where_nothing_is_there(void) {
    int peer;
    size_t n_bytes = 9;
    uint8_t room[8];
    lev_net *n = loopback_pair(&peer);
    EXPECT_EQ(lev_net_read(n, room, sizeof room, &n_bytes), LEV_AGAIN);
    EXPECT_EQ(n_bytes, 0);
    EXPECT_EQ(lev_net_write(n, NULL, 0, &n_bytes), LEV_AGAIN);
    lev_net_close(n);
    close(peer);
}

/* Writes 100 spans of 64 KiB as far as each call takes them, while the peer reads. */
static void carries_on_after_partial_writes(void) {
    enum { SPANS = 100, SIZE = 65536 };
    static uint8_t data[SIZE + SPANS];
    static uint8_t seen[SIZE];
    lev_span spans[SPANS];
    int peer;
    lev_net *n = loopback_pair(&peer);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < SPANS; i++) {
        spans[i] = (lev_span){data + i, SIZE};
    }
    size_t first = 0;
    size_t got = 0;
    size_t stops = 0;
    while (got < (size_t)SPANS * SIZE) {
        size_t put = 0;
        lev_status status = lev_net_write(n, spans + first, SPANS - first, &put);
        stops += status == LEV_AGAIN && first < SPANS;
        while (put > 0) {
            size_t part = put < spans[first].len ? put : spans[first].len;
            spans[first].ptr += part;
            spans[first].len -= part;
            put -= part;
            first += spans[first].len == 0;
        }
        if (status == LEV_AGAIN) {
            size_t left = SIZE - got % SIZE;
            ssize_t some = recv(peer, seen + got % SIZE, left, 0);
            EXPECT(some > 0);
            got += (size_t)some;
            EXPECT(got % SIZE != 0 || memcmp(seen, data + got / SIZE - 1, SIZE) == 0);
        }
    }
    EXPECT_EQ(got, (size_t)SPANS * SIZE);
    EXPECT(stops > 0);
    lev_net_close(n);
    close(peer);
}

static void tells_the_end_of_the_stream(void) {
    int peer;
    size_t got;
    uint8_t room[8];
    lev_net *n = loopback_pair(&peer);
    EXPECT_EQ(send(peer, "bye", 3, 0), 3);
    close(peer);
    EXPECT_EQ(loopback_read(n, room, sizeof room, &got), LEV_OK);
    EXPECT_BYTES(room, got, "bye", 3);
    EXPECT_EQ(loopback_read(n, room, sizeof room, &got), LEV_ERR_LOST);
    EXPECT_STR(lev_net_fault(n), "the peer closed the connection");
    EXPECT_EQ(lev_net_read(n, room, sizeof room, &got), LEV_ERR_LOST);
    lev_net_close(n);
}

/* A broker's connection.close sits in front of its reset. */
static void reads_what_came_before_a_reset_after_a_failed_write(void) {
    int peer;
    size_t n_bytes;
    uint8_t room[16];
    lev_net *n = loopback_pair(&peer);
    EXPECT_EQ(send(peer, "last words", 10, 0), 10);
    loopback_reset(peer);
    lev_span span = {(const uint8_t *)"more", 4};
    lev_status status = LEV_OK;
    for (int i = 0; i < 100 && status != LEV_ERR_LOST; i++) {
        usleep(10000);
        status = lev_net_write(n, &span, 1, &n_bytes);
    }
    EXPECT_EQ(status, LEV_ERR_LOST);
    EXPECT(strlen(lev_net_fault(n)) > 0);
    EXPECT_EQ(lev_net_write(n, &span, 1, &n_bytes), LEV_ERR_LOST);
    EXPECT_EQ(loopback_read(n, room, sizeof room, &n_bytes), LEV_OK);
    EXPECT_BYTES(room, n_bytes, "last words", 10);
    EXPECT_EQ(loopback_read(n, room, sizeof room, &n_bytes), LEV_ERR_LOST);
    lev_net_close(n);
}

/* The kernel reports the reset once; the write after that is one to a broken pipe. */
static void raises_no_signal_when_it_writes_to_a_broken_pipe(void) {
    int peer;
    int error = 0;
    size_t put;
    lev_net *n = loopback_pair(&peer);
    loopback_reset(peer);
    for (int i = 0; i < 500 && error == 0; i++) {
        socklen_t len = sizeof error;
        usleep(10000);
        getsockopt(lev_net_fd(n, NULL), SOL_SOCKET, SO_ERROR, &error, &len);
    }
    signal(SIGPIPE, SIG_DFL);
    lev_span span = {(const uint8_t *)"more", 4};
    EXPECT_EQ(lev_net_write(n, &span, 1, &put), LEV_ERR_LOST);
    EXPECT_STR(lev_net_fault(n), "Broken pipe");
    lev_net_close(n);
}

static void tells_a_reset(void) {
    int peer;
    size_t got;
    uint8_t room[8];
    lev_net *n = loopback_pair(&peer);
    loopback_reset(peer);
    EXPECT_EQ(loopback_read(n, room, sizeof room, &got), LEV_ERR_LOST);
    EXPECT_STR(lev_net_fault(n), "Connection reset by peer");
    lev_net_close(n);
}

static void closes_in_every_phase(void) {
    lev_net_close(NULL);
    lev_net_close(lev_net_connect("127.0.0.1", 1, 0, 0));
    lev_net *n = lev_net_connect("localhost", 1, lev_net_now(), lev_net_now() + 1000);
    lev_net_step(n, lev_net_now());
    lev_net_close(n);
}

UNIT_MAIN("net", CASE(connects_to_an_address_and_to_a_name),
          CASE(is_local_when_the_peer_is_gone_again), CASE(connects_over_ipv6),
          CASE(sets_the_socket_up), CASE(says_that_a_port_is_refused),
          CASE(gives_up_on_silence_at_the_deadline), CASE(says_that_a_name_is_unknown),
          CASE(shows_a_strange_host_on_one_line), CASE(answers_again_where_nothing_is_there),
          CASE(carries_on_after_partial_writes), CASE(tells_the_end_of_the_stream),
          CASE(reads_what_came_before_a_reset_after_a_failed_write),
          CASE(raises_no_signal_when_it_writes_to_a_broken_pipe), CASE(tells_a_reset),
          CASE(closes_in_every_phase))
