/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Connections over unix sockets: the host is a path. */

#include "../unit.h"
#include "loopback.h"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[32];

/* Returns the path of a socket in a folder of the test's own. */
static const char *path_of(const char *name) {
    static char path[64];
    strcpy(folder, "/tmp/leveret-unix-XXXXXX");
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void clean_up(const char *path) {
    unlink(path);
    rmdir(folder);
}

static int listen_at(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(at.sun_path, path);
    EXPECT_EQ(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    EXPECT_EQ(listen(fd, 8), 0);
    return fd;
}

static lev_net *connect_to(const char *path) {
    return lev_net_connect(path, 5672, lev_net_now(), lev_net_now() + 5000);
}

static void connects_to_a_path(void) {
    const char *path = path_of("a socket");
    int listener = listen_at(path);
    lev_net *n = connect_to(path);
    EXPECT_EQ(loopback_settle(n), LEV_OK);
    EXPECT(lev_net_is_local(n));
    int fd = lev_net_fd(n, NULL);
    EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    lev_net_close(n);
    close(listener);
    clean_up(path);
}

static void carries_bytes_both_ways(void) {
    const char *path = path_of("s");
    int listener = listen_at(path);
    lev_net *n = connect_to(path);
    EXPECT_EQ(loopback_settle(n), LEV_OK);
    int peer = loopback_accept(listener);
    uint8_t room[8];
    size_t count;
    lev_span ping = {(const uint8_t *)"ping", 4};
    EXPECT_EQ(lev_net_write(n, &ping, 1, &count), LEV_OK);
    EXPECT_EQ(recv(peer, room, sizeof room, 0), 4);
    EXPECT_BYTES(room, 4, "ping", 4);
    EXPECT_EQ(send(peer, "pong", 4, 0), 4);
    EXPECT_EQ(loopback_read(n, room, sizeof room, &count), LEV_OK);
    EXPECT_BYTES(room, count, "pong", 4);
    close(peer);
    EXPECT_EQ(loopback_read(n, room, sizeof room, &count), LEV_ERR_LOST);
    EXPECT_EQ(lev_net_write(n, &ping, 1, &count), LEV_ERR_LOST);
    lev_net_close(n);
    close(listener);
    clean_up(path);
}

static void says_why_a_path_cannot_be_reached(void) {
    const char *path = path_of("s");
    char text[128];
    lev_net *n = connect_to(path);
    snprintf(text, sizeof text, "cannot connect to %s: No such file or directory", path);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_CONNECT);
    EXPECT_STR(lev_net_fault(n), text);
    lev_net_close(n);
    close(listen_at(path));
    n = connect_to(path);
    snprintf(text, sizeof text, "cannot connect to %s: Connection refused", path);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_CONNECT);
    EXPECT_STR(lev_net_fault(n), text);
    lev_net_close(n);
    clean_up(path);
}

/* sun_path has 108 bytes, and the last one is NUL. */
static void refuses_a_path_that_does_not_fit(void) {
    char path[110] = "/tmp/";
    memset(path + 5, 'x', 103);
    lev_net *n = connect_to(path);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_RESOLVE);
    EXPECT(strncmp(lev_net_fault(n), "cannot connect to /tmp/xxx", 26) == 0);
    EXPECT(strstr(lev_net_fault(n), "xxx: File name too long") != NULL);
    lev_net_close(n);
    path[107] = '\0';
    n = connect_to(path);
    EXPECT_EQ(loopback_settle(n), LEV_ERR_CONNECT);
    lev_net_close(n);
}

UNIT_MAIN("unix", CASE(connects_to_a_path), CASE(carries_bytes_both_ways),
          CASE(says_why_a_path_cannot_be_reached), CASE(refuses_a_path_that_does_not_fit))
