/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a client does on its own, told in lines: connecting, recovering, what the broker says
 * unasked. What a call returns is not told here, for its caller knows. */

#ifndef LEVERET_LOG_H
#define LEVERET_LOG_H

#include <leveret/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lev_log_level {
    LEV_LOG_ERROR,   /* the connection is over, or the broker ended something */
    LEV_LOG_WARNING, /* it is lost and being made again, or blocked */
    LEV_LOG_INFO,    /* it is open, it is back, it is closed */
    LEV_LOG_DEBUG    /* each attempt and each step */
} lev_log_level;

/* Gets each message: one line without a newline or any control character, without secrets, that
 * begins with host:port where that is known, and lives during the call. `log` NULL: nothing is made
 * or called. It is called from within the client's calls and must not use the client. */
typedef struct lev_logger {
    void (*log)(void *context, lev_log_level level, const char *message);
    void *context;
} lev_logger;

/* Returns "error", "warning", "info" or "debug". */
LEV_API const char *lev_log_level_name(lev_log_level level);

#ifdef __cplusplus
}
#endif

#endif
