/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* SIGHUP, SIGINT and SIGTERM: the first asks for an orderly end, the second ends at once. SIGUSR1
 * asks for the counters. */

#ifndef TOOLS_SIGNALS_H
#define TOOLS_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Installs the handlers; every signal ends the process at once with 128 + its number until
 * signals_defer is called. SIGPIPE is ignored: a closed stdout is an error of write. Returns false
 * where the system has no descriptors left. */
bool signals_init(void);

/* From now on there is work that is worth finishing: the first signal is only noted. */
void signals_defer(void);

/* Returns the signal that was noted, or 0. */
int signals_caught(void);

/* Returns whether SIGUSR1 came since signals_answer was called last. */
bool signals_asked(void);

/* Says that the counters are being told; signals_caught has to be asked afterwards. */
void signals_answer(void);

/* Returns a descriptor that is readable once a signal was noted. */
int signals_fd(void);

/* Returns a descriptor that is readable once a child process ended, until signals_children_seen. */
int signals_children_fd(void);
void signals_children_seen(void);

/* A process group that a second signal ends together with us, or one less. */
void signals_add_group(pid_t group);
void signals_remove_group(pid_t group);

#endif
