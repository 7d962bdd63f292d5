/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The model broker's connection. What it says is put into a lane for each channel, and a lane's
 * frames go out in order; which lane goes next is chance where this broker interleaves, so that
 * frames of several channels stand within each other's content. */

#include "model.h"

#include <stdlib.h>
#include <string.h>

void model_init(model *m, uint64_t seed) {
    static const uint32_t frame_maxes[] = {4096, 8192, 8192, 20000, 131072, 0};
    static const uint16_t heartbeats[] = {0, 1, 1, 2, 5, 60};
    *m = (model){.dice = chance_init(seed, 1)};
    chance *d = &m->dice;
    m->manner = (model_manner){.heartbeat = heartbeats[chance_below(d, 6)],
                               .frame_max = frame_maxes[chance_below(d, 6)],
                               .rounds = chance_one_in(d, 3) ? (unsigned)chance_below(d, 5) : 0,
                               .interleaves = chance_one_in(d, 2),
                               .ragged = chance_one_in(d, 3),
                               .nacks_returns = chance_one_in(d, 4),
                               .cumulative = chance_one_in(d, 4),
                               .uses_flow = chance_one_in(d, 4),
                               .closes = chance_one_in(d, 2) ? 150 : 0};
    m->in_cap = 1 << 16;
    m->in = arena_take(m->in_cap);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"", "amq.direct", "amq.fanout"};
        exchange *x = arena_take(sizeof *x);
        *x = (exchange){.next = m->exchanges, .type = i == 2 ? 'f' : 'd', .durable = true};
        memcpy(x->name, names[i], strlen(names[i]));
        m->exchanges = x;
    }
}

void model_rule(bool kept, const char *rule) {
    if (!kept) {
        trace_fail(rule, "the model broker", 0);
    }
}

/* ---- what goes out ---- */

static void say_bytes(model *m, uint16_t channel, lev_span bytes) {
    out_frame *f = arena_take(sizeof *f + bytes.len);
    lane *l = &m->lanes[m->manner.interleaves ? channel : 0];
    f->len = bytes.len;
    memcpy(f->bytes, bytes.ptr, bytes.len);
    if (l->first == NULL) {
        l->first = f;
    } else {
        l->last->next = f;
    }
    l->last = f;
    m->spoke = m->now;
}

void model_say_frame(model *m, const lev_frame *frame) {
    size_t cap = frame->payload.len + LEV_FRAME_OVERHEAD;
    lev_writer w = lev_writer_init(arena_take(cap), cap);
    if (m->mute || (frame->channel > 0 && m->state >= MODEL_CLOSING)) {
        return;
    }
    lev_frame_encode(&w, frame);
    trace_frame("<<", frame);
    say_bytes(m, frame->channel, lev_writer_span(&w));
}

void model_say(model *m, uint16_t channel, lev_method_id id, const void *fields) {
    uint8_t payload[1024];
    lev_writer w = lev_writer_init(payload, sizeof payload);
    lev_method_encode(&w, id, fields);
    model_say_frame(m, &(lev_frame){LEV_FRAME_METHOD, channel, lev_writer_span(&w)});
}

/* What was said on other lanes goes before what is said next on lane 0. */
static void say_all_before(model *m) {
    for (size_t i = 1; i <= MODEL_CHANNELS; i++) {
        lane *from = &m->lanes[i];
        lane *to = &m->lanes[0];
        if (from->first == NULL) {
            continue;
        }
        if (to->first == NULL) {
            *to = *from;
        } else {
            to->last->next = from->first;
            to->last = from->last;
        }
        *from = (lane){NULL, NULL};
    }
}

static bool give_next(model *m) {
    size_t start = (size_t)chance_below(&m->dice, MODEL_CHANNELS + 1);
    for (size_t i = 0; i <= MODEL_CHANNELS; i++) {
        lane *l = &m->lanes[(start + i) % (MODEL_CHANNELS + 1)];
        if (l->first != NULL) {
            m->going = l->first;
            m->gone = 0;
            l->first = l->first->next;
            return true;
        }
    }
    return false;
}

size_t model_give(model *m, uint8_t *into, size_t max) {
    size_t given = 0;
    while (given < max && (m->going != NULL || give_next(m))) {
        size_t rest = m->going->len - m->gone;
        size_t n = rest < max - given ? rest : max - given;
        memcpy(into + given, m->going->bytes + m->gone, n);
        given += n;
        m->gone += n;
        m->going = m->gone == m->going->len ? NULL : m->going;
    }
    return given;
}

bool model_has_more(const model *m) {
    bool more = m->going != NULL;
    for (size_t i = 0; i <= MODEL_CHANNELS; i++) {
        more = more || m->lanes[i].first != NULL;
    }
    return more;
}

/* ---- the connection's methods ---- */

static void end_sessions(model *m) {
    for (uint16_t i = 1; i <= MODEL_CHANNELS; i++) {
        session *s = m->sessions[i];
        if (s != NULL && s->state == SESSION_OPEN) {
            model_session_end(m, s);
            s->state = SESSION_CLOSING; /* what is on its way is read and ignored */
        }
    }
}

