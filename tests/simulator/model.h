/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A broker written from the specification for the simulator. It reads what an engine writes, fails
 * the simulation at the first byte that breaks a rule, and answers at random but legally: with
 * exchanges, queues, credit, confirms and transactions that are really kept.
 *
 *     model.c           the connection: bytes, frames, handshake, heartbeats, close
 *     model_queue.c     queues and their entries; routing
 *     model_topology.c  the methods that declare, bind and delete
 *     model_session.c   the methods of a channel
 *     model_content.c   publishes, returns, confirms, transactions
 *     model_delivery.c  consumers, deliveries, credit, acks
 *     model_act.c       what the broker does of its own accord */

#ifndef LEVERET_TESTS_MODEL_H
#define LEVERET_TESTS_MODEL_H

#include "chance.h"
#include "trace.h"

#include <leveret/engine.h>
#include <leveret/frame.h>

enum {
    MODEL_CHANNELS = 3,
    MODEL_PUBLISHES = 300, /* on one opening of a channel */
    MODEL_HANDED = 500,    /* deliveries on one opening */
    MODEL_CONSUMERS = 10,
    MODEL_NAME = 48
};

/* A message as it was published. */
typedef struct message {
    lev_basic_publish publish;
    lev_header header;
    lev_span body;
} message;

/* A message in one queue, or handed out from it. `place` keeps its order when it is requeued. */
typedef struct entry {
    struct entry *next;
    const message *message;
    struct queue *queue;
    uint64_t place;
    bool redelivered;
} entry;

typedef struct queue {
    struct queue *next;
    char name[MODEL_NAME];
    bool durable;
    bool deleted;
    entry *first;
    uint32_t ready;
} queue;

typedef struct exchange {
    struct exchange *next;
    char name[MODEL_NAME];
    char type; /* 'd'irect, 'f'anout, 't'opic */
    bool durable;
    bool visited; /* by the message being routed */
} exchange;

/* From an exchange to a queue or to another exchange. */
typedef struct binding {
    struct binding *next;
    const exchange *source;
    queue *queue;
    exchange *exchange;
    char key[MODEL_NAME];
} binding;

enum consuming { CONSUMING_NOT, CONSUMING_OK_DUE, CONSUMING };

typedef struct model_consumer {
    enum consuming state;
    char tag[MODEL_NAME];
    queue *queue;
    bool no_ack;
    uint16_t prefetch; /* 0: unlimited */
    uint32_t unacked;
} model_consumer;

/* A delivery, or the answer to a get: what was handed out under a tag. */
typedef struct handed {
    entry *entry;
    model_consumer *consumer; /* NULL: it was got */
    char consumer_tag[MODEL_NAME];
    char queue[MODEL_NAME];
    bool redelivered;
    bool no_ack;
    uint32_t left; /* in the queue, behind it */
    bool unacked;
    bool ack_in_tx; /* settled when the transaction is committed */
    bool requeue;   /* how it was settled; else it was acked */
    bool drop;
} handed;

/* What the broker decided about a publish, and whether it has said so. */
typedef struct fate {
    bool returned;
    bool nacked;
    bool told;
} fate;

enum session_state { SESSION_OPEN, SESSION_CLOSING, SESSION_CLOSED };
enum reading { READING_METHOD, READING_HEADER, READING_BODY };

/* One opening of a channel; kept to the end, so that what was told can be checked. */
typedef struct session {
    struct session *older;
    uint16_t number;
    uint32_t opening; /* 1 for the first of its number */
    enum session_state state;
    uint16_t close_code; /* of the channel.close that the broker sent; 0: none */
    bool peer_closed;    /* the engine has sent channel.close */

    enum reading reading;
    uint8_t *raw; /* method, header and body so far */
    size_t raw_cap, raw_len, method_len, header_len;
    uint64_t body_size;

    const message *published[MODEL_PUBLISHES + 1]; /* from 1; all that came whole */
    uint64_t published_len;
    uint64_t accepted; /* of these; what comes behind the broker's own close is ignored */

    bool confirm;
    uint64_t before_confirm;         /* publishes that have no number */
    uint64_t settled;                /* all up to this one are told */
    fate fates[MODEL_PUBLISHES + 1]; /* beside `published` */

    bool tx;
    bool commit_due;
    uint64_t tx_from; /* publishes behind this one wait for the commit */

    bool flow_wanted; /* what the last channel.flow asked for */
    bool flow_active; /* what the engine answered last */
    unsigned flows_open;
    unsigned cancels_open; /* basic.cancel sent that want a cancel-ok */

    uint16_t prefetch;
    uint16_t prefetch_global;
    uint32_t unacked;
    model_consumer consumers[MODEL_CONSUMERS];
    handed handed[MODEL_HANDED + 1]; /* by tag */
    uint64_t handed_len;
    char last_queue[MODEL_NAME];
} session;

/* A frame that waits to go out. */
typedef struct out_frame {
    struct out_frame *next;
    size_t len;
    uint8_t bytes[];
} out_frame;

