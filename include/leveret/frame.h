/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Frames (AMQP 0-9-1, 4.2.3) and the protocol header (4.2.2). */

#ifndef LEVERET_FRAME_H
#define LEVERET_FRAME_H

#include <leveret/method.h>
#include <leveret/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LEV_FRAME_OVERHEAD = 8, /* type, channel, size and the frame-end octet */
    LEV_FRAME_HEAD = 7,     /* what precedes the payload */
    LEV_PROTOCOL_HEADER_SIZE = 8,
    LEV_METHOD_FRAME_LIMIT = 262144 /* brokers do not split method and header frames */
};

/* A whole frame; the payload stays where it was read. */
typedef struct lev_frame {
    uint8_t type; /* LEV_FRAME_METHOD, _HEADER, _BODY or _HEARTBEAT */
    uint16_t channel;
    lev_span payload;
} lev_frame;

/* The largest frames that a reader accepts, frame overhead included. */
typedef struct lev_frame_limits {
    uint32_t body;   /* body frames */
    uint32_t method; /* method and header frames, where it is above `body` */
} lev_frame_limits;

/* Takes one frame off the cursor. Returns LEV_OK; LEV_NEED_MORE with the cursor unmoved and the
 * whole frame's size in `*need` (7 until its length can be read); LEV_ERR_SYNTAX for an unknown
 * type, a size above the limit or below the type's minimum, a heartbeat with a payload or a
 * channel, or a wrong frame-end octet. A size is refused as soon as it can be read. */
LEV_API lev_status lev_frame_decode(lev_reader *r, const lev_frame_limits *limits, lev_frame *frame,
                                    size_t *need);

/* Returns why lev_frame_decode refused the bytes at `bytes`, as static text. */
LEV_API const char *lev_frame_fault(lev_span bytes, const lev_frame_limits *limits);

/* Writes a frame head with the size left open and returns its place for lev_frame_end, which fills
 * in the size and writes the frame-end octet. */
LEV_API size_t lev_frame_begin(lev_writer *w, uint8_t type, uint16_t channel);
LEV_API void lev_frame_end(lev_writer *w, size_t place);

/* Writes a whole frame. */
LEV_API void lev_frame_encode(lev_writer *w, const lev_frame *frame);

/* Returns whether two frames are equal in type, channel and payload. */
LEV_API bool lev_frame_equal(const lev_frame *a, const lev_frame *b);

/* Writes a frame as one line of text without a newline: its channel, then the method with its
 * fields, secrets as "***", or the properties, or the size of the body, or why it cannot be
 * decoded. */
LEV_API void lev_frame_print(lev_writer *w, const lev_frame *frame);

/* Writes the 8 bytes "AMQP" 0 0 9 1 that open a connection. */
LEV_API void lev_protocol_header_encode(lev_writer *w);

#ifdef __cplusplus
}
#endif

#endif
