/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Help as plain text: a walk over the rows and texts of a command. */

#include "exits.h"
#include "pages.h"

#include <stdio.h>
#include <string.h>

enum { HELP_WIDTH = 98, HELP_TERM = 13, HELP_LEFT = 32 };

/* Prints words, folded, every line after the first behind `indent` spaces. */
static void print_folded(const char *text, size_t length, size_t indent) {
    size_t column = indent;
    while (length > 0) {
        const char *space = memchr(text, ' ', length);
        size_t word = space != NULL ? (size_t)(space - text) : length;
        size_t step = space != NULL ? word + 1 : word;
        if (column > indent && column + 1 + word > HELP_WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        }
        column += (size_t)printf("%s%.*s", column > indent ? " " : "", (int)word, text);
        text += step;
        length -= step;
    }
    putchar('\n');
}

/* Prints an item of a list: its term, then words beside it. */
static void print_item(const char *term, size_t length, const char *text, size_t text_length) {
    int printed = printf("  %-*.*s ", HELP_TERM, (int)length, term);
    print_folded(text, text_length, printed > 0 ? (size_t)printed : 0);
}

/* Prints a text in the form that command.h tells of. */
static void print_text(const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t term = strcspn(text, "\t\n");
        if (text[0] == ' ') {
            printf("%.*s\n", (int)length, text);
        } else if (text[term] == '\t') {
            print_item(text, term, text + term + 1, length - term - 1);
        } else {
            print_folded(text, length, 0);
        }
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static void print_row(const option *o) {
    char letter[] = {'-', o->letter, ',', ' ', '\0'};
    int printed = printf("  %s--%s%s%s", o->letter != 0 ? letter : "    ", o->name,
                         o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    if (printed < HELP_LEFT) {
        printf("%*s", HELP_LEFT - printed, "");
    } else {
        printf("\n%*s", HELP_LEFT, "");
    }
    print_folded(o->help, strlen(o->help), HELP_LEFT);
}

static void print_usage(const command *c) {
    for (const char *p = c->usage; *p != '\0';) {
        size_t length = strcspn(p, "\n");
        printf("  leveret %s %.*s\n", c->name, (int)length, p);
        p += length + (p[length] == '\n' ? 1 : 0);
    }
}

static void print_exits(const command *c) {
    printf("\nExit status:\n");
    const exit_row *row;
    for (int last = -1; (row = command_exit(c, last)) != NULL; last = row->code) {
        const char *text = row->text != NULL ? row->text : exit_meaning(row->code);
        char code[16];
        snprintf(code, sizeof code, row->code == EXIT_STOPPED ? EXIT_STOPPED_CODES : "%d",
                 row->code);
        print_item(code, strlen(code), text, strlen(text));
    }
}

static void print_environment(const command *c) {
    printf("\nEnvironment:\n");
    print_text(environment_of(c));
    if (c->environment != NULL) {
        print_text(c->environment);
    }
}

void command_help(const command *c) {
    option_walk w = {.command = c};
    const option *o;
    printf("leveret %s: %s\n\n", c->name, c->summary);
    print_usage(c);
    putchar('\n');
    print_text(c->about);
    while ((o = option_next(&w)) != NULL) {
        if (w.heads) {
            printf("\n%s:\n", c->options[w.group].table->title);
        }
        print_row(o);
    }
    print_exits(c);
    print_environment(c);
    printf("\nExamples:\n");
    for (const char *p = c->examples; *p != '\0';) {
        size_t length = strcspn(p, "\n");
        printf("  %.*s\n", (int)length, p);
        p += length + (p[length] == '\n' ? 1 : 0);
    }
}

void commands_overview(FILE *to) {
    fprintf(to, "leveret: an AMQP 0-9-1 client\n\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(to, "  leveret %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(to, "  leveret %-10s %s\n", "help", "this, or with a command's name its options");
    fprintf(to, "  leveret %-10s %s\n", "--version", "the version");
}
