/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The state machines of a connection and a channel, as a client sees them. */

#ifndef TOOLS_SPEC_DOT_H
#define TOOLS_SPEC_DOT_H

#include "buffer.h"

#include <leveret/method.h>

/* A method that leads from a state to another. */
typedef struct spec_edge {
    lev_method_id method;
    bool sent; /* by the client; otherwise it comes */
    int from;  /* a state of its class, or SPEC_ANY: each where it is legal, but the last two */
    int to;
} spec_edge;

enum { SPEC_ANY = -1 };

/* All of them; ends with LEV_NO_METHOD. */
extern const spec_edge spec_edges[];

/* Return a state's name, NULL where there is none: of a connection's, or of a channel's. */
const char *spec_state(bool of_connection, int state);

/* Writes both as a graph for Graphviz. */
void spec_put_dot(buffer *b);

#endif
