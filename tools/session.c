/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* All URLs are taken apart before the first connect, so that a bad one is a usage error and never
 * comes up halfway. Then hosts are tried in order; only one that cannot be reached leads to the
 * next, for refused credentials are refused everywhere. */

#include "session.h"

#include "exits.h"
#include "target.h"

#include <stdio.h>
#include <string.h>

int session_blame(const char *doing, const lev_error *error, const char *remark) {
    bool opening = strcmp(doing, "connect") == 0;
    const char *advice = exit_advice(error, opening);
    say("%s: %s%s%s%s", doing, error->text, remark, *advice != '\0' ? "; " : "", advice);
    return exit_code_of(error, opening);
}

int session_fail(const session *s, const char *doing) {
    return session_blame(doing, lev_client_error(s->client), "");
}

/* Connects, showing each event of it to whom it concerns. */
static lev_status session_login_with(session *s, const char *uri) {
    lev_event e = {.type = LEV_EVENT_NONE};
    lev_status status = lev_client_start(s->client, uri);
    while (status == LEV_OK && e.type != LEV_EVENT_OPEN) {
        status = lev_client_next(s->client, &e, LEV_FOREVER);
        if (status == LEV_OK && s->watch != NULL) {
            s->watch(s->watch_context, &e);
        }
    }
    return status;
}

/* Tries one host. Returns EXIT_DONE, EXIT_CONNECT where another may answer, or another code. */
static int session_try(session *s, const target *t) {
    lev_client_free(s->client);
    s->client = lev_client_new(&t->options);
    snprintf(s->where, sizeof s->where, "%s", t->uri);
    if (s->client == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    if (session_login_with(s, t->uri) != LEV_OK) {
        return session_fail(s, "connect");
    }
    if (s->settings->verbose) {
        say("connected to %s", s->where);
    }
    return EXIT_DONE;
}

/* Makes the targets of all URLs, or of the environment where none was given. */
static int targets_init(target *targets, size_t count, const settings *o, const secrets *given) {
    int rc = EXIT_DONE;
    for (size_t i = 0; i < count && rc == EXIT_DONE; i++) {
        rc = target_init(&targets[i], o, o->urls.count > 0 ? o->urls.items[i] : NULL, given);
    }
    return rc;
}

static int secrets_read(secrets *given, const settings *o) {
    int rc = EXIT_DONE;
    if (o->password_file != NULL) {
        rc = password_read("password-file", o->password_file, &given->password);
    } else if (o->password_fd != SETTING_UNSET) {
        rc = password_read_fd("password-fd", (int)o->password_fd, &given->password);
    }
    if (rc == EXIT_DONE && o->key_password_file != NULL) {
        rc = password_read("key-password-file", o->key_password_file, &given->key_password);
    }
    return rc;
}

int session_open(session *s, const settings *o) {
    *s = (session){.settings = o};
    return session_connect(s);
}

int session_connect(session *s) {
    const settings *o = s->settings;
    target targets[SETTINGS_URLS] = {0};
    size_t count = o->urls.count > 0 ? o->urls.count : 1;
    secrets given = {NULL, NULL};
    int rc = secrets_read(&given, o);
    if (rc == EXIT_DONE) {
        rc = targets_init(targets, count, o, &given);
    }
    if (rc == EXIT_DONE) {
        rc = EXIT_CONNECT;
        for (size_t i = 0; i < count && rc == EXIT_CONNECT; i++) {
            rc = session_try(s, &targets[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        target_deinit(&targets[i]);
    }
    password_free(given.password);
    password_free(given.key_password);
    if (rc == EXIT_DONE &&
        lev_client_channel_open(s->client, CHANNEL, &(lev_channel_open){0}, NULL) != LEV_OK) {
        rc = session_fail(s, "open a channel");
    }
    return rc;
}

int session_run(settings *o, const char *name, session_work *work) {
    session s;
    o->name = o->name != NULL ? o->name : name;
    int rc = session_open(&s, o);
    if (rc == EXIT_DONE) {
        rc = work(&s, o);
    }
    session_close(&s);
    return rc;
}

int session_close(session *s) {
    int rc = EXIT_DONE;
    if (s->client != NULL && lev_client_close(s->client) != LEV_OK) {
        rc = exit_code_of(lev_client_error(s->client), false);
    }
    lev_client_free(s->client);
    s->client = NULL;
    return rc;
}

static int declare_exchange(const session *s, const declare_settings *what) {
    lev_exchange_declare fields = {
        .exchange = lev_span_of(what->exchange),
        .type = lev_span_of(what->type != NULL ? what->type : "direct"),
        .durable = true,
    };
    char doing[300];
    if (lev_client_exchange_declare(s->client, CHANNEL, &fields, NULL) == LEV_OK) {
        return EXIT_DONE;
    }
    snprintf(doing, sizeof doing, "declare exchange \"%s\"", what->exchange);
    return session_fail(s, doing);
}

static int declare_queue(const session *s, const char *queue) {
    lev_queue_declare fields = {.queue = lev_span_of(queue), .durable = true};
    char doing[300];
    if (lev_client_queue_declare(s->client, CHANNEL, &fields, NULL) == LEV_OK) {
        return EXIT_DONE;
    }
    snprintf(doing, sizeof doing, "declare queue \"%s\"", queue);
    return session_fail(s, doing);
}

int session_declare(const session *s, const declare_settings *what) {
    if (!what->on) {
        return EXIT_DONE;
    }
    return what->exchange != NULL ? declare_exchange(s, what) : declare_queue(s, what->queue);
}
