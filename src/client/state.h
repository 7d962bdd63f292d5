/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The client itself, and what its parts ask of each other. */

#ifndef LEVERET_CLIENT_STATE_H
#define LEVERET_CLIENT_STATE_H

#include "backlog.h"
#include "ledger.h"
#include "outbox.h"
#include "recovery.h"
#include "refresh.h"
#include "watch.h"

#include <leveret/net.h>
#include <leveret/uri.h>

enum lev_client_phase {
    CLIENT_NEW,
    CLIENT_WAITING, /* for the time to connect; the last connection's engine may still be there */
    CLIENT_CONNECTING, /* a socket under way, no new engine yet */
    CLIENT_RUNNING,    /* an engine; no socket any more where the transport has ended */
    CLIENT_ENDED       /* the engine's last event has been taken, or it never came to be */
};

enum {
    LEV_CLIENT_PUSH = 262144,   /* bytes queued since the last write at which a publish writes */
    LEV_CLIENT_PUSH_MS = 100,   /* and how long less may wait for more */
    LEV_CLIENT_PROGRESS = 4096, /* written bytes that count as progress; heartbeats alone do not */
    LEV_CLIENT_WHERE = 160
};

struct lev_client {
    lev_client_options given; /* what every connection begins with */
    lev_client_options
        set; /* ... and with the URI's; its strings are ours until the engine has them */
    enum lev_client_phase phase;
    lev_net *net;
    lev_watch watch;    /* what lev_client_watch_fd lends */
    bool settled;       /* its descriptor is this connection's own, and stays */
    lev_outbox *outbox; /* NULL: none */
    lev_tls *tls;
    lev_engine *engine;
    char where[LEV_CLIENT_WHERE]; /* host:port */

    lev_error error; /* the last failure of a call */
    lev_error end;   /* how the connection ended, once CLIENT_ENDED */
    bool orderly;    /* ... as we asked for */
    bool end_told;   /* lev_client_next has said so */

    lev_backlog backlog;
    lev_kept *held;  /* taken from the backlog by lev_client_next last */
    lev_event event; /* taken from the engine, and still to be dealt with, where `waiting` */
    bool waiting;
    unsigned round; /* how often `answer` has been asked */
    bool lent;      /* the caller has spans of the engine's that are still valid */

    bool full;       /* the engine had no room to read into */
    bool write_over; /* writing has failed; what the peer sent before is still being read */
    bool blocked;    /* by the broker, which says why */
    char blocked_why[64];
    uint64_t wrote_at;  /* when all that could be written was */
    size_t push_at;     /* queued bytes at which a publish writes */
    uint64_t attend_at; /* when lev_loop_attend has to look again */
    uint64_t written;
    bool unseen; /* bytes have come, or gone, and the engine was not asked since what it has to tell
                  */
    uint64_t calls;    /* of the system: to wait, to read, to write */
    uint64_t progress; /* counts steps forward */

    lev_message message; /* what lev_client_get hands out */
    lev_refresh refresh;

    lev_recovery recovery;
    lev_ledger ledger;
    lev_event later;      /* comes behind what the ledger has to tell */
    uint32_t epoch;       /* counts connections that were lost */
    lev_counters counted; /* of the engines before this one */
};

/* settings.c: the options. lev_settings_init copies them and fills the defaults in; false without
 * memory. lev_settings_merge lets the URI's count first. lev_settings_send_password tells whether
 * the login could send one. `response` is what the program's own mechanism says first. */
bool lev_settings_init(lev_client_options *set, const lev_client_options *given);
bool lev_settings_merge(lev_client_options *set, lev_uri *uri);
void lev_settings_forget(lev_client_options *set);
bool lev_settings_send_password(const lev_client_options *set);
lev_engine *lev_settings_engine(const lev_client_options *set, lev_span response,
                                uint32_t incarnation, uint64_t now);

/* report.c: what goes into the client's error. A report starts with where the broker is, if that is
 * known; pieces follow; `put` cuts what does not fit. */
lev_writer lev_report_begin(lev_client *c, lev_status status);
void lev_report_put(lev_writer *w, const char *text);
void lev_report_number(lev_writer *w, const char *before, uint64_t number, const char *behind);
void lev_report_cancelled(lev_writer *w, const lev_event *event);
lev_status lev_report(lev_client *c, lev_status status, const char *text);

/* Describes a failure that the engine knows of: "host:port: text; what to do". */
void lev_report_engine(const lev_client *c, const lev_error *from, lev_error *into);

/* Reports that a channel was closed against our will. Returns LEV_ERR_CHANNEL. */
lev_status lev_report_closed(lev_client *c, const lev_error *closed);

/* Reports why a call failed: "host:port: queue.declare on channel 1: why". Knows of ended
 * connections and closed channels, and returns their status then. */
lev_status lev_report_call(lev_client *c, uint16_t channel, const char *what, lev_status status);

/* connect.c: begins to connect to the next of the brokers, and takes the URIs apart, so that a bad
 * one is told before anything is connected. */
lev_status lev_connect_begin(lev_client *c);
lev_status lev_connect_check(lev_client *c, const char *uri);

/* recovery.c: lev_recovery_uris keeps where to connect. lev_recovery_pending: is the connection
 * lost, with its end told or not, and to be made again? lev_recovery_goes_on decides what follows a
 * failure to connect (lev_recovery_would: whether it would go on), lev_recovery_lost on the end of
 * an engine, whose last event is in `event`: false where this is the end. lev_recovery_takes looks
 * at every other event and returns whether it is the recovery's own, lev_recovery_tick at the
 * clock; lev_recovery_over tells of the end. */
