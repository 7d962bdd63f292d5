/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the program itself has to say to a login. */

#ifndef LEVERET_CLIENT_ANSWER_H
#define LEVERET_CLIENT_ANSWER_H

#include "state.h"

/* Makes the engine, with the first word of the program's own mechanism where there is one, and
 * forgets the secrets among the settings. What fails ends the client. */
void lev_answer_begin(lev_client *c, uint64_t now);

/* Lets the program answer a challenge. What fails ends the connection. */
void lev_answer_challenge(lev_client *c, lev_span challenge);

#endif
