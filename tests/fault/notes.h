/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A ledger on disk, one line per event, and the bodies of the messages that it speaks of. What the
 * lines say is in checker.py. */

#ifndef TESTS_FAULT_NOTES_H
#define TESTS_FAULT_NOTES_H

#include <leveret/leveret.h>
#include <stdint.h>
#include <stdio.h>

enum { NOTES_CHANNELS = 4, BODY_MAX = 200000, HOSTS_MAX = 8 };

/* Exit codes: there was no connection yet; a connection was lost and did not recover; the
 * broker refused everything for a while. */
enum { NEVER_OPEN = 69, LOST = 75, REFUSED = 3 };

/* Opens the ledger for appending, after it has cut off a last line that a kill has torn. What was
 * written before can be read from the beginning. Ends the program where it cannot. */
FILE *notes_open(const char *path);

/* Hands all lines to the system, so that they outlive this process: a kill -9, but no power cut.
 * Ends the program where that fails. */
void notes_write(FILE *notes);

/* Notes with the time, in milliseconds since the epoch, that the connection was lost,
 * recovered, blocked or unblocked; other events are none of these. */
void notes_connection(FILE *notes, lev_event_type type);

/* Cuts a list of URLs at its commas: the first stays, the others become the options' further
 * hosts. Returns whether there is any. */
bool hosts_take(lev_client_options *options, char *urls);

/* Makes the body of a message in `body` (BODY_MAX bytes): its channel and id, then bytes that
 * follow from them, of a size that does. */
lev_span body_make(uint8_t *body, unsigned channel, uint32_t id);

/* Reads channel and id from a body. Returns whether it is one, byte for byte. */
bool body_read(lev_span body, unsigned *channel, uint32_t *id);

/* Opens a channel for each name and declares its queue, durable: a quorum queue where the name
 * begins with "quorum". Returns the first failure. */
lev_status queues_declare(lev_client *c, int count, char **names);

#endif
