/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Everything: an AMQP 0-9-1 client in five layers. Programs need only this and leveret/client.h's
 * functions; the layers below stand on their own. */

#ifndef LEVERET_LEVERET_H
#define LEVERET_LEVERET_H

#include <leveret/allocator.h>
#include <leveret/client.h>
#include <leveret/counters.h>
#include <leveret/engine.h>
#include <leveret/frame.h>
#include <leveret/log.h>
#include <leveret/memory.h>
#include <leveret/method.h>
#include <leveret/net.h>
#include <leveret/outbox.h>
#include <leveret/properties.h>
#include <leveret/seen.h>
#include <leveret/status.h>
#include <leveret/table.h>
#include <leveret/trace.h>
#include <leveret/uri.h>
#include <leveret/wire.h>

#endif
