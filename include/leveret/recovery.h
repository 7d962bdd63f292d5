/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a client does when its connection is lost, as lev_client_options says it.
 *
 * It waits (exponential back-off with full jitter), connects to the next of its brokers, logs in
 * and makes again what the program had made with lev_client_call: exchanges, queues and bindings in
 * their order, channels with their modes, and consumers, under their old tags. A queue that the
 * broker had named gets a new name, and the bindings and consumers of the record follow it. What
 * was deleted, unbound, cancelled or closed is forgotten, and so is what the broker deleted for
 * lack of use; passive declares are not recorded, nor is what goes through lev_client_engine.
 *
 * The program sees LEV_EVENT_RECOVERING, and LEV_EVENT_RECOVERED when all of it is back. Deliveries
 * from before can no longer be acknowledged (LEV_ERR_STALE); the broker delivers them again. Every
 * publish that had no outcome is told as LEV_NOT_SENT or LEV_IN_DOUBT, before LEV_EVENT_RECOVERING.
 * With `retransmit` none of this is told: what was published in confirm mode is kept until it has
 * its outcome, and sent again after the recovery, in its order and before anything new, with its
 * properties as they were. Each publish still ends in exactly one outcome; a lent body is the
 * caller's again (LEV_EVENT_RELEASED) behind that and no sooner. What was in doubt may then be in a
 * queue twice; with `mark_doubt` the second one says so. Where the broker refuses or returns what
 * was in doubt before, that is its outcome, though an earlier copy may have arrived. A message that
 * was published in pieces is not kept. Where a channel is closed, what it had still to send has its
 * outcome before that is told, and is not sent again.
 *
 * Numbers of publishes go on over connections and over new openings of a channel, with or without
 * `retransmit`; so whoever recovers publishes through the client only, not through its engine.
 *
 * A consumer that the broker cancels ends (LEV_EVENT_CANCELLED). With `restart_cancelled` that
 * counts as a lost connection instead: all is made again, its queue, too, where the program had
 * declared that. Where nobody declares it again, the step fails with 404 NOT_FOUND, and the hook
 * says what then.
 *
 * A call whose answer was lost with the connection fails with LEV_ERR_LOST; calls and publishes
 * made meanwhile wait for the recovery as they wait for room. No second attempt is made where the
 * broker refused the credentials, where it could not be verified, or where it closed the connection
 * for a mistake of the program's: then the connection fails as it does without recovery. */

#ifndef LEVERET_RECOVERY_H
#define LEVERET_RECOVERY_H

#include <leveret/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LEV_BACKOFF_FIRST_MS = 100,
    LEV_BACKOFF_MAX_MS = 30000,
    LEV_LEDGER_COUNT = 65536,
    LEV_LEDGER_BYTES = 67108864
};

typedef enum lev_recovery_stage {
    LEV_RECOVERY_LOST,    /* error */
    LEV_RECOVERY_WAITING, /* wait_ms until the next attempt; error: why the last one failed. Also
                             when the first connection is tried at the next broker */
    LEV_RECOVERY_STEP,    /* method and channel: made again; error: or why not */
    LEV_RECOVERY_DONE,    /* all is back */
    LEV_RECOVERY_OVER     /* error: given up */
} lev_recovery_stage;

/* News of a recovery; everything lives during the callback. */
typedef struct lev_recovery_news {
    lev_recovery_stage stage;
    uint32_t attempt; /* rounds over all brokers since the loss, from 1; 0: before any */
    uint32_t wait_ms;
    uint16_t channel;
    const lev_method *method; /* NULL: none */
    const lev_error *error;   /* NULL: none */
} lev_recovery_news;

/* What is to be done about a step that failed. */
typedef enum lev_recovery_verdict {
    LEV_RECOVERY_DEFAULT, /* retry what may pass (a locked exclusive queue, a queue whose node is
                             down, an error inside the broker), else stop */
    LEV_RECOVERY_RETRY,   /* connect anew after the back-off, and begin again */
    LEV_RECOVERY_SKIP,    /* forget it, and what cannot be without it; then as RETRY */
    LEV_RECOVERY_STOP     /* the connection fails, with an error that names the step */
} lev_recovery_verdict;

/* Hears of each stage; the verdict counts for a LEV_RECOVERY_STEP with an error only. Must not use
 * the client. */
typedef lev_recovery_verdict lev_recovery_hook(void *context, const lev_recovery_news *news);

/* Zero means the default. */
typedef struct lev_recovery_options {
    bool on;
    uint32_t attempts;      /* rounds over all brokers without success; 0: no limit */
    uint32_t wait_first_ms; /* the first back-off is 0 to this; 100 */
    uint32_t wait_max_ms;   /* doubled each round up to this; 30 s */
    bool restart_cancelled; /* a consumer that the broker cancelled (basic.cancel) goes on, too */
    bool retransmit;        /* send again what has no outcome yet */
    bool mark_doubt;        /* what may be there already gets the header x-leveret-in-doubt: true */
    size_t ledger_count;    /* publishes without an outcome at which publishing waits; 65,536 */
    size_t ledger_bytes;    /* and their memory; 64 MiB */
    lev_recovery_hook *hook;
    void *context;
} lev_recovery_options;

#ifdef __cplusplus
}
#endif

#endif
