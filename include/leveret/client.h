/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A connection to a broker for a program: an engine, a socket and time together.
 *
 * Blocking style: each call below waits for its answer, never longer than its deadline. Whatever
 * else arrives meanwhile (deliveries, returns, outcomes) is kept and comes out of lev_client_next
 * later, in order; heartbeats go on.
 *
 * Event-loop style: lev_client_fd, lev_client_wants and lev_client_timeout tell a foreign loop what
 * to wait for, lev_client_process does the work, and lev_client_next with a timeout of 0 yields
 * events.
 *
 * Milliseconds are int: LEV_FOREVER (-1) waits without a limit.
 *
 * Thread rule: a client belongs to one thread at a time; different clients are independent. */

#ifndef LEVERET_CLIENT_H
#define LEVERET_CLIENT_H

#include <leveret/engine.h>
#include <leveret/log.h>
#include <leveret/recovery.h>
#include <leveret/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lev_client lev_client;

enum {
    LEV_FOREVER = -1,
    LEV_CONNECT_MS = 10000, /* all addresses together */
    LEV_CALL_MS = 10000,
    LEV_PROGRESS_MS = 30000
};

/* Speaks for an authentication mechanism of the program's own (SASL, RFC 4422). `round` 0 asks for
 * what the login begins with, `challenge` is empty then; each further round brings a challenge of
 * the broker's, at most eight. What is to be said goes to `response`, at most 8,192 bytes and no
 * more than the broker takes, and is cleansed when it has been sent. The span lives during the
 * call, which must not use the client. Returns false to end the login (LEV_ERR_UNSUPPORTED), such
 * as where the broker cannot prove who it is. */
typedef bool lev_client_answer(void *context, unsigned round, lev_span challenge,
                               lev_writer *response);

/* What lev_client_publish does where it cannot go on for the broker's sake. */
typedef enum lev_publish_policy {
    LEV_PUBLISH_WAIT,   /* wait, at most progress_ms */
    LEV_PUBLISH_REFUSE, /* return LEV_AGAIN at once */
    LEV_PUBLISH_BUFFER /* take it up to high_water (blocked) or the ledger's bound (recovering, with
                          `retransmit`), then return LEV_AGAIN */
} lev_publish_policy;

/* Gives a new secret before the old one expires, such as a token of OAuth 2: it is told to the
 * broker by connection.update-secret while all else goes on. The secret goes to `secret`, at most
 * 65,536 bytes without a NUL, and is cleansed there; with nothing written the old one stays.
 * Returns after how many milliseconds the next one is due, 0: never. It is called within whatever
 * call waits, publishes or processes, must not use the client, and should be quick, since
 * heartbeats wait, too. What cannot be told (LEV_ERR_LIMIT, LEV_ERR_MISUSE), a broker that refuses
 * it (LEV_ERR_REFUSED) or does not answer within call_ms (LEV_ERR_LOST) ends the connection. A
 * connection that is made again logs in with the last secret, or a new one where that has become
 * due meanwhile. The client keeps one copy until lev_client_free. */
typedef uint32_t lev_client_refresh(void *context, lev_writer *secret);

/* Zero means the default everywhere. Strings need live only during the call they are given to. What
 * the URI says counts before what stands here, so these fill what the URI lacks; where the URI has
 * auth_mechanism, neither `mechanisms` nor `mechanism` counts. */
