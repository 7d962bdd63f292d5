/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One connection of a load: a producer, or a consumer. It never waits; whoever has several of them
 * waits for all at once. */

#ifndef TOOLS_WORKER_H
#define TOOLS_WORKER_H

#include "histogram.h"
#include "pace.h"
#include "session.h"

/* What the load is; each number of messages, rate and window is that of one connection. */
typedef struct load_settings {
    uint64_t producers;
    uint64_t consumers;
    uint64_t size; /* of a body; at least a stamp's */
    const char *queue;
    const char *exchange; /* NULL: one of the type's name */
    const char *type;     /* of the exchange */
    const char *routing_key;
    uint64_t rate;     /* a second; 0: no limit */
    uint64_t window;   /* unconfirmed at most; 0: no confirms */
    uint64_t prefetch; /* 0: no limit */
    uint64_t ack_every;
    bool auto_ack;
    uint64_t publishes; /* 0: no limit */
    uint64_t receives;  /* likewise */
    uint64_t time_ms;   /* likewise */
    bool persistent;
    bool mandatory;
    bool predeclared; /* queue and exchange are there */
    unsigned auto_delete;
    bool millis; /* how time is stamped */
} load_settings;

/* What all workers of a load count together. Times are nanoseconds. */
typedef struct load_counts {
    uint64_t published;
    uint64_t consumed;
    uint64_t published_bytes; /* of bodies */
    uint64_t consumed_bytes;
    uint64_t outcomes[LEV_IN_DOUBT + 1];
    uint64_t returned; /* without confirms */
    histogram latency; /* from the stamp to the receipt */
    histogram confirm; /* from the publish to its confirm */
} load_counts;

typedef struct worker_flight {
    uint64_t number;
    uint64_t at;
} worker_flight;

typedef struct worker {
    session session;
    const load_settings *settings;
    load_counts *counts;
    bool produces;
    uint64_t count; /* messages that it has published, or taken */
    uint64_t since; /* when it last got on, in loop_now's time */
    bool blocked;
    bool failed;
    int rc;        /* why, told already */
    uint8_t *body; /* of a producer */
    lev_publication message;
    lev_properties properties;
    pace pace;
    worker_flight *flights; /* publishes without an outcome, by their number */
    size_t flight_mask;
    lev_delivery newest; /* of a consumer: the last it took */
    bool owing;          /* and has not acked */
    bool shares;         /* its queue has other consumers */
} worker;

/* Sets a worker up whose session is open: a producer with `routing_key`, ready to publish. Returns
 * EXIT_DONE, or another code after a line on stderr. The caller calls worker_deinit in every case;
 * a worker of zeros is fine. */
int worker_init_producer(worker *w, const char *exchange, const char *routing_key);
void worker_deinit(worker *w);

/* Subscribes a consumer to a queue. Returns EXIT_DONE, or another code after a line on stderr. */
int worker_subscribe(worker *w, const char *queue);

/* Takes what has come, then, where `goes` says that the load still does, publishes what may go
 * now, at most some 256 KiB. */
void worker_turn(worker *w, bool goes);

/* Returns how long it can be left alone, in milliseconds, -1: until its descriptor says something.
 */
int worker_timeout(worker *w, bool goes);

/* Has it published or received all that it should? Without a limit never. */
bool worker_done(const worker *w);

/* Returns how many of its publishes have no outcome yet. */
uint64_t worker_unsettled(const worker *w);

/* Is there nothing of it left to be written, or to be confirmed? */
bool worker_settled(const worker *w);

/* Acks what a consumer took and has not acked yet. */
void worker_settle(worker *w);

/* Closes a producer's connection: what the broker has to return comes before its answer. */
void worker_close(worker *w);

#endif
