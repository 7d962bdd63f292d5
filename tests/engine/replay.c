/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Replaying transcripts; see replay.h. A transcript has lines "C hex" and "S hex" for what client
 * and broker said, in the order seen by a proxy between them. Methods that an engine sends on its
 * own (start-ok, tune-ok, open, close-ok, heartbeats) are not called but must come out the same. */

#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lev_frame_limits replay_limits = {1 << 24, 1 << 24};

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void chunk_add(transcript *t, bool from_broker, const char *hex) {
    chunk *c = &t->chunks[t->count++];
    *c = (chunk){.from_broker = from_broker, .bytes = malloc(strlen(hex) / 2 + 1)};
    for (; hex_digit(hex[0]) >= 0 && hex_digit(hex[1]) >= 0; hex += 2) {
        c->bytes[c->len++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
    }
    if (from_broker) {
        t->broker_len += c->len;
        return;
    }
    t->client = realloc(t->client, t->client_len + c->len + 1);
    memcpy(t->client + t->client_len, c->bytes, c->len);
    t->client_len += c->len;
}

static lev_span keep_text(char *into, lev_span text) {
    size_t len = text.len < 63 ? text.len : 63;
    if (len > 0) {
        memcpy(into, text.ptr, len);
    }
    return (lev_span){(const uint8_t *)into, len};
}

static void learn_login(transcript *t, const lev_connection_start_ok *ok) {
    lev_reader r = lev_reader_init(ok->response);
    lev_value name;
    (void)lev_reader_u8(&r);
    size_t user = 0;
    while (user < r.left && r.ptr[user] != 0) {
        user++;
    }
    t->options.user = keep_text(t->texts[0], lev_reader_bytes(&r, user));
    (void)lev_reader_u8(&r);
    t->options.password = keep_text(t->texts[1], lev_reader_bytes(&r, r.left));
    if (lev_table_find(ok->client_properties, "connection_name", &name)) {
        t->options.connection_name = keep_text(t->texts[2], name.as.bytes);
    }
}

static void learn_options(transcript *t) {
    lev_reader r = lev_reader_init((lev_span){t->client, t->client_len});
    lev_frame frame;
    lev_method m;
    size_t need;
    (void)lev_reader_bytes(&r, LEV_PROTOCOL_HEADER_SIZE);
    while (lev_frame_decode(&r, &replay_limits, &frame, &need) == LEV_OK) {
        if (frame.type != LEV_FRAME_METHOD || lev_method_decode(frame.payload, &m) != LEV_OK) {
            continue;
        }
        if (m.id == LEV_CONNECTION_START_OK) {
            learn_login(t, &m.as.connection_start_ok);
        } else if (m.id == LEV_CONNECTION_OPEN) {
            t->options.vhost = keep_text(t->texts[3], m.as.connection_open.virtual_host);
            t->options.vhost_set = true;
        } else if (m.id == LEV_CONNECTION_TUNE_OK) {
            t->options.heartbeat = m.as.connection_tune_ok.heartbeat;
            t->options.frame_max = m.as.connection_tune_ok.frame_max;
        }
    }
}

bool transcript_load(transcript *t, const char *path) {
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    memset(t, 0, sizeof *t);
    if (f == NULL) {
        return false;
    }
    while (getline(&line, &cap, f) > 0 && t->count < REPLAY_CHUNKS) {
        if ((line[0] == 'C' || line[0] == 'S') && line[1] == ' ') {
            chunk_add(t, line[0] == 'S', line + 2);
        }
    }
    free(line);
    fclose(f);
    learn_options(t);
    return t->count > 0;
}

void transcript_free(transcript *t) {
    for (size_t i = 0; i < t->count; i++) {
        free(t->chunks[i].bytes);
    }
    free(t->client);
}

/* A publish whose frames are being collected. */
typedef struct pending_publish {
    lev_method method;
    lev_header header;
    uint8_t *body;
    size_t len;
} pending_publish;

static void publish_when_whole(stage *s, uint16_t channel, pending_publish *p) {
    if (p->len < p->header.body_size) {
        return;
    }
    const lev_basic_publish *m = &p->method.as.basic_publish;
    lev_publication publication = {.exchange = m->exchange,
                                   .routing_key = m->routing_key,
                                   .mandatory = m->mandatory,
                                   .properties = &p->header.properties,
                                   .body = {p->body, p->len}};
    (void)lev_engine_publish(s->e, channel, &publication, NULL);
    free(p->body);
    *p = (pending_publish){0};
}

static void call_method(stage *s, uint16_t channel, const lev_method *m) {
    lev_delivery delivery = {channel, s->delivery.incarnation, 0};
    if (m->id == LEV_BASIC_ACK) {
        delivery.tag = m->as.basic_ack.delivery_tag;
        (void)lev_engine_ack(s->e, delivery, m->as.basic_ack.multiple);
    } else if (m->id == LEV_BASIC_NACK) {
        delivery.tag = m->as.basic_nack.delivery_tag;
        (void)lev_engine_nack(s->e, delivery, m->as.basic_nack.multiple, m->as.basic_nack.requeue);
    } else if (m->id == LEV_BASIC_REJECT) {
        delivery.tag = m->as.basic_reject.delivery_tag;
        (void)lev_engine_reject(s->e, delivery, m->as.basic_reject.requeue);
    } else if (m->id == LEV_CONNECTION_CLOSE) {
        char text[256] = {0};
        memcpy(text, m->as.connection_close.reply_text.ptr, m->as.connection_close.reply_text.len);
        (void)lev_engine_close(s->e, m->as.connection_close.reply_code, text);
    } else {
        (void)lev_engine_call(s->e, channel, m->id, &m->as, NULL);
    }
}

static void call_frame(stage *s, const lev_frame *frame, pending_publish *p) {
    lev_method m;
    if (frame->type == LEV_FRAME_METHOD && lev_method_decode(frame->payload, &m) == LEV_OK) {
        if (m.id == LEV_BASIC_PUBLISH) {
            p->method = m;
        } else {
            call_method(s, frame->channel, &m);
        }
    } else if (frame->type == LEV_FRAME_HEADER) {
        (void)lev_header_decode(frame->payload, &p->header);
        publish_when_whole(s, frame->channel, p);
    } else if (frame->type == LEV_FRAME_BODY) {
        p->body = realloc(p->body, p->len + frame->payload.len);
        memcpy(p->body + p->len, frame->payload.ptr, frame->payload.len);
        p->len += frame->payload.len;
        publish_when_whole(s, frame->channel, p);
    }
}

/* The broker's bytes of one chunk, disturbed. Returns false where the connection is lost. */
static bool arrive(stage *s, const chunk *c, size_t at, const disturbance *how) {
    size_t len = c->len;
    bool cut = how->cut_at < at + len;
    if (cut) {
        len = how->cut_at - at;
    }
    size_t first = how->split_at > at && how->split_at < at + len ? how->split_at - at : len;
    stage_says_bytes(s, c->bytes, len);
    if (how->flip_at >= at && how->flip_at < at + len) {
        s->wire[how->flip_at - at] ^= how->flip;
    }
    if (first < len) {
        s->broker.len = first;
        stage_deliver(s);
        stage_says_bytes(s, c->bytes + first, len - first);
    }
    stage_deliver(s);
    if (cut) {
        lev_engine_lost(s->e, LEV_ERR_LOST, "cut");
        stage_events(s);
    }
    return !cut;
}

void replay(stage *s, const transcript *t, const disturbance *how) {
    lev_frame frame;
    size_t need;
    pending_publish p = {0};
    s->step = how->step;
    stage_init(s, &t->options);
    lev_reader r = lev_reader_init((lev_span){t->client, t->client_len});
    size_t said = 0; /* by the client, up to this chunk */
    size_t at = 0;
    (void)lev_reader_bytes(&r, LEV_PROTOCOL_HEADER_SIZE);
    for (size_t i = 0; i < t->count; i++) {
        const chunk *c = &t->chunks[i];
        if (c->from_broker) {
            if (!arrive(s, c, at, how)) {
                break;
            }
            at += c->len;
            stage_flush(s);
            continue;
        }
        said += c->len;
        lev_reader ahead = r;
        while (lev_frame_decode(&ahead, &replay_limits, &frame, &need) == LEV_OK &&
               t->client_len - ahead.left <= said) {
            r = ahead;
            call_frame(s, &frame, &p);
        }
        stage_flush(s);
    }
    free(p.body);
}