typedef struct lev_client_options {
    const char *user;            /* default guest */
    const char *password;        /* default guest */
    const char *vhost;           /* default "/" */
    const char *connection_name; /* shown by the broker */
    bool heartbeat_off;
    uint16_t heartbeat;   /* seconds, offered; 30 */
    uint16_t channel_max; /* 2,047 */
    uint32_t frame_max;   /* bytes; 131,072 */
    size_t message_max;   /* largest whole inbound body, bytes; 128 MiB */
    size_t assembly_max; /* unfinished inbound messages of all channels, bytes; twice message_max */
    size_t high_water;   /* bytes queued at which publishing waits; 8 MiB */
    uint32_t window;     /* unconfirmed publishes of a channel at which publishing waits; 65,536 */
    uint32_t connect_ms; /* to reach a host; 10 s */
    uint32_t handshake_ms; /* to log in there; 10 s */
    uint32_t call_ms;      /* the longest wait for an answer; 10 s */
    uint32_t
        progress_ms; /* the longest wait for a confirm, or while blocked, without progress; 30 s */
    bool plaintext_auth;       /* allow a password, or what `answer` says, to travel unencrypted to
                                  another machine; else only EXTERNAL and ANONYMOUS may be asked for */
    unsigned mechanisms;       /* LEV_SASL_... to log in with: the strongest that the broker offers;
                                  default: `mechanism`, else PLAIN and AMQPLAIN */
    const char *mechanism;     /* one of the program's own, too: its name, at most 64 bytes */
    lev_client_answer *answer; /* speaks for it */
    void *answer_context;      /* handed to `answer` */
    lev_client_refresh *refresh; /* renews the secret */
    void *refresh_context;       /* handed to `refresh` */
    uint32_t refresh_ms;         /* when it is called first, counted from the login */
    lev_tls_options tls;         /* for amqps:// */
    const char *const *uris; /* more brokers, tried in turn after the one that is opened; to live
                                until then */
    size_t uri_count;
    bool shuffle; /* ... in random order, that one too */
    lev_recovery_options recovery;
    lev_publish_policy when_blocked; /* what publishing does while the broker blocks it, or while
                                        the connection is being recovered */
    lev_allocator allocator;         /* of all memory but OpenSSL's; malloc. To be there until
                                        lev_client_free */
    lev_logger logger;               /* hears what the client does by itself; nobody */
    lev_tracer tracer;               /* sees every frame; nobody */
} lev_client_options;

/* How publishes of a channel ended so far. */
typedef struct lev_tally {
    uint64_t confirmed;
    uint64_t returned;
    uint64_t nacked;
    uint64_t not_sent;
    uint64_t in_doubt;
} lev_tally;

/* Makes a client; `options` (may be NULL) is copied. Returns NULL without memory. The caller frees
 * it with lev_client_free, which closes at once what is still open, cleanses secrets, and accepts
 * NULL. */
LEV_API lev_client *lev_client_new(const lev_client_options *options);
LEV_API void lev_client_free(lev_client *c);

/* Connects and logs in: name lookup and TCP within connect_ms, TLS within tls.handshake_ms, the
 * AMQP handshake within handshake_ms. `uri` as in leveret/uri.h; NULL stands for amqp://localhost.
 * With several brokers each is tried once, where the one before cannot be reached; a malformed URI
 * among them is told before any is tried.
 * A client is opened once; with recovery it connects again by itself. The events of the login are
 * not kept; lev_client_start shows them. Returns LEV_OK; LEV_ERR_URI, LEV_ERR_RESOLVE,
 * LEV_ERR_CONNECT, LEV_ERR_TIMEOUT, LEV_ERR_NOT_AMQP, LEV_ERR_TLS (TLS options of no use, a peer
 * that cannot be verified, or one that wants a client certificate), LEV_ERR_REFUSED (credentials or
 * virtual host), LEV_ERR_UNSUPPORTED (amqps in a library without TLS; verify=verify_none in the URI
 * without tls.insecure; a password that would travel unencrypted to another machine; or a broker
 * that offers none of the mechanisms asked for), LEV_ERR_LIMIT (a login larger than the broker
 * takes), LEV_ERR_MISUSE (options that make no sense), and what else an engine can fail with. */
LEV_API lev_status lev_client_open(lev_client *c, const char *uri);

/* As lev_client_open, but only starts; lev_client_process goes on, and LEV_EVENT_OPEN or
 * LEV_EVENT_FAILED comes out of lev_client_next. */
LEV_API lev_status lev_client_start(lev_client *c, const char *uri);

/* Closes in order: writes what is queued, exchanges connection.close, within 5 s, and then the
 * hard way. Returns LEV_OK or how the connection ended. Events kept so far, the outcome of each
 * publish included, can still be taken. */
LEV_API lev_status lev_client_close(lev_client *c);

/* Returns the last failure of a call or of the connection: never NULL, and status LEV_OK where
 * nothing has failed. LEV_ERR_TIMEOUT of lev_client_next is no failure. Its text is one line
 * that says what, where and what the broker said, without secrets. */
LEV_API const lev_error *lev_client_error(const lev_client *c);

/* Returns what was counted until now, over all connections; an event loop may ask at any time. */
LEV_API lev_counters lev_client_counters(const lev_client *c);

