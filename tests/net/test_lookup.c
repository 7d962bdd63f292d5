/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Name lookups with a resolver of our own: this program's getaddrinfo stands before libc's. "slow"
 * waits until it is let go; "two" has addresses 127.0.0.2, 127.0.0.3 and ::1; other names fail. */

#include "../../src/net/lookup.h"
#include "../unit.h"
#include "loopback.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int let_go;
static atomic_int calls_of_free;
static atomic_int calls_under_way;
static sigset_t mask_of_resolver;

static struct addrinfo *fake_found(const char *address, const char *port, struct addrinfo *next) {
    struct addrinfo *ai = calloc(1, sizeof *ai + sizeof(struct sockaddr_in6));
    ai->ai_addr = (struct sockaddr *)(ai + 1);
    ai->ai_next = next;
    struct sockaddr_in *in = (struct sockaddr_in *)ai->ai_addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ai->ai_addr;
    if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
        ai->ai_family = in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)atoi(port));
        ai->ai_addrlen = sizeof *in;
    } else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
        ai->ai_family = in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)atoi(port));
        ai->ai_addrlen = sizeof *in6;
    }
    return ai;
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found) {
    *found = NULL;
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) {
        *found = isdigit((unsigned char)host[0]) ? fake_found(host, port, NULL) : NULL;
        return *found != NULL ? 0 : EAI_NONAME;
    }
    calls_under_way++;
    pthread_sigmask(SIG_SETMASK, NULL, &mask_of_resolver);
    while (strcmp(host, "slow") == 0 && !let_go) {
        usleep(1000);
    }
    if (strcmp(host, "slow") == 0) {
        *found = fake_found("127.0.0.1", port, NULL);
    } else if (strcmp(host, "two") == 0) {
        *found = fake_found("::1", port, NULL);
        *found = fake_found("127.0.0.3", port, *found);
        *found = fake_found("127.0.0.2", port, *found);
    }
    calls_under_way--;
    errno = ENETDOWN;
    return *found != NULL ? 0 : strcmp(host, "broken") == 0 ? EAI_SYSTEM : EAI_AGAIN;
}

void freeaddrinfo(struct addrinfo *found) {
    calls_of_free++;
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;
        free(found);
        found = next;
    }
}

static void wait_for(lev_lookup *l) {
    struct pollfd p = {.fd = lev_lookup_fd(l), .events = POLLIN};
    while (!lev_lookup_done(l)) {
        poll(&p, 1, 1000);
    }
}

#ifndef LEV_NO_THREADS

static void waits_without_blocking_the_caller(void) {
    let_go = 0;
    calls_of_free = 0;
    lev_lookup *l = lev_lookup_new("slow", 5672);
    EXPECT(lev_lookup_fd(l) >= 0);
    EXPECT(!lev_lookup_done(l));
    let_go = 1;
    wait_for(l);
    EXPECT_EQ(lev_lookup_fd(l), -1);
    const char *why;
    const struct addrinfo *found = lev_lookup_found(l, &why, NULL, 0);
    EXPECT(found != NULL && found->ai_family == AF_INET);
    EXPECT_EQ(((const struct sockaddr_in *)found->ai_addr)->sin_port, htons(5672));
    lev_lookup_free(l);
    EXPECT_EQ(calls_of_free, 1);
}

static void is_abandoned_safely(void) {
    let_go = 0;
    calls_of_free = 0;
    for (int i = 0; i < 5; i++) {
        lev_lookup_free(lev_lookup_new("slow", 5672));
    }
    let_go = 1;
    for (int i = 0; i < 2000 && calls_of_free < 5; i++) {
        usleep(1000);
    }
    EXPECT_EQ(calls_of_free, 5);
}

static void blocks_all_signals_in_its_thread_only(void) {
    sigset_t ours;
    lev_lookup *l = lev_lookup_new("two", 5672);
    wait_for(l);
    EXPECT(sigismember(&mask_of_resolver, SIGINT) && sigismember(&mask_of_resolver, SIGALRM));
    pthread_sigmask(SIG_SETMASK, NULL, &ours);
    EXPECT(!sigismember(&ours, SIGINT));
    lev_lookup_free(l);
}

