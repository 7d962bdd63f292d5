/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Recorded sessions (tests/transcripts), played to an engine: what the client said becomes calls,
 * what the broker said arrives as bytes. */

#ifndef LEVERET_TESTS_REPLAY_H
#define LEVERET_TESTS_REPLAY_H

#include "stage.h"

enum { REPLAY_CHUNKS = 4096 };

typedef struct chunk {
    bool from_broker;
    uint8_t *bytes;
    size_t len;
} chunk;

typedef struct transcript {
    chunk chunks[REPLAY_CHUNKS];
    size_t count;
    size_t broker_len; /* bytes that the broker said */
    uint8_t *client;   /* all that the client said */
    size_t client_len;
    lev_engine_options options; /* as the client must have had them */
    char texts[4][64];
} transcript;

/* How to disturb a replay; SIZE_MAX or 0 for not. Offsets count the broker's bytes. */
typedef struct disturbance {
    size_t step;     /* bytes a read; 0: as recorded */
    size_t split_at; /* one read ends here */
    size_t cut_at;   /* the connection is lost here */
    size_t flip_at;  /* this byte arrives with `flip` applied */
    uint8_t flip;
} disturbance;

/* Reads a transcript; false where it cannot be read. */
bool transcript_load(transcript *t, const char *path);
void transcript_free(transcript *t);

/* Plays it. Afterwards `s` holds the log and all that the engine wrote; the caller calls
 * stage_deinit. */
void replay(stage *s, const transcript *t, const disturbance *how);

#endif
