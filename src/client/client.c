/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A client's life: made, opened once, closed, freed. Its phase says which of the socket and the
 * engine exist; every blocking call here is a description of what to wait for, given to the loop.
 *
 * An event that lev_client_next took from the backlog stays until the next lev_client_next; one
 * that came straight from the engine is not copied at all. */

#include "state.h"

#include <string.h>

lev_client *lev_client_new(const lev_client_options *options) {
    lev_client *c = lev_memory_zeroed(options != NULL ? &options->allocator : NULL, sizeof *c);
    if (c != NULL) {
        lev_watch_init(&c->watch);
    }
    if (c != NULL && !lev_settings_init(&c->given, options)) {
        lev_client_free(c);
        return NULL;
    }
    if (c != NULL) {
        const lev_recovery_options *o = &c->given.recovery;
        c->backlog.memory = &c->given.allocator;
        lev_ledger_init(&c->ledger, &c->given.allocator,
                        o->ledger_count != 0 ? o->ledger_count : LEV_LEDGER_COUNT,
                        o->ledger_bytes != 0 ? o->ledger_bytes : LEV_LEDGER_BYTES);
    }
    return c;
}

void lev_client_free(lev_client *c) {
    if (c == NULL) {
        return;
    }
    lev_outbox_orphan(c);
    lev_loop_drop(c);
    lev_watch_deinit(&c->watch);
    lev_tls_free(c->tls);
    lev_engine_free(c->engine);
    lev_backlog_deinit(&c->backlog);
    lev_memory_free(c->held);
    lev_settings_forget(&c->set);
    lev_refresh_forget(c);
    lev_settings_forget(&c->given);
    lev_recovery_forget(c);
    lev_topology_deinit(&c->recovery.topology);
    lev_ledger_deinit(&c->ledger);
    lev_memory_free(c);
}

const lev_error *lev_client_error(const lev_client *c) { return &c->error; }

lev_engine *lev_client_engine(lev_client *c) { return c->engine; }

uint64_t lev_client_system_calls(const lev_client *c) { return c->calls; }

lev_status lev_client_start(lev_client *c, const char *text) {
    if (c->phase != CLIENT_NEW) {
        return lev_report(c, LEV_ERR_MISUSE, "a client connects once; make a new one");
    }
    if (!lev_recovery_uris(c, text != NULL ? text : "amqp://localhost")) {
        return lev_report(c, LEV_ERR_MEMORY, lev_status_text(LEV_ERR_MEMORY));
    }
    lev_status status = LEV_OK;
    for (size_t i = 0; i < c->recovery.uri_count && status == LEV_OK; i++) {
        status = lev_connect_check(c, c->recovery.uris[i]);
    }
    return status == LEV_OK ? lev_connect_begin(c) : status;
}

static lev_verdict client_judge_open(const lev_wait *w, const lev_event *event) {
    (void)w;
    if (event->type == LEV_EVENT_OPEN) {
        return LEV_DONE;
    }
    return event->type == LEV_EVENT_START ? LEV_DROP : LEV_KEEP;
}

lev_status lev_client_open(lev_client *c, const char *uri) {
    lev_status status = lev_client_start(c, uri);
    if (status == LEV_OK) {
        lev_wait w = {.judge = client_judge_open, .ms = LEV_FOREVER};
        status = lev_loop_until(c, &w);
    }
    return status;
}

/* Asks the broker to close and waits for its answer. Returns how the connection ended. */
static lev_status client_close_open(lev_client *c) {
    lev_wait w = {.judge = NULL, .ms = LEV_CLOSE_MS + 500, .unlimited = true};
    lev_loop_push(c);
    if (c->net != NULL && lev_engine_error(c->engine)->status == LEV_OK) {
        lev_engine_tick(c->engine, lev_net_now());
        if (lev_engine_close(c->engine, LEV_REPLY_SUCCESS, "goodbye") != LEV_OK) {
            lev_loop_hang_up(c, LEV_ERR_LOST, "closed before the login was over");
        }
    }
    lev_status status = lev_loop_until(c, &w);
    if (c->phase == CLIENT_RUNNING && c->net != NULL) {
        lev_loop_hang_up(c, LEV_ERR_LOST, "closed at once");
    }
    return status;
}

lev_status lev_client_close(lev_client *c) {
    lev_status status = LEV_ERR_CLOSED;
    lev_error before = c->error;
    c->recovery.leaving = true;
    if (c->phase < CLIENT_RUNNING) {
        lev_loop_end(c, status, LEV_LAYER_CLIENT, "the connection is closed");
        c->orderly = true;
    } else if (c->phase == CLIENT_RUNNING) {
        status = client_close_open(c);
    } else {
        c->error = c->end;
        status = c->end.status;
    }
    if (c->phase == CLIENT_ENDED && c->orderly) {
        c->error = before; /* that it ended as wanted is no failure */
        status = LEV_OK;
    }
    return status;
}

