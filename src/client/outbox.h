/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The owner's side of an outbox: what the client's loop asks of it. Each is fine without one. */

#ifndef LEVERET_CLIENT_OUTBOX_H
#define LEVERET_CLIENT_OUTBOX_H

#include <leveret/outbox.h>

/* Takes what was put, and publishes as much of it as there is room for. */
void lev_outbox_drain(lev_client *c);

/* Returns whether a drain would have something to do. */
bool lev_outbox_ready(const lev_client *c);

/* Says that bytes were written, or an event came: there may be room again. Returns whether the
 * event is an outcome of the outbox's, which is told to nobody else. */
void lev_outbox_room(lev_client *c);
bool lev_outbox_takes(lev_client *c);

/* Nothing will be published any more: tells of what waits. */
void lev_outbox_over(lev_client *c);

/* The client goes away: tells of all, and forgets the client. */
void lev_outbox_orphan(lev_client *c);

#endif
