/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The scripts of the hostile broker (tests/engine/hostile.h), played by a TCP peer on the loopback
 * to a client that runs in a loop of ours: an end that is typed, in under a second, and a process
 * that does not grow. Every 29th script, or with LEVERET_LONG all; those of storms that want
 * answers not, for the kernel would read in its place. */

#include "../engine/hostile.h"
#include "../unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leveret/client.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 100000 };

typedef struct socket_world {
    lev_client *client;
    int fd;
    size_t cap;
    uint64_t said;
    bool over; /* the client has closed */
} socket_world;

static int listener;
static char uri[64];

/* Of this process, since other tests run beside it; whoever waits here does so at full speed. */
static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin_listening(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    EXPECT_EQ(listen(listener, 4), 0);
    EXPECT_EQ(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    snprintf(uri, sizeof uri, "amqp://127.0.0.1:%u", ntohs(at.sin_port));
}

/* The peer reads what there is. Returns whether there was something. */
static bool hear(hostile_world *w) {
    socket_world *s = w->owner;
    if (s->cap - w->sent_len < 65536) {
        s->cap = s->cap * 2 + 65536;
        w->sent = realloc(w->sent, s->cap);
    }
    ssize_t n = recv(s->fd, w->sent + w->sent_len, s->cap - w->sent_len, MSG_DONTWAIT);
    w->sent_len += n > 0 ? (size_t)n : 0;
    s->over = s->over || n == 0 || (n < 0 && errno != EAGAIN);
    return n > 0;
}

/* Returns whether either side may still have something to read. The kernel is asked what it has
 * carried, since an acknowledgement can take it 40 ms. */
static bool unsettled(const hostile_world *w) {
    const socket_world *s = w->owner;
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int fd = lev_client_fd(s->client);
    if (s->over || fd < 0) {
        return !s->over;
    }
    EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    uint64_t sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
    return info.tcpi_bytes_received < s->said || sent > w->sent_len;
}

static void turn(hostile_world *w) {
    socket_world *s = w->owner;
    lev_event event;
    (void)lev_client_process(s->client);
    while (!w->failed && lev_client_next(s->client, &event, 0) != LEV_ERR_TIMEOUT) {
        hostile_see(w, &event);
        (void)hear(w);
    }
    w->e = lev_client_engine(s->client);
}

/* Says what is to be said, and goes on until it has been taken and nothing moves any more. */
static void world_deliver(hostile_world *w) {
    socket_world *s = w->owner;
    lev_span said = lev_writer_span(&w->broker);
    for (int quiet = 0, i = 0; quiet < 3 && i < ROUNDS; i++) {
        ssize_t n = send(s->fd, said.ptr, said.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            s->said += (uint64_t)n;
            said = (lev_span){said.ptr + n, said.len - (size_t)n};
        }
        turn(w);
        bool heard = hear(w);
        bool moves = n > 0 || heard || unsettled(w) || (said.len > 0 && !w->failed);
        quiet = moves ? 0 : quiet + 1;
        if (n <= 0 && !heard && unsettled(w)) {
            (void)poll(&(struct pollfd){.fd = s->fd, .events = POLLIN}, 1, 1);
        }
    }
    w->broker.len = 0;
}

static void world_hang_up(hostile_world *w) {
    socket_world *s = w->owner;
    shutdown(s->fd, SHUT_WR);
    for (int i = 0; i < ROUNDS && !w->failed; i++) {
        turn(w);
        (void)hear(w);
    }
}

static void connect_client(socket_world *s) {
    lev_client_options options = {.message_max = HOSTILE_MESSAGE_MAX};
    s->client = lev_client_new(&options);
    EXPECT_EQ(lev_client_start(s->client, uri), LEV_OK);
    struct pollfd wait = {.fd = listener, .events = POLLIN};
    for (int i = 0; i < ROUNDS && poll(&wait, 1, 0) == 0; i++) {
        (void)lev_client_process(s->client);
    }
    int on = 1;
    s->fd = accept(listener, NULL, NULL);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int i = 0; i < ROUNDS && lev_client_engine(s->client) == NULL; i++) {
        (void)lev_client_process(s->client);
    }
}

static void not_counted(hostile_world *w) { (void)w; }

static size_t seen;
static size_t played;
static double slowest;

static void play(const hostile_script *script) {
    static uint8_t wire[HOSTILE_WIRE];
    bool all = getenv("LEVERET_LONG") != NULL || getenv("HOSTILE") != NULL;
    bool owes = strcmp(script->act->name, "storm") == 0 && script->turn < 4;
    if ((script->act->flags & HOSTILE_DEAF) != 0 || owes || (seen++ % 29 != 0 && !all)) {
        return;
    }
    socket_world s = {0};
    connect_client(&s);
    hostile_world w = {.e = lev_client_engine(s.client),
                       .broker = lev_writer_init(wire, sizeof wire),
                       .deliver = world_deliver,
                       .hang_up = world_hang_up,
                       .owner = &s};
    double begin = seconds();
    hostile_play(&w, script, not_counted);
    double took = seconds() - begin;
    if (took >= 1 || lev_client_error(s.client)->status >= 0) {
        unit_fail(__FILE__, __LINE__, "HOSTILE='%s': %.3f s, %s", script->name, took,
                  lev_client_error(s.client)->text);
    }
    lev_client_free(s.client);
    close(s.fd);
    free(w.sent);
    slowest = took > slowest ? took : slowest;
    played++;
}

static size_t resident(void) {
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    EXPECT(f != NULL && fscanf(f, "%*s %zu", &pages) == 1);
    fclose(f);
    return pages * 4096;
}

static void warm_up(const hostile_script *script) {
    if (script->turn == 0) {
        play(script);
    }
}

static void plays_scripts_over_a_socket(void) {
    begin_listening();
    hostile_each(warm_up);
    size_t before = resident();
    hostile_each(play);
    size_t after = resident();
    printf("%zu scripts, slowest %.1f ms, %zu bytes resident more\n", played, slowest * 1e3,
           after > before ? after - before : 0);
    EXPECT(played >= 1000 || getenv("HOSTILE") != NULL);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    EXPECT(after < before + HOSTILE_MEMORY);
#endif
}

UNIT_MAIN("hostile", CASE(plays_scripts_over_a_socket))
