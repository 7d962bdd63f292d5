/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A line is read byte by byte: what follows it belongs to the messages. While the terminal shows
 * nothing, signals that end us are only noted, so that the person gets the terminal back first.
 *
 * A file that others can read is worth a warning and no more: secrets that are mounted into a
 * container often are, and nobody else is in there. */

#include "password.h"

#include "exits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_MAX = LEV_SECRET_MAX, PASSWORD_SIGNALS = 4 };

static const int password_signals[PASSWORD_SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static volatile sig_atomic_t interrupted;

void password_free(char *password) {
    if (password != NULL) {
        explicit_bzero(password, strlen(password));
        free(password);
    }
}

static bool read_line(int fd, char *line) {
    size_t length = 0;
    ssize_t n;
    while ((n = read(fd, line + length, 1)) != 0) {
        if (n < 0 && (errno != EINTR || interrupted != 0)) {
            return false;
        }
        if (n == 1 && line[length] == '\n') {
            break;
        }
        if (n == 1 && length == PASSWORD_MAX) {
            line[length] = '\0';
            errno = EFBIG;
            return false;
        }
        length += n == 1 ? 1u : 0u;
    }
    line[length] = '\0';
    errno = EILSEQ; /* a NUL would cut it short */
    return memchr(line, '\0', length) == NULL;
}

static void note_signal(int number) { interrupted = number; }

static bool ask(int fd, const char *question, char *line) {
    struct sigaction note = {.sa_handler = note_signal};
    struct sigaction before[PASSWORD_SIGNALS];
    struct termios shown;
    struct termios mute;
    if (tcgetattr(fd, &shown) != 0) {
        return read_line(fd, line);
    }
    mute = shown;
    mute.c_lflag = (mute.c_lflag & ~(tcflag_t)ECHO) | ECHONL;
    for (int i = 0; i < PASSWORD_SIGNALS; i++) {
        sigaction(password_signals[i], &note, &before[i]);
    }
    (void)fputs(question, stderr);
    tcsetattr(fd, TCSAFLUSH, &mute);
    bool good = read_line(fd, line);
    int error = errno;
    tcsetattr(fd, TCSADRAIN, &shown);
    for (int i = 0; i < PASSWORD_SIGNALS; i++) {
        sigaction(password_signals[i], &before[i], NULL);
    }
    if (interrupted != 0) {
        raise(interrupted);
    }
    errno = error;
    return good;
}

static int password_line(const char *from, int fd, const char *file, char **password) {
    const char *question = strncmp(from, "key", 3) == 0 ? "Password of the key: " : "Password: ";
    *password = calloc(1, PASSWORD_MAX + 1);
    if (fd >= 0 && *password != NULL && ask(fd, question, *password)) {
        return EXIT_DONE;
    }
    return say_and(EXIT_INPUT, "cannot read the password from %s: %s; check --%s", file,
                   strerror(errno), from);
}

int password_read_fd(const char *from, int fd, char **password) {
    char file[32];
    snprintf(file, sizeof file, "descriptor %d", fd);
    return password_line(from, fd, file, password);
}

int password_read(const char *from, const char *file, char **password) {
    if (strcmp(file, "-") == 0) {
        return password_line(from, STDIN_FILENO, "stdin", password);
    }
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    int rc = password_line(from, fd, file, password);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

void password_warn(const char *file) {
    struct stat is;
    if (strcmp(file, "-") != 0 && stat(file, &is) == 0 && S_ISREG(is.st_mode) &&
        (is.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        say("%s can be read by other users; run: chmod 600 %s", file, file);
    }
}
