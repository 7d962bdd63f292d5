/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a simulation tells: the invariant that failed, with its seed, and with TRACE=1 the whole
 * story, one line for each thing that happened:
 *
 *     1042  user    publish 3 on 1 ...      what the program asked of the engine
 *     1042   >>     [1] basic.publish ...   a frame as the broker read it
 *     1050   <<     [1] basic.ack ...       a frame as the broker sent it
 *     1061  event   outcome 1-3 confirmed   what the engine told the program
 *     1061  fault   ...                     what chance did to them */

#ifndef LEVERET_TESTS_TRACE_H
#define LEVERET_TESTS_TRACE_H

#include <leveret/frame.h>

/* Begins the story of a seed. */
void trace_begin(uint64_t seed, bool told);

/* The virtual clock, for the left margin. */
void trace_clock(uint64_t now);

/* A line, unless the story is not told. `who` is "user", "event" or "fault". */
void trace_line(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_frame(const char *arrow, const lev_frame *frame);

/* Ends the program: prints seed and invariant. */
_Noreturn void trace_fail(const char *invariant, const char *file, int line);

/* Something that must hold, in words. */
#define INVARIANT(condition, words) ((condition) ? (void)0 : trace_fail(words, __FILE__, __LINE__))

#endif
