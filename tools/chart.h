/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What a load measured, drawn as SVG. */

#ifndef TOOLS_CHART_H
#define TOOLS_CHART_H

#include "buffer.h"
#include "load.h"

/* Draws the distribution of latencies and of confirms, as far as there are any, and the rates over
 * time. The picture is readable on a light and on a dark page. */
void chart_draw(const load *l, buffer *svg);

#endif
