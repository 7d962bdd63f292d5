/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Large writes, repeated until all is out. */

#include "emit.h"

#include "exits.h"
#include "say.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { EMIT_FULL = 64 * 1024 };

int emit(buffer *b) {
    size_t done = 0;
    while (done < b->len) {
        ssize_t n = write(STDOUT_FILENO, b->ptr + done, b->len - done);
        if (n < 0 && errno == EPIPE) {
            return EXIT_PIPE;
        }
        if (n < 0 && errno != EINTR) {
            return say_and(EXIT_OUTPUT, "cannot write to stdout: %s", strerror(errno));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    b->len = 0;
    return b->failed ? say_and(EXIT_INTERNAL, "out of memory") : EXIT_DONE;
}

int emit_some(buffer *b) { return b->len >= EMIT_FULL || b->failed ? emit(b) : EXIT_DONE; }
