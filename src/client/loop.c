/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The one loop under every blocking call, and the same steps one by one for a foreign event loop. A
 * turn deals with the events, writes what is queued (and if anything went, deals with events again,
 * since room is news), waits, reads what came and lets the engine look at the clock, in this order:
 * bytes that lie in the socket are read before the engine may declare the peer dead, and a broker's
 * last words before a failed write is believed.
 *
 * Events that a wait does not want go to the backlog. One that cannot go there stays in `event`, as
 * it came from the engine, and nothing is read until it has found a place: reading would invalidate
 * it. So no event is ever lost, and a call that ran out of room can be made again.
 *
 * lev_client_process leaves the next event waiting there, too, without a copy; that is how
 * lev_client_timeout knows whether there is something to take. */

#include "answer.h"
#include "log.h"

#include <limits.h>
#include <poll.h>
#include <string.h>

enum { LOOP_SPANS = 64 };

static uint64_t loop_sooner(uint64_t a, uint64_t b) { return a < b ? a : b; }

void lev_loop_drop(lev_client *c) {
    lev_watch_set(&c->watch, -1, 0, true);
    c->settled = false;
    lev_net_close(c->net);
    c->net = NULL;
}

void lev_loop_end(lev_client *c, lev_status status, lev_layer layer, const char *text) {
    lev_error error = {.status = status, .layer = layer};
    lev_writer w = lev_writer_init((uint8_t *)error.text, sizeof error.text - 1);
    lev_report_put(&w, text);
    lev_report_engine(c, &error, &c->end);
    c->error = c->end;
    if (lev_recovery_goes_on(c, &c->end)) {
        return;
    }
    lev_log_end(c);
    lev_recovery_over(c);
    c->phase = CLIENT_ENDED;
    lev_loop_drop(c);
    lev_outbox_over(c);
}

void lev_loop_hang_up(lev_client *c, lev_status status, const char *text) {
    lev_engine_lost(c->engine, status, text);
    lev_loop_drop(c);
}

static void loop_written(lev_client *c, size_t n) {
    uint64_t before = c->written / LEV_CLIENT_PROGRESS;
    c->written += n;
    c->unseen = true;
    c->progress += c->written / LEV_CLIENT_PROGRESS != before;
    lev_outbox_room(c);
}

/* Writes until nothing is left or nothing more is taken. Returns whether anything went, which can
 * cause events: room again, lent memory released. */
static bool loop_write(lev_client *c, uint64_t now) {
    lev_span spans[LOOP_SPANS];
    uint64_t before = c->written;
    lev_status status = LEV_OK;
    c->wrote_at = now;
    while (status == LEV_OK && c->net != NULL && !c->write_over) {
        size_t put;
        size_t count = lev_engine_pending(c->engine, spans, LOOP_SPANS);
        status = lev_net_write(c->net, spans, count, &put);
        if (status == LEV_OK) {
            lev_engine_sent(c->engine, put, now);
            loop_written(c, put);
        }
    }
    c->push_at = lev_engine_queued(c->engine) + LEV_CLIENT_PUSH;
    c->write_over = c->write_over || status < LEV_OK;
    return c->written != before;
}

/* Reads what is there, unless an event still waits for a place. */
static void loop_read(lev_client *c, uint64_t now) {
    lev_status status = LEV_OK;
    c->lent = false;
    while (status == LEV_OK && c->net != NULL && !c->waiting) {
        size_t room;
        size_t got = 0;
        uint8_t *into = lev_engine_recv_space(c->engine, &room);
        c->full = room == 0;
        status = c->full ? LEV_AGAIN : lev_net_read(c->net, into, room, &got);
        lev_engine_received(c->engine, got, now);
        c->unseen = c->unseen || got > 0;
        if (status == LEV_OK && got < room) {
            return;
        }
    }
    bool useless = c->write_over && status == LEV_AGAIN &&
                   (!c->full || lev_engine_error(c->engine)->status != LEV_OK);
    if (c->net != NULL && (status < LEV_OK || useless)) {
        lev_loop_hang_up(c, status < LEV_OK ? status : LEV_ERR_LOST, lev_net_fault(c->net));
    }
}

