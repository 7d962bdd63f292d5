/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A broker written from the specification for the simulator: it reads what an engine writes, judges
 * it, and answers at random but legally. */

#ifndef LEVERET_TESTS_MODEL_H
#define LEVERET_TESTS_MODEL_H

#include <leveret/engine.h>
#include <leveret/frame.h>

enum { MODEL_CHANNELS = 3, MODEL_PUBLISHES = 400, MODEL_WIRE = 1 << 21 };

/* What the broker decided about a publish, and whether it has said so. */
typedef struct fate {
    lev_outcome outcome;
    bool told;
} fate;

typedef struct model_channel {
    uint64_t openings; /* how often it was opened */
    bool open;
    bool closing; /* the broker sent channel.close and awaits the answer */
    bool confirm;
    uint64_t received; /* publishes since confirm.select */
    uint64_t settled;  /* all up to this one have been answered */
    fate fates[MODEL_PUBLISHES];
    uint64_t deliveries;
    uint64_t acked; /* all up to this one */
    char tag[64];
    bool consuming;
    bool in_content; /* method read; header or body to come */
    lev_basic_publish publish;
    char key[32];
    lev_header header;
    bool headed;
    uint8_t body[40000];
    size_t body_len;
} model_channel;

typedef struct model {
    uint64_t random;
    uint8_t *in; /* what the engine wrote and is not yet read */
    size_t in_len;
    lev_writer out; /* what the engine is to read */
    size_t out_read;
    bool greeted;
    bool opened;
    bool closed; /* it has seen or sent connection.close */
    model_channel channels[MODEL_CHANNELS + 1];
    const char *complaint; /* of an illegal byte from the engine; NULL: none */
} model;

void model_init(model *m, uint64_t seed);
void model_deinit(model *m);

/* A random number below `n`. */
uint64_t model_random(model *m, uint64_t n);

/* Takes bytes that the engine wrote. */
void model_receive(model *m, lev_span bytes);

/* Does something at random: settles publishes, delivers, cancels a channel, beats. */
void model_act(model *m);

/* Settles all that is open, so that a patient engine ends with nothing in doubt. */
void model_settle_all(model *m);

/* Takes up to `max` bytes for the engine to read. */
lev_span model_take(model *m, size_t max);

#endif
