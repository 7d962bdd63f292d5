/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How libFuzzer changes an input of the session target: mostly record by record, so that a longer
 * payload does not push all that follows out of step, and records move, double and go as wholes.
 * Every fourth time it changes the bytes as they are. */

#include "session.h"
#include "support.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static size_t record_size(const uint8_t *data, size_t left) {
    size_t size = left < SESSION_RECORD_HEAD ? left : (size_t)data[2] << 8 | data[3];
    size += left < SESSION_RECORD_HEAD ? 0 : SESSION_RECORD_HEAD;
    return size < left ? size : left;
}

/* Finds the record with that number, counted round and round. */
static size_t record_at(const uint8_t *data, size_t size, unsigned number) {
    size_t count = 0;
    for (size_t at = SESSION_HEAD; at < size; at += record_size(data + at, size - at)) {
        count++;
    }
    size_t at = SESSION_HEAD;
    for (size_t i = 0; count > 0 && i < number % count; i++) {
        at += record_size(data + at, size - at);
    }
    return at;
}

/* Puts a copy of the record in front of another. */
static size_t record_copy(uint8_t *data, size_t size, size_t from, size_t to, size_t max_size) {
    uint8_t copy[4096];
    size_t len = record_size(data + from, size - from);
    if (len > sizeof copy || len > max_size - size) {
        return size;
    }
    memcpy(copy, data + from, len);
    memmove(data + to + len, data + to, size - to);
    memcpy(data + to, copy, len);
    return size + len;
}

static size_t record_drop(uint8_t *data, size_t size, size_t at) {
    size_t len = record_size(data + at, size - at);
    memmove(data + at, data + at + len, size - at - len);
    return size - len;
}

/* Changes the payload and writes its new length. */
static size_t record_change(uint8_t *data, size_t size, size_t at, size_t max_size) {
    uint8_t payload[4096];
    size_t len = record_size(data + at, size - at);
    if (len < SESSION_RECORD_HEAD || len - SESSION_RECORD_HEAD > sizeof payload) {
        return size;
    }
    size_t old = len - SESSION_RECORD_HEAD;
    size_t most = max_size - size + old;
    if (most == 0) {
        return size;
    }
    uint8_t *body = data + at + SESSION_RECORD_HEAD;
    memcpy(payload, body, old);
    size_t fresh = LLVMFuzzerMutate(payload, old, most < sizeof payload ? most : sizeof payload);
    memmove(body + fresh, body + old, size - at - len);
    memcpy(body, payload, fresh);
    data[at + 2] = (uint8_t)(fresh >> 8);
    data[at + 3] = (uint8_t)fresh;
    return size - old + fresh;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    unsigned what = seed % 8;
    if (size <= SESSION_HEAD || what < 2) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    size_t at = record_at(data, size, seed >> 3);
    size_t other = record_at(data, size, seed >> 11);
    if (what == 2) {
        return record_copy(data, size, at, other, max_size);
    }
    if (what == 3) {
        return record_drop(data, size, at);
    }
    if (what == 4) {
        size_t head = seed >> 3 & 1;
        (void)LLVMFuzzerMutate(data + at + head, 1, 1); /* its operation or its channel */
        return size;
    }
    if (what == 5) {
        (void)LLVMFuzzerMutate(data + (seed >> 3) % SESSION_HEAD, 1, 1);
        return size;
    }
    return record_change(data, size, at, max_size);
}
