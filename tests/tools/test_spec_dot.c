/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where methods lead agrees with where they are legal. */

#include "../../tools/spec_dot.h"
#include "../unit.h"

static unsigned legal_states(const spec_edge *e) {
    const lev_method_desc *m = lev_method_describe(e->method);
    return e->sent ? m->send : m->recv;
}

static bool of_connection(const spec_edge *e) {
    return lev_method_describe(e->method)->class_id == LEV_CLASS_CONNECTION;
}

static void each_edge_is_legal(void) {
    for (const spec_edge *e = spec_edges; e->method != LEV_NO_METHOD; e++) {
        EXPECT(spec_state(of_connection(e), e->to) != NULL);
        EXPECT(legal_states(e) != 0);
        EXPECT(e->from == SPEC_ANY || (legal_states(e) >> e->from & 1) != 0);
    }
}

/* From its first state each machine reaches all others; the connection's last one has no way out.
 */
static void each_state_is_reached(void) {
    unsigned reached[] = {1u << LEV_STATE_CHANNEL_CLOSED, 1u << LEV_STATE_AWAIT_START};
    for (int round = 0; round < 10; round++) {
        for (const spec_edge *e = spec_edges; e->method != LEV_NO_METHOD; e++) {
            unsigned from = e->from == SPEC_ANY ? legal_states(e) : 1u << e->from;
            unsigned *machine = &reached[of_connection(e) ? 1 : 0];
            *machine |= (*machine & from) != 0 ? 1u << e->to : 0;
            EXPECT(!of_connection(e) || e->from != LEV_STATE_CLOSED);
        }
    }
    EXPECT_EQ(reached[0], (1 << LEV_CHANNEL_STATE_COUNT) - 1);
    EXPECT_EQ(reached[1], (1 << LEV_CONNECTION_STATE_COUNT) - 1);
}

/* What opens, closes or logs in leads somewhere; nothing else does. */
static void the_methods_are_those_that_lead_somewhere(void) {
    for (int id = 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *m = lev_method_describe((lev_method_id)id);
        bool leads =
            id <= LEV_CONNECTION_CLOSE_OK || (m->class_id == LEV_CLASS_CHANNEL &&
                                              id != LEV_CHANNEL_FLOW && id != LEV_CHANNEL_FLOW_OK);
        bool drawn = false;
        for (const spec_edge *e = spec_edges; e->method != LEV_NO_METHOD; e++) {
            drawn = drawn || (int)e->method == id;
        }
        EXPECT_EQ(drawn, leads);
    }
}

UNIT_MAIN("spec_dot", CASE(each_edge_is_legal), CASE(each_state_is_reached),
          CASE(the_methods_are_those_that_lead_somewhere))
