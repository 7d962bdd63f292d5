/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The simulator: the engine against the model broker under a virtual clock, with calls, partial
 * reads and writes, channels closed by either side and lost connections, all drawn from a seed.
 *
 * Invariants: the broker never has reason to complain; every publish has exactly one outcome, and
 * the one that the broker told where it told one; what is "not sent" the broker never had whole;
 * each lent body comes back once; deliveries come in order and unharmed. SEED=n replays one seed,
 * SEEDS=n runs so many. */

#include "../unit.h"
#include "model.h"
#include "stage.h"

typedef struct record {
    bool published;
    bool ended;
    lev_outcome outcome;
    uint64_t number;
} record;

typedef struct sim_channel {
    uint64_t openings;
    record records[MODEL_PUBLISHES];
    uint64_t published;
    uint64_t delivered;
    bool confirm;
    bool plain; /* something was published without confirms */
    bool consuming;
} sim_channel;

typedef struct sim {
    stage s;
    model m;
    uint64_t seed;
    sim_channel channels[MODEL_CHANNELS + 1];
    size_t lent;
    bool lost;
    bool over;
} sim;

#define DEMAND(condition)                                                                          \
    ((condition)                                                                                   \
         ? (void)0                                                                                 \
         : (fprintf(stderr, "SEED=%llu: ", (unsigned long long)x->seed), EXPECT(condition)))

static void check_outcome(sim *x, const lev_event *e) {
    sim_channel *ch = &x->channels[e->channel];
    const model_channel *b = &x->m.channels[e->channel];
    bool same = b->openings == ch->openings; /* or the broker has not yet heard of this opening */
    DEMAND(e->first >= 1 && e->last <= ch->published && e->first <= e->last);
    for (uint64_t i = e->first; i <= e->last; i++) {
        DEMAND(!ch->records[i].ended);
        ch->records[i].ended = true;
        ch->records[i].outcome = e->outcome;
        if (e->outcome == LEV_NOT_SENT) {
            DEMAND(!same || i > b->received);
        } else if (e->outcome != LEV_IN_DOUBT) {
            DEMAND(same && i <= b->received && b->fates[i].outcome == e->outcome);
        }
    }
}

static void check_delivery(sim *x, const lev_event *e) {
    sim_channel *ch = &x->channels[e->channel];
    const lev_message *msg = e->message;
    DEMAND(msg->delivery.tag == ch->delivered + 1);
    ch->delivered++;
    DEMAND(msg->body.len == msg->body_size);
    for (size_t i = 0; i < msg->body.len; i++) {
        DEMAND(msg->body.ptr[i] == (ch->delivered & 0xff));
    }
    if (model_random(&x->m, 3) == 0) {
        lev_status status = lev_engine_ack(x->s.e, msg->delivery, true);
        DEMAND(status == LEV_OK || status == LEV_ERR_STALE || status == LEV_ERR_MISUSE ||
               lev_engine_error(x->s.e)->status != LEV_OK);
    }
}

static void check_all_ended(sim *x, uint16_t number) {
    sim_channel *ch = &x->channels[number];
    for (uint64_t i = 1; i <= ch->published && ch->confirm; i++) {
        DEMAND(ch->records[i].ended);
    }
}

static void take_event(sim *x, const lev_event *e) {
    bool farewell = e->type == LEV_EVENT_CHANNEL_CLOSED ||
                    (e->type == LEV_EVENT_REPLY && e->method->id == LEV_CHANNEL_CLOSE_OK);
    if (e->type == LEV_EVENT_OUTCOME) {
        check_outcome(x, e);
    } else if (e->type == LEV_EVENT_DELIVER) {
        check_delivery(x, e);
    } else if (e->type == LEV_EVENT_RETURN) {
        DEMAND(e->first == 0 || x->m.channels[e->channel].fates[e->first].outcome == LEV_RETURNED);
        DEMAND(e->first != 0 || !x->channels[e->channel].confirm);
    } else if (e->type == LEV_EVENT_RELEASED) {
        DEMAND(x->lent > 0);
        x->lent--;
    } else if (farewell) {
        check_all_ended(x, e->channel);
        sim_channel *ch = &x->channels[e->channel];
        *ch = (sim_channel){.openings = ch->openings};
    } else if (e->type == LEV_EVENT_FAILED || e->type == LEV_EVENT_CLOSED) {
        if (e->type == LEV_EVENT_FAILED && !x->lost) {
            fprintf(stderr, "SEED=%llu: %s\n", (unsigned long long)x->seed, e->error->text);
        }
        DEMAND(e->type == LEV_EVENT_CLOSED || x->lost);
        x->over = true;
    }
}

static void take_events(sim *x) {
    lev_event event;
    while (!x->over && lev_engine_next(x->s.e, &event)) {
        take_event(x, &event);
    }
}

