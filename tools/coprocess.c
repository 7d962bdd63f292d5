/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Messages are numbered by the command itself, one number each as long as it runs, so a line of the
 * handler's can never mean another delivery than the one it was written for, whatever connection or
 * process has ended meanwhile.
 *
 * When no more messages come, the handler's stdin is closed. It settles what it has, and ends; then
 * the command ends, too. */

#include "coprocess.h"

#include "environment.h"
#include "exits.h"
#include "signals.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256, KILL_GRACE_MS = 5000 };

/* ---- lines ---------------------------------------------------------------------------------- */

/* Takes a word and the blank behind it from the front of a line. */
static lev_span take_word(lev_span *line) {
    const uint8_t *space = line->len > 0 ? memchr(line->ptr, ' ', line->len) : NULL;
    size_t length = space != NULL ? (size_t)(space - line->ptr) : line->len;
    size_t step = space != NULL ? length + 1 : length;
    lev_span word = {line->ptr, length};
    *line = (lev_span){line->ptr + step, line->len - step};
    return word;
}

static bool is_word(lev_span word, const char *text) {
    return lev_span_equal(word, lev_span_of(text));
}

/* Reads a number above 0. */
static bool read_tag(lev_span word, uint64_t *tag) {
    uint64_t v = 0;
    for (size_t i = 0; i < word.len; i++) {
        uint64_t digit = (uint64_t)word.ptr[i] - '0';
        if (digit > 9 || v > (UINT64_MAX - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
    }
    *tag = v;
    return v > 0;
}

bool coprocess_line(lev_span line, request *r) {
    lev_span verb = take_word(&line);
    lev_span tag = take_word(&line);
    if (!read_tag(tag, &r->tag)) {
        return false;
    }
    if (is_word(verb, "ack")) {
        r->kind = VERDICT_ACK;
        return line.len == 0;
    }
    r->kind = is_word(line, "requeue") ? VERDICT_REQUEUE : VERDICT_REJECT;
    return is_word(verb, "nack") && (line.len == 0 || r->kind == VERDICT_REQUEUE);
}

/* ---- what was given ------------------------------------------------------------------------- */

static lev_status settle(const consumer *k, lev_delivery d, verdict_kind kind) {
    lev_client *c = k->session->client;
    if (k->failed) {
        return LEV_ERR_STALE;
    }
    return kind == VERDICT_ACK ? lev_client_ack(c, d, false)
                               : lev_client_reject(c, d, kind == VERDICT_REQUEUE);
}

/* Settles all that the process has left behind. */
static void settle_all(coprocess *p, const consumer *k, verdict_kind kind) {
    lev_delivery d;
    while (given_pop(&p->given, &d)) {
        settle(k, d, kind);
    }
}

/* ---- what it says --------------------------------------------------------------------------- */

static void coprocess_obey(coprocess *p, const consumer *k, lev_span line) {
    request r;
    if (!coprocess_line(line, &r)) {
        p->bad_lines++;
        say("the handler wrote \"%.*s\"; it should be ack TAG, nack TAG or nack TAG requeue",
            (int)(line.len < 80 ? line.len : 80), line.len > 0 ? (const char *)line.ptr : "");
        return;
    }
    lev_delivery d;
    bool there = given_take(&p->given, r.tag, &d);
    if (!there && r.tag > k->count) {
        p->bad_lines++;
        say("the handler settles message %" PRIu64 ", which it was never given", r.tag);
        return;
    }
    lev_status status = there ? settle(k, d, r.kind) : LEV_ERR_STALE;
    if (status != LEV_OK) {
        say("message %" PRIu64 " cannot be settled: %s; nothing was sent", r.tag,
            status == LEV_ERR_STALE ? "it was settled before, or its connection was lost"
                                    : lev_status_text(status));
    }
    p->failures = there ? 0 : p->failures;
}

/* Reads what there is, and takes whole lines. */
static void coprocess_listen(coprocess *p, const consumer *k) {
    uint8_t room[65536];
    size_t n;
    while ((n = child_read(&p->child, room, sizeof room)) > 0) {
        buffer_put(&p->lines, (lev_span){room, n});
        lev_span all = buffer_span(&p->lines);
        size_t taken = 0;
        const uint8_t *end;
        while (all.len > taken && (end = memchr(all.ptr + taken, '\n', all.len - taken)) != NULL) {
            size_t length = (size_t)(end - all.ptr) - taken;
            coprocess_obey(p, k, (lev_span){all.ptr + taken, length});
            taken += length + 1;
        }
        buffer_drop(&p->lines, taken);
        if (p->lines.len > LINE_MAX_BYTES) {
            coprocess_obey(p, k, buffer_span(&p->lines));
            buffer_drop(&p->lines, p->lines.len);
        }
    }
}

/* ---- its life ------------------------------------------------------------------------------- */

static int coprocess_pausing(const coprocess *p) {
    return p->failures > 0 ? loop_left(p->failed_at, handler_pause(p->failures)) : 0;
}

static int coprocess_start(coprocess *p) {
    char **env = environment_new(environ, NULL, NULL, 0);
    if (env == NULL) {
        return say_and(EXIT_INTERNAL, "out of memory; all messages stay in the queue");
    }
    int fault = child_start(&p->child, p->argv, env, CHILD_LINES);
    free(env);
    if (fault != 0) {
        p->ended = true;
        return handler_blame(p->argv[0], fault);
    }
    signals_add_group(p->child.pid);
    return CONSUMER_GOING;
}

/* The process has ended. Unless the work is over, one that failed gets a successor. */
static int coprocess_over(coprocess *p, const consumer *k, int code) {
    unsigned policy = p->settings->on_failure;
    verdict_kind kind = policy == ON_FAILURE_REJECT ? VERDICT_REJECT : VERDICT_REQUEUE;
    bool failed = code != 0;
    if ((failed || p->given.unsettled > 0) && !k->session->settings->quiet) {
        say("the handler ended with %d; %" PRIu64 " message%s not settled and %s", code,
            p->given.unsettled, p->given.unsettled == 1 ? " was" : "s were",
            failed && kind == VERDICT_REJECT ? "rejected" : "back in the queue");
    }
    p->failed += failed || p->given.unsettled > 0 ? 1 : 0;
    settle_all(p, k, failed ? kind : VERDICT_REQUEUE);
    child_deinit(&p->child);
    buffer_drop(&p->lines, p->lines.len);
    p->failures++;
    p->failed_at = loop_now();
    p->ended = !failed || p->closing || policy == ON_FAILURE_STOP ||
               p->failures >= p->settings->max_failures;
    return p->ended ? EXIT_DONE : CONSUMER_GOING;
}

/* No more messages come: the handler is told so, and has --kill-after to end. */
static void coprocess_close(coprocess *p) {
    if (!p->closing) {
        p->closing = true;
        p->child.in.last = true;
        p->closed = loop_now();
    }
    uint64_t limit = p->settings->kill_ms;
    if (limit != SETTING_UNSET && p->kills < 2 &&
        loop_left(p->closed, limit + p->kills * KILL_GRACE_MS) == 0) {
        child_signal(&p->child, p->kills == 0 ? SIGTERM : SIGKILL);
        p->kills++;
    }
}

/* Is there work for a process, or may there still be some? */
static bool coprocess_wanted(const coprocess *p) {
    return !p->ended && (!p->closing || feed_waiting(&p->child.in) > 0);
}

static int coprocess_work(outlet *o, consumer *k) {
    coprocess *p = (coprocess *)o;
    pid_t group = p->child.pid;
    int rc = CONSUMER_GOING;
    int code;
    if (k->cancelled || k->failed) {
        coprocess_close(p);
    }
    if (group == 0 && coprocess_wanted(p) && coprocess_pausing(p) == 0) {
        rc = coprocess_start(p);
        group = p->child.pid;
    }
    if (group == 0) {
        return rc;
    }
    feed_pump(&p->child.in);
    bool over = child_ended(&p->child, &code);
    coprocess_listen(p, k);
    if (over) {
        signals_remove_group(group);
        rc = coprocess_over(p, k, code);
    }
    return rc;
}

static int coprocess_take(outlet *o, consumer *k, const lev_message *m) {
    coprocess *p = (coprocess *)o;
    record r = {.message = m, .queue = lev_span_of(k->queue), .tag = k->count};
    format_put(p->format, &p->child.in.data, &r);
    if (p->child.in.data.failed || !given_add(&p->given, m->delivery, k->count)) {
        return say_and(EXIT_INTERNAL, "out of memory; the message stays in the queue");
    }
    return CONSUMER_GOING;
}

static void coprocess_watch(outlet *o, loop_watch *watch) {
    coprocess *p = (coprocess *)o;
    uint64_t limit = p->settings->kill_ms;
    watch->more = p->fds;
    watch->more_count = child_watch(&p->child, p->fds);
    if (p->child.pid == 0 && coprocess_wanted(p)) {
        loop_within(watch, coprocess_pausing(p));
    }
    if (p->closing && limit != SETTING_UNSET && p->kills < 2) {
        loop_within(watch, loop_left(p->closed, limit + p->kills * KILL_GRACE_MS));
    }
}

/* While messages may come, only what the handler has not read yet; then as long as it runs. */
static bool coprocess_busy(const outlet *o) {
    const coprocess *p = (const coprocess *)o;
    return p->child.pid == 0 ? coprocess_wanted(p) && feed_waiting(&p->child.in) > 0
                             : p->closing || feed_waiting(&p->child.in) > 0;
}

static void coprocess_leave(outlet *o, consumer *k) {
    coprocess *p = (coprocess *)o;
    (void)k;
    p->ended = p->ended || p->child.pid == 0;
}

static void coprocess_lost(outlet *o, consumer *k) {
    coprocess *p = (coprocess *)o;
    (void)k;
    given_clear(&p->given);
}

static int coprocess_finish(outlet *o, const consumer *k, int reason) {
    const coprocess *p = (const coprocess *)o;
    bool fewer = k->settings->count != SETTING_UNSET && k->count < k->settings->count;
    if (reason == EXIT_DONE) {
        reason = p->failed + p->bad_lines > 0 ? EXIT_PARTIAL : fewer ? EXIT_NOTHING : EXIT_DONE;
    }
    return reason;
}

void coprocess_init(coprocess *p, const handler_settings *s, char *const *argv, const format *f) {
    *p = (coprocess){
        .outlet = {coprocess_take, coprocess_work, coprocess_watch, coprocess_busy, coprocess_leave,
                   coprocess_lost, coprocess_finish, NULL},
        .settings = s,
        .argv = argv,
        .format = f,
        .child = child_init(),
    };
}

void coprocess_deinit(coprocess *p) {
    child_deinit(&p->child);
    buffer_deinit(&p->lines);
    given_deinit(&p->given);
}
