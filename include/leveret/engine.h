/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The connection as a state machine without input or output: bytes in, events out; calls in, bytes
 * out. It makes no system call, reads no clock and never waits.
 *
 *     for (;;) {
 *         while (lev_engine_next(e, &event)) { ... }
 *         n = lev_engine_pending(e, spans, 16);       write some of it, then lev_engine_sent(e, k)
 *         p = lev_engine_recv_space(e, &room);        read into it,     then lev_engine_received(e,
 * k) lev_engine_deadline(e)                      by then, call      lev_engine_tick(e, now)
 *     }
 *
 * Lifetime: every span and pointer in an event lives until the next call of lev_engine_next,
 * lev_engine_recv_space, lev_engine_received or lev_engine_free.
 *
 * Failure: the first one is latched. From then on every call that starts work returns its status,
 * lev_engine_pending still offers what is to be written, and lev_engine_next yields each remaining
 * outcome and release of lent memory (once written, dropped after close_ms, or lev_engine_lost),
 * then LEV_EVENT_FAILED for ever, or LEV_EVENT_CLOSED where the end was asked for. A new connection
 * means a new engine.
 *
 * Thread rule: an engine belongs to one thread at a time; different engines are independent. */

#ifndef LEVERET_ENGINE_H
#define LEVERET_ENGINE_H

#include <leveret/allocator.h>
#include <leveret/counters.h>
#include <leveret/method.h>
#include <leveret/properties.h>
#include <leveret/table.h>
#include <leveret/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lev_engine lev_engine;

enum {
    LEV_HEARTBEAT_DEFAULT = 30,     /* seconds */
    LEV_FRAME_MAX_DEFAULT = 131072, /* bytes */
    LEV_FRAME_MAX_FLOOR = 8192,     /* RabbitMQ 4.1 refuses less */
    LEV_CHANNEL_MAX_DEFAULT = 2047,
    LEV_MESSAGE_MAX_DEFAULT = 134217728,
    LEV_HIGH_WATER_DEFAULT = 8388608, /* bytes */
    LEV_WINDOW_DEFAULT = 65536,       /* publishes */
    LEV_RESERVE = 65536,              /* bytes for acks, heartbeats and replies, above the mark */
    LEV_HANDSHAKE_MS = 10000,
    LEV_CLOSE_MS = 5000,
    LEV_SECRET_MAX = 65536 /* bytes of a user name, a password, a response */
};

/* Mechanisms of authentication (SASL, RFC 4422), a set. Of those that are asked for the strongest
 * that the broker offers is used, in this order:
 *
 *     EXTERNAL   (RFC 4422, appendix A) TLS has proven who we are, and nothing secret is sent
 *                one of the caller's own, by name: whoever brings one trusts it more than PLAIN
 *     PLAIN      (RFC 4616) user and password as they are
 *     AMQPLAIN   (RabbitMQ, Access Control) the same in a table, so no weaker, but less known
 *     ANONYMOUS  (RFC 4505) nobody
 *
 * What was not asked for is never used: a broker that offers nothing of it gets no login at all. */
enum {
    LEV_SASL_EXTERNAL = 1,
    LEV_SASL_PLAIN = 2,
    LEV_SASL_AMQPLAIN = 4,
    LEV_SASL_ANONYMOUS = 8,
    LEV_SASL_ALL = 15
};

/* Returns the mechanism of that name, upper or lower case; 0 for any other name. */
LEV_API unsigned lev_sasl_named(lev_span name);

/* Zero means the default everywhere; a span need live only during lev_engine_new. */
typedef struct lev_engine_options {
    lev_allocator allocator;   /* required: the one source of memory */
    lev_tracer tracer;         /* sees every frame; default: nobody */
    lev_span user;             /* for PLAIN and AMQPLAIN; default guest */
    lev_span password;         /* default guest; our copy is cleansed when the login is over */
    unsigned mechanisms;       /* LEV_SASL_...; default: `mechanism`, else PLAIN and AMQPLAIN */
    lev_span mechanism;        /* one of the caller's own, too: its name, at most 64 bytes */
    lev_span response;         /* ... and what it says first; see LEV_EVENT_CHALLENGE */
    lev_span vhost;            /* default "/" unless vhost_set */
    bool vhost_set;            /* `vhost` counts even where it is empty */
    bool heartbeat_off;        /* offer none; a broker's own wish is still honoured */
    uint16_t heartbeat;        /* seconds, offered; the lower non-zero of both sides counts */
    uint16_t channel_max;      /* offered */
    uint32_t frame_max;        /* bytes, offered; under LEV_FRAME_MAX_FLOOR is refused */
    uint32_t method_frame_max; /* largest inbound method or header frame; 256 KiB */
    size_t message_max;        /* largest whole inbound message body, bytes */
    size_t assembly_max;       /* bytes of unfinished inbound messages, of all channels together;
                                  beyond it the channel that wants more is closed with 311; twice
                                  message_max */
    size_t high_water;         /* queued bytes at which publishing stops */
    uint32_t window;           /* unsettled publishes of a channel at which publishing stops */
    uint32_t incarnation;      /* lev_engine_incarnation of the engine that this one replaces */
    uint32_t handshake_ms;     /* from lev_engine_new to open */
    uint32_t close_ms;         /* from connection.close to close-ok */
    lev_span connection_name;  /* shown by the broker; may be empty */
} lev_engine_options;

