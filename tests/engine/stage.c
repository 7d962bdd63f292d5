/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The stage of engine tests; see stage.h. Every allocation is counted and can be made to fail; the
 * blocks form a list, so that the balance is exact and a secret that stays in memory is found. */

#include "stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

lev_span sp(const char *text) { return lev_span_of(text); }

typedef struct stage_block {
    struct stage_block *next;
    struct stage_block **place; /* what points to this one */
    size_t size;
    _Alignas(16) uint8_t bytes[];
} stage_block;

/* The engine hides from an address sanitizer what it has taken out of its input. */
#if defined(__GNUC__)
#define STAGE_SEES_ALL __attribute__((no_sanitize("address")))
#else
#define STAGE_SEES_ALL
#endif

STAGE_SEES_ALL static bool stage_block_has(const stage_block *b, const char *text) {
    for (size_t i = 0; i < b->size; i++) {
        size_t k = 0;
        while (text[k] != '\0' && i + k < b->size && b->bytes[i + k] == (uint8_t)text[k]) {
            k++;
        }
        if (text[k] == '\0') {
            return true;
        }
    }
    return false;
}

static void stage_block_link(stage *s, stage_block *b) {
    b->next = s->blocks;
    b->place = &s->blocks;
    if (b->next != NULL) {
        b->next->place = &b->next;
    }
    s->blocks = b;
}

/* Frees a block, or makes it ready to be moved. */
static void stage_block_drop(stage *s, stage_block *b) {
    s->leaked = s->leaked || (s->secret != NULL && stage_block_has(b, s->secret));
    s->balance -= b->size;
    *b->place = b->next;
    if (b->next != NULL) {
        b->next->place = b->place;
    }
    free(b);
}

bool stage_holds_secret(const stage *s) {
    bool holds = false;
    for (const stage_block *b = s->blocks; b != NULL; b = b->next) {
        holds = holds || stage_block_has(b, s->secret);
    }
    return holds;
}

/* Each block that grows or shrinks moves, and what it held before is gone. */
static void *stage_resize(void *context, void *ptr, size_t size) {
    stage *s = context;
    stage_block *before =
        ptr == NULL ? NULL : (void *)((uint8_t *)ptr - offsetof(stage_block, bytes));
    if (size == 0) {
        stage_block_drop(s, before);
        return NULL;
    }
    s->allocations++;
    if (s->fail_at != 0 &&
        (s->allocations == s->fail_at || (s->fail_on && s->allocations > s->fail_at))) {
        return NULL;
    }
    stage_block *b = malloc(sizeof *b + size);
    b->size = size;
    s->balance += size;
    if (before != NULL) {
        memcpy(b->bytes, before->bytes, before->size < size ? before->size : size);
        stage_block_drop(s, before);
    }
    s->peak = s->balance > s->peak ? s->balance : s->peak;
    stage_block_link(s, b);
    return b->bytes;
}

static void stage_note(stage *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->log + s->log_len, STAGE_LOG - s->log_len, format, args);
    va_end(args);
    s->log_len += (size_t)n < STAGE_LOG - s->log_len ? (size_t)n : 0;
}

static void stage_trace(void *context, const lev_trace *t) {
    static uint8_t text[4096];
    lev_writer w = lev_writer_init(text, sizeof text);
    const stage *s = context;
    lev_trace_print(&w, t);
    fprintf(stderr, "%8llu %.*s\n", (unsigned long long)s->now, (int)w.len, (const char *)text);
}

void stage_init(stage *s, const lev_engine_options *options) {
    lev_engine_options o = options == NULL ? (lev_engine_options){0} : *options;
    unsigned long fail_at = s->fail_at;
    bool fail_on = s->fail_on;
    size_t step = s->step;
    const char *secret = s->secret;
    *s = (stage){
        .fail_at = fail_at, .fail_on = fail_on, .step = step, .secret = secret, .now = 1000};
    s->wire = malloc(STAGE_WIRE);
    s->broker = lev_writer_init(s->wire, STAGE_WIRE);
    s->log = malloc(STAGE_LOG);
    s->log[0] = '\0';
    o.allocator = (lev_allocator){stage_resize, s};
    if (getenv("LEVERET_TRACE") != NULL && o.tracer.trace == NULL) {
        o.tracer = (lev_tracer){stage_trace, s, true};
    }
    s->e = lev_engine_new(&o, s->now);
}

