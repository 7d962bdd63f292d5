/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Receiving to stdout: a message is acked only after its whole record was written. */

#ifndef TOOLS_CONSUMER_H
#define TOOLS_CONSUMER_H

#include "progress.h"
#include "origin.h"
#include "session.h"
#include "sink.h"
#include "subscription.h"

/* What to take, and when to end. */
typedef struct consumer_settings {
    uint64_t count;
    uint64_t idle_ms;
    bool until_empty;
    bool auto_ack;
    bool exclusive;
    subscription_settings subscription;
    uint64_t prefetch;
} consumer_settings;

#define CONSUMER_DEFAULTS                                                                          \
    { .count = SETTING_UNSET, .idle_ms = SETTING_UNSET, .prefetch = SETTING_UNSET }

extern const option_table consumer_options; /* of consumer_settings */

enum { CONSUMER_GOING = -1 }; /* no exit code yet */

typedef struct outlet outlet; /* outlet.h */

typedef struct consumer {
    session *session;
    const consumer_settings *settings;
    sink *sink;     /* where messages are written; may be NULL with an outlet */
    outlet *outlet; /* instead, or NULL */
    char queue[NAME_MAX_BYTES];
    char tag[NAME_MAX_BYTES];
    uint64_t count; /* records taken */
    uint64_t extra; /* with auto-ack: came after the last wanted one */
    progress progress;
    uint64_t active;     /* when the last message came */
    lev_delivery newest; /* the latest record taken, where `owing` */
    bool owing;          /* it waits for its ack */
    uint32_t asking;     /* the call that asks whether the queue is empty, while under way */
    int empty_answers;   /* in a row */
    uint32_t cancelling; /* our basic.cancel, once sent */
    uint64_t called;     /* when the last call was made */
    uint64_t returned;   /* of what an outlet published */
    bool ending;         /* nothing new is to be begun, not even with what was taken */
    int reason;          /* for which an outlet ends, found when the subscription was over; 0 */
    bool broken;         /* stdout cannot take more */
    bool failed;         /* the connection or the channel is gone */
    bool cancelled;      /* the subscription is over; acks still work */
} consumer;

/* Consumes from `k->queue` until there is a reason to end; signals are one from now on, and no
 * longer end the command at once. Returns the exit code for that reason, after a line on stderr
 * where it is a failure. */
int consumer_run(consumer *k);

#endif
