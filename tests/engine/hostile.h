/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The hostile broker: scripts made from a table of states that a session can be in and a table of
 * acts that no broker should commit there, each with the verdict that the specification asks for.
 * The verdicts come from lists of names in these files, not from the engine's own legality table.
 *
 * A world is where a script is played: an engine with a virtual clock (test_hostile.c), or a client
 * on a real socket (tests/client/test_hostile.c). HOSTILE=text plays only the scripts with that
 * text in their name. */

#ifndef LEVERET_TESTS_HOSTILE_H
#define LEVERET_TESTS_HOSTILE_H

#include <leveret/engine.h>
#include <leveret/frame.h>

enum {
    HOSTILE_WIRE = 1 << 20,      /* most bytes that a broker says at once */
    HOSTILE_MESSAGE_MAX = 16384, /* every world's message_max */
    HOSTILE_MEMORY = 1 << 20,    /* what a script may cost at most, bytes */
    HOSTILE_PUBLISHES = 3,       /* unsettled in the states with confirms */
    HOSTILE_BODY = 10            /* announced in the states within content */
};

/* What an act leads to: a reply code (the connection is closed with it), a negative lev_status (the
 * connection has ended with it), or one of these. */
enum { HOSTILE_HEALTHY = 0, HOSTILE_CHANNEL_CLOSED = 1, HOSTILE_NO_SCRIPT = 2 };

typedef struct hostile_world {
    lev_engine *e;
    lev_writer broker;                        /* what the broker is about to say */
    bool deaf;                                /* it reads nothing meanwhile */
    size_t step;                              /* bytes that arrive at once; 0: all */
    void (*deliver)(struct hostile_world *w); /* it arrives, and all events are seen */
    void (*hang_up)(struct hostile_world *w); /* the connection is lost, and all is told */
    uint8_t *sent;                            /* what the client has written */
    size_t sent_len;
    uint64_t published;
    uint64_t settled; /* a bit each */
    bool channel_closed;
    bool failed; /* the failure has been told */
    void *owner; /* whatever plays the world */
} hostile_world;

typedef struct hostile_state {
    const char *name;
    void (*reach)(hostile_world *w, const struct hostile_state *state);
    const char *legal[2]; /* methods that may come on channel 0 and on channel 1 */
    int illegal;          /* the verdict on any other one on channel 1 */
    int header;           /* on a content header on channel 1 */
    int body;             /* on a body frame there */
    lev_method_id call;   /* what is asked for, in the states that await an answer */
} hostile_state;

extern const hostile_state hostile_states[];
extern const size_t hostile_state_count;

/* An act: writes what the broker says, and returns the verdict. `turn` counts from 0 to `turns`. */
typedef struct hostile_act {
    const char *name;
    int (*say)(const hostile_state *state, unsigned turn, lev_writer *w);
    unsigned turns;
    unsigned flags;
    const char *where; /* the only state where it makes sense; NULL: everywhere */
} hostile_act;

enum {
    HOSTILE_DEAF = 1, /* the broker reads nothing: tells apart who bounds what he owes */
    HOSTILE_LONG = 2  /* not byte by byte */
};

typedef struct hostile_script {
    const hostile_state *state;
    const hostile_act *act;
    unsigned turn;
    char name[160];
} hostile_script;

/* Calls `play` for every script, or for those that HOSTILE names. Returns how many. */
size_t hostile_each(void (*play)(const hostile_script *script));

/* Plays a script in a world whose client has just begun, and holds it to its verdict and to what
 * must hold in any case. `during` is called between the state and the act. */
void hostile_play(hostile_world *w, const hostile_script *script, void (*during)(hostile_world *w));

/* Notes an event. */
void hostile_see(hostile_world *w, const lev_event *event);

/* Says a method, with fields that fit the states. */
void hostile_say(lev_writer *w, uint16_t channel, lev_method_id id);

/* Fills the fields of a method that a broker could mean. */
void hostile_fields(lev_method *m, lev_method_id id);

/* The verdict on a method with such fields. */
int hostile_judge(const hostile_state *state, uint16_t channel, lev_method_id id);

/* Returns whether the words of `list` have "class.method". */
bool hostile_lists(const char *list, lev_method_id id);

/* Returns whether a broker ever says it. */
bool hostile_from_server(lev_method_id id);

/* What the verdicts need to know of a state: of its connection, and of its channel 1. */
bool hostile_before_start(const hostile_state *state);
bool hostile_tuned(const hostile_state *state);
bool hostile_opened(const hostile_state *state);
bool hostile_leaving(const hostile_state *state);
bool hostile_closing(const hostile_state *state);
bool hostile_in_content(const hostile_state *state);

/* The acts: frames and methods; content, tags and tables; whole storms. Each ends with a row
 * without a name. */
extern const hostile_act hostile_frames[];
extern const hostile_act hostile_contents[];
extern const hostile_act hostile_storms[];

#endif
