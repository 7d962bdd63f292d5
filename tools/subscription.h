/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a consumer asks of the broker when it subscribes: arguments of basic.consume. */

#ifndef TOOLS_SUBSCRIPTION_H
#define TOOLS_SUBSCRIPTION_H

#include "options.h"

typedef struct subscription_settings {
    int64_t priority;
    bool prioritized;
    lev_value offset; /* in a stream; type 0: none */
    buffer arguments;
} subscription_settings;

extern const option_table subscription_options; /* of subscription_settings */

/* Adds priority and offset to the arguments. Returns false without memory. */
bool subscription_complete(subscription_settings *o);

#endif
