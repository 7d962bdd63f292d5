/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A folder with a file for each record. */

#ifndef TOOLS_FOLDER_H
#define TOOLS_FOLDER_H

#include <leveret/wire.h>

typedef struct folder {
    const char *path; /* NULL: there is none */
    int fd;
    uint64_t number; /* of the file that was written last */
} folder;

/* Opens the folder, and makes it where it is not there; NULL is none. Returns EXIT_DONE, or
 * EXIT_CREATE after a line on stderr. The caller calls folder_deinit in every case. */
int folder_init(folder *f, const char *path);
void folder_deinit(folder *f);

/* Writes a record into a file of its own, named by the next number that is free. The name is there
 * only once all of the record is. Returns EXIT_DONE, or EXIT_CREATE or EXIT_OUTPUT after a line on
 * stderr. */
int folder_put(folder *f, lev_span record);

#endif
