/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The program on top of the engine: it makes every call at random, remembers what it asked for, and
 * judges each event by what the model broker knows.
 *
 *     user.c           openings of channels; which call comes next
 *     user_publish.c   messages, loans, the ledger of outcomes
 *     user_consume.c   consumers, gets, acks, transactions
 *     user_event.c     events, and the answers to calls
 *     user_end.c       what must hold when all is quiet, and when all is over */

#ifndef LEVERET_TESTS_USER_H
#define LEVERET_TESTS_USER_H

#include "model.h"

enum { USER_CALLS = 200, USER_TAGS = 30, USER_LOANS = 3000 };

/* A message to publish. Equal messages are one content. */
typedef struct content {
    char exchange[MODEL_NAME];
    char key[MODEL_NAME];
    lev_properties properties;
    lev_span body;
} content;

typedef struct record {
    const content *content;
    uint64_t end; /* how many bytes the engine has written when this one has left whole */
    bool mandatory;
    bool ended;
    lev_outcome outcome;
} record;

/* A body that the engine has, or has given back. */
typedef struct loan {
    uint8_t *bytes;
    size_t len;
    bool out;
} loan;

typedef struct user_call {
    uint32_t number;
    lev_method_id id;
    char name[MODEL_NAME]; /* the queue or the consumer tag that it is about */
} user_call;

enum opening_state { OPENING_ASKED, OPENING_OPEN, OPENING_LEAVING, OPENING_ENDED };
enum taken_state { TAKEN_OPEN, TAKEN_IN_TX, TAKEN_SETTLED };
enum taken_how { TAKEN_VOID, TAKEN_ACKED, TAKEN_DROPPED, TAKEN_REQUEUED };

typedef struct taken {
    lev_delivery handle;
    enum taken_state state;
    enum taken_how how; /* it was settled */
} taken;

/* A consumer of ours, by its tag. */
typedef struct user_consumer {
    char tag[MODEL_NAME];
    bool cancelled;
    bool stream;
} user_consumer;

/* One opening of a channel as the program sees it; the model's session is its counterpart. */
typedef struct opening {
    struct opening *older;
    uint16_t number;
    uint32_t opening;
    enum opening_state state;
    bool again; /* a call was told LEV_AGAIN, and no LEV_EVENT_WRITABLE has come since */

    user_call calls[USER_CALLS];
    size_t calls_len;

    record records[MODEL_PUBLISHES + 1]; /* from 1 */
    uint64_t published;
    bool confirm;
    uint64_t before_confirm;

    bool tx;
    bool committing;
    unsigned recovering; /* basic.recover under way: its deliveries must not be acked */
    bool acks_unsafe;    /* the program itself no longer knows which tags are open */

    user_consumer consumers[USER_TAGS];
    size_t consumers_len;
    taken taken[MODEL_HANDED + 1]; /* by tag */
    uint64_t last_tag;
    uint64_t streaming_at; /* body bytes of the streamed message under way */
    bool streaming;
} opening;

/* What a run of seeds did, so that it can be seen to do something. */
typedef struct user_counts {
    uint64_t seeds, calls, published, outcomes[5], returns, delivered, pieces, acks, got;
    uint64_t cancelled, closed_by_broker, closed_by_user, refused, again, failed, closed, reopened;
} user_counts;

typedef struct user {
    lev_engine *e;
    model *m;
    chance dice;
    opening *openings[MODEL_CHANNELS + 1]; /* newest first; channel 0 has one for its calls */
    loan loans[USER_LOANS];
    size_t loans_len, loans_out;
    uint64_t written;             /* bytes, by the engine */
    const content *usual[4];      /* contents that are published again and again */
    uint64_t message_max, window; /* the engine's options */
    bool answers;                 /* it logs in with a mechanism of its own, CHANCE */
    bool opened;                  /* LEV_EVENT_OPEN has come */
    bool over;                    /* LEV_EVENT_FAILED or LEV_EVENT_CLOSED has come */
    bool closes;                  /* it has called lev_engine_close */
    bool memory_fails;            /* faults that explain a failure */
    bool lost;
    bool silenced;
    user_counts *counts;
} user;

void user_init(user *u, uint64_t seed, model *m);

/* Makes a call at random. */
void user_act(user *u);

/* Takes events, all or some. */
void user_take_events(user *u, bool all);

/* Closes the connection. */
void user_close(user *u);

/* Checks both sides when nothing is under way; when the engine has told all it had to tell. */
void user_check_quiet(user *u);
void user_check_over(user *u);

/* ---- between the parts ---- */

/* Judges the status of a call that fits the state. Returns whether it was accepted. */
bool user_accepted(user *u, opening *o, lev_status status);
void user_note_call(opening *o, uint32_t number, lev_method_id id, lev_span name);
session *user_session(const user *u, const opening *o);

void user_publish(user *u, opening *o);
bool user_has_twin(const opening *o, const content *c);
void user_judge_outcome(user *u, opening *o, const lev_event *event);
void user_judge_return(user *u, opening *o, const lev_event *event);
void user_judge_released(user *u, void *token);

void user_consume(user *u, opening *o);
void user_cancel(user *u, opening *o);
void user_get(user *u, opening *o);
void user_settle(user *u, opening *o);
void user_transact(user *u, opening *o);
void user_recover(user *u, opening *o);
void user_judge_delivery(user *u, opening *o, const lev_message *msg);
void user_judge_piece(user *u, opening *o, const lev_event *event);
user_consumer *user_consumer_find(opening *o, lev_span tag);

#endif
