/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Man pages: the same rows and texts as help, as roff. Running text is folded here, a line a
 * sentence, so that the source of a page can be read and compared. */

#include "pages.h"

#include "exits.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { ROFF_WIDTH = 72 };
#define ROFF_DATE "2026-11-23"

static void roff_char(char c) {
    switch (c) {
    case '\\':
        fputs("\\e", stdout);
        break;
    case '-':
        fputs("\\-", stdout);
        break;
    case '\'':
        fputs("\\(aq", stdout);
        break;
    case '`':
        fputs("\\(ga", stdout);
        break;
    case '^':
        fputs("\\(ha", stdout);
        break;
    case '~':
        fputs("\\(ti", stdout);
        break;
    default:
        putchar(c);
    }
}

static void roff_chars(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        roff_char(text[i]);
    }
}

/* Prints a word; what looks like an option in it is bold. */
static void roff_word(const char *text, size_t length) {
    size_t start = strspn(text, "([|\"");
    size_t end = start;
    if (start < length && text[start] == '-') {
        while (end < length && (text[end] == '-' || isalnum((unsigned char)text[end]))) {
            end++;
        }
    }
    if (end <= start + 1) {
        roff_chars(text, length);
        return;
    }
    roff_chars(text, start);
    fputs("\\fB", stdout);
    roff_chars(text + start, end - start);
    fputs("\\fR", stdout);
    roff_chars(text + end, length - end);
}

/* Does a word end a sentence? */
static bool sentence_ends(const char *text, size_t length) {
    return length > 1 &&
           (text[length - 1] == '.' || (text[length - 1] == ')' && text[length - 2] == '.'));
}

/* Prints words as lines of running text. */
static void roff_words(const char *text, size_t length) {
    size_t column = 0;
    while (length > 0) {
        const char *space = memchr(text, ' ', length);
        size_t word = space != NULL ? (size_t)(space - text) : length;
        size_t step = space != NULL ? word + 1 : word;
        if (column > 0 && column + 1 + word > ROFF_WIDTH) {
            putchar('\n');
            column = 0;
        }
        if (column == 0 && (text[0] == '.' || text[0] == '\'')) {
            fputs("\\&", stdout);
        }
        fputs(column > 0 ? " " : "", stdout);
        roff_word(text, word);
        column += word + 1;
        if (sentence_ends(text, word)) {
            column = ROFF_WIDTH;
        }
        text += step;
        length -= step;
    }
    putchar('\n');
}

/* Prints lines as they are. */
static void roff_literal(const char *text, size_t length) {
    fputs(length > 0 && (text[0] == '.' || text[0] == '\'') ? "\\&" : "", stdout);
    roff_chars(text, length);
    putchar('\n');
}

static void roff_item(const char *term, size_t term_length, const char *text, size_t length) {
    fputs(".TP\n\\fB", stdout);
    roff_chars(term, term_length);
    fputs("\\fR\n", stdout);
    roff_words(text, length);
}

/* Prints a text in the form that command.h tells of. */
static void roff_text(const char *text) {
    bool literal = false;
    bool parted = false; /* by an empty line, from what came before */
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t term = strcspn(text, "\t\n");
        bool kept = text[0] == ' ';
        bool item = text[term] == '\t';
        if (literal && !kept) {
            puts(".EE");
        }
        if (parted && !item && length > 0) {
            puts(".PP");
        }
        if (kept && !literal) {
            puts(".EX");
        }
        if (kept) {
            roff_literal(text, length);
        } else if (item) {
            roff_item(text, term, text + term + 1, length - term - 1);
        } else if (length > 0) {
            roff_words(text, length);
        }
        literal = kept;
        parted = length == 0;
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    if (literal) {
        puts(".EE");
    }
}

static void roff_heading(const char *macro, const char *title) {
    printf("%s ", macro);
    for (; *title != '\0'; title++) {
        roff_char(macro[2] == 'H' ? (char)toupper((unsigned char)*title) : *title);
    }
    putchar('\n');
}

/* Prints a form of the command: what is typed bold, what is replaced italic. */
static void roff_form(const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t end = i;
        bool dashed = text[i] == '-';
        while (end < length && (dashed ? text[end] == '-' || isalnum((unsigned char)text[end])
                                       : isupper((unsigned char)text[end]))) {
            end++;
        }
        if (end > i + (dashed ? 1u : 0u)) {
            fputs(dashed ? "\\fB" : "\\fI", stdout);
            roff_chars(text + i, end - i);
            fputs("\\fR", stdout);
            i = end;
        } else {
            roff_char(text[i++]);
        }
    }
    putchar('\n');
}

