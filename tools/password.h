/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Passwords that come from files, descriptors and people. */

#ifndef TOOLS_PASSWORD_H
#define TOOLS_PASSWORD_H

/* What came from files. */
typedef struct secrets {
    char *password;
    char *key_password;
} secrets;

/* Reads the first line of a file that option `from` names, `-` for stdin, or of a descriptor, of
 * which nothing more is taken, into `*password`, to be freed by password_free. On a terminal it
 * asks, and shows nothing of what is typed. Returns EXIT_DONE, or another code after a line on
 * stderr. */
int password_read(const char *from, const char *file, char **password);
int password_read_fd(const char *from, int fd, char **password);

/* Warns where other users can read the file. */
void password_warn(const char *file);

/* Cleanses and frees; NULL is fine. */
void password_free(char *password);

#endif