bool lev_recovery_uris(lev_client *c, const char *uri);
void lev_recovery_forget(lev_client *c);
bool lev_recovery_would(const lev_client *c, const lev_error *why);
bool lev_recovery_pending(const lev_client *c);
bool lev_recovery_goes_on(lev_client *c, const lev_error *why);
bool lev_recovery_lost(lev_client *c);
bool lev_recovery_takes(lev_client *c);
void lev_recovery_tick(lev_client *c, uint64_t now);
void lev_recovery_over(lev_client *c);

/* resend.c: a message to publish; with `pieces` only its beginning, of a body of `size` bytes. */
typedef struct lev_sent {
    uint16_t channel;
    const lev_publication *publication;
    bool pieces;
    uint64_t size;
} lev_sent;

/* Publishes through the ledger, as lev_engine_publish; while recovering it is only kept. */
lev_status lev_resend_publish(lev_client *c, const lev_sent *s, uint64_t *number);
bool lev_resend_ready(const lev_client *c);

/* Sends again what waits for that, as far as there is room. */
void lev_resend_pump(lev_client *c);

/* Puts the program's own numbers into `event`. Returns whether it is to be told. */
bool lev_resend_translate(lev_client *c);

/* Makes `event` what the ledger has to tell, or what had to wait for that; at the end, of all that
 * is left in it. Returns whether there is anything. */
bool lev_resend_rest(lev_client *c);
bool lev_resend_owes(const lev_client *c);

/* counters.c: adds what the engine has counted, which is about to be freed. */
void lev_counters_keep(lev_client *c);

/* loop.c */

/* What a wait does with an event: keep it for later, drop it, or end with it. */
typedef enum lev_verdict { LEV_KEEP, LEV_DROP, LEV_DONE } lev_verdict;

/* Something to wait for: an event that `judge` knows, or a state that `met` sees (either may be
 * NULL). At most `ms` milliseconds, counted anew from each progress where `by_progress`. The event
 * of LEV_DONE is in `event`. */
typedef struct lev_wait {
    lev_verdict (*judge)(const struct lev_wait *w, const lev_event *event);
    bool (*met)(const struct lev_wait *w, const lev_client *c);
    int ms;
    bool by_progress;
    bool unlimited; /* keep events beyond the backlog's limit: the end is near */
    bool watches;   /* wake up when `fd` is readable, too */
    bool tied;      /* to this connection: over when it is lost */
    int fd;
    uint16_t channel;
    uint32_t call;
    uint32_t epoch; /* of the client, when lev_call_wait_room began */
    lev_event event;
} lev_wait;

/* Waits, doing all that the connection needs meanwhile. Returns LEV_OK; LEV_ERR_TIMEOUT; how the
 * connection ended; LEV_ERR_LIMIT or LEV_ERR_MEMORY where an event cannot be kept (it is not lost).
 */
lev_status lev_loop_until(lev_client *c, lev_wait *w);

/* Does what can be done without waiting. Events that were there before go to the backlog. */
void lev_loop_push(lev_client *c);

void lev_loop_attend_now(lev_client *c, uint64_t now);

/* Does what has become due since the last wait, for a call that has no reason to wait itself. Only
 * where the engine's clock is due does it read, and events go to the backlog. */
static inline void lev_loop_attend(lev_client *c) {
    uint64_t now = c->phase == CLIENT_RUNNING ? lev_net_now_coarse() : 0;
    if (now > c->attend_at) {
        lev_loop_attend_now(c, now);
    }
}

/* Makes sure that `event` is the engine's next one. Returns false where there is none. */
bool lev_loop_pull(lev_client *c);

/* Deals with what is the client's own business in `event`, which the engine has just told. Returns
 * whether it is to be told further. */
bool lev_loop_taken(lev_client *c);

/* What lev_client_wants and lev_client_timeout tell; `ready`: there is something to be read that
 * poll does not know of. */
unsigned lev_loop_wants(const lev_client *c);
bool lev_loop_ready(const lev_client *c);
uint64_t lev_loop_due(const lev_client *c);
int lev_loop_ms(uint64_t now, uint64_t due);

/* Lets `watch` wait for what the client waits for now. */
void lev_loop_watch(lev_client *c);

/* Closes and frees the socket; NULL is fine. */
void lev_loop_drop(lev_client *c);

/* Ends the transport at once. What the engine still has to tell can be taken. */
void lev_loop_hang_up(lev_client *c, lev_status status, const char *text);

/* Ends a connection that has no engine. */
void lev_loop_end(lev_client *c, lev_status status, lev_layer layer, const char *text);

/* publish.c: publishes without waiting, as lev_client_publish; LEV_AGAIN where that would wait. */
lev_status lev_publish_offer(lev_client *c, uint16_t channel, const lev_publication *publication,
                             uint64_t *number);

/* Writes, if much is queued or a heartbeat is due. */
void lev_publish_push(lev_client *c);

/* call.c: waits until there is room for more work on a channel (0: the connection). */
lev_status lev_call_wait_room(lev_client *c, uint16_t channel, const char *what);

/* Reports that there was no room in time. Returns LEV_ERR_TIMEOUT. */
lev_status lev_call_no_room(lev_client *c, const char *what, bool blocked);

#endif