/* Returns the engine, for what has no function here: its queries, and calls that want no answer.
 * NULL before lev_client_open or lev_client_start. */
LEV_API lev_engine *lev_client_engine(lev_client *c);

/* Returns how many system calls the client has made since lev_client_new to wait for its
 * connection, to read from it and to write to it; what connecting takes is not counted. */
LEV_API uint64_t lev_client_system_calls(const lev_client *c);

/* Calls a method and waits for its answer, at most call_ms. The answer is copied to `*reply`
 * (may be NULL; LEV_NO_METHOD where none is due, as with a `nowait` field set); its spans live
 * until the next call on the client. `fields` may point into the last event or answer. Returns
 * LEV_OK; LEV_ERR_CHANNEL where the broker closed the channel instead (lev_client_error has its
 * code and text; no event tells of it again); LEV_ERR_TIMEOUT (an answer that comes later is a
 * LEV_EVENT_REPLY); LEV_ERR_LIMIT where more than message_max bytes of events came meanwhile;
 * LEV_ERR_MISUSE for basic.get, which is lev_client_get; or what lev_engine_call returns. */
LEV_API lev_status lev_client_call(lev_client *c, uint16_t channel, lev_method_id id,
                                   const void *fields, lev_method *reply);

/* lev_client_queue_declare(c, channel, &fields, &reply), and so on: lev_client_call with its types
 * checked by the compiler. */
#define LEV_CLIENT_CALL(NAME, id)                                                                  \
    static inline lev_status lev_client_##id(lev_client *c, uint16_t channel,                      \
                                             const lev_##id *fields, lev_method *reply) {          \
        return lev_client_call(c, channel, LEV_##NAME, fields, reply);                             \
    }
LEV_CALLS(LEV_CLIENT_CALL)
#undef LEV_CLIENT_CALL

/* As lev_client_basic_consume; messages larger than a frame come in pieces, each an event, and need
 * no memory for the whole: see lev_engine_consume_stream. Pieces that come while another call waits
 * are kept like all events. */
LEV_API lev_status lev_client_consume_stream(lev_client *c, uint16_t channel,
                                             const lev_basic_consume *fields, lev_method *reply);

/* Fetches one message of a queue (basic.get). Returns LEV_OK with `*message`, whose spans live
 * until the next call on the client; LEV_NEED_MORE where the queue is empty; or as lev_client_call.
 */
LEV_API lev_status lev_client_get(lev_client *c, uint16_t channel, const lev_basic_get *fields,
                                  const lev_message **message);

/* Publishes, waiting while the high-water mark, the window, channel.flow or a blocked connection
 * stops it, at most progress_ms without progress (LEV_ERR_TIMEOUT). What it queues is written by
 * the next call that waits or processes, by any publish, ack or lev_client_next a tenth of a second
 * later, or at once when 256 KiB have been queued since. `*number` as in lev_engine_publish; may be
 * NULL. The publication may point into the last event or answer. A body that was lent with a token
 * is the caller's again with LEV_EVENT_RELEASED (with `retransmit` behind its outcome). */
LEV_API lev_status lev_client_publish(lev_client *c, uint16_t channel,
                                      const lev_publication *publication, uint64_t *number);

/* Publishes a body of `body_size` bytes in pieces: lev_client_publish_begin starts the message, as
 * lev_client_publish, and lev_client_publish_body sends the next piece of any size, waiting while
 * more than 256 KiB, or high_water, is queued, at most progress_ms without progress. It has sent
 * all of the piece, or with an error nothing of it, and may then be tried again. Until the body is
 * complete, all other work on the channel is LEV_ERR_MISUSE; see lev_engine_publish_begin. What
 * cannot be completed can only be given up with the connection (lev_client_close): its outcome is
 * then LEV_NOT_SENT. Errors of lev_client_publish_body: LEV_ERR_LIMIT for more bytes than were
 * announced, LEV_ERR_MISUSE where no message is half sent, and as lev_client_publish. */
LEV_API lev_status lev_client_publish_begin(lev_client *c, uint16_t channel,
                                            const lev_publication *publication, uint64_t body_size,
                                            uint64_t *number);
LEV_API lev_status lev_client_publish_body(lev_client *c, uint16_t channel, lev_span piece);

