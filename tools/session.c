/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* All URLs are taken apart before the first connect, so that a bad one is a usage error and never
 * comes up halfway. Then hosts are tried in order; only one that cannot be reached leads to the
 * next, for refused credentials are refused everywhere.
 *
 * A command that reconnects leaves this to the library, which needs all hosts at once. Then what
 * belongs to one URL travels inside it, credentials included, and the options that go beside are
 * those of none. */

#include "session.h"

#include "exits.h"
#include "password.h"
#include "target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

void session_tell_recovery(const session *s, const lev_event *e) {
    if (s->settings->quiet) {
        return;
    }
    if (e->type == LEV_EVENT_RECOVERING) {
        say("connection lost: %s; reconnecting", e->error->text);
    } else {
        say("connected again");
    }
}

void session_tell_counters(const session *s) {
    lev_counters c = lev_client_counters(s->client);
    say("connection to %s: %" PRIu64 " bytes sent, %" PRIu64 " bytes came; messages: %" PRIu64
        " sent, %" PRIu64 " delivered, %" PRIu64 " sent back, %" PRIu64
        " unconfirmed; bytes kept: %zu to be written, %zu unread, %zu unfinished, %zu of events, "
        "%zu until confirmed; blocked for %" PRIu64 " ms, %" PRIu64 " reconnects",
        s->where, c.bytes_sent, c.bytes_received, c.published, c.delivered, c.returned,
        c.unconfirmed, c.queued, c.unread, c.assembled, c.kept, c.unsettled, c.blocked_ms,
        c.reconnects);
}

static lev_recovery_verdict session_hear(void *context, const lev_recovery_news *news) {
    const session *s = context;
    const lev_method *m = news->method;
    if (news->stage == LEV_RECOVERY_WAITING && news->attempt == 0) {
        say("connect: %s", news->error->text);
    } else if (news->stage == LEV_RECOVERY_WAITING && s->settings->verbose) {
        say("reconnecting, attempt %" PRIu32 " in %" PRIu32 " ms: %s", news->attempt, news->wait_ms,
            news->error->text);
    }
    if (s->consumed != NULL && m != NULL && m->id == LEV_BASIC_CONSUME) {
        lev_span queue = m->as.basic_consume.queue;
        memcpy(s->consumed, queue.ptr, queue.len);
        s->consumed[queue.len] = '\0';
    }
    return LEV_RECOVERY_DEFAULT;
}

/* What is published must not wait inside the library, where signals are not seen. */
static void session_retry(session *s, lev_client_options *o) {
    uint64_t retry = s->settings->retry;
    bool publishes = s->settings->window > 0;
    o->when_blocked = publishes ? LEV_PUBLISH_REFUSE : LEV_PUBLISH_WAIT;
    if (retry == 0) {
        return;
    }
    o->recovery = (lev_recovery_options){
        .on = true,
        .attempts = retry != SETTING_UNSET ? (uint32_t)retry : 0,
        .retransmit = publishes,
        .ledger_count = s->settings->window > LEV_LEDGER_COUNT ? (size_t)s->settings->window : 0,
        .hook = session_hear,
        .context = s,
    };
}

/* Tries one host, or those among the options, too. Returns EXIT_DONE, EXIT_CONNECT where another
 * may answer, or another code. */
static int session_try(session *s, const lev_client_options *options, const char *uri) {
    lev_client_options o = *options;
    session_retry(s, &o);
    lev_client_free(s->client);
    trace_deinit(&s->trace);
    o.tracer = trace_init(&s->trace, s->settings);
    s->client = lev_client_new(&o);
    if (s->client == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory");
    }
    if (session_login_with(s, uri) != LEV_OK) {
        return session_fail(s, "connect");
    }
    if (s->settings->verbose) {
        say("connected to %s", s->where);
    }
    return EXIT_DONE;
}

