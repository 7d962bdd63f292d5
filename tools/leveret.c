/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The command `leveret`: one subcommand a job, each a row in one table. Here only what comes before
 * a job: which one, its options, its help. */

#include "exits.h"
#include "options.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>

static const command *const commands[] = {&publish_command, &consume_command, NULL};

static const command *command_find(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static void print_overview(FILE *to) {
    fprintf(to, "leveret: an AMQP 0-9-1 client\n\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(to, "  leveret %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(to, "  leveret %-10s %s\n", "help", "this, or with a command's name its options");
    fprintf(to, "  leveret %-10s %s\n", "--version", "the version");
}

static int unknown_command(const char *name) {
    return say_and(EXIT_USAGE, "unknown command \"%s\"; see: leveret help", name);
}

static int run_help(int argc, char **argv) {
    const command *c = argc > 0 ? command_find(argv[0]) : NULL;
    if (argc > 0 && c == NULL) {
        return unknown_command(argv[0]);
    }
    if (c != NULL) {
        options_help(c);
    } else {
        print_overview(stdout);
    }
    return EXIT_DONE;
}

static int run_command(const command *c, char **argv) {
    settings s;
    int rc = options_parse(c, argv, &s);
    if (rc < 0 && !signals_init()) {
        rc = say_and(EXIT_INTERNAL, "cannot watch for signals; close some files and try again");
    }
    if (rc < 0) {
        rc = c->run(&s);
    }
    options_forget(&s);
    return rc;
}

/* stdout may be a full disk or a closed pipe: what could not be written is an error, too. */
static int finish(int rc) {
    if (fflush(stdout) != 0 && rc == EXIT_DONE) {
        return say_and(EXIT_OUTPUT, "cannot write to stdout");
    }
    return rc;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stderr);
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
