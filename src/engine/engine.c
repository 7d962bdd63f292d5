/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The engine's face: bytes in and out, time, and the order in which events come.
 *
 * lev_engine_next first tells what is already owed (outcomes, farewells of channels, released
 * bodies, room to write again) and only then looks at the next frame, so a frame that causes many
 * events is finished before the next is read. After the failure nothing is read any more; what is
 * owed still comes, then the failure, for ever.
 *
 * Heartbeats: one goes out when nothing has been sent for half an interval and nothing waits to be
 * sent (what waits will serve as well, once it can be written). A peer is dead after two intervals
 * without a byte. */

#include "state.h"

#include <assert.h>
#include <string.h>

static uint64_t engine_or(uint64_t given, uint64_t otherwise) {
    return given != 0 ? given : otherwise;
}

static void engine_settings(lev_engine *e, const lev_engine_options *o) {
    uint16_t heartbeat = (uint16_t)engine_or(o->heartbeat, LEV_HEARTBEAT_DEFAULT);
    uint32_t methods = (uint32_t)engine_or(o->method_frame_max, LEV_METHOD_FRAME_LIMIT);
    e->set =
        (lev_settings){.heartbeat = o->heartbeat_off ? 0 : heartbeat,
                       .channel_max = (uint16_t)engine_or(o->channel_max, LEV_CHANNEL_MAX_DEFAULT),
                       .frame_max = (uint32_t)engine_or(o->frame_max, LEV_FRAME_MAX_DEFAULT),
                       .method_frame_max = methods,
                       .message_max = (size_t)engine_or(o->message_max, LEV_MESSAGE_MAX_DEFAULT),
                       .assembly_max = o->assembly_max,
                       .high_water = (size_t)engine_or(o->high_water, LEV_HIGH_WATER_DEFAULT),
                       .window = (uint32_t)engine_or(o->window, LEV_WINDOW_DEFAULT),
                       .close_ms = (uint32_t)engine_or(o->close_ms, LEV_CLOSE_MS)};
    if (e->set.assembly_max == 0) {
        size_t one = e->set.message_max;
        e->set.assembly_max = one < SIZE_MAX / 2 ? 2 * one : SIZE_MAX;
    }
    e->tuned = (lev_tuned){.channel_max = e->set.channel_max, .frame_max = LEV_FRAME_MAX_FLOOR};
    e->rx.limits = (lev_frame_limits){.body = LEV_FRAME_MAX_FLOOR, .method = LEV_FRAME_MAX_FLOOR};
}

lev_engine *lev_engine_new(const lev_engine_options *options, uint64_t now) {
    if (options->frame_max != 0 && options->frame_max < LEV_FRAME_MAX_FLOOR) {
        return NULL;
    }
    lev_engine *e = lev_resize(&options->allocator, NULL, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    memset(e, 0, sizeof *e);
    e->alloc = options->allocator;
    e->tracer = options->tracer;
    e->incarnations = options->incarnation;
    engine_settings(e, options);
    e->now = e->rx.at = e->tx.at = now;
    e->blocked_at = UINT64_MAX;
    e->phase_end = now + engine_or(options->handshake_ms, LEV_HANDSHAKE_MS);
    if (!lev_login_init(e, options) || !lev_outbuf_grow(&e->tx.buf, &e->alloc, 1)) {
        lev_engine_free(e);
        return NULL;
    }
    lev_writer w = lev_outbuf_writer(&e->tx.buf);
    lev_protocol_header_encode(&w);
    lev_outbuf_commit(&e->tx.buf, &w);
    return e;
}

void lev_engine_free(lev_engine *e) {
    if (e == NULL) {
        return;
    }
    lev_login_wipe(e);
    for (size_t i = 0; i < e->channels_len; i++) {
        if (e->channels[i] != NULL) {
            lev_channel_free(e, e->channels[i]);
        }
    }
    lev_inbuf_deinit(&e->rx.buf, &e->alloc);
    lev_release(&e->alloc, e->rx.spare);
    lev_outbuf_deinit(&e->tx.buf, &e->alloc);
    lev_release(&e->alloc, e->channels);
    lev_allocator alloc = e->alloc;
    lev_release(&alloc, e);
}

uint8_t *lev_engine_recv_space(lev_engine *e, size_t *room) {
    *room = 0;
    if (e->error.status != LEV_OK || e->rx.ended) {
        return NULL;
    }
    uint8_t *space = lev_inbuf_space(&e->rx.buf, &e->alloc, e->rx.need, room);
    e->rx.lent = true;
    if (space == NULL) {
        lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_MEMORY,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = "no memory to read into"});
    }
    return space;
}

