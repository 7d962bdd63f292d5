/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What each byte of a frame means. */

#ifndef TOOLS_LAYOUT_H
#define TOOLS_LAYOUT_H

#include "dissect.h"

/* Writes an item as lines of offset, hex digits and meaning, each byte of it once. With `redact`
 * secrets are left out. */
void layout_print(buffer *b, const item *i, bool redact);

/* Notes in `i->reason` why its payload could not be decoded: the method, the field and the place.
 * `status` is the decoder's. */
void layout_fault(item *i, lev_status status);

#endif