/* A delivery to settle: a value. It remembers which opening of the channel it belongs to. */
typedef struct lev_delivery {
    uint16_t channel;
    uint32_t incarnation;
    uint64_t tag;
} lev_delivery;

/* A message as it came: delivered, got, or returned. */
typedef struct lev_message {
    lev_delivery delivery; /* tag 0 for a returned one */
    lev_span consumer_tag; /* delivered ones */
    lev_span exchange;
    lev_span routing_key;
    bool redelivered;
    uint32_t message_count; /* got ones: how many are left in the queue */
    uint16_t reply_code;    /* returned ones: why, 312 for no route */
    lev_span reply_text;
    lev_properties properties;
    uint64_t body_size;
    lev_span body; /* all of it, or with streaming the first piece */
} lev_message;

/* What became of a publish in confirm mode; each one ends in exactly one. */
typedef enum lev_outcome {
    LEV_CONFIRMED, /* the broker took responsibility */
    LEV_RETURNED,  /* it was mandatory and no queue took it */
    LEV_NACKED,    /* the broker refused it */
    LEV_NOT_SENT,  /* it never left whole: the broker cannot have it */
    LEV_IN_DOUBT   /* it left, and the channel or the connection ended before an answer came */
} lev_outcome;

typedef enum lev_event_type {
    LEV_EVENT_NONE,
    LEV_EVENT_START,     /* method: connection.start, with the broker's properties */
    LEV_EVENT_CHALLENGE, /* method: connection.secure; to be answered with lev_engine_respond */
    LEV_EVENT_OPEN,      /* the connection is open; lev_engine_tuned tells the limits */
    LEV_EVENT_REPLY,     /* call, method: the answer to it; message: with basic.get-ok */
    LEV_EVENT_DELIVER,   /* message */
    LEV_EVENT_BODY,      /* message: as with its DELIVER; body: the next piece */
    LEV_EVENT_RETURN,    /* message; first: the publish it belongs to, 0 where none matches */
    LEV_EVENT_OUTCOME,   /* channel, first, last, outcome: publishes first to last ended so */
    LEV_EVENT_CANCELLED, /* method: basic.cancel; the broker ended this consumer */
    LEV_EVENT_FLOW,      /* method: channel.flow, already answered; it is obeyed */
    LEV_EVENT_BLOCKED,   /* method: connection.blocked */
    LEV_EVENT_UNBLOCKED,
    LEV_EVENT_CHANNEL_CLOSED, /* channel, error: closed against our will; its calls end here */
    LEV_EVENT_WRITABLE,       /* after LEV_AGAIN: there is room again (channel; 0: on any) */
    LEV_EVENT_RELEASED,       /* token: that lent body is the caller's again */
    LEV_EVENT_CLOSED,         /* the close that we asked for is complete */
    LEV_EVENT_FAILED,         /* error: the latched failure */
    LEV_EVENT_RECOVERING,     /* of a client only: error, why the connection was lost */
    LEV_EVENT_RECOVERED       /* of a client only: all is back */
} lev_event_type;

typedef struct lev_event {
    lev_event_type type;
    uint16_t channel;
    uint32_t call;
    const lev_method *method;
    const lev_message *message;
    lev_span body;
    uint64_t first;
    uint64_t last;
    lev_outcome outcome;
    void *token;
    const lev_error *error;
} lev_event;

/* What both sides agreed on. */
typedef struct lev_tuned {
    uint16_t channel_max;
    uint16_t heartbeat; /* seconds, 0: none */
    uint32_t frame_max;
} lev_tuned;

