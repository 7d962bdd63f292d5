/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* An open connection: the input says what the peer sends, which calls the program makes, how bytes
 * are split, when memory fails and how time passes; see session.h. The login before it is the
 * target's own. */

#include "session.h"

#include "drive.h"

#include <stdlib.h>
#include <string.h>

enum { LARGE = 256, REPEATED_MOST = 64 };

/* Peer bytes, put together frame by frame. */
static void peer_frame(drive *d, uint8_t type, uint16_t channel, lev_span payload) {
    size_t size = payload.len + LEV_FRAME_OVERHEAD;
    uint8_t *bytes = malloc(size);
    lev_writer w = lev_writer_init(bytes, size);
    lev_frame_encode(&w, &(lev_frame){type, channel, payload});
    drive_receive(d, lev_writer_span(&w));
    free(bytes);
}

static void peer_large(drive *d, uint16_t channel, fuzz_input *in) {
    size_t size = (size_t)fuzz_u8(in) * LARGE;
    uint8_t *bytes = malloc(size + 1);
    memset(bytes, fuzz_u8(in), size + 1);
    peer_frame(d, LEV_FRAME_BODY, channel, (lev_span){bytes, size});
    free(bytes);
}

static void peer_says(drive *d, lev_method_id id, const void *fields) {
    uint8_t bytes[256];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_method_encode(&w, id, fields);
    peer_frame(d, LEV_FRAME_METHOD, 0, lev_writer_span(&w));
}

static lev_status settle(drive *d, uint16_t channel, const lev_method *m) {
    lev_delivery delivery = {channel, d->incarnation[channel], 0};
    if (m->id == LEV_BASIC_ACK) {
        delivery.tag = m->as.basic_ack.delivery_tag;
        return lev_engine_ack(d->e, delivery, m->as.basic_ack.multiple);
    }
    if (m->id == LEV_BASIC_NACK) {
        const lev_basic_nack *nack = &m->as.basic_nack;
        delivery.tag = nack->delivery_tag;
        return lev_engine_nack(d->e, delivery, nack->multiple, nack->requeue);
    }
    delivery.tag = m->as.basic_reject.delivery_tag;
    return lev_engine_reject(d->e, delivery, m->as.basic_reject.requeue);
}

static lev_status close_connection(drive *d, const lev_connection_close *close) {
    char text[256] = {0};
    if (close->reply_text.len > 0) {
        memcpy(text, close->reply_text.ptr, close->reply_text.len);
    }
    return lev_engine_close(d->e, close->reply_code, text);
}

static lev_status call_other(drive *d, uint16_t channel, const lev_method *m, bool stream) {
    uint32_t call = 0;
    bool known = lev_engine_channel_state(d->e, channel) != LEV_STATE_CHANNEL_CLOSED;
    lev_status status = stream
                            ? lev_engine_consume_stream(d->e, channel, &m->as.basic_consume, &call)
                            : lev_engine_call(d->e, channel, m->id, &m->as, &call);
    if (status == LEV_OK && m->id == LEV_CHANNEL_OPEN) {
        CHECK(!known);
        d->watcher.opened[channel] = true;
        ledger_opened(&d->ledger, channel);
    }
    CHECK(status == LEV_OK || call == 0);
    ledger_asked(&d->ledger, call);
    return status;
}

static void make_call(drive *d, uint16_t channel, lev_span payload, bool stream) {
    lev_method m;
    if (lev_method_decode(payload, &m) != LEV_OK || (stream && m.id != LEV_BASIC_CONSUME)) {
        return;
    }
    drive_hand(d, payload.len);
    size_t queued = lev_engine_queued(d->e);
    lev_status status;
    if (m.id == LEV_BASIC_ACK || m.id == LEV_BASIC_NACK || m.id == LEV_BASIC_REJECT) {
        status = settle(d, channel, &m);
    } else if (m.id == LEV_CONNECTION_CLOSE) {
        status = close_connection(d, &m.as.connection_close);
    } else {
        status = call_other(d, channel, &m, stream);
    }
    drive_called(d, status, queued);
}

/* The properties of a publish: as in a header frame, or a table that may be malformed. */
static bool publish_properties(fuzz_input *in, uint8_t flags, lev_properties *properties) {
    lev_span list = fuzz_bytes(in, fuzz_u8(in));
    if ((flags & PUBLISH_TABLE) != 0) {
        *properties = (lev_properties){.present = LEV_HAS_HEADERS, .headers = list};
        return true;
    }
    return lev_properties_decode(list, properties) == LEV_OK;
}