/* The socket is connected: may the password travel over it? Then the login begins. */
static void loop_connected(lev_client *c, uint64_t now) {
    if (!lev_net_is_secure(c->net) && !lev_net_is_local(c->net) && !c->set.plaintext_auth &&
        lev_settings_send_password(&c->set)) {
        lev_loop_end(
            c, LEV_ERR_UNSUPPORTED, LEV_LAYER_CLIENT,
            "the password would travel unencrypted to another machine; use amqps, or allow "
            "it by name (plaintext_auth, the command's --allow-plaintext-auth)");
        return;
    }
    lev_log_line(c, LEV_LOG_DEBUG,
                 lev_net_is_secure(c->net) ? "connected, with TLS" : "connected, without TLS");
    c->phase = CLIENT_RUNNING;
    c->blocked = c->write_over = c->full = c->lent = false;
    c->push_at = LEV_CLIENT_PUSH;
    c->round = 0;
    c->attend_at = 0;
    c->wrote_at = now;
    lev_answer_begin(c, now);
}

static void loop_connect(lev_client *c, uint64_t now) {
    lev_status status = lev_net_step(c->net, now);
    if (status == LEV_OK) {
        loop_connected(c, now);
    } else if (status != LEV_AGAIN) {
        lev_loop_end(c, status, LEV_LAYER_NET, lev_net_fault(c->net));
    }
}

/* The engine has told all; its last word may still have to be written. Returns whether that is
 * news to tell: the beginning of a recovery. */
static bool loop_ended(lev_client *c) {
    loop_write(c, lev_net_now());
    if (c->event.type == LEV_EVENT_FAILED && lev_recovery_lost(c)) {
        return c->waiting;
    }
    lev_report_engine(c, c->event.error, &c->end);
    c->orderly = c->event.type == LEV_EVENT_CLOSED;
    c->error = c->end;
    lev_log_end(c);
    lev_recovery_over(c);
    c->phase = CLIENT_ENDED;
    lev_loop_drop(c);
    lev_outbox_over(c);
    return false;
}

/* What the client itself makes of an event. */
static void loop_note(lev_client *c) {
    if (c->event.type == LEV_EVENT_BLOCKED) {
        lev_writer w = lev_writer_init((uint8_t *)c->blocked_why, sizeof c->blocked_why - 1);
        memset(c->blocked_why, 0, sizeof c->blocked_why);
        lev_writer_escaped(&w, c->event.method->as.connection_blocked.reason);
        c->blocked = true;
    } else if (c->event.type == LEV_EVENT_UNBLOCKED) {
        c->blocked = false;
        c->progress++;
    } else if (c->event.type == LEV_EVENT_OUTCOME) {
        c->progress++;
    }
}

bool lev_loop_taken(lev_client *c) {
    lev_outbox_room(c);
    if (c->given.logger.log != NULL) {
        lev_log_event(c, &c->event);
    }
    while (c->event.type == LEV_EVENT_CHALLENGE || lev_refresh_takes(c) || lev_recovery_takes(c)) {
        if (c->event.type == LEV_EVENT_CHALLENGE) {
            lev_answer_challenge(c, c->event.method->as.connection_secure.challenge);
        }
        if (!lev_engine_next(c->engine, &c->event)) {
            c->unseen = false;
            return false;
        }
        if (c->given.logger.log != NULL) {
            lev_log_event(c, &c->event);
        }
    }
    if (c->event.type == LEV_EVENT_FAILED || c->event.type == LEV_EVENT_CLOSED) {
        return loop_ended(c);
    }
    loop_note(c);
    c->waiting = lev_resend_translate(c) && !lev_outbox_takes(c);
    return c->waiting;
}

