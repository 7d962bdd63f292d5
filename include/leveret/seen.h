/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A window of message-ids, to drop duplicates. What a publisher sends again after a lost connection
 * may come twice, with the same message-id; whoever must not do the work twice asks before it and
 * notes after it:
 *
 *     if (!lev_seen_check(seen, id)) {
 *         ... do the work ...
 *         lev_seen_add(seen, id);
 *     }
 *     lev_client_ack(client, message->delivery, false);
 *
 * An id is noted when the work is done and not when the message comes: a delivery that was not
 * acked before its connection was lost comes again, and is no duplicate.
 *
 * The window lives in memory: it knows nothing of what another process, or an earlier one, has
 * done.
 *
 * Thread rule: a window belongs to one thread at a time; different windows are independent. */

#ifndef LEVERET_SEEN_H
#define LEVERET_SEEN_H

#include <leveret/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lev_seen lev_seen;

/* Makes a window of the last `count` ids, 1 or more. Returns NULL without memory. The caller frees
 * it with lev_seen_free, which accepts NULL. It takes 16 to 32 bytes an id at once, and 64 or so as
 * ids are noted, of `a`, or of malloc. */
LEV_API lev_seen *lev_seen_new(size_t count);
LEV_API lev_seen *lev_seen_new_with(const lev_allocator *a, size_t count);
LEV_API void lev_seen_free(lev_seen *s);

/* Returns whether that id is among the last `count` that were noted. Ids are compared whole, byte
 * by byte. An empty one stands for a message without an id, and never is. */
LEV_API bool lev_seen_check(const lev_seen *s, lev_span id);

/* Notes an id; the oldest leaves a full window. One that is noted already keeps its place. Returns
 * LEV_OK, or LEV_ERR_MEMORY with nothing changed. */
LEV_API lev_status lev_seen_add(lev_seen *s, lev_span id);

/* Returns how many ids are in the window. */
LEV_API size_t lev_seen_count(const lev_seen *s);

#ifdef __cplusplus
}
#endif

#endif