static int session_try_each(session *s, const target *targets, size_t count) {
    int rc = EXIT_CONNECT;
    for (size_t i = 0; i < count && rc == EXIT_CONNECT; i++) {
        snprintf(s->where, sizeof s->where, "%s", targets[i].uri);
        rc = session_try(s, &targets[i].options, targets[i].uri);
    }
    return rc;
}

/* Gives all hosts to one client. */
static int session_try_all(session *s, const target *targets, size_t count, const secrets *given) {
    char *uris[SETTINGS_URLS] = {NULL};
    target any;
    settings of_none = *s->settings;
    of_none.tls_elsewhere = true;
    int rc = target_init(&any, &of_none, "amqp://", given);
    for (size_t i = 0; i < count && rc == EXIT_DONE; i++) {
        uris[i] = target_secret_uri(&targets[i], s->settings->urls.items[i]);
        rc = uris[i] != NULL ? EXIT_DONE : say_and(EXIT_INTERNAL, "out of memory");
    }
    if (rc == EXIT_DONE) {
        any.options.uris = (const char *const *)uris + 1;
        any.options.uri_count = count - 1;
        snprintf(s->where, sizeof s->where, "%.80s or %zu more", targets[0].uri, count - 1);
        rc = session_try(s, &any.options, uris[0]);
    }
    for (size_t i = 0; i < count; i++) {
        password_free(uris[i]);
    }
    target_deinit(&any);
    return rc;
}

/* Makes the targets of all URLs, or of the environment where none was given. */
static int targets_init(target *targets, size_t count, const settings *o, const secrets *given) {
    int rc = EXIT_DONE;
    for (size_t i = 0; i < count && rc == EXIT_DONE; i++) {
        rc = target_init(&targets[i], o, o->urls.count > 0 ? o->urls.items[i] : NULL, given);
    }
    return rc;
}

int session_read_secrets(secrets *given, const settings *o) {
    const char *const files[] = {o->password_file, o->key_password_file};
    int rc = EXIT_DONE;
    for (size_t i = 0; i < LEV_COUNTOF(files) && !o->quiet; i++) {
        if (files[i] != NULL) {
            password_warn(files[i]);
        }
    }
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

static bool is_secure(const char *url) {
    return url != NULL && strncasecmp(url, "amqps:", strlen("amqps:")) == 0;
}

bool session_asks_for_tls(const url_list *urls) {
    bool secure = urls->count == 0 && is_secure(getenv("AMQP_URL"));
    for (size_t i = 0; i < urls->count; i++) {
        secure = secure || is_secure(urls->items[i]);
    }
    return secure;
}

void session_forget_secrets(secrets *given) {
    password_free(given->password);
    password_free(given->key_password);
    *given = (secrets){NULL, NULL};
}

int session_open(session *s, const settings *o) {
    *s = (session){.settings = o};
    return session_connect(s);
}

int session_connect(session *s) {
    const settings *o = s->settings;
    target targets[SETTINGS_URLS] = {0};
    size_t count = o->urls.count > 0 ? o->urls.count : 1;
    secrets own = {NULL, NULL};
    const secrets *given = s->secrets != NULL ? s->secrets : &own;
    int rc = s->secrets != NULL ? EXIT_DONE : session_read_secrets(&own, o);
    if (rc == EXIT_DONE) {
        rc = targets_init(targets, count, o, given);
    }
    if (rc == EXIT_DONE) {
        rc = o->retry != 0 && count > 1 ? session_try_all(s, targets, count, given)
                                        : session_try_each(s, targets, count);
    }
    for (size_t i = 0; i < count; i++) {
        target_deinit(&targets[i]);
    }
    session_forget_secrets(&own);
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
    if (s->client != NULL && !s->recovering && lev_client_close(s->client) != LEV_OK) {
        rc = exit_code_of(lev_client_error(s->client), false);
    }
    lev_client_free(s->client);
    s->client = NULL;
    trace_deinit(&s->trace);
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