/* Makes sure that `event` is the next event. Returns false where there is none. */
bool lev_loop_pull(lev_client *c) {
    while (!c->waiting) {
        if (lev_resend_rest(c)) {
            c->waiting = !lev_outbox_takes(c);
        } else if (c->phase != CLIENT_RUNNING) {
            return false;
        } else {
            c->lent = false;
            c->full = false;
            if (!lev_engine_next(c->engine, &c->event)) {
                c->unseen = false;
                return false;
            }
            (void)lev_loop_taken(c);
        }
    }
    return true;
}

static lev_status loop_keep(lev_client *c, bool unlimited) {
    size_t limit = unlimited ? SIZE_MAX : c->set.message_max;
    lev_status status = lev_backlog_push(&c->backlog, &c->event, limit);
    if (status == LEV_ERR_LIMIT) {
        return lev_report(c, status,
                          "more events than message_max bytes came while a call waited; "
                          "take them with lev_client_next");
    }
    return status == LEV_OK ? status : lev_report(c, status, lev_status_text(status));
}

/* Deals with all events there are. Returns LEV_AGAIN when none is left. */
static lev_status loop_drain(lev_client *c, lev_wait *w) {
    while (lev_loop_pull(c)) {
        lev_verdict verdict = w->judge != NULL ? w->judge(w, &c->event) : LEV_KEEP;
        lev_status status = verdict == LEV_KEEP ? loop_keep(c, w->unlimited) : LEV_OK;
        if (status != LEV_OK) {
            return status;
        }
        c->waiting = false;
        if (verdict == LEV_DONE) {
            w->event = c->event;
            return LEV_OK;
        }
    }
    return LEV_AGAIN;
}

/* Returns when there is something to do even if the socket stays quiet. */
uint64_t lev_loop_due(const lev_client *c) {
    if (c->phase == CLIENT_CONNECTING) {
        return lev_net_due(c->net);
    }
    if (c->phase == CLIENT_WAITING) {
        return c->recovery.due;
    }
    if (c->phase == CLIENT_RUNNING && lev_outbox_ready(c)) {
        return 0;
    }
    uint64_t step = c->recovery.call != 0 ? c->recovery.due : UINT64_MAX;
    uint64_t own = loop_sooner(step, lev_refresh_due(c));
    return c->phase == CLIENT_RUNNING ? loop_sooner(own, lev_engine_deadline(c->engine))
                                      : UINT64_MAX;
}