/* The status that goes with an event. */
static lev_status client_told(lev_client *c, const lev_event *event) {
    if (event->type == LEV_EVENT_CHANNEL_CLOSED) {
        return lev_report_closed(c, event->error);
    }
    if (event->type != LEV_EVENT_CANCELLED) {
        return LEV_OK;
    }
    lev_writer w = lev_report_begin(c, LEV_ERR_CANCELLED);
    lev_report_cancelled(&w, event);
    return LEV_ERR_CANCELLED;
}

static lev_verdict client_judge_any(const lev_wait *w, const lev_event *event) {
    (void)w;
    (void)event;
    return LEV_DONE;
}

/* Takes the engine's next event, if there is one: a delivery, the common case, goes straight to the
 * caller. */
static bool client_take(lev_client *c, lev_event *event) {
    bool fresh = !c->waiting && !lev_resend_owes(c) && c->phase == CLIENT_RUNNING;
    if (fresh) {
        c->lent = false;
        c->full = false;
        if (!lev_engine_next(c->engine, event)) {
            c->unseen = false;
            return false;
        }
        if (event->type == LEV_EVENT_DELIVER) {
            c->lent = true;
            return true;
        }
        c->event = *event;
    }
    bool there = fresh ? lev_loop_taken(c) : c->waiting;
    if (there) {
        c->waiting = false;
        c->lent = true;
        *event = c->event;
    }
    return there;
}

/* Hands out the engine's next event, which has been pulled. */
static lev_status client_hand_out(lev_client *c, lev_event *event) {
    c->waiting = false;
    c->lent = true;
    *event = c->event;
    return client_told(c, event);
}

lev_status lev_client_next(lev_client *c, lev_event *event, int timeout_ms) {
    lev_loop_attend(c);
    if (c->held != NULL || c->backlog.first != NULL) {
        lev_backlog_give_back(&c->backlog, c->held);
        c->held = lev_backlog_pop(&c->backlog);
    }
    if (c->held != NULL) {
        *event = c->held->event;
        return client_told(c, event);
    }
    if (client_take(c, event)) {
        return event->type == LEV_EVENT_DELIVER ? LEV_OK : client_told(c, event);
    }
    *event = (lev_event){.type = LEV_EVENT_NONE};
    if (c->phase == CLIENT_NEW) {
        return lev_report_call(c, 0, "", LEV_ERR_MISUSE);
    }
    lev_wait w = {.judge = client_judge_any, .ms = timeout_ms};
    lev_status status = lev_loop_until(c, &w);
    if (status == LEV_OK) {
        status = client_hand_out(c, event);
    } else if (c->phase == CLIENT_ENDED) {
        c->end_told = true;
        event->type = c->orderly ? LEV_EVENT_CLOSED : LEV_EVENT_FAILED;
        event->error = &c->end;
    }
    return status;
}

lev_status lev_client_process(lev_client *c) {
    if (c->phase == CLIENT_NEW) {
        return lev_report_call(c, 0, "", LEV_ERR_MISUSE);
    }
    lev_loop_push(c);
    (void)lev_loop_pull(c);
    if (c->phase == CLIENT_WAITING || c->recovery.active) {
        return LEV_OK;
    }
    const lev_error *failed = c->engine != NULL ? lev_engine_error(c->engine) : &c->end;
    return failed->status == LEV_OK ? LEV_OK : lev_report_call(c, 0, "", failed->status);
}

int lev_client_fd(const lev_client *c) { return c->net != NULL ? lev_net_fd(c->net, NULL) : -1; }

int lev_client_watch_fd(lev_client *c) {
    char text[128];
    int error = c->watch.set < 0 ? lev_watch_open(&c->watch) : 0;
    if (error != 0) {
        lev_writer w = lev_report_begin(c, LEV_ERR_UNSUPPORTED);
        lev_report_put(&w, "no descriptor to watch: ");
        lev_report_put(&w, lev_errno_text(error, text, sizeof text));
        return -1;
    }
    if (c->outbox != NULL) {
        lev_watch_add(&c->watch, lev_outbox_fd(c->outbox));
    }
    lev_loop_watch(c);
    return c->watch.set;
}

unsigned lev_client_wants(const lev_client *c) {
    unsigned wants = lev_loop_wants(c);
    return ((wants & LEV_NET_READ) != 0 ? (unsigned)LEV_CLIENT_READ : 0U) |
           ((wants & LEV_NET_WRITE) != 0 ? (unsigned)LEV_CLIENT_WRITE : 0U);
}

int lev_client_timeout(lev_client *c) {
    lev_loop_watch(c);
    bool more = lev_loop_ready(c) || c->waiting || c->backlog.first != NULL || c->write_over ||
                (c->unseen && c->phase == CLIENT_RUNNING);
    if (c->phase == CLIENT_ENDED) {
        return more && c->backlog.first != NULL ? 0 : c->end_told ? -1 : 0;
    }
    return more ? 0 : lev_loop_ms(lev_net_now(), lev_loop_due(c));
}