void stage_says_login(stage *s, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat) {
    lev_connection_start start = {
        .version_minor = 9, .mechanisms = sp("AMQPLAIN PLAIN"), .locales = sp("en_US")};
    lev_connection_tune tune = {channel_max, frame_max, heartbeat};
    stage_says(s, 0, LEV_CONNECTION_START, &start);
    stage_says(s, 0, LEV_CONNECTION_TUNE, &tune);
}

void stage_open(stage *s, const lev_engine_options *options) {
    lev_connection_open_ok ok = {0};
    stage_init(s, options);
    if (s->e == NULL) {
        return;
    }
    stage_says_login(s, 2047, 131072, 60);
    stage_says(s, 0, LEV_CONNECTION_OPEN_OK, &ok);
    stage_deliver(s);
    stage_flush(s);
    stage_log_clear(s);
    s->sent_read = s->sent_len;
}

void stage_open_channel(stage *s, const lev_engine_options *options) {
    stage_open(s, options);
    if (s->e == NULL) {
        return;
    }
    lev_channel_open_ok ok = {0};
    if (lev_engine_channel_open(s->e, 1, &(lev_channel_open){0}, NULL) == LEV_OK) {
        stage_says(s, 1, LEV_CHANNEL_OPEN_OK, &ok);
    }
    stage_deliver(s);
    stage_flush(s);
    stage_log_clear(s);
    s->sent_read = s->sent_len;
}

void stage_deinit(stage *s) {
    lev_engine_free(s->e);
    free(s->wire);
    free(s->log);
    free(s->sent);
    s->e = NULL;
}

void stage_says(stage *s, uint16_t channel, lev_method_id id, const void *fields) {
    size_t place = lev_frame_begin(&s->broker, LEV_FRAME_METHOD, channel);
    lev_method_encode(&s->broker, id, fields);
    lev_frame_end(&s->broker, place);
}

void stage_says_frame(stage *s, uint8_t type, uint16_t channel, lev_span payload) {
    lev_frame_encode(&s->broker, &(lev_frame){type, channel, payload});
}

void stage_says_bytes(stage *s, const void *bytes, size_t len) {
    lev_writer_bytes(&s->broker, (lev_span){bytes, len});
}

void stage_says_body(stage *s, uint16_t channel, const lev_properties *properties, lev_span body,
                     size_t most) {
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = body.len};
    if (properties != NULL) {
        header.properties = *properties;
    }
    size_t place = lev_frame_begin(&s->broker, LEV_FRAME_HEADER, channel);
    lev_header_encode(&s->broker, &header);
    lev_frame_end(&s->broker, place);
    while (body.len > 0) {
        lev_span piece = {body.ptr, body.len < most ? body.len : most};
        stage_says_frame(s, LEV_FRAME_BODY, channel, piece);
        body.ptr += piece.len;
        body.len -= piece.len;
    }
}

static void stage_note_message(stage *s, const lev_event *event) {
    const lev_message *m = event->message;
    s->delivery = m->delivery;
    stage_note(s, " tag=%llu key=%.*s", (unsigned long long)m->delivery.tag,
               (int)m->routing_key.len,
               m->routing_key.len > 0 ? (const char *)m->routing_key.ptr : "");
    if (m->body_size <= 64) {
        stage_note(s, " body=%.*s", (int)m->body.len,
                   m->body.len > 0 ? (const char *)m->body.ptr : "");
    } else {
        uint64_t sum = 0;
        for (size_t i = 0; i < m->body.len; i++) {
            sum = sum * 31 + m->body.ptr[i];
        }
        stage_note(s, " size=%llu sum=%llx", (unsigned long long)m->body.len,
                   (unsigned long long)sum);
    }
}

