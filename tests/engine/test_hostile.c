/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Every script of the hostile broker, played to an engine with a virtual clock: as a whole, and one
 * byte at a time. */

#include "../unit.h"
#include "hostile.h"
#include "stage.h"

#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* other programs do not count */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void see_all(hostile_world *w) {
    lev_event event;
    while (!w->failed && lev_engine_next(w->e, &event)) {
        hostile_see(w, &event);
    }
}

static void world_deliver(hostile_world *w) {
    stage *s = w->owner;
    lev_span said = lev_writer_span(&w->broker);
    while (said.len > 0) {
        size_t room;
        uint8_t *space = lev_engine_recv_space(w->e, &room);
        size_t n = said.len < room ? said.len : room;
        n = w->step != 0 && w->step < n ? w->step : n;
        if (n == 0) {
            break;
        }
        memcpy(space, said.ptr, n);
        lev_engine_received(w->e, n, s->now);
        said = (lev_span){said.ptr + n, said.len - n};
        see_all(w);
        if (!w->deaf) {
            stage_flush(s);
        }
    }
    w->broker.len = 0;
    see_all(w);
    if (!w->deaf) {
        stage_flush(s);
    }
    w->sent = s->sent;
    w->sent_len = s->sent_len;
}

static void world_hang_up(hostile_world *w) {
    lev_event event;
    lev_engine_lost(w->e, LEV_ERR_LOST, "cut");
    see_all(w);
    for (int i = 0; i < 3; i++) {
        EXPECT(lev_engine_next(w->e, &event));
        EXPECT(event.type == LEV_EVENT_FAILED || event.type == LEV_EVENT_CLOSED);
    }
}

/* The state is reached; from here on the script's own cost counts. */
static size_t step;
static size_t memory_before;

static void measure(hostile_world *w) {
    stage *s = w->owner;
    w->step = step;
    memory_before = s->balance;
    s->peak = s->balance;
}

static double slowest;
static size_t most_memory;

static void play(const hostile_script *script) {
    static uint8_t wire[HOSTILE_WIRE];
    lev_engine_options options = {.message_max = HOSTILE_MESSAGE_MAX};
    stage s = {0};
    stage_init(&s, &options);
    hostile_world w = {.e = s.e,
                       .broker = lev_writer_init(wire, sizeof wire),
                       .deliver = world_deliver,
                       .hang_up = world_hang_up,
                       .owner = &s};
    double begin = seconds();
    hostile_play(&w, script, measure);
    double took = seconds() - begin;
    size_t cost = s.peak - memory_before;
    stage_deinit(&s);
    slowest = took > slowest ? took : slowest;
    most_memory = cost > most_memory ? cost : most_memory;
    if (took >= 1 || cost >= HOSTILE_MEMORY || s.balance != 0) {
        unit_fail(__FILE__, __LINE__, "HOSTILE='%s': %.3f s, %zu bytes, %zu left", script->name,
                  took, cost, s.balance);
    }
}

static void play_unless_long(const hostile_script *script) {
    if ((script->act->flags & HOSTILE_LONG) == 0) {
        play(script);
    }
}

static void report(size_t count) {
    printf("%zu scripts, slowest %.1f ms, most memory %zu bytes\n", count, slowest * 1e3,
           most_memory);
    EXPECT(count >= 1000 || getenv("HOSTILE") != NULL);
}

static void plays_every_script(void) { report(hostile_each(play)); }

static void plays_every_script_byte_by_byte(void) {
    step = 1;
    report(hostile_each(play_unless_long));
}

UNIT_MAIN("hostile", CASE(plays_every_script), CASE(plays_every_script_byte_by_byte))
