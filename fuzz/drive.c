/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* See drive.h. The bound on memory is a constant, and some bytes for each that arrived or that the
 * caller handed in: blocks grow by doubling, a message is in the inbound buffer and in its
 * channel's block, and answers to the peer are about as long as what they answer. */

#include "drive.h"

#include <stdlib.h>
#include <string.h>

enum { BOUND_BASE = 65536, BOUND_RECEIVED = 8, BOUND_HANDED = 8 };

static void drive_bound(drive *d) {
    d->memory.bound =
        (size_t)(BOUND_BASE + BOUND_RECEIVED * d->received + BOUND_HANDED * d->handed);
}

static void check_error(const lev_error *error) {
    const char *end = memchr(error->text, '\0', sizeof error->text);
    CHECK(error->status < 0 && end != NULL);
    for (const char *p = error->text; p < end; p++) {
        CHECK((uint8_t)*p >= 0x20 && *p != 0x7F);
    }
}

/* The first failure stays as it is. */
static void check_terminal(drive *d) {
    const lev_error *error = lev_engine_error(d->e);
    if (d->last.status == LEV_OK && error->status == LEV_OK) {
        CHECK(!d->over);
        return;
    }
    check_error(error);
    if (d->last.status == LEV_OK) {
        d->last = *error;
    }
    CHECK(error->status == d->last.status && error->layer == d->last.layer);
    CHECK(error->reply_code == d->last.reply_code && error->class_id == d->last.class_id);
    CHECK(error->method_id == d->last.method_id && strcmp(error->text, d->last.text) == 0);
    CHECK(lev_engine_state(d->e) == LEV_STATE_CLOSED);
}

void drive_init(drive *d, const lev_engine_options *options) {
    lev_engine_options o = *options;
    d->now = 1000;
    drive_bound(d);
    o.allocator = fuzz_allocator(&d->memory);
    d->e = lev_engine_new(&o, d->now);
    CHECK(d->e != NULL || d->memory.failed);
    CHECK(d->e != NULL || d->memory.balance == 0);
}

void drive_hand(drive *d, size_t n) {
    d->handed += n + 512;
    drive_bound(d);
}

static void check_message(const lev_message *m) {
    fuzz_touch(m->consumer_tag);
    fuzz_touch(m->exchange);
    fuzz_touch(m->routing_key);
    fuzz_touch(m->reply_text);
    fuzz_touch(m->body);
    fuzz_check_properties(&m->properties, NULL);
    CHECK(m->body.len <= m->body_size);
}

static void check_spans(const lev_event *event) {
    if (event->method != NULL) {
        fuzz_check_method(event->method, NULL);
    }
    if (event->message != NULL) {
        check_message(event->message);
    }
    if (event->error != NULL) {
        check_error(event->error);
    }
    fuzz_touch(event->body);
}

/* A challenge is answered at once, and only once. */
static void answer_challenge(drive *d) {
    drive_hand(d, 0);
    size_t queued = lev_engine_queued(d->e);
    lev_status status = lev_engine_respond(d->e, lev_span_of("an answer"));
    CHECK(status == LEV_OK || status == LEV_ERR_MEMORY || d->last.status != LEV_OK || d->lost);
    drive_called(d, status, queued);
    CHECK(status != LEV_OK || lev_engine_respond(d->e, lev_span_of("")) == LEV_ERR_MISUSE);
}

static void take_event(drive *d, const lev_event *event) {
    bool last = event->type == LEV_EVENT_FAILED || event->type == LEV_EVENT_CLOSED;
    check_spans(event);
    CHECK(event->type != LEV_EVENT_NONE && event->channel < LEDGER_CHANNELS);
    CHECK(!d->over || last);
    if (!d->over) {
        uint64_t what = (uint64_t)event->type << 16 | event->channel;
        d->trace = (d->trace ^ what) * UINT64_C(0x100000001B3);
    }
    if (event->type == LEV_EVENT_OPEN) {
        CHECK(!d->opened);
        d->opened = true;
    } else if (event->type == LEV_EVENT_REPLY) {
        ledger_answered(&d->ledger, event->call);
    } else if (event->type == LEV_EVENT_OUTCOME) {
        ledger_settle(&d->ledger, event, d->written);
        CHECK(lev_engine_unsettled(d->e, event->channel) == d->ledger.open[event->channel]);
    } else if (event->type == LEV_EVENT_CHALLENGE) {
        answer_challenge(d);
    } else if (event->type == LEV_EVENT_RELEASED) {
        ledger_give_back(&d->ledger, event->token);
    } else if (last) {
        CHECK(event->error == lev_engine_error(d->e));
        d->over = true;
    }
    if (event->message != NULL && event->message->delivery.incarnation != 0) {
        d->incarnation[event->channel] = event->message->delivery.incarnation;
    }
}

