/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Parsing looks a row up by letter or name and hands the value to the row's kind, so no command has
 * parsing code of its own. The first table that has a letter or a name wins, so a command can give
 * a shared one another meaning, or take all letters of a shared table away. Everything here happens
 * before anything is connected. */

#include "options.h"

#include "command.h"
#include "exits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where parsing stands. */
typedef struct parser {
    const command *command;
    settings *into;
    char **next; /* the arguments that are left, up to a NULL */
} parser;

/* Has a group before the walk's an option of that name? */
static bool option_shadowed(const option_walk *w, const char *name) {
    for (size_t g = 0; g < w->group; g++) {
        const option_table *table = w->command->options[g].table;
        for (size_t i = 0; i < table->count; i++) {
            if (strcmp(table->rows[i].name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Takes the row as it is in this command. */
static const option *option_found(option_walk *w, const option_group *g, const option *o) {
    w->base = g->base;
    w->heads = w->heard != w->group + 1;
    w->heard = w->group + 1;
    if (!g->long_only) {
        return o;
    }
    w->plain = *o;
    w->plain.letter = 0;
    return &w->plain;
}

const option *option_next(option_walk *w) {
    const option_group *groups = w->command->options;
    while (w->group < COMMAND_GROUPS && groups[w->group].table != NULL) {
        const option_group *g = &groups[w->group];
        while (w->next < g->table->count) {
            const option *o = &g->table->rows[w->next++];
            if (!option_shadowed(w, o->name)) {
                return option_found(w, g, o);
            }
        }
        w->group++;
        w->next = 0;
    }
    return NULL;
}

static void *option_place(settings *s, const option_walk *w, const option *o) {
    return (char *)s + w->base + o->at;
}

static const option *option_lettered(option_walk *w, char letter) {
    const option *o;
    do {
        o = option_next(w);
    } while (o != NULL && o->letter != letter);
    return o;
}

static const option *option_named(option_walk *w, const char *name, size_t length) {
    const option *o;
    do {
        o = option_next(w);
    } while (o != NULL && (strlen(o->name) != length || memcmp(o->name, name, length) != 0));
    return o;
}

static int unknown_option(const parser *p, const char *what) {
    return say_and(EXIT_USAGE, "unknown option %s; see: leveret help %s", what, p->command->name);
}

/* Stores an option whose value is attached, follows as the next argument, or is not wanted. `w`
 * has just found it. */
static int option_take(parser *p, const option_walk *w, const option *o, char *attached) {
    static char none[] = "";
    if (o->store == NULL) {
        command_help(p->command);
        return EXIT_DONE;
    }
    if (o->value != NULL && attached == NULL) {
        attached = *p->next;
        if (attached == NULL) {
            return say_and(EXIT_USAGE, "--%s needs a value: %s", o->name, o->value);
        }
        p->next++;
    }
    return o->store(o, attached != NULL ? attached : none, option_place(p->into, w, o));
}

static int parse_long(parser *p, char *text) {
    size_t length = strcspn(text, "=");
    option_walk w = {.command = p->command};
    const option *o = option_named(&w, text, length);
    char *attached = text[length] == '=' ? text + length + 1 : NULL;
    if (o == NULL) {
        char name[64];
        snprintf(name, sizeof name, "--%.*s", (int)(length < 60 ? length : 60), text);
        return unknown_option(p, name);
    }
    if (o->value == NULL && attached != NULL) {
        return say_and(EXIT_USAGE, "--%s takes no value", o->name);
    }
    return option_take(p, &w, o, attached);
}

static int parse_letters(parser *p, char *text) {
    for (; *text != '\0'; text++) {
        option_walk w = {.command = p->command};
        const option *o = option_lettered(&w, *text);
        char name[] = {'-', *text, '\0'};
        int rc;
        if (o == NULL) {
            return unknown_option(p, name);
        }
        if (o->value != NULL) {
            return option_take(p, &w, o, text[1] != '\0' ? text + 1 : NULL);
        }
        rc = option_take(p, &w, o, NULL);
        if (rc >= 0) {
            return rc;
        }
    }
    return -1;
}

int options_parse(const command *c, char **argv, settings *s) {
    parser p = {.command = c, .into = s, .next = argv};
    bool ended = false;
    int rc = -1;
    memcpy(s, c->defaults, c->size);
    s->args = argv; /* what is no option moves to the front of the same array */
    while (rc < 0 && *p.next != NULL) {
        char *text = *p.next++;
        if (ended || text[0] != '-' || text[1] == '\0') {
            s->args[s->arg_count++] = text;
            s->loose += ended ? 0 : 1;
        } else if (strcmp(text, "--") == 0) {
            ended = s->dashed = true;
        } else {
            rc = text[1] == '-' ? parse_long(&p, text + 2) : parse_letters(&p, text + 1);
        }
    }
    s->args[s->arg_count] = NULL; /* which is how a command is run */
    return rc;
}

static void forget_urls(url_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        explicit_bzero(list->items[i], strlen(list->items[i]));
        free(list->items[i]);
    }
    list->count = 0;
}

void options_forget(const command *c, settings *s) {
    option_walk w = {.command = c};
    const option *o;
    while ((o = option_next(&w)) != NULL) {
        void *place = o->store != NULL ? option_place(s, &w, o) : NULL;
        if (o->store == option_texts) {
            text_list *list = place;
            free(list->items);
            *list = (text_list){NULL, 0};
        } else if (o->store == option_entry) {
            buffer_deinit(place);
        } else if (o->store == option_url) {
            forget_urls(place);
        }
    }
}
