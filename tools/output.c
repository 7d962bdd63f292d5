/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Bytes collect in one growing buffer and leave it in large writes. A pipe, a terminal or a socket
 * can stall: there each write follows a poll and is no larger than PIPE_BUF, for poll reports room
 * only when that much fits, so that the write never waits and heartbeats go on. Files and /dev/null
 * do not stall and take everything at once. */

#include "output.h"

#include "exits.h"
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

output output_init(int fd) {
    struct stat is;
    bool stalls = fstat(fd, &is) != 0 || S_ISFIFO(is.st_mode) || S_ISSOCK(is.st_mode) || isatty(fd);
    return (output){.fd = fd, .piece = stalls ? PIPE_BUF : SSIZE_MAX};
}

void output_deinit(output *o) {
    buffer_deinit(&o->bytes);
    *o = (output){.fd = -1};
}

/* Writes once. Returns how many bytes went, 0 for none yet, -1 with errno. */
static ssize_t output_write(output *o, size_t done, lev_client *client) {
    size_t left = o->bytes.len - done;
    if (o->piece < SSIZE_MAX && !loop_stall(client, o->fd)) {
        return 0;
    }
    ssize_t n = write(o->fd, o->bytes.ptr + done, left < o->piece ? left : o->piece);
    return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : n;
}

/* Gives up what could not be written and returns the exit code. */
static int output_broken(output *o) {
    o->bytes.len = 0;
    if (errno == EPIPE) {
        return EXIT_PIPE;
    }
    return say_and(EXIT_OUTPUT, "cannot write to stdout: %s; unacked messages stay in the queue",
                   strerror(errno));
}

int output_flush(output *o, lev_client *client) {
    size_t done = 0;
    while (done < o->bytes.len) {
        ssize_t n = output_write(o, done, client);
        if (n < 0) {
            return output_broken(o);
        }
        done += (size_t)n;
    }
    o->bytes.len = 0;
    return EXIT_DONE;
}
