/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What is read and published: an input, record by record. */

#ifndef TOOLS_INPUT_H
#define TOOLS_INPUT_H

#include "json.h"
#include "publisher.h"
#include "records.h"

/* What is read, how it is cut, and what --jsonl takes from the command line. */
typedef struct input_settings {
    record_settings records;
    const char *prompt;      /* on stderr before each read, or NULL */
    const char *exchange;    /* of --jsonl: instead of each record's own, or NULL */
    const char *routing_key; /* likewise */
} input_settings;

typedef struct input {
    const input_settings *settings;
    const char *name; /* in what is said: "stdin" */
    bool lent;        /* its bytes stay until the session is closed */
    records in;
    json reader;
} input;

/* Returns a fresh input of a descriptor. The caller calls input_deinit, where it sets `lent` not
 * before the session is closed: a whole input is then lent to the publisher. */
input input_init(int fd, const char *name, const input_settings *o);
void input_deinit(input *i);

/* Publishes all records, until there is nothing more to do. Returns EXIT_DONE, or after a line on
 * stderr EXIT_INPUT where it cannot be read, or EXIT_RECORD at a bad record; what came before was
 * published. */
int input_publish(input *i, publisher *p);

#endif