static void stage_note_event(stage *s, const lev_event *event) {
    static const char *const names[] = {
        "none",      "start",          "challenge", "open",      "reply",  "deliver",
        "body",      "return",         "outcome",   "cancelled", "flow",   "blocked",
        "unblocked", "channel-closed", "writable",  "released",  "closed", "failed"};
    static const char *const outcomes[] = {"confirmed", "returned", "nacked", "not-sent",
                                           "in-doubt"};
    stage_note(s, "%s ch=%u", names[event->type], event->channel);
    if (event->method != NULL) {
        const lev_method_desc *desc = lev_method_describe(event->method->id);
        stage_note(s, " %s.%s", desc->class_name, desc->method_name);
    }
    if (event->call != 0) {
        stage_note(s, " call=%u", event->call);
        s->last_call = event->call;
    }
    if (event->type == LEV_EVENT_OUTCOME) {
        stage_note(s, " %llu-%llu %s", (unsigned long long)event->first,
                   (unsigned long long)event->last, outcomes[event->outcome]);
    }
    if (event->type == LEV_EVENT_RETURN) {
        stage_note(s, " of=%llu", (unsigned long long)event->first);
    }
    if (event->type == LEV_EVENT_BODY) {
        stage_note(s, " piece=%zu", event->body.len);
    } else if (event->message != NULL) {
        stage_note_message(s, event);
    }
    if (event->error != NULL) {
        stage_note(s, " %s %u %s", lev_status_name(event->error->status), event->error->reply_code,
                   event->error->text);
    }
    stage_note(s, "\n");
}

void stage_events(stage *s) {
    lev_event event;
    while (!s->over && lev_engine_next(s->e, &event)) {
        stage_note_event(s, &event);
        s->over = event.type == LEV_EVENT_FAILED || event.type == LEV_EVENT_CLOSED;
    }
}

void stage_deliver(stage *s) {
    const uint8_t *at = s->wire;
    size_t left = s->broker.len;
    while (left > 0) {
        size_t room;
        uint8_t *space = lev_engine_recv_space(s->e, &room);
        size_t n = left < room ? left : room;
        n = s->step != 0 && s->step < n ? s->step : n;
        if (n == 0) {
            break;
        }
        memcpy(space, at, n);
        lev_engine_received(s->e, n, s->now);
        at += n;
        left -= n;
        stage_events(s);
    }
    s->broker = lev_writer_init(s->wire, STAGE_WIRE);
    stage_events(s);
}

void stage_flush(stage *s) {
    lev_span spans[4];
    size_t count;
    while ((count = lev_engine_pending(s->e, spans, 4)) > 0) {
        size_t total = 0;
        for (size_t i = 0; i < count; i++) {
            s->sent = realloc(s->sent, s->sent_len + spans[i].len);
            memcpy(s->sent + s->sent_len, spans[i].ptr, spans[i].len);
            s->sent_len += spans[i].len;
            total += spans[i].len;
        }
        lev_engine_sent(s->e, total, s->now);
    }
}

void stage_wait(stage *s, uint64_t ms) {
    uint64_t end = s->now + ms;
    uint64_t due;
    while ((due = lev_engine_deadline(s->e)) <= end) {
        s->now = due > s->now ? due : s->now;
        lev_engine_tick(s->e, s->now);
        stage_events(s);
        stage_flush(s);
    }
    s->now = end;
}

bool stage_sent(stage *s, lev_frame *frame, lev_method *method) {
    static const lev_frame_limits limits = {1 << 20, 1 << 20};
    size_t need;
    stage_flush(s);
    if (s->sent_read == 0 && s->sent_len >= 8 && s->sent[0] == 'A') {
        s->sent_read = 8;
    }
    if (s->sent_read == s->sent_len) {
        return false;
    }
    lev_reader r = lev_reader_init((lev_span){s->sent + s->sent_read, s->sent_len - s->sent_read});
    if (lev_frame_decode(&r, &limits, frame, &need) != LEV_OK) {
        return false;
    }
    s->sent_read = s->sent_len - r.left;
    *method = (lev_method){.id = LEV_NO_METHOD};
    return frame->type != LEV_FRAME_METHOD || lev_method_decode(frame->payload, method) == LEV_OK;
}

bool stage_sent_is(stage *s, uint16_t channel, lev_method_id id, lev_method *method) {
    lev_method local;
    lev_frame frame;
    method = method == NULL ? &local : method;
    do {
        if (!stage_sent(s, &frame, method)) {
            return false;
        }
    } while (frame.type == LEV_FRAME_HEARTBEAT);
    return frame.channel == channel && method->id == id;
}

bool stage_logged(const stage *s, const char *text) { return strstr(s->log, text) != NULL; }

void stage_log_clear(stage *s) {
    s->log_len = 0;
    s->log[0] = '\0';
}
