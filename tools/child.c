/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Our ends of the pipes are non-blocking, so a child that does not read, or reads slowly, never
 * holds up the connection: what it has not taken waits in memory. It may also close what it does
 * not want to read; that is its own business.
 *
 * posix_spawn reports a failed exec as an errno, which a fork would have to carry back over one
 * more pipe, and does not copy our memory. Ends of pipes are moved above all numbers that the child
 * is to have, so that no dup2 overwrites one that is still needed. */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBER_NOTES = 3, NUMBER_LINES = 4, NUMBERS_FREE = 10 };

static void feed_close(feed *f) {
    if (f->fd >= 0) {
        close(f->fd);
    }
    f->fd = -1;
}

void feed_pump(feed *f) {
    while (f->fd >= 0 && f->done < f->data.len) {
        ssize_t n = write(f->fd, f->data.ptr + f->done, f->data.len - f->done);
        if (n >= 0) {
            f->done += (size_t)n;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            feed_close(f);
        }
    }
    f->data.len = f->done = 0;
    if (f->last) {
        feed_close(f);
    }
}

size_t feed_waiting(const feed *f) { return f->data.len - f->done; }

void feed_deinit(feed *f) {
    feed_close(f);
    buffer_deinit(&f->data);
    *f = (feed){.fd = -1};
}

child child_init(void) { return (child){.in = {.fd = -1}, .notes = {.fd = -1}, .out = -1}; }

static void close_out(child *c) {
    if (c->out >= 0) {
        close(c->out);
    }
    c->out = -1;
}

void child_deinit(child *c) {
    feed_deinit(&c->in);
    feed_deinit(&c->notes);
    close_out(c);
    *c = child_init();
}

/* One pipe: which number it gets in the child, and what of it is ours. */
typedef struct strand {
    int number;
    int theirs;
    int ours;
} strand;

static int above(int fd) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, NUMBERS_FREE);
    int why = errno;
    close(fd);
    errno = why;
    return moved;
}

/* Makes a pipe that the child reads, or writes. Returns 0 or an errno; whatever is open is in `*s`.
 */
static int strand_init(strand *s, int number, bool child_reads) {
    int ends[2];
    *s = (strand){number, -1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    s->theirs = above(ends[child_reads ? 0 : 1]);
    s->ours = s->theirs >= 0 ? above(ends[child_reads ? 1 : 0]) : -1;
    if (s->ours < 0) {
        return errno;
    }
    return fcntl(s->ours, F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

static void strand_close(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

/* Starts the process with the child's ends of the pipes in place. */
static int spawn(child *c, char *const *argv, char *const *env, const strand *pipes, size_t count) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t defaults;
    int fault = posix_spawn_file_actions_init(&actions);
    if (fault != 0) {
        return fault;
    }
    fault = posix_spawnattr_init(&how);
    if (fault == 0) {
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        posix_spawnattr_setsigdefault(&how, &defaults);
        posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
        for (size_t i = 0; i < count && fault == 0; i++) {
            fault = posix_spawn_file_actions_adddup2(&actions, pipes[i].theirs, pipes[i].number);
        }
        fault = fault == 0 ? posix_spawnp(&c->pid, argv[0], &actions, &how, argv, env) : fault;
        posix_spawnattr_destroy(&how);
    }
    posix_spawn_file_actions_destroy(&actions);
    return fault;
}

int child_start(child *c, char *const *argv, char *const *env, unsigned pipes) {
    bool notes = (pipes & CHILD_NOTES) != 0;
    bool out = (pipes & (CHILD_STDOUT | CHILD_LINES)) != 0;
    int out_number = (pipes & CHILD_LINES) != 0 ? NUMBER_LINES : STDOUT_FILENO;
    strand strands[CHILD_PIPES_MAX] = {{-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}};
    size_t count = 0;
    int fault = strand_init(&strands[count++], STDIN_FILENO, true);
    if (fault == 0 && notes) {
        fault = strand_init(&strands[count++], NUMBER_NOTES, true);
    }
    if (fault == 0 && out) {
        fault = strand_init(&strands[count++], out_number, false);
    }
    fault = fault == 0 ? spawn(c, argv, env, strands, count) : fault;
    for (size_t i = 0; i < count; i++) {
        strand_close(strands[i].theirs);
        if (fault != 0) {
            strand_close(strands[i].ours);
        }
    }
    if (fault != 0) {
        c->pid = 0;
        return fault;
    }
    c->in.fd = strands[0].ours;
    c->notes.fd = notes ? strands[1].ours : -1;
    c->out = out ? strands[count - 1].ours : -1;
    return 0;
}

size_t child_watch(const child *c, struct pollfd *fds) {
    size_t count = 0;
    if (feed_waiting(&c->in) > 0) { /* else it is no matter yet whether its reader is gone */
        fds[count++] = (struct pollfd){c->in.fd, POLLOUT, 0};
    }
    if (feed_waiting(&c->notes) > 0) {
        fds[count++] = (struct pollfd){c->notes.fd, POLLOUT, 0};
    }
    if (c->out >= 0) {
        fds[count++] = (struct pollfd){c->out, POLLIN, 0};
    }
    return count;
}

size_t child_read(child *c, uint8_t *room, size_t size) {
    ssize_t n = c->out >= 0 ? read(c->out, room, size) : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        close_out(c);
    }
    return n > 0 ? (size_t)n : 0;
}

bool child_ended(child *c, int *code) {
    int status;
    if (c->pid == 0 || waitpid(c->pid, &status, WNOHANG) != c->pid) {
        return false;
    }
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    c->pid = 0;
    return true;
}

void child_signal(const child *c, int number) {
    if (c->pid > 0) {
        kill(-c->pid, number);
    }
}
