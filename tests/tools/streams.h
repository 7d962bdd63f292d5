/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Random streams of AMQP. */

#ifndef LEVERET_TESTS_TOOLS_STREAMS_H
#define LEVERET_TESTS_TOOLS_STREAMS_H

#include <leveret/wire.h>

/* Returns `count` random frames of all kinds, made from the descriptors; they live until the next
 * call. */
lev_span random_stream(uint64_t *state, size_t count);

#endif