static uint64_t queued_end(const drive *d) {
    return d->lost ? UINT64_MAX : d->written + lev_engine_queued(d->e);
}

static void publish_now(drive *d, uint16_t channel, lev_publication *p) {
    uint64_t number = 0;
    size_t queued = lev_engine_queued(d->e);
    bool lend = p->lend;
    ledger_loan *loan = ledger_lend(&d->ledger, p->body);
    p->body.ptr = loan->bytes;
    p->token = loan;
    drive_hand(d, p->body.len + p->exchange.len + p->routing_key.len);
    lev_status status = lev_engine_publish(d->e, channel, p, &number);
    drive_called(d, status, queued);
    if (!lend || status != LEV_OK) {
        ledger_give_back(&d->ledger, loan);
    }
    CHECK(status == LEV_OK || number == 0);
    if (number != 0) {
        ledger_entry entry = {
            .number = number, .end = queued_end(d), .channel = channel, .mandatory = p->mandatory};
        ledger_published(&d->ledger, channel, &entry);
    }
}

static void publish_begin(drive *d, uint16_t channel, const lev_publication *p, uint64_t size) {
    uint64_t number = 0;
    size_t queued = lev_engine_queued(d->e);
    drive_hand(d, p->exchange.len + p->routing_key.len);
    lev_status status = lev_engine_publish_begin(d->e, channel, p, size, &number);
    drive_called(d, status, queued);
    CHECK(status != LEV_OK || lev_engine_publish_left(d->e, channel) == size);
    CHECK(status == LEV_OK || number == 0);
    if (number != 0) {
        ledger_entry entry = {.number = number,
                              .end = size > 0 ? UINT64_MAX : queued_end(d),
                              .channel = channel,
                              .mandatory = p->mandatory};
        ledger_published(&d->ledger, channel, &entry);
    }
}

static void publish_piece(drive *d, uint16_t channel, uint8_t flags, lev_span piece) {
    size_t queued = lev_engine_queued(d->e);
    uint64_t left = lev_engine_publish_left(d->e, channel);
    bool lend = (flags & PUBLISH_LEND) != 0;
    ledger_loan *loan = ledger_lend(&d->ledger, piece);
    lev_span bytes = {loan->bytes, piece.len};
    drive_hand(d, piece.len + 64);
    lev_status status = lev_engine_publish_body(d->e, channel, bytes, lend, loan);
    drive_called(d, status, queued);
    if (!lend || status != LEV_OK) {
        ledger_give_back(&d->ledger, loan);
    }
    CHECK(status != LEV_OK || (left > 0 && piece.len <= left));
    CHECK(lev_engine_publish_left(d->e, channel) == left - (status == LEV_OK ? piece.len : 0));
    if (status == LEV_OK && piece.len == left) {
        ledger_completed(&d->ledger, channel, queued_end(d));
    }
}

static void publish(drive *d, uint16_t channel, fuzz_input *in) {
    uint8_t flags = fuzz_u8(in);
    if ((flags & PUBLISH_PIECE) != 0) {
        publish_piece(d, channel, flags, fuzz_bytes(in, in->left));
        return;
    }
    lev_properties properties;
    lev_publication p = {.mandatory = (flags & PUBLISH_MANDATORY) != 0,
                         .lend = (flags & PUBLISH_LEND) != 0};
    p.exchange = fuzz_bytes(in, fuzz_u8(in));
    p.routing_key = fuzz_bytes(in, fuzz_u8(in));
    p.properties = publish_properties(in, flags, &properties) ? &properties : NULL;
    if ((flags & PUBLISH_BEGIN) != 0) {
        p.lend = false;
        publish_begin(d, channel, &p, fuzz_u16(in));
        return;
    }
    p.body = fuzz_bytes(in, in->left);
    uint8_t *large = NULL;
    if ((flags & PUBLISH_LARGE) != 0) {
        large = calloc(p.body.len + 1, LARGE);
        for (size_t i = 0; i < p.body.len; i++) {
            memset(large + i * LARGE, p.body.ptr[i], LARGE);
        }
        p.body = (lev_span){large, p.body.len * LARGE};
    }
    drive_hand(d, p.properties != NULL ? 2048 : 0);
    publish_now(d, channel, &p);
    free(large);
}

static size_t all_if_zero(size_t n) { return n == 0 ? SIZE_MAX : n; }

static void fail_memory(drive *d, fuzz_input *in) {
    uint8_t after = fuzz_u8(in);
    uint8_t on = fuzz_u8(in);
    d->memory.fail_at = on == 0xFF ? 0 : d->memory.allocations + 1 + after;
    d->memory.fail_on = on % 2 != 0;
}

