/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a handler finds in its environment: ours without secrets, and the message's metadata. */

#ifndef TOOLS_ENVIRONMENT_H
#define TOOLS_ENVIRONMENT_H

#include <leveret/leveret.h>

/* Returns `from` (as environ) without AMQP_URL, AMQP_PASSWORD and every variable that a message
 * can set, and with those of `m` (may be NULL): AMQP_EXCHANGE, AMQP_ROUTING_KEY, AMQP_QUEUE,
 * AMQP_TAG, AMQP_REDELIVERED (true or false), and, where the message has that property,
 * AMQP_CONTENT_TYPE, AMQP_MESSAGE_ID, AMQP_CORRELATION_ID and AMQP_REPLY_TO. A value with a NUL in
 * it does not fit into an environment and is left out. Points into `from`. Returns NULL without
 * memory; the caller frees it with one free. */
char **environment_new(char *const *from, const lev_message *m, const char *queue, uint64_t tag);

#endif
