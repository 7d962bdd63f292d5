/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A record is written under a name of this process and then linked to its own, which fails where
 * that is taken: so whoever watches the folder sees whole files only, and nothing that was there is
 * ever overwritten, by two of us at once neither. Names are numbers; what the sender says names
 * nothing. */

#include "folder.h"

#include "exits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_NAME = 40 };

int folder_init(folder *f, const char *path) {
    *f = (folder){.path = path, .fd = -1};
    if (path == NULL) {
        return EXIT_DONE;
    }
    if (mkdir(path, 0777) == 0 || errno == EEXIST) {
        f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return f->fd >= 0 ? EXIT_DONE
                      : say_and(EXIT_CREATE, "--output-dir: %s: %s", path, strerror(errno));
}

void folder_deinit(folder *f) {
    if (f->fd >= 0) {
        close(f->fd);
    }
    f->fd = -1;
}

static bool folder_write(int fd, lev_span record) {
    size_t done = 0;
    while (done < record.len) {
        ssize_t n = write(fd, record.ptr + done, record.len - done);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Gives the file its number. */
static bool folder_name(folder *f, const char *part) {
    char name[FOLDER_NAME];
    for (;;) {
        snprintf(name, sizeof name, "%" PRIu64, f->number + 1);
        bool linked = linkat(f->fd, part, f->fd, name, 0) == 0;
        if (!linked && errno != EEXIST) {
            return false;
        }
        f->number++;
        if (linked) {
            return true;
        }
    }
}

int folder_put(folder *f, lev_span record) {
    char part[FOLDER_NAME];
    snprintf(part, sizeof part, ".%ld.part", (long)getpid());
    unlinkat(f->fd, part, 0); /* of a process that had our number and died */
    int fd = openat(f->fd, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return say_and(EXIT_CREATE, "cannot create a file in %s: %s", f->path, strerror(errno));
    }
    bool written = folder_write(fd, record);
    written = close(fd) == 0 && written;
    int why = errno;
    bool named = written && folder_name(f, part);
    why = written ? errno : why;
    unlinkat(f->fd, part, 0);
    if (!named) {
        return say_and(written ? EXIT_CREATE : EXIT_OUTPUT,
                       "cannot write a file in %s: %s; unacked messages stay in the queue", f->path,
                       strerror(why));
    }
    return EXIT_DONE;
}