/* A message to publish. `lend`: the body is not copied but must stay as it is until
 * LEV_EVENT_RELEASED brings `token` back: when it has been written, or never will be. Small bodies
 * are copied all the same, but their event comes no sooner. LEV_EVENT_FAILED and LEV_EVENT_CLOSED
 * come after all of these. A NULL token asks for no event: for memory that never changes.
 * `properties` may be NULL. */
typedef struct lev_publication {
    lev_span exchange;
    lev_span routing_key;
    const lev_properties *properties;
    lev_span body;
    bool mandatory;
    bool lend;
    void *token;
} lev_publication;

/* Makes an engine whose first pending bytes are the protocol header. `now` is any clock in
 * milliseconds that does not go back; later calls use the same. Returns NULL without memory or
 * where the options are unusable (frame_max under the floor; user, password or response longer than
 * LEV_SECRET_MAX; vhost or connection_name longer than 255 bytes; an unknown mechanism bit, or a
 * name of a mechanism with a blank in it). The caller frees it with lev_engine_free.
 *
 * What only connection.start can tell ends the login before anything of it is sent:
 * LEV_ERR_UNSUPPORTED where the broker offers none of the mechanisms asked for, or for PLAIN with a
 * NUL in user or password; LEV_ERR_LIMIT where start-ok is larger than the broker takes before tune
 * (8,192 bytes from RabbitMQ 4.1 on, else 4,096). */
LEV_API lev_engine *lev_engine_new(const lev_engine_options *options, uint64_t now);

/* Frees the engine and cleanses its secrets; NULL is fine. Lent bodies are the caller's again. */
LEV_API void lev_engine_free(lev_engine *e);

/* Answers LEV_EVENT_CHALLENGE of the caller's own mechanism, once; `response` is copied, and the
 * copy cleansed when it has been written. Challenges are bounded: the broker's ninth ends the
 * connection. Those of the other mechanisms, which have nothing to add, get an empty answer here.
 * Returns LEV_OK; LEV_ERR_MISUSE where no challenge waits; LEV_ERR_LIMIT where the answer is larger
 * than the broker takes before tune; LEV_ERR_MEMORY; or the latched failure. An error has sent
 * nothing, and the challenge still waits. (AMQP 0-9-1, 1.4.2.3 and 4.) */
LEV_API lev_status lev_engine_respond(lev_engine *e, lev_span response);

/* Returns where to read into and how much room is there; 0 room: take events first. */
LEV_API uint8_t *lev_engine_recv_space(lev_engine *e, size_t *room);

/* Says that `n` bytes were read into the space lent last, at `now`. */
LEV_API void lev_engine_received(lev_engine *e, size_t n, uint64_t now);

/* Says that bytes of the peer's are there at `now` which are not read yet, since events wait to be
 * taken first: the peer is not silent. */
LEV_API void lev_engine_heard(lev_engine *e, uint64_t now);

/* Takes the next event. Returns false, and LEV_EVENT_NONE, where there is none yet. */
LEV_API bool lev_engine_next(lev_engine *e, lev_event *event);

/* Fills up to `max` spans with what is to be written, in order, and returns how many. They live
 * until lev_engine_sent or the next call that starts work; what was written of them is to be told
 * with lev_engine_sent before any such call, for what is not sent yet may still change. */
LEV_API size_t lev_engine_pending(const lev_engine *e, lev_span *spans, size_t max);

/* Says that the first `n` pending bytes were written, at `now`; any part is fine. */
LEV_API void lev_engine_sent(lev_engine *e, size_t n, uint64_t now);

/* Returns how many bytes wait to be written. */
LEV_API size_t lev_engine_queued(const lev_engine *e);

/* Returns when lev_engine_tick is due, UINT64_MAX for never. */
LEV_API uint64_t lev_engine_deadline(const lev_engine *e);

/* Does what time asks for: sends a heartbeat, declares a silent peer dead, ends a handshake or a
 * close that took too long. Any moment is fine. */
LEV_API void lev_engine_tick(lev_engine *e, uint64_t now);

/* Says that the transport ended: `status` and `text` tell how (the end of the stream is
 * LEV_ERR_LOST). Events of bytes received before still come first. During login the text names the
 * likely cause; after a close that we asked for it counts as its completion. */
LEV_API void lev_engine_lost(lev_engine *e, lev_status status, const char *text);

/* Return the connection's and a channel's state, the latched failure (status LEV_OK: none), and the
 * negotiated limits. */
