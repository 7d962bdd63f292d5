/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A message on its way out whose body comes in pieces. */

#ifndef LEVERET_ENGINE_SENDING_H
#define LEVERET_ENGINE_SENDING_H

#include "outbuf.h"
#include "window.h"

typedef struct lev_sending {
    uint64_t left;       /* body bytes not yet queued */
    bool filling;        /* the channel is closed: zeros complete the body */
    bool mandatory;      /* in confirm mode: a return is to be recognised */
    lev_digest envelope; /* ... by this */
    lev_hasher body;     /* ... and this */
    lev_outbuf held;     /* methods that go behind the body */
} lev_sending;

struct lev_channel;

/* Gives up the message that is half sent, if there is one, because its channel ends. In confirm
 * mode it joins the window, as one that was never sent whole. */
void lev_sending_drop(lev_engine *e, struct lev_channel *ch);

/* Queues some of what completes the bodies that were given up. */
void lev_sending_fill(lev_engine *e);

void lev_sending_free(lev_engine *e, struct lev_channel *ch);

#endif
