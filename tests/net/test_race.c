/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Several addresses at once: 127.0.0.1 and its neighbours, one port. */

#include "../../src/net/race.h"
#include "../unit.h"
#include "loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

/* Returns a race over 127.0.0.`first` to 127.0.0.`first + count - 1`. */
static lev_race race_over(unsigned first, size_t count, uint16_t port) {
    lev_race r;
    lev_addresses a = {lev_memory_zeroed(NULL, count * sizeof(lev_address)), count};
    for (unsigned i = 0; i < count; i++) {
        struct sockaddr_in *in = (struct sockaddr_in *)&a.list[i].at;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        in->sin_addr.s_addr = htonl(0x7f000000 + first + i);
        a.list[i].len = sizeof *in;
    }
    EXPECT(lev_race_init(&r, &a, NULL));
    return r;
}

static lev_status run(lev_race *r, int *winner, uint64_t *took) {
    uint64_t start = lev_net_now();
    lev_status status;
    while ((status = lev_race_step(r, lev_net_now(), winner)) == LEV_AGAIN) {
        uint64_t due = lev_race_due(r);
        uint64_t now = lev_net_now();
        struct pollfd p = {.fd = lev_race_fd(r), .events = POLLOUT};
        int wait = due == UINT64_MAX ? 5000 : due > now ? (int)(due - now) : 0;
        poll(&p, 1, wait);
    }
    *took = lev_net_now() - start;
    return status;
}

static void goes_on_at_once_after_a_refusal(void) {
    uint16_t port = loopback_dead_port();
    int listener = loopback_listen("127.0.0.4", &port);
    int fd;
    uint64_t took;
    lev_race r = race_over(1, 4, port);
    EXPECT_EQ(run(&r, &fd, &took), LEV_OK);
    EXPECT(took < 200);
    close(fd);
    lev_race_deinit(&r);
    close(listener);
}

static void goes_on_after_a_quarter_second_of_silence(void) {
    uint16_t port = 0;
    int filler;
    int fd;
    uint64_t took;
    int hole = loopback_black_hole("127.0.0.1", &port, &filler);
    int listener = loopback_listen("127.0.0.2", &port);
    lev_race r = race_over(1, 2, port);
    EXPECT_EQ(run(&r, &fd, &took), LEV_OK);
    EXPECT(took >= 240 && took < 1000);
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    EXPECT_EQ(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
    EXPECT_EQ(ntohl(peer.sin_addr.s_addr), 0x7f000002);
    close(fd);
    lev_race_deinit(&r);
    close(listener);
    close(filler);
    close(hole);
}

/* The first address is silent, the second refuses when its turn comes, the third answers. */
static void goes_on_at_once_after_a_refusal_in_between(void) {
    uint16_t port = 0;
    int filler;
    int fd;
    uint64_t took;
    int hole = loopback_black_hole("127.0.0.1", &port, &filler);
    int listener = loopback_listen("127.0.0.3", &port);
    lev_race r = race_over(1, 3, port);
    EXPECT_EQ(run(&r, &fd, &took), LEV_OK);
    EXPECT(took >= 240 && took < 450);
    close(fd);
    lev_race_deinit(&r);
    close(listener);
    close(filler);
    close(hole);
}

/* Both addresses are silent; the first wins when it answers after all. */
static void lets_a_slow_attempt_go_on(void) {
    uint16_t port = 0;
    int fillers[2];
    int fd;
    int first = loopback_black_hole("127.0.0.1", &port, &fillers[0]);
    int second = loopback_black_hole("127.0.0.2", &port, &fillers[1]);
    lev_race r = race_over(1, 2, port);
    EXPECT_EQ(lev_race_step(&r, 1000, &fd), LEV_AGAIN);
    EXPECT_EQ(lev_race_due(&r), 1250);
    EXPECT_EQ(lev_race_step(&r, 1249, &fd), LEV_AGAIN);
    EXPECT_EQ(r.running, 1);
    EXPECT_EQ(lev_race_step(&r, 1250, &fd), LEV_AGAIN);
    EXPECT_EQ(r.running, 2);
    EXPECT_EQ(lev_race_due(&r), 1250 + LEV_RACE_LOOK_MS);
    close(loopback_accept(first));
    lev_status status = LEV_AGAIN;
    for (int i = 0; i < 500 && status == LEV_AGAIN; i++) {
        usleep(10000);
        status = lev_race_step(&r, 1300, &fd);
    }
    EXPECT_EQ(status, LEV_OK);
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    EXPECT_EQ(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
    EXPECT_EQ(ntohl(peer.sin_addr.s_addr), 0x7f000001);
    close(fd);
    lev_race_deinit(&r);
    close(fillers[0]);
    close(fillers[1]);
    close(first);
    close(second);
}

static void fails_when_all_have_failed(void) {
    int fd;
    uint64_t took;
    lev_race r = race_over(1, 3, loopback_dead_port());
    EXPECT_EQ(run(&r, &fd, &took), LEV_ERR_CONNECT);
    EXPECT_EQ(fd, -1);
    EXPECT(took < 200);
    lev_race_deinit(&r);
    r = race_over(1, 0, 1);
    EXPECT_EQ(run(&r, &fd, &took), LEV_ERR_CONNECT);
    lev_race_deinit(&r);
}

UNIT_MAIN("race", CASE(goes_on_at_once_after_a_refusal),
          CASE(goes_on_after_a_quarter_second_of_silence),
          CASE(goes_on_at_once_after_a_refusal_in_between), CASE(lets_a_slow_attempt_go_on),
          CASE(fails_when_all_have_failed))