static void happen(drive *d, uint8_t op, uint16_t channel, fuzz_input in) {
    switch ((enum session_op)(op % SESSION_OPS)) {
    case OP_PEER_METHOD:
    case OP_PEER_HEADER:
    case OP_PEER_BODY:
        peer_frame(d, (uint8_t)(op % SESSION_OPS + 1), channel, (lev_span){in.ptr, in.left});
        break;
    case OP_PEER_BYTES:
        drive_receive(d, (lev_span){in.ptr, in.left});
        break;
    case OP_PEER_LARGE:
        peer_large(d, channel, &in);
        break;
    case OP_CALL:
        make_call(d, channel, (lev_span){in.ptr, in.left}, false);
        break;
    case OP_STREAM:
        make_call(d, channel, (lev_span){in.ptr, in.left}, true);
        break;
    case OP_PUBLISH:
        publish(d, channel, &in);
        break;
    case OP_WRITE:
        drive_write(d, all_if_zero(fuzz_u16(&in)));
        break;
    case OP_TIME:
        drive_tick(d, fuzz_u32(&in) % 200000);
        break;
    case OP_EVENTS:
        drive_events(d, all_if_zero(fuzz_u16(&in)));
        break;
    case OP_STEP:
        d->step = fuzz_u16(&in);
        break;
    case OP_MEMORY:
        fail_memory(d, &in);
        break;
    case OP_LOST:
        drive_lose(d, LEV_ERR_LOST);
        break;
    case OP_REPEAT:
    case SESSION_OPS:
        break;
    }
}

/* A record that happens, and perhaps happens again. */
typedef struct record {
    uint8_t op;
    uint8_t channel;
    fuzz_input payload;
} record;

static void happen_again(drive *d, const record *r, unsigned times, unsigned *left) {
    bool large = r->op % SESSION_OPS == OP_PUBLISH && r->payload.left > 0 &&
                 (r->payload.ptr[0] & PUBLISH_LARGE) != 0;
    if (r->payload.left > REPEATED_MOST || large || r->op % SESSION_OPS == OP_PEER_LARGE) {
        return;
    }
    for (; times > 0 && *left > 0; times--, (*left)--) {
        happen(d, r->op, r->channel, r->payload);
    }
}

/* The head: zeros stand for the engine's defaults and for a broker's usual offer. */
static void log_in(drive *d, fuzz_input *in) {
    lev_engine_options options = {.heartbeat = 60};
    lev_connection_start start = {.version_minor = 9, .mechanisms = lev_span_of("PLAIN")};
    lev_connection_tune tune = {.channel_max = 0};
    lev_connection_open_ok ok = {0};
    options.high_water = (size_t)fuzz_u8(in) * 64;
    options.window = fuzz_u8(in);
    options.message_max = (size_t)fuzz_u8(in) * 256;
    tune.channel_max = fuzz_u8(in);
    tune.heartbeat = fuzz_u8(in);
    uint16_t frame_max = fuzz_u16(in);
    tune.frame_max = frame_max == 0 ? LEV_FRAME_MAX_DEFAULT : LEV_FRAME_MIN_SIZE + frame_max;
    drive_init(d, &options);
    peer_says(d, LEV_CONNECTION_START, &start);
    peer_says(d, LEV_CONNECTION_TUNE, &tune);
    peer_says(d, LEV_CONNECTION_OPEN_OK, &ok);
    CHECK(d->opened);
    drive_write(d, SIZE_MAX);
    d->step = fuzz_u8(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    drive *d = calloc(1, sizeof *d);
    log_in(d, &in);
    record last = {.op = OP_REPEAT};
    unsigned repeats = SESSION_REPEATS;
    for (int i = 0; in.left > 0 && i < SESSION_RECORDS; i++) {
        uint8_t op = fuzz_u8(&in);
        record r = {.op = op & (SESSION_LAZY - 1), .channel = fuzz_u8(&in)};
        lev_span payload = fuzz_bytes(&in, fuzz_u16(&in));
        r.payload = (fuzz_input){payload.ptr, payload.len};
        d->lazy = (op & SESSION_LAZY) != 0;
        if (r.op % SESSION_OPS == OP_REPEAT) {
            happen_again(d, &last, fuzz_u8(&r.payload), &repeats);
        } else {
            happen(d, r.op, r.channel, r.payload);
            last = r;
        }
    }
    d->lazy = false;
    drive_finish(d);
    free(d);
    return 0;
}
