/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The engine itself, and what its parts ask of each other. */

#ifndef LEVERET_ENGINE_STATE_H
#define LEVERET_ENGINE_STATE_H

#include "channel.h"
#include "inbuf.h"
#include "outbuf.h"
#include "sasl.h"

/* The only place where secrets live: one block, wiped when the login is over. */
typedef struct lev_login {
    uint8_t *block;
    size_t cap;
    lev_sasl sasl;
    lev_span vhost;
    lev_span connection_name;
} lev_login;

/* The options, with their defaults filled in. */
typedef struct lev_settings {
    uint16_t heartbeat;
    uint16_t channel_max;
    uint32_t frame_max;
    uint32_t method_frame_max;
    size_t message_max;
    size_t assembly_max;
    size_t high_water;
    uint32_t window;
    uint32_t close_ms;
} lev_settings;

struct lev_engine {
    lev_allocator alloc;
    lev_tracer tracer;
    lev_settings set;
    lev_login login;

    enum lev_connection_state state;
    lev_tuned tuned;
    uint64_t now;
    uint64_t phase_end; /* when the handshake or the close must be over; UINT64_MAX: none */
    uint32_t calls;     /* numbers given so far */
    uint32_t incarnations;

    struct {
        lev_inbuf buf;
        lev_frame_limits limits;
        uint64_t at; /* when the last byte came */
        size_t need; /* size of the frame at the head, once known */
        bool lent;   /* the caller may be reading into the buffer */
        bool ended;  /* the transport is gone: no byte will follow */
        lev_status ended_status;
        char ended_text[LEV_ERROR_TEXT];
        lev_content *used; /* an event points into it */
        uint8_t *spare;    /* a large block that a message left for the next one */
        size_t spare_cap;
        size_t assembled; /* bytes that all channels' contents hold */
        uint64_t bytes;   /* that came, in all */
    } rx;

    struct {
        lev_outbuf buf;
        uint64_t at;        /* when the last byte went */
        size_t begun;       /* bytes at the head of the queue of a frame that was traced */
        size_t over;        /* bytes queued above the mark, out of LEV_RESERVE */
        size_t owed;        /* bytes of answers since the oldest that is not written */
        uint64_t owed_from; /* where in the stream that one ends */
        bool writable_owed; /* a caller was told LEV_AGAIN for the mark */
        bool idle;          /* a heartbeat goes: the buffers are given back behind it */
        uint64_t ack_at;    /* where the basic.ack queued last stands */
        uint64_t ack_tag;
        uint16_t ack_channel; /* 0: none yet */
        bool flushing;        /* after our connection.close for a violation: all of it still goes */
    } tx;

    uint64_t published; /* messages, as in lev_counters */
    uint64_t delivered;
    uint64_t returned;
    uint64_t blocked_ms; /* without the time since blocked_at */
    uint64_t blocked_at; /* since when the broker blocks us; UINT64_MAX: it does not */

    lev_channel **channels; /* by number */
    size_t channels_cap;
    size_t channels_len;
    size_t filling;        /* closed channels whose body is being completed */
    size_t ending;         /* channels with farewells to tell */
    size_t ending_from;    /* none of them is before this one */
    size_t stalled;        /* channels where a publish was stopped */
    bool unstalls;         /* one of them may have room again */
    lev_channel *settling; /* whose outcomes are being told */

    /* What the current event points to. */
    lev_method method;
    lev_header header;
    lev_message message;

    bool orderly;            /* it is the end that we asked for */
    lev_error error;         /* the latched failure */
    lev_error channel_error; /* of the channel whose farewell is being told */
};

/* Returns a channel that has ever been opened, or NULL. */
static inline lev_channel *lev_channel_find(const lev_engine *e, uint16_t number) {
    return number < e->channels_len ? e->channels[number] : NULL;
}

/* failure.c */

/* What is known of a failure: `what`, then the peer's own words, if any. */
typedef struct lev_fault {
    lev_status status;
    lev_layer layer;
    uint16_t reply_code;
    uint16_t class_id;
    uint16_t method_id;
    const char *what;
    lev_span words;
} lev_fault;

void lev_fault_describe(const lev_fault *fault, lev_error *error);

/* Latches a failure, unless there is one already. */
void lev_engine_fail(lev_engine *e, const lev_fault *fault);

/* Latches that the peer broke a rule, and queues connection.close with the code that the
 * specification assigns. `cause` is the frame it broke it with. */
void lev_engine_violation(lev_engine *e, uint16_t reply_code, const lev_frame *cause,
                          const char *what);