typedef struct lane {
    out_frame *first;
    out_frame *last;
} lane;

enum model_state {
    MODEL_AWAIT_HEADER,
    MODEL_AWAIT_START_OK,
    MODEL_AWAIT_SECURE_OK,
    MODEL_AWAIT_TUNE_OK,
    MODEL_AWAIT_OPEN,
    MODEL_OPEN,
    MODEL_CLOSING, /* it sent connection.close */
    MODEL_CLOSED
};

/* How this broker is, drawn from the seed. */
typedef struct model_manner {
    uint16_t heartbeat;
    uint32_t frame_max;
    unsigned rounds;    /* of connection.secure */
    bool interleaves;   /* frames of different channels within content */
    bool ragged;        /* body frames of any size */
    bool nacks_returns; /* as Qpid: nack, then return */
    bool cumulative;    /* confirms always with multiple, as LavinMQ */
    bool uses_flow;
    unsigned closes; /* one in so many acts closes a channel; 0: never */
} model_manner;

typedef struct model {
    chance dice;
    model_manner manner;
    enum model_state state;
    uint64_t now;
    uint64_t heard;  /* when the last byte came */
    uint64_t spoke;  /* when the last frame went */
    bool blocked;    /* it has said so, and reads nothing */
    bool challenges; /* the login is not with PLAIN, and each round has an answer */
    unsigned rounds; /* of connection.secure so far */
    bool mute;       /* a fault: it says nothing any more */
    bool peer_closed;
    bool ended;          /* the engine has sent its last frame */
    uint16_t close_code; /* of its connection.close */
    bool close_due;      /* an answer to connection.close is owed */
    lev_tuned tuned;

    uint8_t *in;
    size_t in_len, in_cap;
    lane lanes[MODEL_CHANNELS + 1];
    out_frame *going; /* partly read by the engine */
    size_t gone;

    session *sessions[MODEL_CHANNELS + 1]; /* newest first */
    exchange *exchanges;
    queue *queues;
    binding *bindings;
    unsigned names;  /* given to queues without one */
    uint64_t places; /* given to entries */

    /* What became of all entries. */
    uint64_t made, acked, dropped;
} model;

/* model.c */
void model_init(model *m, uint64_t seed);

/* Takes bytes that the engine wrote; gives up to `max` bytes to it; says whether there are any. */
void model_receive(model *m, lev_span bytes);
size_t model_give(model *m, uint8_t *into, size_t max);
bool model_has_more(const model *m);

/* Lets time pass: heartbeats both ways. */
void model_tick(model *m, uint64_t now);

/* Returns when a heartbeat is due; UINT64_MAX for never. */
uint64_t model_deadline(const model *m);

/* Says a method; a frame. Closes the connection, after what has been said before; answers the
 * engine's connection.close. */
void model_say(model *m, uint16_t channel, lev_method_id id, const void *fields);
void model_say_frame(model *m, const lev_frame *frame);
void model_close(model *m, uint16_t code);
void model_answer_close(model *m);

/* The rules: fails the simulation. */
void model_rule(bool kept, const char *rule);

/* model_queue.c */
void model_text(char *into, lev_span text);
exchange *model_exchange(model *m, lev_span name);
queue *model_queue(model *m, const session *s, lev_span name);
void model_queue_add(model *m, queue *q, const message *msg);
void model_queue_return(model *m, entry *e, bool redelivered);
entry *model_queue_take(queue *q);
uint32_t model_queue_clear(model *m, queue *q);
uint32_t model_queue_consumers(const model *m, const queue *q);

/* Adds the message to every queue that it is routed to, with `store`; returns how many. */
uint32_t model_route(model *m, const message *msg, bool store);

/* model_topology.c */
bool model_topology(model *m, session *s, const lev_method *method);

/* model_session.c */
session *model_session(const model *m, uint16_t number, uint32_t opening);
void model_session_method(model *m, uint16_t number, const lev_frame *frame,
                          const lev_method *method);
void model_session_exception(model *m, session *s, uint16_t code, const lev_method *cause);
void model_session_end(model *m, session *s);

/* model_content.c */
void model_content_method(session *s, const lev_frame *frame);
void model_content_frame(model *m, session *s, const lev_frame *frame);
void model_say_content(model *m, uint16_t channel, const message *msg);
void model_settle_some(model *m, session *s);
bool model_unsettled(const session *s);
void model_tx_commit(model *m, session *s);
void model_tx_rollback(session *s);

/* model_delivery.c */
bool model_delivery_method(model *m, session *s, const lev_method *method);
bool model_deliver(model *m, session *s);
void model_consume_ok(model *m, session *s, model_consumer *c);
void model_cancel(model *m, session *s, model_consumer *c);
void model_handed_settle(model *m, session *s, handed *h);
void model_requeue_all(model *m, session *s);

/* model_act.c: something at random; all that is owed, so that a patient engine has no open end. */
void model_act(model *m);
void model_finish(model *m);

#endif
