/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The simulator: an engine between a program (user.h) and a broker (model.h), under a virtual
 * clock, with everything drawn from a seed: every call, every legal answer in any legal order,
 * every split of the bytes, and the faults. What must hold is stated where it is checked, with
 * INVARIANT and model_rule.
 *
 *     SEEDS=n     so many seeds (10,000; fewer in slow builds), from FIRST=n (1)
 *     SEED=n      this one; with TRACE=1 it tells its story */

#include "user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(NDEBUG) || !defined(__OPTIMIZE__)
enum { SEEDS_USUAL = 1000 };
#else
enum { SEEDS_USUAL = 10000 };
#endif

enum { PIPE_SIZE = 60000, BLOCK_PREFIX = 16 };

/* How a simulation ends, once its steps are done. */
enum ending {
    END_QUIET_USER,
    END_QUIET_BROKER,
    END_QUIET_BOTH,
    END_USER,
    END_BROKER,
    END_BOTH,
    END_LOST,
    END_LOST_DELIVERED, /* what was written before still arrives */
    END_SILENT,
    ENDINGS
};

typedef struct simulation {
    user u;
    model m;
    chance dice;
    uint64_t now;
    uint64_t received_at;
    size_t most;      /* bytes moved at once */
    bool dawdles;     /* ticks come late */
    uint64_t failing; /* one allocation in so many fails; 0: none */
    bool calls_only;  /* ... and only while the program makes calls */
    bool calling;
    size_t balance;
    uint8_t pipe[PIPE_SIZE]; /* written, not yet read by the broker */
    size_t pipe_len;
} simulation;

/* ---- memory ---- */

static void *resize(void *context, void *ptr, size_t size) {
    simulation *x = context;
    uint8_t *block = ptr == NULL ? NULL : (uint8_t *)ptr - BLOCK_PREFIX;
    size_t before = 0;
    if (block != NULL) {
        memcpy(&before, block, sizeof before);
    }
    if (size == 0) {
        x->balance -= before;
        free(block);
        return NULL;
    }
    if (x->failing > 0 && (x->calling || !x->calls_only) && chance_one_in(&x->dice, x->failing)) {
        trace_line("fault", "no memory for %zu bytes", size);
        return NULL;
    }
    block = realloc(block, size + BLOCK_PREFIX);
    memcpy(block, &size, sizeof size);
    x->balance += size - before;
    return block + BLOCK_PREFIX;
}

/* ---- bytes ---- */

static bool write_some(simulation *x, size_t most) {
    lev_span spans[5];
    size_t count = lev_engine_pending(x->u.e, spans, 1 + (size_t)chance_below(&x->dice, 5));
    size_t left = most < PIPE_SIZE - x->pipe_len ? most : PIPE_SIZE - x->pipe_len;
    size_t sent = 0;
    for (size_t i = 0; i < count && left > 0; i++) {
        size_t n = spans[i].len < left ? spans[i].len : left;
        memcpy(x->pipe + x->pipe_len, spans[i].ptr, n);
        x->pipe_len += n;
        sent += n;
        left -= n;
    }
    if (sent > 0) {
        lev_engine_sent(x->u.e, sent, x->now);
        x->u.written += sent;
    }
    return sent > 0;
}

static bool carry_some(simulation *x, size_t most) {
    size_t n = x->pipe_len < most ? x->pipe_len : most;
    if (x->m.blocked || n == 0) {
        return false;
    }
    model_receive(&x->m, (lev_span){x->pipe, n});
    x->pipe_len -= n;
    memmove(x->pipe, x->pipe + n, x->pipe_len);
    return true;
}

static bool read_some(simulation *x, size_t most) {
    size_t room;
    if (!model_has_more(&x->m)) {
        return false;
    }
    uint8_t *space = lev_engine_recv_space(x->u.e, &room);
    size_t n = model_give(&x->m, space, room < most ? room : most);
    lev_engine_received(x->u.e, n, x->now);
    x->received_at = n > 0 ? x->now : x->received_at;
    return n > 0;
}

/* Moves bytes both ways. Returns whether any moved. */
static bool move(simulation *x, size_t most) {
    bool wrote = write_some(x, 1 + (size_t)chance_below(&x->dice, most));
    bool carried = carry_some(x, 1 + (size_t)chance_below(&x->dice, most));
    return read_some(x, 1 + (size_t)chance_below(&x->dice, most)) || wrote || carried;
}

/* ---- time ---- */

static void pass_time(simulation *x, uint64_t ms) {
    x->now += ms;
    trace_clock(x->now);
    model_tick(&x->m, x->now);
    if (x->dawdles && chance_one_in(&x->dice, 2)) {
        return;
    }
    lev_engine_tick(x->u.e, x->now);
    INVARIANT(lev_engine_deadline(x->u.e) > x->now || x->failing > 0,
              "after a tick the next deadline lies ahead");
}

