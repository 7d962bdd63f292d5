/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The handshake (AMQP 0-9-1, 2.2.4): start -> start-ok, secure -> secure-ok, tune -> tune-ok and
 * open, open-ok. Limits are negotiated here and checked before anything is sized by them: the lower
 * non-zero value of both sides counts, and a broker's frame-max below the specification's minimum
 * is refused.
 *
 * Credentials live in one block, wiped when the connection is open or has failed; the outbound
 * buffer wipes what it wrote until then. */

#include "state.h"

#include <string.h>

enum { LOGIN_ROUNDS_MAX = 8, LOGIN_TABLE = 1024, LOGIN_BEFORE_TUNE = 8192 };

static lev_span login_keep(lev_engine *e, lev_span text) {
    if (text.len == 0) {
        return (lev_span){NULL, 0};
    }
    uint8_t *at = e->login.block + e->login.cap;
    memcpy(at, text.ptr, text.len);
    e->login.cap += text.len;
    return (lev_span){at, text.len};
}

static lev_span login_or(lev_span given, const char *otherwise) {
    return given.len > 0 ? given : lev_span_of(otherwise);
}

bool lev_login_init(lev_engine *e, const lev_engine_options *o) {
    lev_span user = login_or(o->user, "guest");
    lev_span password = o->password.len > 0 || o->user.len > 0 ? o->password : lev_span_of("guest");
    lev_span vhost = o->vhost_set ? o->vhost : login_or(o->vhost, "/");
    const size_t most = LOGIN_BEFORE_TUNE / 4;
    if (user.len > most || password.len > most * 2 || vhost.len > 255 ||
        o->connection_name.len > 255) {
        return false;
    }
    size_t size = user.len + password.len + vhost.len + o->connection_name.len;
    e->login.block = lev_resize(&e->alloc, NULL, size > 0 ? size : 1);
    if (e->login.block == NULL) {
        return false;
    }
    e->login.user = login_keep(e, user);
    e->login.password = login_keep(e, password);
    e->login.vhost = login_keep(e, vhost);
    e->login.connection_name = login_keep(e, o->connection_name);
    return true;
}

void lev_login_wipe(lev_engine *e) {
    if (e->login.block != NULL) {
        lev_wipe(e->login.block, e->login.cap);
        lev_release(&e->alloc, e->login.block);
    }
    e->login = (lev_login){0};
}

static lev_span login_properties(const lev_engine *e, uint8_t *into, size_t cap) {
    static const char *const capabilities[] = {
        "publisher_confirms",     "exchange_exchange_bindings", "basic.nack",
        "consumer_cancel_notify", "connection.blocked",         "authentication_failure_close"};
    lev_writer w = lev_writer_init(into, cap);
    lev_table_put_string(&w, "product", "leveret");
    lev_table_put_string(&w, "version", LEV_VERSION);
    lev_table_put_string(&w, "platform", "C11");
    size_t place = lev_table_begin(&w, "capabilities");
    for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++) {
        lev_table_put_bool(&w, capabilities[i], true);
    }
    lev_table_end(&w, place);
    if (e->login.connection_name.len > 0) {
        lev_value name = {.type = 'S', .as.bytes = e->login.connection_name};
        lev_table_put(&w, "connection_name", &name);
    }
    return lev_writer_span(&w);
}

static bool login_offers(lev_span mechanisms, lev_span wanted) {
    for (size_t i = 0; i + wanted.len <= mechanisms.len; i++) {
        size_t end = i + wanted.len;
        bool starts = i == 0 || mechanisms.ptr[i - 1] == ' ';
        bool ends = end == mechanisms.len || mechanisms.ptr[end] == ' ';
        if (starts && ends && lev_span_equal((lev_span){mechanisms.ptr + i, wanted.len}, wanted)) {
            return true;
        }
    }
    return false;
}

bool lev_login_start(lev_engine *e, lev_event *event) {
    const lev_connection_start *start = &e->method.as.connection_start;
    if (start->version_major != 0 || start->version_minor != 9) {
        lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_NOT_AMQP,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = "the broker speaks another version of AMQP"});
        return false;
    }
    if (!login_offers(start->mechanisms, lev_span_of("PLAIN"))) {
        lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_UNSUPPORTED,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = "the broker does not accept PLAIN logins, only",
                                        .words = start->mechanisms});
        return false;
    }
    uint8_t table[LOGIN_TABLE];
    uint8_t response[LOGIN_BEFORE_TUNE];
    lev_writer w = lev_writer_init(response, sizeof response);
    lev_writer_u8(&w, 0);
    lev_writer_bytes(&w, e->login.user);
    lev_writer_u8(&w, 0);
    lev_writer_bytes(&w, e->login.password);
    lev_connection_start_ok ok = {.client_properties = login_properties(e, table, sizeof table),
                                  .mechanism = lev_span_of("PLAIN"),
                                  .response = lev_writer_span(&w),
                                  .locale = lev_span_of("en_US")};
    lev_send_reply(e, 0, LEV_CONNECTION_START_OK, &ok);
    lev_wipe(response, sizeof response);
    if (e->error.status == LEV_OK) {
        e->state = LEV_STATE_AWAIT_TUNE;
    }
    event->type = LEV_EVENT_START;
    event->method = &e->method;
    return true;
}

bool lev_login_secure(lev_engine *e, lev_event *event) {
    (void)event;
    if (++e->login.rounds > LOGIN_ROUNDS_MAX) {
        lev_engine_violation(e, LEV_NOT_ALLOWED, NULL, "too many rounds of connection.secure");
        return false;
    }
    lev_connection_secure_ok ok = {.response = {NULL, 0}}; /* PLAIN has no more to say */
    lev_send_reply(e, 0, LEV_CONNECTION_SECURE_OK, &ok);
    return false;
}

static uint32_t login_lower(uint32_t ours, uint32_t theirs) {
    return theirs == 0 || (ours != 0 && ours < theirs) ? ours : theirs;
}

bool lev_login_tune(lev_engine *e, lev_event *event) {
    (void)event;
    const lev_connection_tune *tune = &e->method.as.connection_tune;
    if (tune->frame_max != 0 && tune->frame_max < LEV_FRAME_MIN_SIZE) {
        lev_engine_violation(e, LEV_NOT_ALLOWED, NULL, "frame-max below 4096 in connection.tune");
        return false;
    }
    e->tuned.channel_max = (uint16_t)login_lower(e->set.channel_max, tune->channel_max);
    e->tuned.frame_max = login_lower(e->set.frame_max, tune->frame_max);
    e->tuned.heartbeat = (uint16_t)login_lower(e->set.heartbeat, tune->heartbeat);
    e->rx.limits.body = e->tuned.frame_max;
    e->rx.limits.method = e->set.method_frame_max;
    lev_connection_tune_ok ok = {.channel_max = e->tuned.channel_max,
                                 .frame_max = e->tuned.frame_max,
                                 .heartbeat = e->tuned.heartbeat};
    lev_connection_open open = {.virtual_host = e->login.vhost};
    lev_send_reply(e, 0, LEV_CONNECTION_TUNE_OK, &ok);
    lev_send_reply(e, 0, LEV_CONNECTION_OPEN, &open);
    if (e->error.status == LEV_OK) {
        e->state = LEV_STATE_AWAIT_OPEN_OK;
    }
    return false;
}

bool lev_login_open_ok(lev_engine *e, lev_event *event) {
    e->state = LEV_STATE_OPEN;
    e->phase_end = UINT64_MAX;
    e->tx.buf.secret = false;
    lev_login_wipe(e);
    event->type = LEV_EVENT_OPEN;
    return true;
}