LEV_API enum lev_connection_state lev_engine_state(const lev_engine *e);
LEV_API enum lev_channel_state lev_engine_channel_state(const lev_engine *e, uint16_t channel);
LEV_API const lev_error *lev_engine_error(const lev_engine *e);
LEV_API lev_tuned lev_engine_tuned(const lev_engine *e);

/* Returns what was counted until now; times as of the last call that was told one. */
LEV_API lev_counters lev_engine_counters(const lev_engine *e);

/* Returns what the `incarnation` of the next engine's options has to be, so that no delivery of
 * this one is ever taken for one of that. */
LEV_API uint32_t lev_engine_incarnation(const lev_engine *e);

/* Sends a method on a channel (0 for class connection). `fields` is the struct of `id`. Where an
 * answer is expected, it comes as LEV_EVENT_REPLY with the number in `*call` (may be NULL; 0 where
 * none is expected). Calls may be pipelined. Returns LEV_OK; LEV_AGAIN when too much is queued;
 * LEV_ERR_MISUSE when the method is not a client's to call, or not in this state; LEV_ERR_LIMIT
 * when a field is too long; LEV_ERR_UNSUPPORTED for what a broker would answer by dropping the
 * connection; LEV_ERR_MEMORY; or the latched failure. An error has sent nothing.
 *
 * basic.consume without a tag gets one of ours, to be read in its consume-ok. basic.cancel before
 * the consume-ok waits for it. After a cancel without an answer (the broker's own, or one with
 * `nowait`) deliveries under way still come, to be settled as any; the tag may be used again, but
 * while that can be not with another `no_ack` nor with `nowait` (LEV_ERR_MISUSE).
 * connection.update-secret is cleansed when it has been written; where the broker refuses it, the
 * connection fails with LEV_ERR_REFUSED. channel.close fails no call: its answers are dropped, and
 * LEV_EVENT_OUTCOME tells of its unsettled publishes when the close-ok comes. */
LEV_API lev_status lev_engine_call(lev_engine *e, uint16_t channel, lev_method_id id,
                                   const void *fields, uint32_t *call);

/* The methods that lev_engine_call takes. */
#define LEV_CALLS(X)                                                                               \
    X(CONNECTION_UPDATE_SECRET, connection_update_secret)                                          \
    X(CHANNEL_OPEN, channel_open)                                                                  \
    X(CHANNEL_FLOW, channel_flow)                                                                  \
    X(CHANNEL_CLOSE, channel_close)                                                                \
    X(EXCHANGE_DECLARE, exchange_declare)                                                          \
    X(EXCHANGE_DELETE, exchange_delete)                                                            \
    X(EXCHANGE_BIND, exchange_bind)                                                                \
    X(EXCHANGE_UNBIND, exchange_unbind)                                                            \
    X(QUEUE_DECLARE, queue_declare)                                                                \
    X(QUEUE_BIND, queue_bind)                                                                      \
    X(QUEUE_PURGE, queue_purge)                                                                    \
    X(QUEUE_DELETE, queue_delete)                                                                  \
    X(QUEUE_UNBIND, queue_unbind)                                                                  \
    X(BASIC_QOS, basic_qos)                                                                        \
    X(BASIC_CONSUME, basic_consume)                                                                \
    X(BASIC_CANCEL, basic_cancel)                                                                  \
    X(BASIC_GET, basic_get)                                                                        \
    X(BASIC_RECOVER_ASYNC, basic_recover_async)                                                    \
    X(BASIC_RECOVER, basic_recover)                                                                \
    X(CONFIRM_SELECT, confirm_select)                                                              \
    X(TX_SELECT, tx_select)                                                                        \
    X(TX_COMMIT, tx_commit)                                                                        \
    X(TX_ROLLBACK, tx_rollback)

/* lev_engine_queue_declare(e, channel, &fields, &call), and so on: lev_engine_call with its types
 * checked by the compiler. */
#define LEV_ENGINE_CALL(NAME, id)                                                                  \
    static inline lev_status lev_engine_##id(lev_engine *e, uint16_t channel,                      \
                                             const lev_##id *fields, uint32_t *call) {             \
        return lev_engine_call(e, channel, LEV_##NAME, fields, call);                              \
    }
LEV_CALLS(LEV_ENGINE_CALL)
#undef LEV_ENGINE_CALL

/* As lev_engine_basic_consume; messages larger than a frame come in pieces (LEV_EVENT_DELIVER with
 * the first, LEV_EVENT_BODY with each further one) instead of whole, without a limit on their size.
 */