void lev_engine_received(lev_engine *e, size_t n, uint64_t now) {
    e->now = now;
    e->rx.lent = false;
    if (n > 0) {
        e->rx.at = now;
        e->rx.bytes += n;
        lev_inbuf_commit(&e->rx.buf, n);
    }
}

void lev_engine_heard(lev_engine *e, uint64_t now) {
    e->now = now;
    e->rx.at = now;
}

void lev_engine_closed(lev_engine *e) {
    e->tx.flushing = false;
    lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_CLOSED,
                                    .layer = LEV_LAYER_ENGINE,
                                    .what = "the connection was closed in order"});
    e->orderly = true;
}

/* The peer's first bytes are no frame: says what it is. */
static void engine_stranger(lev_engine *e, lev_span bytes) {
    static const uint8_t amqp[] = {'A', 'M', 'Q', 'P'};
    lev_span head = {bytes.ptr, bytes.len < 4 ? bytes.len : 4};
    bool version = lev_span_equal(head, (lev_span){amqp, head.len});
    if (version && bytes.len < LEV_PROTOCOL_HEADER_SIZE && !e->rx.ended) {
        return;
    }
    if (e->tracer.trace != NULL) {
        lev_trace_refused(e, bytes, "this is no frame");
    }
    bytes.len = bytes.len < 24 ? bytes.len : 24;
    const char *what = "the peer does not speak AMQP 0-9-1; it sent";
    if (version) {
        what = "the broker does not accept AMQP 0-9-1 and offers";
    } else if (bytes.ptr[0] == 0x15) {
        what = "the peer answers with a TLS alert: this port wants amqps";
        bytes.len = 0;
    }
    lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_NOT_AMQP,
                                    .layer = LEV_LAYER_ENGINE,
                                    .what = what,
                                    .words = bytes});
}

/* Takes the next frame. Returns false where there is none. */
static bool engine_frame(lev_engine *e, lev_frame *frame) {
    lev_span bytes = lev_inbuf_bytes(&e->rx.buf);
    if (e->state == LEV_STATE_AWAIT_START && bytes.len > 0 && bytes.ptr[0] != LEV_FRAME_METHOD) {
        engine_stranger(e, bytes);
        return false;
    }
    lev_reader r = lev_reader_init(bytes);
    lev_status status = lev_frame_decode(&r, &e->rx.limits, frame, &e->rx.need);
    if (status == LEV_OK) {
        lev_inbuf_take(&e->rx.buf, bytes.len - r.left);
        e->rx.need = 0;
        if (e->tracer.trace != NULL) {
            lev_trace_received(e, frame);
        }
        return true;
    }
    if (status != LEV_NEED_MORE) {
        const char *fault = lev_frame_fault(bytes, &e->rx.limits);
        if (e->tracer.trace != NULL) {
            lev_trace_refused(e, bytes, fault);
        }
        lev_engine_violation(e, LEV_FRAME_ERROR, NULL, fault);
    }
    return false;
}

static bool engine_settling(lev_engine *e, lev_event *event) {
    if (e->settling == NULL) {
        return false;
    }
    if (lev_window_take(&e->settling->window, &event->first, &event->last, &event->outcome)) {
        event->type = LEV_EVENT_OUTCOME;
        event->channel = e->settling->number;
        return true;
    }
    if (e->settling->ending) { /* it ended while an ack was being told */
        lev_window_abandon(&e->settling->window, e->settling->cut);
    }
    e->settling = NULL;
    e->unstalls = true;
    return false;
}

static bool engine_writable(lev_engine *e, lev_event *event) {
    bool full = e->tx.buf.queued > e->set.high_water / 2;
    if (e->error.status != LEV_OK || full || e->filling > 0) {
        return false;
    }
    const lev_channel *ch = lev_channel_take_unstalled(e);
    if (ch == NULL && !e->tx.writable_owed) {
        return false;
    }
    if (ch == NULL) {
        e->tx.writable_owed = false;
    }
    event->type = LEV_EVENT_WRITABLE;
    event->channel = ch == NULL ? 0 : ch->number;
    return true;
}

