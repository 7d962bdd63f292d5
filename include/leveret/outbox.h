/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing from many threads through one client.
 *
 *     any thread   lev_outbox_put: copies the message into a bounded queue, and returns
 *     the owner    runs its loop as ever: lev_client_next, or lev_client_process and a descriptor;
 *                  that takes what is there, a batch a time, publishes it, and calls the hook with
 *                  the outcome of each message, once
 *
 * Messages of one thread are published in the order in which it put them. The outbox has a channel
 * of its own, which the program opens and sets to confirm mode (with recovery both come back); what
 * is put before that, or while the broker blocks publishers or the connection is recovered, waits.
 * The same where the broker closes the channel, which the program is told as ever: it opens the
 * channel again, or closes the outbox. What the hook is told:
 *
 *     LEV_CONFIRMED, LEV_RETURNED, LEV_NACKED, LEV_IN_DOUBT   as in leveret/engine.h
 *     LEV_NOT_SENT   the broker cannot have it; the status says why, such as LEV_ERR_LIMIT for a
 *                    key too long, or LEV_ERR_CLOSED for what still waited at the end; LEV_OK
 *                    where it was published and never left
 *
 * An allocator of the client's is called by whichever thread puts or takes, so it has to know
 * threads.
 *
 * Thread rule: lev_outbox_put, lev_outbox_left and lev_outbox_close may be called by any thread at
 * any time; all else, the hook included, belongs to the client's thread. Without threads (`make
 * THREADS=no`) there is no lock, and all belongs to that one. */

#ifndef LEVERET_OUTBOX_H
#define LEVERET_OUTBOX_H

#include <leveret/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lev_outbox lev_outbox;

enum { LEV_OUTBOX_COUNT = 16384, LEV_OUTBOX_BYTES = 16777216 };

/* Hears how a message ended: `tag` is what it was put with. Called by the client's thread within
 * any call on the client or lev_outbox_free. Must not use the client; may put, but not wait. */
typedef void lev_outbox_hook(void *context, void *tag, lev_outcome outcome, lev_status status);

/* Zero means the default. */
typedef struct lev_outbox_options {
    size_t count; /* messages that may wait to be published; 16,384 */
    size_t bytes; /* and their memory, which one message may pass; 16 MiB */
    lev_outbox_hook *hook;
    void *context; /* handed to `hook` */
} lev_outbox_options;

/* Makes the outbox of a client, which publishes on `channel`; nobody else does. A client has one at
 * most. Returns NULL without memory or descriptors, or where there is one already. The caller frees
 * it with lev_outbox_free. */
LEV_API lev_outbox *lev_outbox_new(lev_client *c, uint16_t channel,
                                   const lev_outbox_options *options);

/* Puts a copy of a message into the queue (`lend` and `token` are ignored). Where the queue is full
 * it waits for room, at most `wait_ms` milliseconds: 0 not at all, LEV_FOREVER without a limit; the
 * client's own thread, which makes the room, must not wait. Returns LEV_OK: the message will have
 * its outcome; or, with nothing put, LEV_AGAIN (full, without waiting), LEV_ERR_TIMEOUT (full all
 * the time), LEV_ERR_CLOSED (lev_outbox_close, or the connection is over) or LEV_ERR_MEMORY. */
LEV_API lev_status lev_outbox_put(lev_outbox *o, const lev_publication *message, void *tag,
                                  int wait_ms);

/* Returns how many messages were put and have no outcome yet. */
LEV_API uint64_t lev_outbox_left(const lev_outbox *o);

/* Takes no more messages: whoever waits in lev_outbox_put, or comes later, gets LEV_ERR_CLOSED.
 * What was put is still published; the owner goes on until lev_outbox_left is 0 (lev_outbox_run
 * does). */
LEV_API void lev_outbox_close(lev_outbox *o);

/* For a client's thread that has nothing else to do: works until the outbox has been closed, by
 * whichever thread, and nothing is left. Events are kept for lev_client_next, as by any call that
 * waits. Returns LEV_OK; LEV_ERR_CHANNEL where the broker closed the channel (to be opened again,
 * before the next call of this); LEV_ERR_LIMIT as lev_client_call; or the failure of the
 * connection. */
LEV_API lev_status lev_outbox_run(lev_outbox *o);

/* Returns a descriptor that is readable while lev_client_process has something to take. For poll
 * and select only: lev_client_watch_fd and the client's own waits know of it. */
LEV_API int lev_outbox_fd(const lev_outbox *o);

/* Closes and frees the outbox, before or after its client; no thread may be in a call on it or
 * come back (lev_outbox_close, then join them). The hook is told of what has no outcome yet: what
 * waits as LEV_NOT_SENT, what was published as LEV_IN_DOUBT. NULL is fine. */
LEV_API void lev_outbox_free(lev_outbox *o);

#ifdef __cplusplus
}
#endif

#endif
