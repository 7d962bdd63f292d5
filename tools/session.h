/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A connection for one command: opened from the settings, with a channel 1, and with failures told
 * on stderr in one line each. */

#ifndef TOOLS_SESSION_H
#define TOOLS_SESSION_H

#include "options.h"
#include "trace.h"
#include "password.h"

enum { CHANNEL = 1, SESSION_WHERE = 128 };

typedef struct session {
    lev_client *client;
    const settings *settings;
    void (*watch)(void *context, const lev_event *e); /* sees the events of the login; or NULL */
    void *watch_context;
    const secrets *secrets;    /* read already, for a further session; or NULL */
    char where[SESSION_WHERE]; /* the URL without credentials */
    trace trace;
    bool recovering; /* the connection is lost, and being made again */
    char *consumed;  /* room for the name of the queue that is consumed from, or NULL: a reconnect
                        may give it another */
} session;

/* Connects to the first host that answers and opens channel 1. With --retry a connection that is
 * lost later is made again, to any of the hosts, and what publish and consume had begun goes on.
 * Returns EXIT_DONE, or another code after a line on stderr. The caller calls session_close in
 * every case. */
int session_open(session *s, const settings *o);

/* As session_open, for a session of which the caller has set `settings`, `watch` and `secrets`, the
 * rest zero. */
int session_connect(session *s);

/* Returns whether one of the URLs, or AMQP_URL where there are none, asks for TLS. */
bool session_asks_for_tls(const url_list *urls);

/* Reads what secrets the settings name files for: stdin and descriptors can be read only once.
 * Returns EXIT_DONE, or another code after a line on stderr. The caller calls
 * session_forget_secrets in every case. */
int session_read_secrets(secrets *given, const settings *o);
void session_forget_secrets(secrets *given);

/* Says on stderr that the connection is lost or back, for LEV_EVENT_RECOVERING and its end. */
void session_tell_recovery(const session *s, const lev_event *e);

/* Closes in order, unless the connection has failed before, and frees. Returns EXIT_DONE, or
 * another code, silently: what matters was told before. A connection that is being made again is
 * given up at once. */
int session_close(session *s);

/* Opens a session, does the work, and closes it. The connection is called `name` where --name says
 * nothing. Returns the exit code of the first thing that failed, or EXIT_DONE. */
typedef int session_work(session *s, settings *o);
int session_run(settings *o, const char *name, session_work *work);

/* Prints what the connection has counted. */
void session_tell_counters(const session *s);

/* Prints "leveret: `doing`: the client's last error; what to do" and returns its exit
 * code. */
int session_fail(const session *s, const char *doing);

/* As session_fail, for an error that came as an event, and with a remark, "" for none. */
int session_blame(const char *doing, const lev_error *error, const char *remark);

/* What --declare asks for: an exchange of a type (NULL: direct), or, where it is NULL, a queue. */
typedef struct declare_settings {
    bool on;
    const char *exchange;
    const char *type;
    const char *queue;
} declare_settings;

/* Declares it, durable, if it is on. Returns EXIT_DONE, or another code after a line on stderr. */
int session_declare(const session *s, const declare_settings *what);

#endif