/* What is owed before another frame is looked at. */
static bool engine_owed(lev_engine *e, lev_event *event) {
    if (engine_settling(e, event) || lev_channel_next_farewell(e, event)) {
        return true;
    }
    if (lev_outbuf_take_released(&e->tx.buf, &event->token)) {
        event->type = LEV_EVENT_RELEASED;
        return true;
    }
    return false;
}

static void engine_ended(lev_engine *e) {
    const char *what = e->rx.ended_text;
    lev_status status = e->rx.ended_status;
    if (e->state == LEV_STATE_AWAIT_CLOSE_OK) {
        lev_engine_closed(e);
        return;
    }
    if (e->state == LEV_STATE_AWAIT_TUNE) {
        what =
            "the broker ended the connection after the login: it probably refused the credentials";
        status = LEV_ERR_REFUSED;
    } else if (e->state == LEV_STATE_AWAIT_OPEN_OK) {
        what = "the broker ended the connection after tune-ok: it probably refused the limits";
    }
    lev_engine_fail(e, &(lev_fault){.status = status, .layer = LEV_LAYER_NET, .what = what});
}

/* No frame is left. Returns whether the transport has ended, too; while it has not, a connection
 * that idles gives its room back. */
static bool engine_over(lev_engine *e) {
    if (e->rx.ended) {
        engine_ended(e);
    } else if (e->tx.idle && !e->rx.lent) {
        lev_inbuf_rest(&e->rx.buf, &e->alloc);
        lev_release(&e->alloc, e->rx.spare);
        e->rx.spare = NULL;
        e->rx.spare_cap = 0;
    }
    return e->rx.ended;
}

static bool engine_failure(lev_engine *e, lev_event *event) {
    if (e->error.status == LEV_OK || lev_outbuf_has_loans(&e->tx.buf)) {
        return false;
    }
    event->type = e->orderly ? LEV_EVENT_CLOSED : LEV_EVENT_FAILED;
    event->error = &e->error;
    return true;
}

/* Returns whether nothing is owed and no frame has to be shown, so that a whole delivery may be
 * taken at once. */
static bool engine_quiet(const lev_engine *e) {
    return e->tracer.trace == NULL && e->error.status == LEV_OK && e->settling == NULL &&
           e->ending == 0 && e->stalled == 0 && !e->tx.writable_owed &&
           e->tx.buf.first == e->tx.buf.written;
}

bool lev_engine_next(lev_engine *e, lev_event *event) {
    lev_inbuf_expire(&e->rx.buf);
    if (e->rx.used != NULL && e->rx.used->state == CONTENT_NONE) {
        lev_content_reset(e, e->rx.used);
    }
    e->rx.used = NULL;
    if (engine_quiet(e) && lev_quick_deliver(e, event)) {
        return true;
    }
    lev_frame frame;
    *event = (lev_event){.type = LEV_EVENT_NONE};
    while (!engine_owed(e, event)) {
        if (e->error.status != LEV_OK) {
            return engine_failure(e, event);
        }
        if (engine_writable(e, event)) {
            return true;
        }
        if (engine_frame(e, &frame)) {
            if (lev_dispatch(e, &frame, event)) {
                return true;
            }
        } else if (e->error.status == LEV_OK && !engine_over(e)) {
            return false;
        }
    }
    return true;
}

size_t lev_engine_pending(const lev_engine *e, lev_span *spans, size_t max) {
    return e->rx.ended ? 0 : lev_outbuf_pending(&e->tx.buf, spans, max);
}

void lev_engine_sent(lev_engine *e, size_t n, uint64_t now) {
    e->now = now;
    n = n < e->tx.buf.queued ? n : e->tx.buf.queued; /* what was pending may be dropped meanwhile */
    if (n > 0) {
        e->tx.at = now;
        if (e->tracer.trace != NULL) {
            lev_trace_sent(e, n);
        }
        lev_outbuf_sent(&e->tx.buf, n);
        lev_sending_fill(e);
    }
    if (e->tx.buf.queued < e->set.high_water) {
        e->tx.over = 0;
    }
    if (e->tx.buf.queued == 0 && e->tx.idle) {
        e->tx.idle = false;
        lev_outbuf_rest(&e->tx.buf, &e->alloc);
    }
}

