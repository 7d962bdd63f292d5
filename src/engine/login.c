/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The handshake (AMQP 0-9-1, 2.2.4): start -> start-ok, secure -> secure-ok, tune -> tune-ok and
 * open, open-ok. Limits are negotiated here and checked before anything is sized by them: the lower
 * non-zero value of both sides counts, and a broker's frame-max below the specification's minimum
 * is refused.
 *
 * How large start-ok may be depends on the broker, which only connection.start names. One that is
 * too large would be answered with silence and the end of the connection, so it is not sent; the
 * error says how large it is and what the broker takes.
 *
 * Credentials live in one block, wiped when the connection is open or has failed; the outbound
 * buffer wipes start-ok and secure-ok once it has written them. */

#include "state.h"

#include <string.h>

enum { LOGIN_TABLE = 1024 };

static lev_span login_keep(lev_writer *block, lev_span text) {
    lev_span kept = {block->ptr + block->len, text.len};
    lev_writer_bytes(block, text);
    return kept;
}

bool lev_login_init(lev_engine *e, const lev_engine_options *o) {
    lev_span vhost = o->vhost.len > 0 || o->vhost_set ? o->vhost : lev_span_of("/");
    if (o->user.len > LEV_SECRET_MAX || o->password.len > LEV_SECRET_MAX ||
        o->mechanism.len > LEV_SECRET_MAX || o->response.len > LEV_SECRET_MAX || vhost.len > 255 ||
        o->connection_name.len > 255) {
        return false;
    }
    size_t size = lev_sasl_size(o) + vhost.len + o->connection_name.len;
    e->login.block = lev_resize(&e->alloc, NULL, size);
    if (e->login.block == NULL) {
        return false;
    }
    e->login.cap = size;
    lev_writer block = lev_writer_init(e->login.block, size);
    e->login.vhost = login_keep(&block, vhost);
    e->login.connection_name = login_keep(&block, o->connection_name);
    return lev_sasl_init(&e->login.sasl, o, &block);
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

/* Takes a decimal number and the byte behind it. */
static uint32_t login_number(lev_reader *r) {
    uint32_t n = 0;
    for (uint8_t c = lev_reader_u8(r); c >= '0' && c <= '9' && n < 1000; c = lev_reader_u8(r)) {
        n = n * 10 + (c - '0');
    }
    return n;
}

/* Returns what the broker says in its properties, empty where it says nothing. */
static lev_span login_told(const lev_connection_start *start, const char *key) {
    lev_value value;
    bool told = lev_table_find(start->server_properties, key, &value) && value.type == 'S';
    return told ? value.as.bytes : (lev_span){NULL, 0};
}

/* Returns the largest frame that the broker takes before tune: 8,192 bytes since RabbitMQ 4.1,
 * elsewhere what the specification promises (AMQP 0-9-1, 4.2.3). */
static uint32_t login_limit(const lev_connection_start *start) {
    lev_reader version = lev_reader_init(login_told(start, "version"));
    uint32_t major = login_number(&version);
    uint32_t minor = login_number(&version);
    bool rabbit = lev_span_equal(login_told(start, "product"), lev_span_of("RabbitMQ"));
    return rabbit && (major > 4 || (major == 4 && minor >= 1)) ? LEV_FRAME_MAX_FLOOR
                                                               : LEV_FRAME_MIN_SIZE;
}

static void login_fail(lev_engine *e, lev_status status, const char *what, lev_span words) {
    lev_engine_fail(
        e, &(lev_fault){.status = status, .layer = LEV_LAYER_ENGINE, .what = what, .words = words});
}

static void login_fail_offer(lev_engine *e, lev_span offered) {
    char what[300] = "";
    lev_writer w = lev_writer_init((uint8_t *)what, sizeof what - 1);
    lev_writer_text(&w, "the broker offers none of the mechanisms asked for (");
    lev_sasl_print(&e->login.sasl, &w);
    lev_writer_text(&w, "); it offers");
    login_fail(e, LEV_ERR_UNSUPPORTED, what, offered.len > 0 ? offered : lev_span_of("none"));
}

static void login_fail_size(lev_engine *e, const lev_connection_start *start, size_t size) {
    char what[160] = "";
    uint8_t broker[160];
    lev_span told[] = {login_told(start, "product"), lev_span_of(" "),
                       login_told(start, "version")};
    lev_writer w = lev_writer_init((uint8_t *)what, sizeof what - 1);
    lev_writer_text(&w, "the login is too long, a frame of ");
    lev_writer_decimal(&w, size);
    lev_writer_text(&w, " bytes where the broker takes at most ");
    lev_writer_decimal(&w, e->tuned.frame_max);
    w = (lev_writer){.ptr = broker, .cap = sizeof broker};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        lev_writer_bytes(&w, (lev_span){told[i].ptr, told[i].len < 64 ? told[i].len : 64});
    }
    bool named = told[0].len > 0 && told[2].len > 0;
    login_fail(e, LEV_ERR_LIMIT, what,
               named ? lev_writer_span(&w) : lev_span_of("it does not tell its version"));
}

