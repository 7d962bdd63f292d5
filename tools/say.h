/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Lines on stderr, one an event, as text or as JSON objects, and a progress line on a terminal. */

#ifndef TOOLS_SAY_H
#define TOOLS_SAY_H

#include <stdbool.h>

/* From now on each line is a JSON object with the members "time" and "message". */
void say_json(void);

/* Prints "leveret: " and one line to stderr, control characters replaced. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As say, and returns `code`, so that a caller can say why and end in one statement. */
int say_and(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Is a progress line of use: is stderr a terminal, and the text not JSON? */
bool say_progress_wanted(void);

/* Replaces the progress line, which the next line of any kind removes; "" removes it. */
void say_progress(const char *text);

#endif