static void move_bytes(sim *x, size_t most) {
    lev_span spans[5];
    size_t count = lev_engine_pending(x->s.e, spans, 1 + (size_t)model_random(&x->m, 5));
    size_t sent = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = (size_t)model_random(&x->m, most) + 1;
        n = n < spans[i].len ? n : spans[i].len;
        model_receive(&x->m, (lev_span){spans[i].ptr, n});
        sent += n;
        if (n < spans[i].len) {
            break;
        }
    }
    lev_engine_sent(x->s.e, sent, x->s.now);
    size_t room;
    uint8_t *space = lev_engine_recv_space(x->s.e, &room);
    lev_span bytes = model_take(&x->m, room < most ? room : most);
    if (bytes.len > 0) {
        memcpy(space, bytes.ptr, bytes.len);
        lev_engine_received(x->s.e, bytes.len, x->s.now);
    }
}

static void publish(sim *x, uint16_t number) {
    static const uint8_t body[40000];
    static const char *const keys[] = {"a", "b", "r1", "n1"};
    sim_channel *ch = &x->channels[number];
    size_t len = (size_t)model_random(&x->m, model_random(&x->m, 8) == 0 ? sizeof body : 60);
    lev_publication p = {.routing_key = sp(keys[model_random(&x->m, 4)]),
                         .body = {body, len},
                         .mandatory = model_random(&x->m, 2) == 0,
                         .lend = model_random(&x->m, 2) == 0};
    uint64_t no;
    if (ch->published + 1 >= MODEL_PUBLISHES) {
        return;
    }
    if (lev_engine_publish(x->s.e, number, &p, &no) == LEV_OK) {
        DEMAND(no == (ch->confirm ? ch->published + 1 : 0));
        ch->published += ch->confirm;
        ch->plain = ch->plain || !ch->confirm;
        x->lent += p.lend;
    }
}

static void act(sim *x) {
    uint16_t number = (uint16_t)(1 + model_random(&x->m, MODEL_CHANNELS));
    sim_channel *ch = &x->channels[number];
    lev_engine *e = x->s.e;
    uint64_t dice = model_random(&x->m, 100);
    if (lev_engine_channel_state(e, number) == LEV_STATE_CHANNEL_CLOSED) {
        ch->openings += lev_engine_channel_open(e, number, &(lev_channel_open){0}, NULL) == LEV_OK;
    } else if (dice < 80 && (ch->confirm || dice < 5)) {
        publish(x, number);
    } else if (dice < 88 && !ch->confirm && !ch->plain) {
        bool ok = lev_engine_confirm_select(e, number, &(lev_confirm_select){0}, NULL) == LEV_OK;
        ch->confirm = ok;
    } else if (dice < 96 && !ch->consuming) {
        ch->consuming = lev_engine_basic_consume(e, number, &(lev_basic_consume){.queue = sp("q")},
                                                 NULL) == LEV_OK;
    } else if (dice == 99 && model_random(&x->m, 5) == 0) {
        (void)lev_engine_channel_close(e, number, &(lev_channel_close){0}, NULL);
    }
}

/* Lets everything settle and closes in order: then nothing may be in doubt. */
static void finish(sim *x) {
    for (int i = 0; i < 20000 && !x->over; i++) {
        move_bytes(x, 100000);
        take_events(x);
        if (lev_engine_queued(x->s.e) == 0 && i == 50) {
            model_settle_all(&x->m);
        } else if (i == 100) {
            (void)lev_engine_close(x->s.e, 200, "done");
        }
    }
}

static void simulate(uint64_t seed) {
    static sim sims;
    sim *x = &sims;
    memset(x, 0, sizeof *x);
    x->seed = seed;
    model_init(&x->m, seed);
    stage_init(&x->s, &(lev_engine_options){.high_water = 30000, .window = 50});
    uint64_t steps = 50 + model_random(&x->m, 600);
    size_t most = 1 + (size_t)model_random(&x->m, model_random(&x->m, 2) == 0 ? 20000 : 100);
    for (uint64_t i = 0; i < steps && !x->over; i++) {
        act(x);
        model_act(&x->m);
        move_bytes(x, most);
        if (model_random(&x->m, 3) != 0) {
            take_events(x);
        }
        x->s.now += model_random(&x->m, 20);
        lev_engine_tick(x->s.e, x->s.now);
    }
    if (model_random(&x->m, 3) == 0) {
        x->lost = true;
        lev_engine_lost(x->s.e, LEV_ERR_LOST, "lost");
        take_events(x);
    } else {
        finish(x);
    }
    if (x->m.complaint != NULL) {
        fprintf(stderr, "SEED=%llu: %s\n", (unsigned long long)seed, x->m.complaint);
    }
    EXPECT(x->m.complaint == NULL);
    DEMAND(x->over);
    DEMAND(x->lent == 0);
    for (uint16_t i = 1; i <= MODEL_CHANNELS; i++) {
        check_all_ended(x, i);
    }
    stage_deinit(&x->s);
    DEMAND(x->s.balance == 0);
    model_deinit(&x->m);
}

static void keeps_its_promises_under_every_seed(void) {
    const char *one = getenv("SEED");
    const char *many = getenv("SEEDS");
    uint64_t count = many != NULL ? strtoull(many, NULL, 10) : 3000;
    if (one != NULL) {
        simulate(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= count; seed++) {
        simulate(seed);
    }
}

UNIT_MAIN("simulator", CASE(keeps_its_promises_under_every_seed))