/* Returns the size of start-ok as a frame. */
static size_t login_size(const lev_connection_start_ok *ok) {
    size_t lengths = 4 + 1 + 4 + 1; /* before table, mechanism, response and locale */
    return LEV_FRAME_OVERHEAD + 4 + lengths + ok->client_properties.len + ok->mechanism.len +
           ok->response.len + ok->locale.len;
}

static void login_answer(lev_engine *e, const lev_connection_start *start) {
    const lev_sasl_mechanism *m = lev_sasl_choose(&e->login.sasl, start->mechanisms);
    if (m == NULL) {
        login_fail_offer(e, start->mechanisms);
        return;
    }
    if (m == &e->login.sasl.mechanisms[SASL_PLAIN] && e->login.sasl.has_nul) {
        login_fail(e, LEV_ERR_UNSUPPORTED,
                   "PLAIN cannot carry a user name or password with a NUL in it; AMQPLAIN can",
                   (lev_span){NULL, 0});
        return;
    }
    uint8_t table[LOGIN_TABLE];
    lev_connection_start_ok ok = {.client_properties = login_properties(e, table, sizeof table),
                                  .mechanism = m->name,
                                  .response = m->response,
                                  .locale = lev_span_of("en_US")};
    e->tuned.frame_max = login_limit(start);
    lev_status status = lev_send_secret(e, LEV_CONNECTION_START_OK, &ok);
    if (status == LEV_ERR_LIMIT) {
        login_fail_size(e, start, login_size(&ok));
    } else if (status != LEV_OK) {
        login_fail(e, status, "connection.start-ok cannot be queued", (lev_span){NULL, 0});
    } else {
        e->state = LEV_STATE_AWAIT_TUNE;
    }
}

bool lev_login_start(lev_engine *e, lev_event *event) {
    const lev_connection_start *start = &e->method.as.connection_start;
    if (start->version_major != 0 || start->version_minor != 9) {
        login_fail(e, LEV_ERR_NOT_AMQP, "the broker speaks another version of AMQP",
                   (lev_span){NULL, 0});
        return false;
    }
    login_answer(e, start);
    event->type = LEV_EVENT_START;
    event->method = &e->method;
    return true;
}

bool lev_login_secure(lev_engine *e, lev_event *event) {
    if (++e->login.sasl.rounds > LEV_SASL_ROUNDS_MAX) {
        lev_engine_violation(e, LEV_NOT_ALLOWED, NULL, "too many rounds of connection.secure");
        return false;
    }
    e->state = LEV_STATE_AWAIT_RESPONSE;
    if (e->login.sasl.own) {
        event->type = LEV_EVENT_CHALLENGE;
        event->method = &e->method;
        return true;
    }
    lev_status status = lev_engine_respond(e, (lev_span){NULL, 0}); /* nothing more to say */
    if (status != LEV_OK) {
        login_fail(e, status, "connection.secure-ok cannot be queued", (lev_span){NULL, 0});
    }
    return false;
}

lev_status lev_engine_respond(lev_engine *e, lev_span response) {
    if (e->error.status != LEV_OK) {
        return e->error.status;
    }
    if (!lev_legality_outbound(e, NULL, LEV_CONNECTION_SECURE_OK)) {
        return LEV_ERR_MISUSE;
    }
    lev_connection_secure_ok ok = {.response = response};
    lev_status status = lev_send_secret(e, LEV_CONNECTION_SECURE_OK, &ok);
    if (status == LEV_OK) {
        e->state = LEV_STATE_AWAIT_TUNE;
    }
    return status;
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
    lev_login_wipe(e);
    event->type = LEV_EVENT_OPEN;
    return true;
}
