/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A message on its way in: method frame, header frame, body frames. */

#ifndef LEVERET_ENGINE_CONTENT_H
#define LEVERET_ENGINE_CONTENT_H

#include "memory.h"

#include <leveret/frame.h>

enum lev_content_state { CONTENT_NONE, CONTENT_AWAIT_HEADER, CONTENT_AWAIT_BODY };

/* `data` holds copies of the method's and the header's payload and, unless the body is streamed, of
 * the body so far. */
typedef struct lev_content {
    enum lev_content_state state;
    bool discard;  /* it is only counted */
    bool returned; /* it tells the truth about a publish, so a closing channel takes it too */
    bool stream;
    bool begun;    /* streamed: the first piece has been handed out */
    bool no_ack;   /* it needs no ack */
    uint32_t call; /* the basic.get that it answers */
    uint64_t left; /* body bytes still to come */
    uint8_t *data;
    size_t cap;
    size_t len;
    size_t method_len;
    size_t header_len;
    lev_basic_deliver deliver; /* streamed and begun: what they hold, decoded once */
    lev_header header;
} lev_content;

struct lev_channel;

/* Take the frames of a message. Return whether there is an event. Failures are latched. */
bool lev_content_method(lev_engine *e, struct lev_channel *ch, const lev_frame *frame,
                        lev_event *event);
bool lev_content_header(lev_engine *e, struct lev_channel *ch, const lev_frame *frame,
                        lev_event *event);
bool lev_content_body(lev_engine *e, struct lev_channel *ch, const lev_frame *frame,
                      lev_event *event);

/* Forgets the message under way. */
void lev_content_reset(lev_engine *e, lev_content *c);

#endif
