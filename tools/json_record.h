/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A message as a line of JSON: what `consume --jsonl` prints and `publish --jsonl` takes. */

#ifndef TOOLS_JSON_RECORD_H
#define TOOLS_JSON_RECORD_H

#include "buffer.h"
#include "json.h"

#include <leveret/engine.h>

/* A message that came, with what the command adds. */
typedef struct record {
    const lev_message *message;
    lev_span queue;
    uint64_t tag;   /* the command's own counter, 0: none, and no "tag" is written */
    bool body_left; /* out: the object has no body */
} record;

/* Writes the object, without a newline. */
void json_put_record(buffer *b, const record *r);

/* What a record says about a publish. */
typedef struct publication {
    lev_span exchange;
    lev_span routing_key;
    lev_properties properties;
    lev_span body;
} publication;

/* Reads a line. What only a receiver knows (queue, consumer_tag, tag, delivery_tag, redelivered,
 * message_count) may be there and counts for nothing; what nobody knows is refused. Spans live
 * until the next text. Returns false with `j->fault`. */
bool json_get_publication(json *j, lev_span line, publication *p);

#endif