static void ends_at_the_deadline_while_the_lookup_goes_on(void) {
    let_go = 0;
    uint64_t start = lev_net_now();
    lev_net *n = lev_net_connect("slow", 5672, start, start + 200);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_TIMEOUT);
    EXPECT(lev_net_now() - start < 2000);
    EXPECT_STR(lev_net_fault(n), "cannot resolve slow: no answer within 200 ms");
    lev_net_close(n);
    let_go = 1;
    for (int i = 0; i < 2000 && calls_under_way > 0; i++) {
        usleep(1000);
    }
}

#endif

static void says_why_it_failed(void) {
    lev_net *n = lev_net_connect("other", 5672, lev_net_now(), lev_net_now() + 5000);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_RESOLVE);
    EXPECT_STR(lev_net_fault(n), "cannot resolve other: Temporary failure in name resolution");
    lev_net_close(n);
    n = lev_net_connect("broken", 5672, lev_net_now(), lev_net_now() + 5000);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_RESOLVE);
    EXPECT_STR(lev_net_fault(n), "cannot resolve broken: Network is down");
    lev_net_close(n);
}

static void alternates_the_families(void) {
    lev_addresses a;
    const char *why;
    lev_lookup *l = lev_lookup_new("two", 1);
    wait_for(l);
    EXPECT(lev_addresses_init(&a, lev_lookup_found(l, &why, NULL, 0), NULL));
    EXPECT_EQ(a.count, 3);
    EXPECT_EQ(a.list[0].at.ss_family, AF_INET);
    EXPECT_EQ(a.list[1].at.ss_family, AF_INET6);
    EXPECT_EQ(a.list[2].at.ss_family, AF_INET);
    const struct sockaddr_in *last = (const struct sockaddr_in *)&a.list[2].at;
    EXPECT_EQ(ntohl(last->sin_addr.s_addr), 0x7f000003);
    lev_addresses_deinit(&a);
    lev_lookup_free(l);
}

static void tries_every_address_of_a_name(void) {
    uint16_t port = loopback_dead_port();
    int listener = loopback_listen("127.0.0.3", &port);
    lev_net *n = lev_net_connect("two", port, lev_net_now(), lev_net_now() + 5000);
    EXPECT_EQ(loopback_settle(n), LEV_OK);
    close(loopback_accept(listener));
    lev_net_close(n);
    close(listener);
    n = lev_net_connect("two", port, lev_net_now(), lev_net_now() + 5000);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_CONNECT);
    char text[80];
    snprintf(text, sizeof text, "cannot connect to two:%u (3 addresses): Connection refused", port);
    EXPECT_STR(lev_net_fault(n), text);
    lev_net_close(n);
}

static bool local(const char *address) {
    struct addrinfo *ai = fake_found(address, "1", NULL);
    lev_address a = {.len = ai->ai_addrlen};
    memcpy(&a.at, ai->ai_addr, ai->ai_addrlen);
    free(ai);
    return lev_address_is_local(&a);
}

static void knows_what_stays_on_this_machine(void) {
    EXPECT(local("127.0.0.1") && local("127.255.0.9") && local("::1") && local("::ffff:127.0.0.1"));
    EXPECT(!local("128.0.0.1") && !local("10.0.0.1") && !local("fe80::1") &&
           !local("::ffff:10.0.0.1") && !local("::2"));
}

UNIT_MAIN("lookup",
#ifndef LEV_NO_THREADS
          CASE(waits_without_blocking_the_caller), CASE(is_abandoned_safely),
          CASE(blocks_all_signals_in_its_thread_only),
          CASE(ends_at_the_deadline_while_the_lookup_goes_on),
#endif
          CASE(says_why_it_failed), CASE(alternates_the_families),
          CASE(tries_every_address_of_a_name), CASE(knows_what_stays_on_this_machine))
