/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A client in a foreign loop. The loop here knows two things only: a descriptor that it was given
 * once, and lev_client_timeout; and it has a timer of its own, which must go on whatever the
 * network does. A resolver of our own stands before libc's: "slow" waits until it is let go. */

#include "../unit.h"
#include "server.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICK_MS = 5, TICKS = 60, LONG_MS = 20000 };

static atomic_bool let_go;
static atomic_int resolving;

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found) {
    static resolver *real;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof real);
    if (strcmp(host, "slow") != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0) {
        return real(host, port, hints, found);
    }
    resolving++;
    while (!let_go) {
        usleep(1000);
    }
    return real("127.0.0.1", port, hints, found);
}

/* A loop, and what its client has told so far. */
typedef struct foreign {
    lev_client *client;
    int fd;
    bool raw; /* it is a loop that is told anew before each wait */
    unsigned ticks;
    unsigned opened;
    unsigned recovered;
    unsigned deliveries;
    unsigned outcomes;
    lev_error failed;
    uint64_t next; /* tick */
} foreign;

static foreign foreign_begin(const lev_client_options *o, const char *uri) {
    foreign f = {.client = lev_client_new(o), .next = lev_net_now() + TICK_MS};
    f.fd = lev_client_watch_fd(f.client);
    EXPECT(f.fd >= 0);
    EXPECT_EQ(lev_client_start(f.client, uri), LEV_OK);
    return f;
}

static void foreign_end(foreign *f) {
    EXPECT(f->raw || lev_client_watch_fd(f->client) == f->fd);
    lev_client_close(f->client);
    lev_client_free(f->client);
}

static void foreign_take(foreign *f) {
    lev_event e;
    lev_client_process(f->client);
    for (lev_client_next(f->client, &e, 0); e.type != LEV_EVENT_NONE;
         lev_client_next(f->client, &e, 0)) {
        f->opened += e.type == LEV_EVENT_OPEN;
        f->recovered += e.type == LEV_EVENT_RECOVERED;
        f->deliveries += e.type == LEV_EVENT_DELIVER;
        f->outcomes += e.type == LEV_EVENT_OUTCOME ? (unsigned)(e.last - e.first + 1) : 0;
        if (e.type == LEV_EVENT_FAILED) {
            f->failed = *e.error;
            return;
        }
    }
}

static void foreign_turn(foreign *f) {
    int ms = lev_client_timeout(f->client);
    uint64_t now = lev_net_now();
    int left = f->next > now ? (int)(f->next - now) : 0;
    unsigned wants = f->raw ? lev_client_wants(f->client) : LEV_CLIENT_READ;
    struct pollfd p = {.fd = f->raw ? lev_client_fd(f->client) : f->fd};
    p.events = (short)(((wants & LEV_CLIENT_READ) != 0 ? POLLIN : 0) |
                       ((wants & LEV_CLIENT_WRITE) != 0 ? POLLOUT : 0));
    bool ready = poll(&p, 1, ms >= 0 && ms < left ? ms : left) > 0 || ms == 0;
    if (lev_net_now() >= f->next) {
        f->ticks++;
        f->next = lev_net_now() + TICK_MS;
    }
    if (ready || (ms > 0 && lev_client_timeout(f->client) == 0)) { /* never for a tick's sake */
        foreign_take(f);
    }
}

/* Turns until the count is reached; false where that takes far too long. */
static bool foreign_until(foreign *f, const unsigned *count, unsigned wanted) {
    uint64_t deadline = lev_net_now() + LONG_MS;
    while (*count < wanted && lev_net_now() < deadline) {
        foreign_turn(f);
    }
    return *count >= wanted;
}

static void a_resolver_that_stalls_stops_no_tick(void) {
    char uri[64];
    server *s = server_start(NULL);
    snprintf(uri, sizeof uri, "amqp://slow:%s", strrchr(s->uri, ':') + 1);
    foreign f = foreign_begin(NULL, uri);
    EXPECT(foreign_until(&f, &f.ticks, TICKS));
    EXPECT_EQ(resolving, 1);
    EXPECT_EQ(f.opened, 0);
    let_go = true;
    EXPECT(foreign_until(&f, &f.opened, 1));
    foreign_end(&f);
    server_end(s);
    free(s);
}

