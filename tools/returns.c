/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The file has the form of consume --jsonl, so that publish --jsonl can send the messages again. It
 * is a file and not a pipe in all but odd cases, so it is written without waiting for room. */

#include "returns.h"

#include "exits.h"
#include "json_record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { RETURNS_FULL = 64 * 1024 };

int returns_init(returns *r, const char *path) {
    *r = (returns){.fd = -1, .path = path};
    if (path != NULL) {
        r->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    return path == NULL || r->fd >= 0
               ? EXIT_DONE
               : say_and(EXIT_CREATE, "cannot create %s: %s; check --returned-to", path,
                         strerror(errno));
}

void returns_deinit(returns *r) {
    buffer_deinit(&r->lines);
    if (r->fd >= 0) {
        close(r->fd);
        r->fd = -1;
    }
}

static void returns_write(returns *r) {
    size_t done = 0;
    while (done < r->lines.len && r->fault == 0) {
        ssize_t n = write(r->fd, r->lines.ptr + done, r->lines.len - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            r->fault = errno;
        }
    }
    r->lines.len = 0;
}

static void returns_keep(returns *r, const lev_message *m) {
    record line = {.message = m};
    json_put_record(&r->lines, &line);
    buffer_byte(&r->lines, '\n');
    if (r->lines.failed) {
        r->lines.failed = false;
        r->lines.len = 0;
        r->fault = r->fault != 0 ? r->fault : ENOMEM;
    }
    if (r->lines.len >= RETURNS_FULL) {
        returns_write(r);
    }
}

void returns_take(returns *r, const lev_message *m) {
    lev_writer text = lev_writer_init((uint8_t *)r->latest, sizeof r->latest - 1);
    lev_writer_decimal(&text, m->reply_code);
    lev_writer_text(&text, " ");
    lev_writer_escaped(&text, m->reply_text);
    lev_writer_text(&text, ", exchange ");
    lev_writer_quoted(&text, m->exchange);
    lev_writer_text(&text, ", key ");
    lev_writer_quoted(&text, m->routing_key);
    if (text.status != LEV_OK) { /* names of bytes that all had to be escaped */
        text = lev_writer_init((uint8_t *)r->latest, sizeof r->latest - 1);
        lev_writer_decimal(&text, m->reply_code);
    }
    r->latest[lev_writer_span(&text).len] = '\0';
    if (r->reason[0] == '\0') {
        memcpy(r->reason, r->latest, sizeof r->reason);
    }
    if (r->fd >= 0) {
        returns_keep(r, m);
    }
}

int returns_flush(returns *r) {
    if (r->fd >= 0) {
        returns_write(r);
    }
    return r->fault == 0 ? EXIT_DONE
                         : say_and(EXIT_OUTPUT,
                                   "cannot write to %s: %s; some returned messages are "
                                   "not in it",
                                   r->path, strerror(r->fault));
}