/* Lets all bytes move and all events come. Returns whether there were any bytes. */
static bool pump(simulation *x) {
    bool moved = false;
    do {
        user_take_events(&x->u, true);
        moved = move(x, PIPE_SIZE) || moved;
    } while (!x->u.over && move(x, PIPE_SIZE));
    user_take_events(&x->u, true);
    return moved;
}

/* As pump, with a broker that does all it owes, until nothing happens any more. */
static void settle_down(simulation *x) {
    do {
        model_finish(&x->m);
    } while (!x->u.over && pump(x));
}

/* Nobody does anything for many heartbeat intervals: the connection must live on. */
static void idle(simulation *x) {
    uint64_t end = x->now + 20 * 1000 * (uint64_t)(x->m.tuned.heartbeat + 1);
    bool late = x->dawdles;
    x->dawdles = false;
    trace_line("fault", "nobody does anything until %llu", (unsigned long long)end);
    while (x->now < end && !x->u.over) {
        uint64_t due = lev_engine_deadline(x->u.e);
        due = due < model_deadline(&x->m) ? due : model_deadline(&x->m);
        due = due < end ? due : end;
        pass_time(x, due > x->now ? due - x->now : 1);
        settle_down(x);
    }
    x->dawdles = late;
}

/* ---- endings ---- */

/* The end has begun: lets it come, with the clock going from deadline to deadline. */
static void drain(simulation *x) {
    for (int i = 0; i < 20000 && !x->u.over; i++) {
        user_take_events(&x->u, true);
        model_act(&x->m);
        if (!move(x, x->most * 4) && !x->u.over) {
            uint64_t due = lev_engine_deadline(x->u.e);
            model_finish(&x->m);
            pass_time(x, due > x->now && due - x->now < 1000 ? due - x->now : 200);
        }
    }
}

static void lose(simulation *x, bool delivered) {
    while (delivered && carry_some(x, PIPE_SIZE)) {
    }
    trace_line("fault", "the connection is lost");
    x->u.lost = true;
    lev_engine_lost(x->u.e, LEV_ERR_LOST, "lost");
    user_take_events(&x->u, true);
}

/* The broker says nothing any more. With heartbeats the engine notices after two intervals; without
 * them only a close has a deadline. */
static void fall_silent(simulation *x) {
    trace_line("fault", "the broker falls silent");
    x->m.mute = x->u.silenced = true;
    bool beats =
        lev_engine_state(x->u.e) == LEV_STATE_OPEN && lev_engine_tuned(x->u.e).heartbeat > 0;
    uint64_t most = lev_engine_tuned(x->u.e).heartbeat * UINT64_C(2000);
    if (!beats && lev_engine_state(x->u.e) == LEV_STATE_OPEN) {
        user_close(&x->u);
    }
    while (!x->u.over) {
        while (pump(x)) {
        }
        uint64_t due = lev_engine_deadline(x->u.e);
        INVARIANT(x->u.over || due != UINT64_MAX || x->m.blocked || x->m.peer_closed,
                  "a silent broker is found by some deadline");
        if (!x->u.over) {
            uint64_t wait = due > x->now ? due - x->now : 1; /* a heartbeat without memory */
            pass_time(x, due == UINT64_MAX ? 100 : wait);
        }
    }
    INVARIANT(!beats || x->now <= x->received_at + most,
              "a silent broker is dead after two heartbeat intervals");
}

/* The broker closed, and nobody else did: its close is answered, even now. */
static void check_close_answered(simulation *x) {
    while (write_some(x, PIPE_SIZE) || carry_some(x, PIPE_SIZE)) {
    }
    INVARIANT(x->m.state != MODEL_CLOSING || x->m.blocked || x->u.memory_fails,
              "the broker's connection.close is answered");
}

static void end(simulation *x, enum ending how) {
    bool quiet = how <= END_QUIET_BOTH;
    x->dawdles = false;
    if (quiet) {
        settle_down(x);
        if (!x->u.over) {
            user_check_quiet(&x->u);
        }
    }
    if (how == END_QUIET_USER || how == END_QUIET_BOTH || how == END_USER || how == END_BOTH) {
        user_close(&x->u);
    }
    if (how == END_QUIET_BROKER || how == END_QUIET_BOTH || how == END_BROKER || how == END_BOTH) {
        model_close(&x->m, chance_one_in(&x->dice, 2) ? LEV_CONNECTION_FORCED : LEV_INTERNAL_ERROR);
    }
    if (how == END_LOST || how == END_LOST_DELIVERED) {
        lose(x, how == END_LOST_DELIVERED);
    } else if (how == END_SILENT) {
        fall_silent(x);
    }
    drain(x);
    if (how == END_BROKER || how == END_QUIET_BROKER) {
        check_close_answered(x);
    }
    if (!x->u.over) {
        lose(x, false); /* before it had begun: there was nothing to close */
    }
}

