/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The lookup of a host name, without waiting for it. */

#ifndef LEVERET_NET_LOOKUP_H
#define LEVERET_NET_LOOKUP_H

#include "address.h"

#include <stdint.h>

typedef struct lev_lookup lev_lookup;

/* Starts a lookup; a numeric address, or the path of a unix socket
 * (it begins with '/'; the port is ignored), is known at once. Returns NULL only without memory. */
lev_lookup *lev_lookup_new(const char *host, uint16_t port);

/* Returns a descriptor that becomes readable when the lookup is done, -1 where it is done already.
 */
int lev_lookup_fd(const lev_lookup *l);

/* Returns whether the lookup is done. */
bool lev_lookup_done(lev_lookup *l);

/* After it is done, returns what was found, or NULL with the reason as static text or in `text`.
 * What was found lives as long as the lookup. */
const struct addrinfo *lev_lookup_found(const lev_lookup *l, const char **why, char *text,
                                        size_t size);

/* Frees the lookup, or abandons it where it is still under way; NULL is fine. */
void lev_lookup_free(lev_lookup *l);

#endif
