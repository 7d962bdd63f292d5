/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A window over message-ids, with which a consumer drops duplicates: what a publisher sent again
 * after a lost connection, and what a broker delivers again after one of the consumer's.
 *
 * Thread rule: an object belongs to one thread at a time. */

#ifndef LEVERET_SEEN_H
#define LEVERET_SEEN_H

#include <leveret/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lev_seen lev_seen;

/* Makes a window over the last `size` different ids (at least 1). Returns NULL without memory. The
 * caller frees it with lev_seen_free, which accepts NULL. */
LEV_API lev_seen *lev_seen_new(size_t size);
LEV_API void lev_seen_free(lev_seen *s);

/* Returns whether that id is in the window. Otherwise it is put there, as a copy, in the place of
 * the oldest; without memory it is not, so a duplicate may pass, but nothing new is ever taken for
 * one: ids are compared byte by byte. */
LEV_API bool lev_seen_before(lev_seen *s, lev_span id);

#ifdef __cplusplus
}
#endif

#endif
