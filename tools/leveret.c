/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The command `leveret`: one subcommand a job. Here only what comes before a job: which one, its
 * options, its help. */

#include "command.h"
#include "exits.h"
#include "pages.h"
#include "signals.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int unknown_command(const char *name) {
    return say_and(EXIT_USAGE, "unknown command \"%s\"; see: leveret help", name);
}

/* help --list, help --man [COMMAND] and help --completion SHELL: for make. */
static int run_pages(const char *kind, const char *name) {
    const command *c = name != NULL ? command_find(name) : &overview;
    if (strcmp(kind, "--list") == 0) {
        for (size_t i = 0; commands[i] != NULL; i++) {
            puts(commands[i]->name);
        }
        return EXIT_DONE;
    }
    if (strcmp(kind, "--completion") == 0 && name != NULL && page_completion(name)) {
        return EXIT_DONE;
    }
    if (strcmp(kind, "--man") != 0 || c == NULL) {
        return say_and(EXIT_USAGE, "help %s %s: there is no such page", kind,
                       name != NULL ? name : "");
    }
    page_manual(c);
    return EXIT_DONE;
}

static int run_help(int argc, char **argv) {
    if (argc > 0 && argv[0][0] == '-') {
        return run_pages(argv[0], argv[1]);
    }
    const command *c = argc > 0 ? command_find(argv[0]) : NULL;
    if (argc > 0 && c == NULL) {
        return unknown_command(argv[0]);
    }
    if (c != NULL) {
        command_help(c);
    } else {
        commands_overview(stdout);
    }
    return EXIT_DONE;
}

static int run_command(const command *c, char **argv) {
    settings *s = malloc(c->size);
    if (s == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    int rc = options_parse(c, argv, s);
    if (rc < 0 && !signals_init()) {
        rc = say_and(EXIT_INTERNAL, "cannot watch for signals; close some files and try again");
    }
    if (rc < 0) {
        rc = c->run(s);
    }
    options_forget(c, s);
    free(s);
    return rc;
}

/* stdout may be a full disk or a closed pipe: what could not be written is an error, too. */
static int finish(int rc) {
    if (fflush(stdout) != 0 && rc == EXIT_DONE) {
        return say_and(EXIT_OUTPUT, "cannot write to stdout");
    }
    return rc;
}

/* Where stdin, stdout or stderr is closed, the next pipe or connection would take its number, and
 * messages would go into it. A folder can be neither read nor written. */
static void occupy_standard_descriptors(void) {
    int fd;
    do {
        fd = open("/", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

int main(int argc, char **argv) {
    occupy_standard_descriptors();
    if (argc < 2) {
        commands_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        return finish(run_help(argc - 2, argv + 2));
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("leveret %s\n", LEV_VERSION);
        return finish(EXIT_DONE);
    }
    const command *c = command_find(argv[1]);
    return c != NULL ? finish(run_command(c, argv + 2)) : unknown_command(argv[1]);
}
