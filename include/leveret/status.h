/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a call can answer, and the detail that a failed object keeps. */

#ifndef LEVERET_STATUS_H
#define LEVERET_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define LEV_VERSION "0.1.0"

#if defined(__GNUC__)
#define LEV_API __attribute__((visibility("default")))
#else
#define LEV_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every status with its text. Zero is success, positive ones are ordinary answers that are not
 * errors, negative ones are errors. */
/* clang-format off */
#define LEV_STATUSES(X)                                                                            \
    X(LEV_OK,              0, "success")                                                           \
    X(LEV_NEED_MORE,       1, "more bytes are needed")                                             \
    X(LEV_AGAIN,           2, "not now: the limit on what may wait is reached, try again later")   \
    X(LEV_ERR_MEMORY,     -1, "out of memory")                                                     \
    X(LEV_ERR_MISUSE,     -2, "the call does not fit the object's state or its arguments")         \
    X(LEV_ERR_SPACE,      -3, "the buffer is too small")                                           \
    X(LEV_ERR_LIMIT,      -4, "a limit of the protocol or of the options is exceeded")             \
    X(LEV_ERR_SYNTAX,     -5, "malformed data")                                                    \
    X(LEV_ERR_PROTOCOL,   -6, "the peer violated the protocol")                                    \
    X(LEV_ERR_NOT_AMQP,   -7, "the peer does not speak AMQP 0-9-1")                                \
    X(LEV_ERR_REFUSED,    -8, "the broker refused the credentials or the permission")              \
    X(LEV_ERR_CHANNEL,    -9, "the broker closed the channel")                                     \
    X(LEV_ERR_CLOSED,    -10, "the connection is closed")                                          \
    X(LEV_ERR_STALE,     -11, "the delivery belongs to an earlier channel or connection")          \
    X(LEV_ERR_HEARTBEAT, -12, "the peer has been silent for two heartbeat intervals")              \
    X(LEV_ERR_TIMEOUT,   -13, "the deadline has passed")                                           \
    X(LEV_ERR_LOST,      -14, "the connection was lost")                                           \
    X(LEV_ERR_RESOLVE,   -15, "the host name cannot be resolved")                                  \
    X(LEV_ERR_CONNECT,   -16, "cannot connect")                                                    \
    X(LEV_ERR_URI,       -17, "malformed URI")                                                     \
    X(LEV_ERR_UNSUPPORTED, -18, "not supported")                                                   \
    X(LEV_ERR_NOT_CONFIRMED, -19, "a message was returned, nacked or is in doubt")                 \
    X(LEV_ERR_CANCELLED, -20, "the broker cancelled the consumer")                                 \
    X(LEV_ERR_INPUT,     -21, "the input cannot be read, or ended too early")                      \
    X(LEV_ERR_TLS,       -22, "TLS was refused, or the peer could not be verified")
/* clang-format on */

enum lev_status {
#define LEV_STATUS_ENUM(name, value, text) name = (value),
    LEV_STATUSES(LEV_STATUS_ENUM)
#undef LEV_STATUS_ENUM
};
typedef enum lev_status lev_status;

/* The part that noticed a failure. */
typedef enum lev_layer {
    LEV_LAYER_NONE,
    LEV_LAYER_CODEC,
    LEV_LAYER_ENGINE,
    LEV_LAYER_NET,
    LEV_LAYER_CLIENT,
    LEV_LAYER_BROKER, /* the broker said so: reply_code, class_id and method_id are its own */
} lev_layer;

enum { LEV_ERROR_TEXT = 320 };

/* A latched failure: what, where and why. A value; it owns nothing. `text` is NUL-terminated UTF-8
 * without control characters, whatever the peer sent, and never holds a secret. */
typedef struct lev_error {
    lev_status status;
    lev_layer layer;
    uint16_t reply_code; /* AMQP 0-9-1, 1.2; 0 where none applies */
    uint16_t class_id;   /* the method that caused it, 0 where unknown */
    uint16_t method_id;
    char text[LEV_ERROR_TEXT];
} lev_error;

/* Returns the one-line text of a status: static storage, never NULL, "unknown status" for any
 * other number. */
LEV_API const char *lev_status_text(lev_status status);

/* Returns the status's name in the source, such as "LEV_ERR_TIMEOUT". As lev_status_text. */
LEV_API const char *lev_status_name(lev_status status);

#ifdef __cplusplus
}
#endif

#endif