void model_close(model *m, uint16_t code) {
    lev_connection_close close = {.reply_code = code, .reply_text = lev_span_of("CLOSED")};
    if (m->state != MODEL_OPEN) {
        return;
    }
    end_sessions(m);
    say_all_before(m);
    m->state = MODEL_CLOSING;
    m->close_code = code;
    model_say(m, 0, LEV_CONNECTION_CLOSE, &close);
}

void model_answer_close(model *m) {
    lev_connection_close_ok ok = {0};
    say_all_before(m);
    m->close_due = false;
    if (m->state == MODEL_OPEN) {
        end_sessions(m);
        m->state = MODEL_CLOSED;
    }
    model_say(m, 0, LEV_CONNECTION_CLOSE_OK, &ok);
}

/* Another challenge, or tune. */
static void say_secure_or_tune(model *m) {
    lev_connection_secure secure = {.challenge = lev_span_of("prove it")};
    lev_connection_tune tune = {.channel_max = MODEL_CHANNELS,
                                .frame_max = m->manner.frame_max,
                                .heartbeat = m->manner.heartbeat};
    if (m->rounds++ < m->manner.rounds) {
        m->state = MODEL_AWAIT_SECURE_OK;
        model_say(m, 0, LEV_CONNECTION_SECURE, &secure);
    } else {
        m->state = MODEL_AWAIT_TUNE_OK;
        model_say(m, 0, LEV_CONNECTION_TUNE, &tune);
    }
}

static void read_start_ok(model *m, const lev_method *method) {
    static const uint8_t guest[] = {0, 'g', 'u', 'e', 's', 't', 0, 'g', 'u', 'e', 's', 't'};
    const lev_connection_start_ok *ok = &method->as.connection_start_ok;
    bool plain = lev_span_equal(ok->mechanism, lev_span_of("PLAIN")) &&
                 lev_span_equal(ok->response, (lev_span){guest, sizeof guest});
    m->challenges = lev_span_equal(ok->mechanism, lev_span_of("CHANCE")) &&
                    lev_span_equal(ok->response, lev_span_of("first"));
    model_rule(plain || m->challenges, "the engine logs in as it was told");
    say_secure_or_tune(m);
}

static void read_secure_ok(model *m, const lev_method *method) {
    lev_span answer = lev_span_of(m->challenges ? "answer" : "");
    model_rule(lev_span_equal(method->as.connection_secure_ok.response, answer),
               "the engine answers a challenge as it was told");
    say_secure_or_tune(m);
}

static void read_tune_ok(model *m, const lev_method *method) {
    const lev_connection_tune_ok *ok = &method->as.connection_tune_ok;
    uint32_t most = m->manner.frame_max == 0 ? UINT32_MAX : m->manner.frame_max;
    model_rule(ok->frame_max >= LEV_FRAME_MIN_SIZE && ok->frame_max <= most,
               "tune-ok has a frame-max between 4096 and the broker's");
    model_rule(ok->channel_max >= 1 && ok->channel_max <= MODEL_CHANNELS,
               "tune-ok has a channel-max of at most the broker's");
    m->tuned = (lev_tuned){ok->channel_max, ok->heartbeat, ok->frame_max};
    m->state = MODEL_AWAIT_OPEN;
}

static void read_close(model *m, const lev_method *method) {
    model_rule(method->as.connection_close.reply_code == LEV_REPLY_SUCCESS,
               "the engine finds no fault with a broker that keeps the rules");
    model_rule(!m->peer_closed, "connection.close is sent once");
    m->peer_closed = true;
    m->close_due = true;
    if (m->state == MODEL_CLOSING && chance_one_in(&m->dice, 2)) {
        model_answer_close(m); /* or when it has the answer to its own */
    }
}

static void read_connection(model *m, const lev_method *method) {
    lev_connection_open_ok open_ok = {0};
    lev_connection_update_secret_ok secret_ok = {0};
    if (method->id == LEV_CONNECTION_START_OK && m->state == MODEL_AWAIT_START_OK) {
        read_start_ok(m, method);
    } else if (method->id == LEV_CONNECTION_SECURE_OK && m->state == MODEL_AWAIT_SECURE_OK) {
        read_secure_ok(m, method);
    } else if (method->id == LEV_CONNECTION_TUNE_OK && m->state == MODEL_AWAIT_TUNE_OK) {
        read_tune_ok(m, method);
    } else if (method->id == LEV_CONNECTION_OPEN && m->state == MODEL_AWAIT_OPEN) {
        model_rule(lev_span_equal(method->as.connection_open.virtual_host, lev_span_of("/")),
                   "the engine opens the vhost that it was told");
        m->state = MODEL_OPEN;
        model_say(m, 0, LEV_CONNECTION_OPEN_OK, &open_ok);
    } else if (method->id == LEV_CONNECTION_CLOSE) {
        read_close(m, method);
    } else if (method->id == LEV_CONNECTION_CLOSE_OK && m->state == MODEL_CLOSING) {
        m->state = MODEL_CLOSED;
        m->ended = true;
        if (m->close_due) {
            model_answer_close(m);
        }
    } else if (method->id == LEV_CONNECTION_UPDATE_SECRET && m->state >= MODEL_OPEN) {
        if (m->state == MODEL_OPEN) {
            model_say(m, 0, LEV_CONNECTION_UPDATE_SECRET_OK, &secret_ok);
        }
    } else {
        model_rule(false, "the engine sends connection methods in their order");
    }
}

