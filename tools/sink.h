/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Where messages are written: stdout, or a folder with a file for each, in one format. */

#ifndef TOOLS_SINK_H
#define TOOLS_SINK_H

#include "folder.h"
#include "format.h"
#include "output.h"

typedef struct sink {
    output out;
    format format;
    folder folder;
} sink;

/* Makes a sink. Returns EXIT_DONE, or EXIT_USAGE or EXIT_CREATE after a line on stderr. The caller
 * calls sink_deinit in every case; it writes nothing. */
int sink_init(sink *s, const format_settings *o);
void sink_deinit(sink *s);

/* Takes a record: into its file, or into the buffer for sink_flush. Returns EXIT_DONE, or another
 * code after a line on stderr; then nothing of it is written. */
int sink_put(sink *s, const record *r);

/* Is there enough that writing is worth it? */
bool sink_full(const sink *s);

/* Writes what was taken, while the connection goes on; as output_flush. */
int sink_flush(sink *s, lev_client *client);

#endif
