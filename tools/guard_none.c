/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* In place of guard.c in a command without TLS: none can be made. */

#include "guard.h"

#include "say.h"

guard *guard_new(const char *certificate, const char *key, const char *key_password) {
    (void)key;
    (void)key_password;
    say("%s: this leveret was built without TLS", certificate);
    return NULL;
}

void guard_free(guard *g) { (void)g; }

guard_stream *guard_stream_new(guard *g, int fd) {
    (void)g;
    (void)fd;
    return NULL;
}

void guard_stream_free(guard_stream *s) { (void)s; }

long guard_read(guard_stream *s, uint8_t *into, size_t room) {
    (void)s;
    (void)into;
    (void)room;
    return GUARD_FAILED;
}

long guard_write(guard_stream *s, const uint8_t *bytes, size_t len) {
    (void)s;
    (void)bytes;
    (void)len;
    return GUARD_FAILED;
}

long guard_step(guard_stream *s) {
    (void)s;
    return GUARD_FAILED;
}

bool guard_ready(const guard_stream *s) {
    (void)s;
    return false;
}

bool guard_writes(const guard_stream *s) {
    (void)s;
    return false;
}

void guard_finish(guard_stream *s) { (void)s; }

const char *guard_why(void) { return "built without TLS"; }