/* ---- what comes in ---- */

static void read_method(model *m, const lev_frame *f) {
    lev_method method;
    model_rule(lev_method_decode(f->payload, &method) == LEV_OK, "each method can be decoded");
    model_rule(!m->peer_closed || method.id == LEV_CONNECTION_CLOSE_OK,
               "nothing but close-ok follows the engine's connection.close");
    if (f->channel == 0) {
        read_connection(m, &method);
        return;
    }
    model_rule(m->state >= MODEL_OPEN, "no channel is used before open-ok");
    model_session_method(m, f->channel, f, &method);
}

static void read_frame(model *m, const lev_frame *f) {
    trace_frame(">>", f);
    model_rule(!m->ended || f->type == LEV_FRAME_HEARTBEAT,
               "nothing but heartbeats follows the engine's connection.close-ok");
    model_rule(f->channel <= MODEL_CHANNELS, "no channel is above channel-max");
    if (f->type == LEV_FRAME_METHOD) {
        read_method(m, f);
    } else if (f->type != LEV_FRAME_HEARTBEAT) {
        session *s = f->channel == 0 ? NULL : m->sessions[f->channel];
        model_rule(s != NULL && !m->peer_closed, "content stands on an open channel");
        model_content_frame(m, s, f);
    }
}

static bool read_protocol_header(model *m, lev_reader *r) {
    static const uint8_t header[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
    lev_connection_start start = {.version_minor = 9,
                                  .mechanisms = lev_span_of("AMQPLAIN CHANCE PLAIN"),
                                  .locales = lev_span_of("en_US")};
    if (m->state != MODEL_AWAIT_HEADER) {
        return true;
    }
    if (r->left < sizeof header) {
        return false;
    }
    model_rule(memcmp(lev_reader_bytes(r, sizeof header).ptr, header, sizeof header) == 0,
               "the connection begins with the protocol header");
    m->state = MODEL_AWAIT_START_OK;
    model_say(m, 0, LEV_CONNECTION_START, &start);
    return true;
}

static void keep_bytes(model *m, lev_span bytes) {
    if (m->in_len + bytes.len > m->in_cap) {
        m->in_cap = (m->in_len + bytes.len) * 2;
        uint8_t *in = arena_take(m->in_cap);
        memcpy(in, m->in, m->in_len);
        m->in = in;
    }
    memcpy(m->in + m->in_len, bytes.ptr, bytes.len);
    m->in_len += bytes.len;
}

void model_receive(model *m, lev_span bytes) {
    if (bytes.len == 0) {
        return;
    }
    m->heard = m->now;
    keep_bytes(m, bytes);
    lev_reader r = lev_reader_init((lev_span){m->in, m->in_len});
    if (!read_protocol_header(m, &r)) {
        return;
    }
    uint32_t most = m->tuned.frame_max != 0 ? m->tuned.frame_max : LEV_FRAME_MIN_SIZE;
    lev_frame_limits limits = {most, most};
    lev_frame frame;
    size_t need;
    lev_status status;
    while ((status = lev_frame_decode(&r, &limits, &frame, &need)) == LEV_OK) {
        read_frame(m, &frame);
        limits.body = limits.method = m->tuned.frame_max != 0 ? m->tuned.frame_max : most;
    }
    model_rule(status == LEV_NEED_MORE, "each frame is well formed and within frame-max");
    memmove(m->in, m->in + m->in_len - r.left, r.left);
    m->in_len = r.left;
}

/* ---- time ---- */

uint64_t model_deadline(const model *m) {
    bool beats = m->tuned.heartbeat != 0 && m->state == MODEL_OPEN && !m->mute;
    return beats ? m->spoke + m->tuned.heartbeat * UINT64_C(500) : UINT64_MAX;
}

void model_tick(model *m, uint64_t now) {
    m->now = now;
    if (now >= model_deadline(m)) {
        model_say_frame(m, &(lev_frame){.type = LEV_FRAME_HEARTBEAT});
    }
    if (m->blocked || m->peer_closed || m->state != MODEL_OPEN) {
        m->heard = now;
    }
    model_rule(m->tuned.heartbeat == 0 || now < m->heard + m->tuned.heartbeat * UINT64_C(2000),
               "the engine is never silent for two heartbeat intervals");
}
