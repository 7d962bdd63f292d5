/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Completion scripts for three shells, each a walk over the commands and their rows. A value of the
 * form "a|b" is one of these words, one called FILE or DIR is a path; nothing is offered for the
 * others. */

#include "pages.h"

#include <stdio.h>
#include <string.h>

static bool is_path(const char *value) {
    return strcmp(value, "FILE") == 0 || strcmp(value, "DIR") == 0;
}

static bool is_choice(const char *value) { return strchr(value, '|') != NULL; }

/* Prints the words of "a|b" with spaces between. */
static void print_words(const char *choice) {
    for (; *choice != '\0'; choice++) {
        putchar(*choice == '|' ? ' ' : *choice);
    }
}

/* Prints text within single quotes of a shell, with a backslash before each of `special`. */
static void print_quoted(const char *text, const char *special) {
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
        } else {
            fputs(strchr(special, *text) != NULL ? "\\" : "", stdout);
            putchar(*text);
        }
    }
}

/* ---- bash --------------------------------------------------------------------------------------
 */

/* A row with a value: what may follow it. */
static void bash_value(const option *o) {
    printf("        --%s", o->name);
    if (o->letter != 0) {
        printf("|-%c", o->letter);
    }
    if (is_choice(o->value)) {
        fputs(") COMPREPLY=($(compgen -W \"", stdout);
        print_words(o->value);
        puts("\" -- \"$cur\")); return ;;");
    } else if (is_path(o->value)) {
        puts(") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;");
    } else {
        puts(") return ;;");
    }
}

static void bash_command(const command *c) {
    option_walk w = {.command = c};
    const option *o;
    printf("    %s)\n        case $prev in\n", c->name);
    while ((o = option_next(&w)) != NULL) {
        if (o->value != NULL) {
            bash_value(o);
        }
    }
    printf("        esac\n        words=\"");
    w = (option_walk){.command = c};
    while ((o = option_next(&w)) != NULL) {
        printf(o->letter != 0 ? "--%s -%c " : "--%s ", o->name, o->letter);
    }
    printf("\"\n        first=\"");
    print_words(c->words != NULL ? c->words : "");
    puts("\"\n        ;;");
}

static void bash_script(void) {
    puts("# bash completion of leveret; made from its tables of options\n"
         "_leveret() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= first=\n"
         "    COMPREPLY=()\n"
         "    if ((COMP_CWORD == 1)); then");
    printf("        COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("%s ", commands[i]->name);
    }
    puts("help --help --version\" -- \"$cur\"))\n"
         "        return\n"
         "    fi\n"
         "    case ${COMP_WORDS[1]} in");
    for (size_t i = 0; commands[i] != NULL; i++) {
        bash_command(commands[i]);
    }
    printf("    help) first=\"");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("%s ", commands[i]->name);
    }
    puts("\" ;;\n"
         "    esac\n"
         "    if [[ $cur == -* ]]; then\n"
         "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "    elif ((COMP_CWORD == 2)) && [[ -n $first ]]; then\n"
         "        COMPREPLY=($(compgen -W \"$first\" -- \"$cur\"))\n"
         "    else\n"
         "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
         "    fi\n"
         "}\n"
         "complete -F _leveret leveret");
}

/* ---- zsh ---------------------------------------------------------------------------------------
 */

static void zsh_row(const option *o) {
    if (o->letter != 0) {
        printf("            {-%c,--%s}'[", o->letter, o->name);
    } else {
        printf("            '--%s[", o->name);
    }
    print_quoted(o->help, "[]:\\");
    putchar(']');
    if (o->value != NULL) {
        putchar(':');
        print_quoted(is_choice(o->value) ? "value" : o->value, "[]:\\");
        putchar(':');
        if (is_choice(o->value)) {
            putchar('(');
            print_words(o->value);
            putchar(')');
        } else if (is_path(o->value)) {
            fputs("_files", stdout);
        }
    }
    puts("' \\");
}

static void zsh_command(const command *c) {
    option_walk w = {.command = c};
    const option *o;
    printf("    %s)\n        _arguments \\\n", c->name);
    while ((o = option_next(&w)) != NULL) {
        zsh_row(o);
    }
    if (c->words != NULL) {
        printf("            '1:kind:(");
        print_words(c->words);
        puts(")' \\");
    }
    puts("            '*:argument:_files' ;;");
}

static void zsh_script(void) {
    puts("#compdef leveret\n"
         "# zsh completion of leveret; made from its tables of options\n"
         "_leveret() {\n"
         "    local -a names=(");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("        '%s:", commands[i]->name);
        print_quoted(commands[i]->summary, ":\\");
        puts("'");
    }
    puts("        'help:this, or with the name of a command its options'\n"
         "    )\n"
         "    if ((CURRENT == 2)); then\n"
         "        _describe command names\n"
         "        return\n"
         "    fi\n"
         "    shift words\n"
         "    ((CURRENT--))\n"
         "    case $words[1] in");
    for (size_t i = 0; commands[i] != NULL; i++) {
        zsh_command(commands[i]);
    }
    puts("    help) _describe command names ;;\n"
         "    esac\n"
         "}\n"
         "_leveret \"$@\"");
}

/* ---- fish --------------------------------------------------------------------------------------
 */

static void fish_row(const command *c, const option *o) {
    printf("complete -c leveret -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (o->letter != 0) {
        printf(" -s %c", o->letter);
    }
    if (o->value != NULL && is_choice(o->value)) {
        fputs(" -x -a '", stdout);
        print_words(o->value);
        putchar('\'');
    } else if (o->value != NULL) {
        fputs(is_path(o->value) ? " -r -F" : " -x", stdout);
    }
    fputs(" -d '", stdout);
    for (const char *p = o->help; *p != '\0'; p++) {
        fputs(*p == '\'' || *p == '\\' ? "\\" : "", stdout);
        putchar(*p);
    }
    puts("'");
}

static void fish_script(void) {
    puts("# fish completion of leveret; made from its tables of options");
    for (size_t i = 0; commands[i] != NULL; i++) {
        const command *c = commands[i];
        option_walk w = {.command = c};
        const option *o;
        printf("complete -c leveret -n __fish_use_subcommand -f -a %s -d '%s'\n", c->name,
               c->summary);
        if (c->words != NULL) {
            printf("complete -c leveret -n '__fish_seen_subcommand_from %s' -f -a '", c->name);
            print_words(c->words);
            puts("'");
        }
        while ((o = option_next(&w)) != NULL) {
            fish_row(c, o);
        }
    }
    puts("complete -c leveret -n __fish_use_subcommand -f -a help -d 'an overview'");
}

bool page_completion(const char *shell) {
    static const struct {
        const char *shell;
        void (*print)(void);
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (strcmp(scripts[i].shell, shell) == 0) {
            scripts[i].print();
            return true;
        }
    }
    return false;
}