size_t lev_engine_queued(const lev_engine *e) { return e->rx.ended ? 0 : e->tx.buf.queued; }

static bool engine_heart(const lev_engine *e) {
    return e->tuned.heartbeat != 0 && e->error.status == LEV_OK && !e->rx.ended;
}

uint64_t lev_engine_deadline(const lev_engine *e) {
    uint64_t due = e->phase_end;
    if (engine_heart(e)) {
        uint64_t beat = e->tx.at + e->tuned.heartbeat * UINT64_C(500);
        uint64_t death = e->rx.at + e->tuned.heartbeat * UINT64_C(2000);
        if (e->tx.buf.queued == 0 && beat < due) {
            due = beat;
        }
        due = death < due ? death : due;
    }
    return due;
}

static const char *engine_overdue(const lev_engine *e) {
    static const char *const what[LEV_CONNECTION_STATE_COUNT] = {
        [LEV_STATE_AWAIT_START] =
            "the peer accepted the connection and did not greet: no connection.start",
        [LEV_STATE_AWAIT_TUNE] = "the broker did not answer the login in time: no connection.tune",
        [LEV_STATE_AWAIT_RESPONSE] =
            "the broker's challenge was not answered in time: no connection.secure-ok",
        [LEV_STATE_AWAIT_OPEN_OK] = "the broker did not open the virtual host in time: no open-ok",
        [LEV_STATE_AWAIT_CLOSE_OK] = "the broker did not answer the close in time: no close-ok"};
    return what[e->state];
}

void lev_engine_tick(lev_engine *e, uint64_t now) {
    e->now = now;
    if (e->error.status != LEV_OK && now >= e->phase_end) {
        e->phase_end = UINT64_MAX;
        lev_outbuf_discard(&e->tx.buf);
    } else if (now >= e->phase_end) {
        lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_TIMEOUT,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = engine_overdue(e)});
    }
    if (!engine_heart(e)) {
        return;
    }
    if (now >= e->rx.at + e->tuned.heartbeat * UINT64_C(2000)) {
        lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_HEARTBEAT,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = "the peer was silent for two heartbeat intervals"});
    } else if (e->tx.buf.queued == 0 && now >= e->tx.at + e->tuned.heartbeat * UINT64_C(500)) {
        lev_send_heartbeat(e);
        e->tx.idle = true;
    }
}

void lev_engine_lost(lev_engine *e, lev_status status, const char *text) {
    if (e->rx.ended) {
        return;
    }
    e->rx.ended = true;
    e->rx.ended_status = status;
    lev_writer w = lev_writer_init((uint8_t *)e->rx.ended_text, sizeof e->rx.ended_text - 1);
    lev_writer_text(&w, text);
    lev_outbuf_discard(&e->tx.buf);
}

lev_status lev_engine_close(lev_engine *e, uint16_t reply_code, const char *text) {
    lev_status status = e->error.status;
    if (status != LEV_OK) {
        return status;
    }
    if (e->state != LEV_STATE_OPEN) {
        return LEV_ERR_MISUSE;
    }
    lev_connection_close close = {.reply_code = reply_code, .reply_text = lev_span_of(text)};
    status = lev_send(e, 0, LEV_CONNECTION_CLOSE, &close);
    if (status == LEV_OK) {
        e->state = LEV_STATE_AWAIT_CLOSE_OK;
        e->phase_end = e->now + e->set.close_ms;
    }
    return status;
}

enum lev_connection_state lev_engine_state(const lev_engine *e) { return e->state; }

enum lev_channel_state lev_engine_channel_state(const lev_engine *e, uint16_t channel) {
    const lev_channel *ch = lev_channel_find(e, channel);
    return ch == NULL ? LEV_STATE_CHANNEL_CLOSED : ch->state;
}

const lev_error *lev_engine_error(const lev_engine *e) { return &e->error; }

lev_tuned lev_engine_tuned(const lev_engine *e) { return e->tuned; }

uint32_t lev_engine_incarnation(const lev_engine *e) { return e->incarnations; }