/* trace.c, where there is a tracer: a frame has come; bytes that are none; the first `n` bytes of
 * the queue have been written, and are still there. */
void lev_trace_received(const lev_engine *e, const lev_frame *frame);
void lev_trace_refused(const lev_engine *e, lev_span bytes, const char *fault);
void lev_trace_sent(lev_engine *e, size_t n);

/* counters.c: the broker blocks us from now on, or no more. */
void lev_counters_block(lev_engine *e);
void lev_counters_unblock(lev_engine *e);

/* send.c: queue a method: a caller's; one with a secret, on channel 0, which is wiped once it has
 * been written; a settlement, with LEV_AGAIN when the reserve is used up; an answer that the peer
 * made us give, whose failure is latched; a heartbeat. */
lev_status lev_send(lev_engine *e, uint16_t channel, lev_method_id id, const void *fields);
lev_status lev_send_secret(lev_engine *e, lev_method_id id, const void *fields);
lev_status lev_send_settlement(lev_engine *e, uint16_t channel, lev_method_id id,
                               const void *fields);

/* Makes an ack of the one that waits last, if it is of that channel and all up to `floor` is
 * settled. Returns false where that cannot be. */
bool lev_send_merged(lev_engine *e, uint16_t channel, uint64_t tag, uint64_t floor);

void lev_send_reply(lev_engine *e, uint16_t channel, lev_method_id id, const void *fields);
void lev_send_heartbeat(lev_engine *e);

/* Returns LEV_OK, or the latched failure, or what stops a caller's work now. */
static inline lev_status lev_engine_ready(const lev_engine *e) {
    if (e->error.status != LEV_OK) {
        return e->error.status;
    }
    return e->state == LEV_STATE_OPEN ? LEV_OK : LEV_ERR_MISUSE;
}

/* login.c: the handshake. */
bool lev_login_init(lev_engine *e, const lev_engine_options *options);
void lev_login_wipe(lev_engine *e);
bool lev_login_start(lev_engine *e, lev_event *event);
bool lev_login_secure(lev_engine *e, lev_event *event);
bool lev_login_tune(lev_engine *e, lev_event *event);
bool lev_login_open_ok(lev_engine *e, lev_event *event);

/* legality.c: may this frame come now? Returns the reply code of the verdict, 0 for yes. */
uint16_t lev_legality_inbound(const lev_engine *e, const lev_channel *ch, uint16_t channel,
                              lev_method_id id, const char **why);
bool lev_legality_outbound(const lev_engine *e, const lev_channel *ch, lev_method_id id);

/* quick.c: takes a whole delivery that stands in the buffer. Returns false, and has taken nothing,
 * for anything else. */
bool lev_quick_deliver(lev_engine *e, lev_event *event);

/* dispatch.c */
void lev_engine_closed(lev_engine *e);
bool lev_dispatch(lev_engine *e, const lev_frame *frame, lev_event *event);

/* call.c: an answer has come. lev_call_take removes the oldest call that `id` answers. */
bool lev_call_take(lev_channel *ch, lev_method_id id, lev_call *call);
bool lev_call_answered(lev_engine *e, lev_channel *ch, lev_event *event);
bool lev_call_consume_ok(lev_engine *e, lev_channel *ch, lev_event *event);
bool lev_call_cancel_ok(lev_engine *e, lev_channel *ch, lev_event *event);

/* publish.c: what is known of a message but for its body, and of a returned one. */
lev_digest lev_publish_digest(lev_span exchange, lev_span routing_key,
                              const lev_properties *properties);
uint64_t lev_publish_returned(lev_channel *ch, const lev_message *message);

enum { LEV_PUBLISH_LEND_MIN = 4096 };

/* Queues all of a message that is not lent: after it, lev_window_add and lev_publish_lend cannot
 * fail. `body_size` goes into its header. */
lev_status lev_publish_start(lev_engine *e, lev_channel *ch, const lev_publication *p,
                             uint64_t body_size);

/* Returns the room that body frames need in the outbound buffer, and prepares for them to be lent.
 * SIZE_MAX: no memory. */
size_t lev_publish_room(lev_engine *e, lev_span body, bool lend);

/* Writes a body as frames of at most `most` payload bytes. */
void lev_publish_copy(lev_writer *w, uint16_t channel, lev_span body, size_t most);

/* Queues frame heads and ends, with the body lent in between. A small one is already copied: it is
 * only to be released. */
void lev_publish_lend(lev_engine *e, uint16_t channel, lev_span body, void *token);

#endif
