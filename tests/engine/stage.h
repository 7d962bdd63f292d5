/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A stage for engine tests: an engine with a virtual clock, a broker that says what the test
 * writes, and a log of what happened as text, one line an event. With LEVERET_TRACE in the
 * environment each frame is printed to stderr, too: for a test that fails. */

#ifndef LEVERET_TESTS_STAGE_H
#define LEVERET_TESTS_STAGE_H

#include <leveret/engine.h>
#include <leveret/frame.h>

enum { STAGE_WIRE = 1 << 20, STAGE_LOG = 1 << 18 };

typedef struct stage {
    lev_engine *e;
    uint64_t now;
    size_t step;       /* how many bytes arrive at once; 0: all */
    uint8_t *wire;     /* what the broker is about to send */
    lev_writer broker; /* writes into `wire` */
    char *log;         /* events so far */
    size_t log_len;
    uint8_t *sent; /* what the engine has written so far */
    size_t sent_len;
    size_t sent_read;
    uint64_t last_call;
    lev_delivery delivery; /* of the last message */
    size_t balance;        /* bytes allocated and not freed */
    size_t peak;
    unsigned long allocations;
    unsigned long fail_at;      /* the n-th allocation fails; 0: none */
    bool fail_on;               /* and all after it */
    const char *secret;         /* must be in no block that is freed or moved; NULL: none */
    bool leaked;                /* it was */
    struct stage_block *blocks; /* all that is allocated */
    bool over;                  /* the failure or the close has been logged */
} stage;

/* An engine that has written its protocol header and read nothing. `options` may be NULL. */
void stage_init(stage *s, const lev_engine_options *options);

/* As stage_init, and the handshake is over; the log is empty. */
void stage_open(stage *s, const lev_engine_options *options);

/* As stage_open, with channel 1 open. */
void stage_open_channel(stage *s, const lev_engine_options *options);

void stage_deinit(stage *s);

/* The broker says: a method; a message's header and body in frames of `most` bytes; a frame; bytes.
 * They arrive with stage_deliver, which then takes all events into the log. */
void stage_says(stage *s, uint16_t channel, lev_method_id id, const void *fields);
void stage_says_body(stage *s, uint16_t channel, const lev_properties *properties, lev_span body,
                     size_t most);
void stage_says_frame(stage *s, uint8_t type, uint16_t channel, lev_span payload);
void stage_says_bytes(stage *s, const void *bytes, size_t len);
void stage_deliver(stage *s);

/* The broker's part of the handshake up to tune, and open-ok. */
void stage_says_login(stage *s, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat);

/* Takes all events into the log; writes all that is pending. */
void stage_events(stage *s);
void stage_flush(stage *s);

/* Lets the clock run, with a tick at each deadline. */
void stage_wait(stage *s, uint64_t ms);

/* Takes the next frame that the engine wrote, and decodes it. False at the end. */
bool stage_sent(stage *s, lev_frame *frame, lev_method *method);

/* Returns whether the next method that the engine wrote is `id` on `channel`; skips heartbeats. */
bool stage_sent_is(stage *s, uint16_t channel, lev_method_id id, lev_method *method);

/* Returns whether any memory of the engine's holds the secret now. */
bool stage_holds_secret(const stage *s);

/* Returns whether the log has the text; empties the log. */
bool stage_logged(const stage *s, const char *text);
void stage_log_clear(stage *s);

/* Spans of literals. */
lev_span sp(const char *text);

#endif
