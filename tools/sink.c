/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One buffer for both: what goes to a file is taken out of it at once. */

#include "sink.h"

#include "exits.h"

#include <unistd.h>

int sink_init(sink *s, const format_settings *o) {
    *s =
        (sink){.out = output_init(o->directory != NULL ? -1 : STDOUT_FILENO), .folder = {.fd = -1}};
    int rc = format_init(&s->format, o);
    return rc == EXIT_DONE ? folder_init(&s->folder, o->directory) : rc;
}

void sink_deinit(sink *s) {
    folder_deinit(&s->folder);
    format_deinit(&s->format);
    output_deinit(&s->out);
}

int sink_put(sink *s, const record *r) {
    buffer *b = &s->out.bytes;
    size_t before = b->len;
    int rc = EXIT_DONE;
    format_put(&s->format, b, r);
    if (b->failed) {
        b->failed = false;
        b->len = before;
        return say_and(EXIT_INTERNAL, "out of memory; the message stays in the queue");
    }
    if (s->folder.path != NULL) {
        rc = folder_put(&s->folder, buffer_span(b));
        b->len = 0;
    }
    return rc;
}

bool sink_full(const sink *s) { return s->out.bytes.len >= OUTPUT_FULL; }

int sink_flush(sink *s, lev_client *client) { return output_flush(&s->out, client); }
