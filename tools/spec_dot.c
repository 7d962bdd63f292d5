/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The rows of the protocol say in which states a method is legal; where it leads is told here, once
 * for each method that leads anywhere, and a test holds the one against the other. */

#include "spec_dot.h"

#include <stdio.h>

/* clang-format off */
const spec_edge spec_edges[] = {
    {LEV_CONNECTION_START,     false, LEV_STATE_AWAIT_START,    LEV_STATE_AWAIT_START},
    {LEV_CONNECTION_START_OK,  true,  LEV_STATE_AWAIT_START,    LEV_STATE_AWAIT_TUNE},
    {LEV_CONNECTION_SECURE,    false, LEV_STATE_AWAIT_TUNE,     LEV_STATE_AWAIT_RESPONSE},
    {LEV_CONNECTION_SECURE_OK, true,  LEV_STATE_AWAIT_RESPONSE, LEV_STATE_AWAIT_TUNE},
    {LEV_CONNECTION_TUNE,      false, LEV_STATE_AWAIT_TUNE,     LEV_STATE_AWAIT_TUNE},
    {LEV_CONNECTION_TUNE_OK,   true,  LEV_STATE_AWAIT_TUNE,     LEV_STATE_AWAIT_TUNE},
    {LEV_CONNECTION_OPEN,      true,  LEV_STATE_AWAIT_TUNE,     LEV_STATE_AWAIT_OPEN_OK},
    {LEV_CONNECTION_OPEN_OK,   false, LEV_STATE_AWAIT_OPEN_OK,  LEV_STATE_OPEN},
    {LEV_CONNECTION_CLOSE,     true,  SPEC_ANY,                 LEV_STATE_AWAIT_CLOSE_OK},
    {LEV_CONNECTION_CLOSE,     false, SPEC_ANY,                 LEV_STATE_CLOSED},
    {LEV_CONNECTION_CLOSE_OK,  false, LEV_STATE_AWAIT_CLOSE_OK, LEV_STATE_CLOSED},

    {LEV_CHANNEL_OPEN,         true,  LEV_STATE_CHANNEL_CLOSED, LEV_STATE_AWAIT_CHANNEL_OPEN_OK},
    {LEV_CHANNEL_OPEN_OK,      false, LEV_STATE_AWAIT_CHANNEL_OPEN_OK, LEV_STATE_CHANNEL_OPEN},
    {LEV_CHANNEL_CLOSE,        true,  LEV_STATE_CHANNEL_OPEN,   LEV_STATE_AWAIT_CHANNEL_CLOSE_OK},
    {LEV_CHANNEL_CLOSE,        false, LEV_STATE_CHANNEL_OPEN,   LEV_STATE_CHANNEL_CLOSED},
    {LEV_CHANNEL_CLOSE_OK,     false, LEV_STATE_AWAIT_CHANNEL_CLOSE_OK, LEV_STATE_CHANNEL_CLOSED},
    {LEV_NO_METHOD,            false, 0,                        0},
};
/* clang-format on */

const char *spec_state(bool of_connection, int state) {
    static const char *const connection[] = {
#define LEV_CONNECTION_STATE(NAME, text) text,
#include "amqp091.def"
        NULL};
    static const char *const channel[] = {
#define LEV_CHANNEL_STATE(NAME, text) text,
#include "amqp091.def"
        NULL};
    int count = of_connection ? LEV_CONNECTION_STATE_COUNT : LEV_CHANNEL_STATE_COUNT;
    if (state < 0 || state >= count) {
        return NULL;
    }
    return (of_connection ? connection : channel)[state];
}

static void put_edge(buffer *b, const spec_edge *e, const char *kind, int from) {
    const lev_method_desc *m = lev_method_describe(e->method);
    char line[160];
    snprintf(line, sizeof line, "        %s%d -> %s%d [label=\"%s %s\"%s];\n", kind, from, kind,
             e->to, e->sent ? "send" : "receive", m->method_name, e->sent ? "" : ", style=dashed");
    buffer_text(b, line);
}

static void put_edges(buffer *b, bool of_connection, const char *kind) {
    for (const spec_edge *e = spec_edges; e->method != LEV_NO_METHOD; e++) {
        const lev_method_desc *m = lev_method_describe(e->method);
        unsigned legal = e->sent ? m->send : m->recv;
        if ((m->class_id == LEV_CLASS_CONNECTION) != of_connection) {
            continue;
        }
        if (e->from != SPEC_ANY) {
            put_edge(b, e, kind, e->from);
            continue;
        }
        for (int from = 0; from < LEV_STATE_AWAIT_CLOSE_OK; from++) {
            if ((legal >> from & 1) != 0) {
                put_edge(b, e, kind, from);
            }
        }
    }
}

static void put_machine(buffer *b, bool of_connection) {
    const char *kind = of_connection ? "connection" : "channel";
    char line[160];
    snprintf(line, sizeof line, "    subgraph cluster_%s {\n        label=\"%s\";\n", kind, kind);
    buffer_text(b, line);
    for (int state = 0; spec_state(of_connection, state) != NULL; state++) {
        snprintf(line, sizeof line, "        %s%d [label=\"%s\"];\n", kind, state,
                 spec_state(of_connection, state));
        buffer_text(b, line);
    }
    put_edges(b, of_connection, kind);
    buffer_text(b, "    }\n");
}

void spec_put_dot(buffer *b) {
    buffer_text(b, "digraph amqp091 {\n    node [shape=box, style=rounded];\n");
    put_machine(b, true);
    put_machine(b, false);
    buffer_text(b, "}\n");
}
