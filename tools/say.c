/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each line is one write of stdio's, made of one buffer. On a terminal the name of the program is
 * bold, unless NO_COLOR is set and not empty (no-color.org). The progress line ends without a
 * newline and is wiped before anything else is printed. */

#include "say.h"

#include <leveret/wire.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static bool as_json;
static bool progress_shown;

void say_json(void) { as_json = true; }

static bool wants_colour(void) {
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no == NULL || *no == '\0') && term != NULL && strcmp(term, "dumb") != 0 &&
           isatty(STDERR_FILENO);
}

/* Prints a string; what lev_writer_quoted makes of bytes that are no UTF-8 is \xNN, for which JSON
 * has \u00NN. */
static void print_json_text(const char *line) {
    uint8_t text[4 * LINE_MAX_BYTES + 2];
    lev_writer w = lev_writer_init(text, sizeof text);
    lev_writer_quoted(&w, lev_span_of(line));
    lev_span escaped = lev_writer_span(&w);
    for (size_t i = 0; i < escaped.len; i++) {
        if (escaped.ptr[i] == '\\' && i + 1 < escaped.len) {
            i++;
            fprintf(stderr, escaped.ptr[i] == 'x' ? "\\u00" : "\\%c", escaped.ptr[i]);
        } else {
            putc(escaped.ptr[i], stderr);
        }
    }
}

static void print_json(const char *line) {
    struct timespec now;
    struct tm utc;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &utc));
    fprintf(stderr, "{\"time\":\"%s.%03ldZ\",\"message\":", stamp, now.tv_nsec / 1000000);
    print_json_text(line);
    fputs("}\n", stderr);
}

static void say_line(const char *format, va_list values) {
    char line[LINE_MAX_BYTES] = "";
    /* clang-tidy 14 sees no va_start where it has looked at another file before. */
    vsnprintf(line, sizeof line, format, values); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    for (char *p = line; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
    say_progress("");
    if (as_json) {
        print_json(line);
    } else {
        fprintf(stderr, wants_colour() ? "\033[1mleveret:\033[0m %s\n" : "leveret: %s\n", line);
    }
}

void say(const char *format, ...) {
    va_list values;
    va_start(values, format);
    say_line(format, values);
    va_end(values);
}

int say_and(int code, const char *format, ...) {
    va_list values;
    va_start(values, format);
    say_line(format, values);
    va_end(values);
    return code;
}

bool say_progress_wanted(void) { return !as_json && isatty(STDERR_FILENO); }

void say_progress(const char *text) {
    if (progress_shown || *text != '\0') {
        fprintf(stderr, "\r\033[K%s", text);
        progress_shown = *text != '\0';
    }
}