static void roff_synopsis(const char *name, const char *usage) {
    roff_heading(".SH", "Synopsis");
    for (bool first = true; *usage != '\0' || first; first = false) {
        size_t length = strcspn(usage, "\n");
        printf("%s\\fBleveret%s", first ? "" : ".br\n", *name != '\0' ? " " : "");
        roff_chars(name, strlen(name));
        fputs("\\fR ", stdout);
        roff_form(usage, length);
        usage += length + (usage[length] == '\n' ? 1 : 0);
    }
}

/* Prints a help text as a sentence. */
static void roff_sentence(const char *text) {
    char line[512];
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    snprintf(line, sizeof line, "%s.", text);
    if (word > 0 && strchr(" ,'", text[word]) != NULL) {
        line[0] = (char)toupper((unsigned char)line[0]);
    }
    roff_words(line, strlen(line));
}

static void roff_option(const option *o) {
    fputs(".TP\n", stdout);
    if (o->letter != 0) {
        printf("\\fB\\-%c\\fR, ", o->letter);
    }
    fputs("\\fB\\-\\-", stdout);
    roff_chars(o->name, strlen(o->name));
    fputs("\\fR", stdout);
    if (o->value != NULL) {
        fputs(" \\fI", stdout);
        roff_chars(o->value, strlen(o->value));
        fputs("\\fR", stdout);
    }
    putchar('\n');
    roff_sentence(o->help);
}

static void roff_options(const command *c) {
    option_walk w = {.command = c};
    const option *o;
    while ((o = option_next(&w)) != NULL) {
        if (w.heads) {
            roff_heading(w.group == 0 ? ".SH" : ".SS",
                         w.group == 0 ? "Options" : c->options[w.group].table->title);
        }
        roff_option(o);
    }
}

static void roff_exits(const command *c) {
    roff_heading(".SH", "Exit status");
    const exit_row *row;
    for (int last = -1; (row = command_exit(c, last)) != NULL; last = row->code) {
        if (row->code == EXIT_STOPPED) {
            printf(".TP\n\\fB" EXIT_STOPPED_CODES "\\fR\n");
        } else {
            printf(".TP\n\\fB%d\\fR\n", row->code);
        }
        roff_sentence(row->text != NULL ? row->text : exit_meaning(row->code));
    }
}

static void roff_examples(const char *examples) {
    roff_heading(".SH", "Examples");
    puts(".EX");
    while (*examples != '\0') {
        size_t length = strcspn(examples, "\n");
        roff_literal(examples, length);
        examples += length + (examples[length] == '\n' ? 1 : 0);
    }
    puts(".EE");
}

/* The overview refers to all pages, each of them to the overview. */
static void roff_see_also(const command *c) {
    roff_heading(".SH", "See also");
    if (c != &overview) {
        puts(".BR leveret (1)");
        return;
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf(".BR leveret\\-%s (1)%s\n", commands[i]->name, commands[i + 1] != NULL ? "," : "");
    }
}

static void roff_commands(void) {
    roff_heading(".SH", "Commands");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf(".TP\n\\fB%s\\fR\n", commands[i]->name);
        roff_sentence(commands[i]->summary);
    }
}

void page_manual(const command *c) {
    const char *dash = c == &overview ? "" : "-";
    const char *name = c == &overview ? "" : c->name;
    char title[64];
    puts(".\\\" SPDX-License-Identifier: MIT\n.\\\" Copyright (c) 2026 The Leveret authors");
    snprintf(title, sizeof title, "leveret%s%s", dash, name);
    fputs(".TH ", stdout);
    for (const char *p = title; *p != '\0'; p++) {
        roff_char((char)toupper((unsigned char)*p));
    }
    printf(" 1 %s \"leveret %s\" \"Leveret\"\n", ROFF_DATE, LEV_VERSION);
    roff_heading(".SH", "Name");
    roff_chars(title, strlen(title));
    fputs(" \\- ", stdout);
    roff_chars(c->summary, strlen(c->summary));
    putchar('\n');
    roff_synopsis(name, c->usage);
    if (c == &overview) {
        roff_commands();
    }
    roff_heading(".SH", "Description");
    roff_text(c->about);
    roff_options(c);
    for (const section *s = c->sections; s->title != NULL; s++) {
        roff_heading(".SH", s->title);
        roff_text(s->text);
    }
    roff_exits(c);
    roff_heading(".SH", "Environment");
    roff_text(environment_of(c));
    if (c->environment != NULL) {
        roff_text(c->environment);
    }
    roff_examples(c->examples);
    roff_see_also(c);
}