/* A peer that takes the connection and then says nothing, or the beginning of something. */
static int stalling_listener(uint16_t *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    EXPECT_EQ(listen(fd, 4), 0);
    EXPECT_EQ(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void stall(const char *scheme, const char *said, size_t len, uint32_t handshake_ms) {
    char uri[64];
    uint16_t port;
    int listener = stalling_listener(&port);
    lev_client_options o = {.handshake_ms = handshake_ms, .tls.handshake_ms = handshake_ms};
    snprintf(uri, sizeof uri, "%s://127.0.0.1:%u", scheme, port);
    foreign f = foreign_begin(&o, uri);
    foreign_turn(&f);
    int other = accept(listener, NULL, NULL);
    EXPECT_EQ(write(other, said, len), len);
    EXPECT(foreign_until(&f, &f.ticks, TICKS));
    EXPECT_EQ(f.failed.status, LEV_OK);
    foreign_end(&f);
    close(other);
    close(listener);
}

static void a_login_that_stalls_stops_no_tick(void) { stall("amqp", "\1\0", 2, LONG_MS); }

static void a_tls_handshake_that_stalls_stops_no_tick(void) {
    lev_client *c = lev_client_new(NULL);
    bool tls = lev_client_start(c, "amqps://127.0.0.1:1") != LEV_ERR_UNSUPPORTED;
    lev_client_free(c);
    if (tls) {
        stall("amqps", "", 0, LONG_MS);
        stall("amqps", "\26\3\3\0", 4, LONG_MS); /* the head of its first record, but for a byte */
    }
}

/* ---- connections come and go ----------------------------------------------------------------- */

static void cut_each_third(server *s, server_publish *p) {
    server_confirm(s, p);
    if (p->tag == 3) {
        server_cut(s);
    }
}

/* The number of a socket says nothing: the next connection has the same one. */
static void come_back(bool raw) {
    server *s = server_start(cut_each_third);
    s->deliveries = 1;
    lev_client_options o = {.recovery = {.on = true, .retransmit = true, .wait_max_ms = 20},
                            .when_blocked = LEV_PUBLISH_BUFFER};
    foreign f = foreign_begin(&o, s->uri);
    f.raw = raw;
    lev_basic_consume consume = {.queue = lev_span_of("q"), .consumer_tag = lev_span_of("c")};
    EXPECT(foreign_until(&f, &f.opened, 1));
    EXPECT_EQ(lev_client_channel_open(f.client, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_confirm_select(f.client, 1, &(lev_confirm_select){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_basic_consume(f.client, 1, &consume, NULL), LEV_OK);
    f.next = lev_net_now() + 10 * LONG_MS; /* the client alone wakes the loop up */
    for (unsigned i = 1; i <= 12; i++) {
        lev_publication p = {.routing_key = lev_span_of("k"), .body = lev_span_of("b")};
        EXPECT_EQ(lev_client_publish(f.client, 1, &p, NULL), LEV_OK);
        EXPECT(foreign_until(&f, &f.outcomes, i));
    }
    EXPECT(foreign_until(&f, &f.recovered, 4));
    EXPECT(foreign_until(&f, &f.deliveries, 5)); /* one from each connection */
    foreign_end(&f);
    server_end(s);
    free(s);
}

static void a_watched_client_comes_back_unnoticed(void) { come_back(false); }
static void a_polled_client_comes_back_unnoticed(void) { come_back(true); }

UNIT_MAIN("loop", CASE(a_resolver_that_stalls_stops_no_tick),
          CASE(a_login_that_stalls_stops_no_tick), CASE(a_tls_handshake_that_stalls_stops_no_tick),
          CASE(a_watched_client_comes_back_unnoticed), CASE(a_polled_client_comes_back_unnoticed))