void drive_events(drive *d, size_t most) {
    lev_event event;
    for (size_t i = 0; i < most; i++) {
        bool more = lev_engine_next(d->e, &event);
        check_terminal(d);
        if (!more) {
            CHECK(event.type == LEV_EVENT_NONE);
            CHECK(!d->watcher.wrong || d->last.status != LEV_OK);
            return;
        }
        take_event(d, &event);
        if (d->over) {
            return;
        }
    }
}

void drive_receive(drive *d, lev_span bytes) {
    while (bytes.len > 0) {
        size_t room;
        uint8_t *space = lev_engine_recv_space(d->e, &room);
        check_terminal(d);
        if (room == 0) {
            drive_events(d, SIZE_MAX);
            space = lev_engine_recv_space(d->e, &room);
            check_terminal(d);
        }
        if (room == 0) {
            CHECK(d->last.status != LEV_OK || d->lost);
            return;
        }
        size_t n = bytes.len < room ? bytes.len : room;
        n = d->step != 0 && d->step < n ? d->step : n;
        space[room - 1] = 0xA5;
        memcpy(space, bytes.ptr, n);
        peer_watch(&d->watcher, (lev_span){bytes.ptr, n});
        d->received += n;
        drive_bound(d);
        lev_engine_received(d->e, n, d->now);
        bytes.ptr += n;
        bytes.len -= n;
        if (!d->lazy) {
            drive_events(d, SIZE_MAX);
        }
    }
}

void drive_write(drive *d, size_t most) {
    lev_span spans[3];
    size_t count;
    while (most > 0 && (count = lev_engine_pending(d->e, spans, 3)) > 0) {
        size_t before = lev_engine_queued(d->e);
        size_t total = 0;
        for (size_t i = 0; i < count && most > 0; i++) {
            CHECK(spans[i].len > 0);
            lev_span part = {spans[i].ptr, spans[i].len < most ? spans[i].len : most};
            peer_read(&d->reader, part);
            total += part.len;
            most -= part.len;
        }
        CHECK(total <= before);
        lev_engine_sent(d->e, total, d->now);
        d->written += total;
        CHECK(lev_engine_queued(d->e) == before - total);
    }
    CHECK(most == 0 || lev_engine_queued(d->e) == 0);
}

void drive_tick(drive *d, uint64_t ms) {
    d->now += ms;
    lev_engine_tick(d->e, d->now);
    check_terminal(d);
    CHECK(lev_engine_deadline(d->e) > d->now || d->memory.failed);
    if (!d->lazy) {
        drive_events(d, SIZE_MAX);
    }
}

void drive_lose(drive *d, lev_status status) {
    lev_engine_lost(d->e, status, "the peer hung up");
    d->lost = d->reader.over = true;
    CHECK(lev_engine_queued(d->e) == 0);
}

void drive_called(drive *d, lev_status status, size_t queued) {
    check_terminal(d);
    if (d->last.status != LEV_OK) {
        CHECK(status == d->last.status);
    }
    if (status != LEV_OK) {
        CHECK(lev_engine_queued(d->e) == queued);
    }
}

void drive_finish(drive *d) {
    drive_events(d, SIZE_MAX);
    drive_write(d, SIZE_MAX);
    drive_lose(d, LEV_ERR_LOST);
    drive_events(d, SIZE_MAX);
    CHECK(d->over);
    for (int i = 0; i < 3; i++) {
        drive_tick(d, 100000);
        drive_events(d, SIZE_MAX);
        size_t room;
        CHECK(lev_engine_recv_space(d->e, &room) == NULL && room == 0);
        CHECK(lev_engine_publish(d->e, 1, &(lev_publication){.lend = true}, NULL) ==
              d->last.status);
        CHECK(lev_engine_close(d->e, 200, "") == d->last.status);
    }
    ledger_check_empty(&d->ledger);
    lev_engine_free(d->e);
    peer_reader_deinit(&d->reader);
    CHECK(d->memory.balance == 0);
}