/* ---- a simulation ---- */

static void step(simulation *x) {
    for (uint64_t n = chance_below(&x->dice, 4); n > 0; n--) {
        x->calling = true;
        user_act(&x->u);
        x->calling = false;
    }
    for (uint64_t n = chance_below(&x->dice, 4); n > 0; n--) {
        model_act(&x->m);
    }
    (void)move(x, x->most);
    if (!chance_one_in(&x->dice, 4)) {
        user_take_events(&x->u, chance_one_in(&x->dice, 2));
    }
    pass_time(x, chance_below(&x->dice, 20));
    if (chance_one_in(&x->dice, 300) && x->u.opened && !x->m.blocked) {
        idle(x);
    }
}

static void begin(simulation *x, uint64_t seed, user_counts *counts) {
    static const size_t mosts[] = {100, 1000, 5000, 20000, 20000, PIPE_SIZE};
    arena_reset();
    memset(x, 0, sizeof *x);
    x->dice = chance_init(seed, 3);
    x->now = 1000;
    trace_clock(x->now);
    x->most = mosts[chance_below(&x->dice, 6)];
    x->dawdles = chance_one_in(&x->dice, 3);
    x->failing = chance_one_in(&x->dice, 6) ? chance_between(&x->dice, 2, 200) : 0;
    x->calls_only = chance_one_in(&x->dice, 2);
    model_init(&x->m, seed);
    x->m.now = x->m.heard = x->m.spoke = x->now;
    user_init(&x->u, seed, &x->m);
    x->u.counts = counts;
    x->u.memory_fails = x->failing > 0;
    x->u.window = chance_between(&x->dice, 1, 60);
    x->u.message_max = chance_one_in(&x->dice, 5) ? 6000 : 0;
    lev_engine_options options = {.allocator = {resize, x},
                                  .high_water = 20000,
                                  .window = (uint32_t)x->u.window,
                                  .message_max = (size_t)x->u.message_max,
                                  .heartbeat = 10};
    x->u.answers = chance_one_in(&x->dice, 3);
    if (x->u.answers) {
        options.mechanism = lev_span_of("CHANCE");
        options.response = lev_span_of("first");
    }
    x->u.e = lev_engine_new(&options, x->now);
}

static void simulate(uint64_t seed, user_counts *counts) {
    static simulation x;
    begin(&x, seed, counts);
    counts->seeds++;
    if (x.u.e != NULL) {
        uint64_t steps = chance_below(&x.dice, chance_one_in(&x.dice, 10) ? 12 : 600);
        for (uint64_t i = 0; i < steps && !x.u.over; i++) {
            step(&x);
        }
        end(&x, (enum ending)chance_below(&x.dice, ENDINGS));
        user_check_over(&x.u);
        lev_engine_free(x.u.e);
    }
    INVARIANT(x.balance == 0, "all memory is given back");
}

static void print_counts(const user_counts *c) {
#define COUNT(member) printf("%12llu %s\n", (unsigned long long)c->member, #member)
    static const char *const outcomes[] = {"confirmed", "returned", "nacked", "not sent",
                                           "in doubt"};
    COUNT(seeds);
    COUNT(calls);
    COUNT(again);
    COUNT(published);
    for (int i = 0; i < 5; i++) {
        printf("%12llu %s\n", (unsigned long long)c->outcomes[i], outcomes[i]);
    }
    COUNT(returns);
    COUNT(delivered);
    COUNT(pieces);
    COUNT(got);
    COUNT(acks);
    COUNT(cancelled);
    COUNT(closed_by_broker);
    COUNT(closed_by_user);
    COUNT(refused);
    COUNT(reopened);
    COUNT(closed);
    COUNT(failed);
#undef COUNT
}

/* Whether the seeds did all that they are there for; few seeds need not. */
static bool has_done_all(const user_counts *c) {
    bool all = c->seeds < 1000 ||
               (c->again > 0 && c->returns > 0 && c->pieces > 0 && c->got > 0 && c->cancelled > 0 &&
                c->closed_by_broker > 0 && c->refused > 0 && c->closed > 0 && c->failed > 0);
    for (int i = 0; i < 5; i++) {
        all = all && (c->seeds < 1000 || c->outcomes[i] > 0);
    }
    return all;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

int main(void) {
    user_counts counts = {0};
    uint64_t one = setting("SEED", 0);
    uint64_t first = one != 0 ? one : setting("FIRST", 1);
    uint64_t count = one != 0 ? 1 : setting("SEEDS", SEEDS_USUAL);
    for (uint64_t seed = first; seed < first + count; seed++) {
        trace_begin(seed, setting("TRACE", 0) != 0);
        simulate(seed, &counts);
    }
    print_counts(&counts);
    return has_done_all(&counts) ? 0 : 1;
}
