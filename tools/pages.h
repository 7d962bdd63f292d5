/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What is made of the commands' rows and texts besides their help: man pages and completions, to
 * stdout. `make` writes them to files. */

#ifndef TOOLS_PAGES_H
#define TOOLS_PAGES_H

#include "command.h"

/* The page of leveret itself: no command, but texts of the same form. */
extern const command overview;

/* Prints the man page of a command, or of the overview. */
void page_manual(const command *c);

/* Prints the completion script for a shell: bash, zsh or fish. Returns false for another name. */
bool page_completion(const char *shell);

/* Returns the rows of ENVIRONMENT that a command shares with others. */
const char *environment_of(const command *c);

#endif