LEV_API lev_status lev_engine_consume_stream(lev_engine *e, uint16_t channel,
                                             const lev_basic_consume *fields, uint32_t *call);

/* Queues a message. In confirm mode `*number` (may be NULL) is its number on the channel, from 1;
 * one LEV_EVENT_OUTCOME covers it later. Otherwise it is 0. Returns LEV_OK; LEV_AGAIN when the
 * high-water mark, the window or the broker's channel.flow stops it (LEV_EVENT_WRITABLE follows);
 * LEV_ERR_MISUSE on a channel that is not open; LEV_ERR_LIMIT for a string over 255 bytes;
 * LEV_ERR_SYNTAX for a malformed header table; LEV_ERR_MEMORY; or the latched failure. Unless
 * LEV_OK, nothing is queued. (AMQP 0-9-1, 1.8.3.7; RabbitMQ, Publisher Confirms.) */
LEV_API lev_status lev_engine_publish(lev_engine *e, uint16_t channel,
                                      const lev_publication *publication, uint64_t *number);

/* Starts a message whose body of `body_size` bytes follows in pieces; the publication's own `body`
 * and `lend` stay empty. Otherwise as lev_engine_publish. With a size of 0 the message is complete.
 *
 * Until then it is half sent: every other call on that channel, acks and channel.close included,
 * returns LEV_ERR_MISUSE and sends nothing, for brokers end a connection on which a method comes
 * amid content. What the broker asks for there is answered behind the body. Other channels and
 * heartbeats go on. Only the end of the connection (lev_engine_close too) or of the channel takes a
 * half-sent message back: its outcome is then LEV_NOT_SENT. Where the broker closes the channel,
 * zeros complete the body that it drops, as fast as they can be written; until then channel.open
 * there is LEV_AGAIN. */
LEV_API lev_status lev_engine_publish_begin(lev_engine *e, uint16_t channel,
                                            const lev_publication *publication, uint64_t body_size,
                                            uint64_t *number);

/* Queues the next piece of the half-sent message's body, of any size: all of it, or nothing where
 * it does not return LEV_OK. Each piece makes at least one frame, of 8 bytes more. `lend` and
 * `token` as in lev_publication; each lent piece is released for itself. Returns LEV_OK; LEV_AGAIN
 * at the high-water mark, which one piece may pass (LEV_EVENT_WRITABLE follows); LEV_ERR_LIMIT for
 * more bytes than were announced; LEV_ERR_MISUSE where no message is half sent; LEV_ERR_MEMORY; or
 * the latched failure. */
LEV_API lev_status lev_engine_publish_body(lev_engine *e, uint16_t channel, lev_span piece,
                                           bool lend, void *token);

/* Returns how many body bytes the half-sent message of the channel still lacks; 0: none is. */
LEV_API uint64_t lev_engine_publish_left(const lev_engine *e, uint16_t channel);

/* Returns whether publishes of the channel get an outcome: it is open, in confirm mode. */
LEV_API bool lev_engine_confirms(const lev_engine *e, uint16_t channel);

/* Returns how many publishes of the channel have no outcome yet, a half-sent one included. */
LEV_API uint64_t lev_engine_unsettled(const lev_engine *e, uint16_t channel);

/* Settle a delivery, and with `multiple` every earlier one of its channel too. Return LEV_OK;
 * LEV_ERR_STALE where the channel was closed or opened anew meanwhile, or the delivery needs no
 * ack: nothing is sent; LEV_ERR_MISUSE while a message is half sent on the channel; LEV_AGAIN when
 * too much is queued; or the latched failure.
 *
 * Acks that are given one by one and wait to be written behind each other leave as one, which
 * settles the same deliveries and no other. (AMQP 0-9-1, 1.8.3.13 and 14; RabbitMQ, Negative
 * Acknowledgements.) */
LEV_API lev_status lev_engine_ack(lev_engine *e, lev_delivery delivery, bool multiple);
LEV_API lev_status lev_engine_nack(lev_engine *e, lev_delivery delivery, bool multiple,
                                   bool requeue);
LEV_API lev_status lev_engine_reject(lev_engine *e, lev_delivery delivery, bool requeue);

/* Starts an orderly close of the connection with a reply code (200: none is wrong) and a text of at
 * most 255 bytes. LEV_EVENT_CLOSED tells of its end. */
LEV_API lev_status lev_engine_close(lev_engine *e, uint16_t reply_code, const char *text);

#ifdef __cplusplus
}
#endif

#endif
