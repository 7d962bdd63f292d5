/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* How a login says who it is (SASL, RFC 4422; AMQP 0-9-1, 1.4.2.2): the mechanisms that are asked
 * for, and the one that is used. */

#ifndef LEVERET_ENGINE_SASL_H
#define LEVERET_ENGINE_SASL_H

#include <leveret/engine.h>

enum { LEV_SASL_ROUNDS_MAX = 8 }; /* of connection.secure */

/* The strongest first; leveret/engine.h says why. */
enum { SASL_EXTERNAL, SASL_OWN, SASL_PLAIN, SASL_AMQPLAIN, SASL_ANONYMOUS, SASL_COUNT };

typedef struct lev_sasl_mechanism {
    lev_span name;     /* empty: not asked for */
    lev_span response; /* what start-ok says */
} lev_sasl_mechanism;

typedef struct lev_sasl {
    lev_sasl_mechanism mechanisms[SASL_COUNT];
    bool has_nul; /* in the user name or the password, which PLAIN cannot carry */
    bool own;     /* the caller's own mechanism is used, so the caller answers challenges */
    uint8_t rounds;
} lev_sasl;

/* Returns how many bytes lev_sasl_init writes at most. */
size_t lev_sasl_size(const lev_engine_options *o);

/* Prepares what is asked for. All that is secret goes to `block`, which the caller wipes. Returns
 * false where the options are unusable. */
bool lev_sasl_init(lev_sasl *s, const lev_engine_options *o, lev_writer *block);

/* Returns the strongest mechanism asked for among those offered (names with blanks between), NULL
 * where there is none. */
const lev_sasl_mechanism *lev_sasl_choose(lev_sasl *s, lev_span offered);

/* Writes the names of what is asked for, with commas. */
void lev_sasl_print(const lev_sasl *s, lev_writer *w);

#endif