int lev_loop_ms(uint64_t now, uint64_t due) {
    if (due == UINT64_MAX) {
        return -1;
    }
    uint64_t left = due > now ? due - now : 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

unsigned lev_loop_wants(const lev_client *c) {
    unsigned wants = 0;
    if (c->net != NULL) {
        lev_net_fd(c->net, &wants);
    }
    if (c->net != NULL && c->phase != CLIENT_CONNECTING) {
        wants |= c->full || c->waiting ? 0U : LEV_NET_READ;
        wants |= c->write_over || lev_engine_queued(c->engine) == 0 ? 0U : LEV_NET_WRITE;
    }
    return wants;
}

/* Returns whether bytes lie unread because an event waits for a place or a taker. */
static bool loop_unread(lev_client *c) {
    struct pollfd p = {.fd = c->net != NULL ? lev_net_fd(c->net, NULL) : -1, .events = POLLIN};
    bool wanted = c->waiting || c->full;
    c->calls += wanted ? 1 : 0;
    return wanted && poll(&p, 1, 0) > 0;
}

void lev_loop_watch(lev_client *c) {
    if (c->watch.set >= 0) {
        int fd = c->net != NULL ? lev_net_fd(c->net, NULL) : -1;
        lev_watch_set(&c->watch, fd, lev_loop_wants(c), c->settled);
        c->settled = c->phase == CLIENT_RUNNING;
    }
}

bool lev_loop_ready(const lev_client *c) {
    return c->phase == CLIENT_RUNNING && c->net != NULL && !c->full && !c->waiting &&
           lev_net_ready(c->net);
}

/* Goes on after a wait; `readable` where the socket has something to say. */
static void loop_step(lev_client *c, uint64_t now, bool readable) {
    if (c->phase == CLIENT_WAITING && now >= c->recovery.due) {
        lev_status status = lev_connect_begin(c);
        if (status != LEV_OK) {
            lev_error why = c->error;
            lev_loop_end(c, status, why.layer, why.text);
        }
    }
    if (c->phase == CLIENT_CONNECTING) {
        loop_connect(c, now);
    }
    if (c->phase != CLIENT_RUNNING) {
        return;
    }
    if (readable || c->write_over) {
        loop_read(c, now);
    }
    if (now >= lev_engine_deadline(c->engine)) {
        if (loop_unread(c)) {
            lev_engine_heard(c->engine, now);
        }
        lev_engine_tick(c->engine, now);
    }
    lev_refresh_tick(c, now);
    lev_recovery_tick(c, now);
}

static void loop_work(lev_client *c, uint64_t now, bool readable) {
    loop_step(c, now, readable);
    lev_outbox_drain(c);
}

/* One wait, over at `until`. Returns what time it is then. */
static uint64_t loop_turn(lev_client *c, const lev_wait *w, uint64_t now, uint64_t until) {
    unsigned wants = lev_loop_wants(c);
    short events = (short)(((wants & LEV_NET_READ) != 0 ? POLLIN : 0) |
                           ((wants & LEV_NET_WRITE) != 0 ? POLLOUT : 0));
    struct pollfd p[] = {
        {.fd = c->net != NULL ? lev_net_fd(c->net, NULL) : -1, .events = events},
        {.fd = w->watches ? w->fd : -1, .events = POLLIN},
        {.fd = c->outbox != NULL ? lev_outbox_fd(c->outbox) : -1, .events = POLLIN},
    };
    bool ready = lev_loop_ready(c);
    uint64_t due = loop_sooner(until, c->write_over || ready ? now : lev_loop_due(c));
    poll(p, 3, lev_loop_ms(now, due));
    c->calls++;
    now = lev_net_now();
    loop_work(c, now, ready || (p[0].revents & ~POLLOUT) != 0);
    return now;
}

static uint64_t loop_after(uint64_t now, int ms) {
    return ms < 0 ? UINT64_MAX : now + (uint64_t)ms;
}

lev_status lev_loop_until(lev_client *c, lev_wait *w) {
    uint64_t now = lev_net_now();
    uint64_t deadline = loop_after(now, w->ms);
    uint64_t progress = c->progress;
    uint32_t epoch = c->epoch;
    for (bool last = false;;) {
        lev_status status = loop_drain(c, w);
        if (status != LEV_AGAIN) {
            return status;
        }
        if (w->met != NULL && w->met(w, c)) {
            return LEV_OK;
        }
        if (c->phase == CLIENT_ENDED) {
            c->error = c->end;
            return c->end.status;
        }
        if (w->tied && c->epoch != epoch) {
            c->error = c->recovery.lost;
            return LEV_ERR_LOST;
        }
        if (c->phase == CLIENT_RUNNING && loop_write(c, now)) {
            continue;
        }
        if (w->by_progress && c->progress != progress) {
            progress = c->progress;
            deadline = loop_after(now, w->ms);
        } else if (last) {
            return LEV_ERR_TIMEOUT;
        }
        last = now >= deadline;
        now = loop_turn(c, w, now, deadline);
    }
}

void lev_loop_push(lev_client *c) {
    lev_wait keep = {.judge = NULL};
    uint64_t now = lev_net_now();
    (void)loop_drain(c, &keep);
    if (c->phase == CLIENT_RUNNING) {
        loop_write(c, now);
    }
    loop_work(c, now, true);
    if (c->phase == CLIENT_RUNNING) {
        loop_write(c, now);
    }
}

void lev_loop_attend_now(lev_client *c, uint64_t now) {
    if (now >= lev_loop_due(c)) {
        lev_loop_push(c);
    } else if (lev_engine_queued(c->engine) > 0 && now >= c->wrote_at + LEV_CLIENT_PUSH_MS) {
        loop_write(c, lev_net_now());
    }
    c->attend_at = loop_sooner(lev_loop_due(c), now + LEV_CLIENT_PUSH_MS / 2);
}
