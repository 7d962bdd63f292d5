/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A channel: its calls, consumers, unsettled publishes and the content under way on it. Channel 0
 * is the connection's own; it only ever has calls. */

#ifndef LEVERET_ENGINE_CHANNEL_H
#define LEVERET_ENGINE_CHANNEL_H

#include "acks.h"
#include "consumer.h"
#include "content.h"
#include "sending.h"
#include "window.h"

/* A call that waits for its answer. Those of basic.consume and basic.cancel are noted with the
 * consumer, because their answers are told apart by its tag. */
typedef struct lev_call {
    uint32_t number;
    lev_method_id id;
    bool no_ack; /* basic.get */
} lev_call;

typedef struct lev_channel {
    uint16_t number;
    enum lev_channel_state state;
    uint32_t incarnation; /* counts the engine's openings of channels, from 1 */
    uint32_t close_call;  /* the caller's channel.close, while awaiting its answer; 0: our own */
    const char *refused;  /* why a message was refused, and with it all that follows */
    bool ending;          /* outcomes, then `farewell`, are still to be told */
    lev_event_type farewell;
    uint64_t cut; /* how many bytes had been written when it ended */
    bool confirm;
    bool committing; /* RabbitMQ drops the connection for any other method before commit-ok */
    bool flow_stopped;
    bool stalled; /* a publish was told LEV_AGAIN for the window or for channel.flow */
    lev_call *calls;
    size_t calls_first; /* where the oldest is */
    size_t calls_len;
    size_t calls_cap;
    bool tx;
    lev_acks acks;
    lev_consumers consumers;
    lev_content content;
    lev_sending *sending; /* the message that is half sent, or NULL */
    lev_window window;
} lev_channel;

/* Returns a channel, made now if need be, or NULL without memory. */
lev_channel *lev_channel_obtain(lev_engine *e, uint16_t number);

/* Ends a channel: no call, consumer or content of it is left. Its outcomes, then the event
 * `farewell`, come out of lev_channel_next_farewell. */
void lev_channel_end(lev_engine *e, lev_channel *ch, lev_event_type farewell);

/* Yields the next outcome of an ended channel, or its farewell. */
bool lev_channel_next_farewell(lev_engine *e, lev_event *event);

/* Refuses to go on with a channel: closes it with `code`, unless it is being closed. When that is
 * answered, the caller learns of it by LEV_EVENT_CHANNEL_CLOSED. `why` is static text. */
void lev_channel_refuse(lev_engine *e, lev_channel *ch, uint16_t code, const char *why);

/* Notes that publishing on the channel was stopped, or no longer is. */
void lev_channel_stall(lev_engine *e, lev_channel *ch, bool stalled);

/* Takes a channel where publishing was stopped and can go on; NULL where there is none. */
lev_channel *lev_channel_take_unstalled(lev_engine *e);

void lev_channel_free(lev_engine *e, lev_channel *ch);

#endif
