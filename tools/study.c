/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Plain reads; there is nothing else to wait for. */

#include "study.h"

#include "exits.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum side study_side(unsigned choice) {
    return choice == 0 ? SIDE_CLIENT : choice == 1 ? SIDE_SERVER : SIDE_UNKNOWN;
}

int study_open(const settings *s, const char *command, int *fd, const char **name) {
    bool is_stdin = s->arg_count == 0 || strcmp(s->args[0], "-") == 0;
    if (s->arg_count > 1) {
        return say_and(EXIT_USAGE, "\"%s\": %s takes one file; see: leveret help %s", s->args[1],
                       command, command);
    }
    *name = is_stdin ? "stdin" : s->args[0];
    *fd = is_stdin ? STDIN_FILENO : open(s->args[0], O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? EXIT_DONE : say_and(EXIT_INPUT, "cannot open %s: %s", *name, strerror(errno));
}

long study_read(int fd, const char *name, uint8_t *piece, size_t room) {
    ssize_t n;
    do {
        n = read(fd, piece, room);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        say("cannot read %s: %s", name, strerror(errno));
    }
    return n;
}
