/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where a consumer's messages go that are not written to stdout: to processes, which take their
 * time. An outlet settles each message itself. The functions that return int return
 * CONSUMER_GOING, or the exit code with which the consumer is to end. */

#ifndef TOOLS_OUTLET_H
#define TOOLS_OUTLET_H

#include "consumer.h"
#include "loop.h"

struct outlet {
    /* Takes a message, whose number is k->count; its spans are void afterwards. */
    int (*take)(outlet *o, consumer *k, const lev_message *m);

    /* Does what can be done without waiting. Where k->ending, nothing new is begun. */
    int (*work)(outlet *o, consumer *k);

    /* Adds to what has to be waited for until there is work again. */
    void (*watch)(outlet *o, loop_watch *watch);

    /* Is there a message that was taken and not settled? */
    bool (*busy)(const outlet *o);

    /* The subscription is over: gives back what was not begun. */
    void (*leave)(outlet *o, consumer *k);

    /* The connection is lost: what was taken can't be settled any more, and comes again. What is
     * not to count twice is taken off k->count. */
    void (*lost)(outlet *o, consumer *k);

    /* Tells on stderr what did not go well, and returns the exit code: `reason`, or another. */
    int (*finish)(outlet *o, const consumer *k, int reason);

    /* Tells what its own connection has counted; NULL where it has none. */
    void (*tell)(const outlet *o);
};

#endif