/* Sends what the half-sent message still lacks from a descriptor: a file, a pipe, a socket,
 * blocking or not. Needs 64 KiB of memory besides what is queued; heartbeats and events go on, also
 * while the descriptor has nothing to read, for however long. Returns LEV_OK with the message
 * complete; LEV_ERR_INPUT where a read fails or the input ends before the announced size
 * (lev_client_error says which); or as lev_client_publish_body. After an error all that was read
 * has been queued, and the message is still half sent: the call can be made again (LEV_ERR_LIMIT:
 * take events first), lev_client_publish_body can finish it, or lev_client_close ends it. */
LEV_API lev_status lev_client_publish_fd(lev_client *c, uint16_t channel, int fd);

/* Waits until every publish of the channel has its outcome, at most progress_ms without
 * progress. Takes the channel's LEV_EVENT_OUTCOME and LEV_EVENT_RETURN events for itself.
 * `*tally` (may be NULL) receives the outcomes since the last such call; one that timed out does
 * not count, its outcomes are told again. Returns LEV_OK where all were confirmed;
 * LEV_ERR_NOT_CONFIRMED where any was not; LEV_ERR_CHANNEL where the broker closed the channel;
 * LEV_ERR_TIMEOUT; LEV_ERR_LIMIT as lev_client_call; or the failure of the connection. */
LEV_API lev_status lev_client_wait_confirms(lev_client *c, uint16_t channel, lev_tally *tally);

/* Returns how many publishes of the channel have no outcome yet, those included that wait to be
 * sent again. */
LEV_API uint64_t lev_client_unsettled(const lev_client *c, uint16_t channel);

/* Settle a delivery; as lev_engine_ack and its siblings, waiting only while too much is queued. */
LEV_API lev_status lev_client_ack(lev_client *c, lev_delivery delivery, bool multiple);
LEV_API lev_status lev_client_nack(lev_client *c, lev_delivery delivery, bool multiple,
                                   bool requeue);
LEV_API lev_status lev_client_reject(lev_client *c, lev_delivery delivery, bool requeue);

/* Waits for the next event, at most `timeout_ms`. Its spans live until the next call on the
 * client, but may be passed to it. Returns LEV_OK; LEV_ERR_TIMEOUT with LEV_EVENT_NONE;
 * LEV_ERR_CANCELLED with a LEV_EVENT_CANCELLED; LEV_ERR_CHANNEL with a LEV_EVENT_CHANNEL_CLOSED;
 * or, with LEV_EVENT_FAILED (LEV_EVENT_CLOSED after lev_client_close) and for ever, how the
 * connection ended, which can be LEV_ERR_TIMEOUT, too. */
LEV_API lev_status lev_client_next(lev_client *c, lev_event *event, int timeout_ms);

/* Writes what is queued and reads what is there, without waiting; also the way to keep
 * heartbeats going while the program is busy with something else. Events that were not taken
 * before are kept, up to message_max bytes. Returns LEV_OK or the failure of the connection, of
 * which LEV_EVENT_FAILED tells too. */
LEV_API lev_status lev_client_process(lev_client *c);

/* For a foreign event loop that is told anew before each wait what to wait for, as poll and select
 * are: the descriptor, what for (LEV_CLIENT_READ, LEV_CLIENT_WRITE), and after how many
 * milliseconds lev_client_process is due even if the descriptor stays quiet (-1: never; 0 also
 * where an event can be taken at once). The descriptor is -1, which poll ignores, where there is
 * none. It changes while a connection is made, also by recovery, within any call on the client; and
 * the next one may have the number of the last, so whoever keeps it registered must not go by the
 * number: see lev_client_watch_fd. */
enum { LEV_CLIENT_READ = 1, LEV_CLIENT_WRITE = 2 };
LEV_API int lev_client_fd(const lev_client *c);
LEV_API unsigned lev_client_wants(const lev_client *c);
LEV_API int lev_client_timeout(lev_client *c);

/* For a loop that descriptors are registered with, such as epoll, libuv or libevent: returns one
 * that stays the same from the first call of this until lev_client_free, whatever becomes of the
 * connection. It is readable when lev_client_process is due; it is never to be read, written or
 * closed. lev_client_timeout, asked before each wait, sees to it that it stands for what the client
 * waits for then. Level-triggered use only. Returns -1 where there is none to be had (no epoll on
 * this system, too many open files), which lev_client_error tells. */
LEV_API int lev_client_watch_fd(lev_client *c);

#ifdef __cplusplus
}
#endif

#endif
