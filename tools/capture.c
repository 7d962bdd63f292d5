/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each TCP stream has two flows, one a direction, each with a dissector. Segments go into it in the
 * order of their sequence numbers: what comes twice is cut off, what comes too early waits, and
 * what never comes, because it was not captured, is a gap once the file ends or too much waits for
 * it. Items are handed on when their last byte is there, so both directions come in the order in
 * which they were spoken.
 *
 * A stream is AMQP if its first bytes say so, or could, or one side is port 5672; TLS is not. */

#include "capture.h"

#include "segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING_MOST = 4 * 1024 * 1024, PORT_AMQP = 5672 };

/* Data that came before its turn. */
typedef struct early {
    struct early *next;
    uint32_t sequence;
    size_t size;
    size_t captured;
    uint8_t bytes[];
} early;

/* One direction. */
typedef struct flow {
    endpoint from;
    bool begun;
    uint32_t first; /* sequence number */
    uint32_t next;
    dissector bytes;
    early *waiting; /* in order */
    size_t waiting_size;
} flow;

enum verdict { UNDECIDED, AMQP, OTHER };

struct tcp_stream {
    struct tcp_stream *next;
    uint64_t number;
    flow flows[2];
    int client; /* the flow of the client's, -1: not known yet */
    enum verdict verdict;
};
typedef struct tcp_stream tcp_stream;

void capture_init(capture *c, item_taker *take, void *context) {
    *c = (capture){.take = take, .context = context};
}

static void flow_deinit(flow *f) {
    while (f->waiting != NULL) {
        early *next = f->waiting->next;
        free(f->waiting);
        f->waiting = next;
    }
    dissector_deinit(&f->bytes);
}

void capture_deinit(capture *c) {
    while (c->streams != NULL) {
        tcp_stream *next = c->streams->next;
        flow_deinit(&c->streams->flows[0]);
        flow_deinit(&c->streams->flows[1]);
        free(c->streams);
        c->streams = next;
    }
    pcap_deinit(&c->file);
}

static bool endpoint_equal(const endpoint *a, const endpoint *b) {
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* ---- what a stream is ------------------------------------------------------------------------ */

/* Could a frame, or a protocol header, begin so? */
static bool looks_amqp(lev_span data) {
    lev_reader r = lev_reader_init(data);
    uint8_t type = lev_reader_u8(&r);
    lev_reader_u16(&r);
    uint32_t size = lev_reader_u32(&r);
    if (memcmp(data.ptr, "AMQP", data.len < 4 ? data.len : 4) == 0) {
        return true;
    }
    bool known = type == LEV_FRAME_METHOD || type == LEV_FRAME_HEADER || type == LEV_FRAME_BODY ||
                 type == LEV_FRAME_HEARTBEAT;
    return r.status == LEV_OK && known && size <= DISSECT_FRAME_MAX;
}

static void stream_decide(tcp_stream *s, int which, lev_span data) {
    bool tls = data.len > 1 && data.ptr[0] == 0x16 && data.ptr[1] == 3;
    uint16_t ports[] = {s->flows[0].from.port, s->flows[1].from.port};
    bool usual = ports[0] == PORT_AMQP || ports[1] == PORT_AMQP;
    s->verdict = !tls && (usual || looks_amqp(data)) ? AMQP : OTHER;
    if (data.ptr[0] == 'A' && looks_amqp(data)) {
        s->client = which;
    } else if (s->client < 0) {
        s->client = ports[0] == PORT_AMQP || (ports[1] != PORT_AMQP && ports[0] < ports[1]) ? 1 : 0;
    }
}

/* ---- one direction --------------------------------------------------------------------------- */

static void flow_take(capture *c, const tcp_stream *s, flow *f, const item *gap) {
    origin o = {.streamed = true, .stream = s->number};
    item i = {.kind = ITEM_BODY};
    o.from = f == &s->flows[s->client] ? SIDE_CLIENT : SIDE_SERVER;
    if (gap != NULL) {
        c->take(c->context, gap, &o);
        return;
    }
    while (dissector_next(&f->bytes, &i)) {
        c->take(c->context, &i, &o);
    }
}

static void flow_gap(capture *c, const tcp_stream *s, flow *f, uint64_t missing) {
    item gap = {.kind = ITEM_MALFORMED};
    dissector_end(&f->bytes);
    flow_take(c, s, f, NULL);
    dissector_gap(&f->bytes, missing, &gap);
    flow_take(c, s, f, &gap);
}

/* Takes data that is next, of which `size` bytes were sent. */
static void flow_data(capture *c, tcp_stream *s, flow *f, lev_span data, size_t size) {
    f->next += (uint32_t)size;
    if (s->verdict == UNDECIDED && data.len > 0) {
        stream_decide(s, f == &s->flows[1], data);
    }
    if (s->verdict != AMQP) {
        return;
    }
    if (!dissector_put(&f->bytes, data)) {
        snprintf(c->fault, sizeof c->fault, "out of memory");
    }
    flow_take(c, s, f, NULL);
    if (data.len < size) {
        flow_gap(c, s, f, size - data.len);
    }
}

/* Takes the part of some data that is new. */
static void flow_new(capture *c, tcp_stream *s, flow *f, const segment *g) {
    uint32_t old = f->next - g->sequence;
    size_t skip = old < g->data.len ? old : g->data.len;
    if (old < g->size) {
        lev_span data = {g->data.ptr + skip, g->data.len - skip};
        flow_data(c, s, f, data, g->size - old);
    }
}

static bool is_early(const flow *f, uint32_t sequence) { return (int32_t)(sequence - f->next) > 0; }

static void flow_keep(capture *c, flow *f, const segment *g) {
    early *e = malloc(sizeof *e + g->data.len);
    early **at = &f->waiting;
    if (e == NULL) {
        snprintf(c->fault, sizeof c->fault, "out of memory");
        return;
    }
    *e = (early){.sequence = g->sequence, .size = g->size, .captured = g->data.len};
    memcpy(e->bytes, g->data.ptr, g->data.len);
    while (*at != NULL && (int32_t)(g->sequence - (*at)->sequence) >= 0) {
        at = &(*at)->next;
    }
    e->next = *at;
    *at = e;
    f->waiting_size += g->data.len + sizeof *e;
}

/* Takes what waited for its turn; with `all` also what waits in vain. */
static void flow_drain(capture *c, tcp_stream *s, flow *f, bool all) {
    while (f->waiting != NULL && (all || !is_early(f, f->waiting->sequence))) {
        early *e = f->waiting;
        segment g = {.sequence = e->sequence, .data = {e->bytes, e->captured}, .size = e->size};
        if (is_early(f, e->sequence)) {
            uint32_t missing = e->sequence - f->next;
            f->next = e->sequence;
            if (s->verdict == AMQP) {
                flow_gap(c, s, f, missing);
            }
        }
        flow_new(c, s, f, &g);
        f->waiting = e->next;
        f->waiting_size -= e->captured + sizeof *e;
        free(e);
    }
}

static void flow_end(capture *c, tcp_stream *s, flow *f) {
    flow_drain(c, s, f, true);
    dissector_end(&f->bytes);
    if (s->verdict == AMQP) {
        flow_take(c, s, f, NULL);
    }
}

/* ---- streams --------------------------------------------------------------------------------- */

static void stream_end(capture *c, tcp_stream *s) {
    flow_end(c, s, &s->flows[0]);
    flow_end(c, s, &s->flows[1]);
    c->others += s->verdict == OTHER ? 1 : 0;
    s->verdict = OTHER;
}

static tcp_stream *stream_new(capture *c, const segment *g) {
    tcp_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(c->fault, sizeof c->fault, "out of memory");
        return NULL;
    }
    s->number = c->count++;
    s->flows[0].from = g->from;
    s->flows[1].from = g->to;
    s->client = -1;
    s->next = c->streams;
    c->streams = s;
    return s;
}

/* Finds the stream of a segment, or makes one: a new one, too, where its ends begin anew. */
static tcp_stream *stream_of(capture *c, const segment *g) {
    for (tcp_stream *s = c->streams; s != NULL; s = s->next) {
        for (int i = 0; i < 2; i++) {
            const flow *f = &s->flows[i];
            if (endpoint_equal(&f->from, &g->from) &&
                endpoint_equal(&s->flows[1 - i].from, &g->to)) {
                bool anew = g->syn && !g->ack && f->begun && f->first != g->sequence;
                return anew ? stream_new(c, g) : s;
            }
        }
    }
    return stream_new(c, g);
}

static void capture_segment(capture *c, segment *g) {
    tcp_stream *s = stream_of(c, g);
    if (s == NULL) {
        return;
    }
    int which = endpoint_equal(&s->flows[0].from, &g->from) ? 0 : 1;
    flow *f = &s->flows[which];
    if (g->syn) {
        s->client = g->ack ? 1 - which : which;
    }
    if (!f->begun) {
        f->begun = true;
        f->first = g->sequence;
        f->next = g->sequence + (g->syn ? 1 : 0);
    }
    g->sequence += g->syn ? 1 : 0;
    if (g->size == 0) {
        return;
    }
    if (is_early(f, g->sequence)) {
        flow_keep(c, f, g);
    } else {
        flow_new(c, s, f, g);
    }
    flow_drain(c, s, f, f->waiting_size > WAITING_MOST);
}

bool capture_put(capture *c, lev_span piece) {
    packet p;
    segment g;
    pcap_put(&c->file, piece);
    while (c->fault[0] == '\0' && pcap_next(&c->file, &p)) {
        if (segment_find(&p, &g)) {
            capture_segment(c, &g);
        }
    }
    if (c->file.fault != NULL && c->fault[0] == '\0') {
        snprintf(c->fault, sizeof c->fault, "%s", c->file.fault);
    }
    return c->fault[0] == '\0';
}

void capture_end(capture *c) {
    if (c->fault[0] == '\0' && (!c->file.begun || c->file.from < c->file.bytes.len)) {
        snprintf(c->fault, sizeof c->fault, "the capture ends within a packet, or is none");
    }
    for (uint64_t number = 0; number < c->count; number++) {
        for (tcp_stream *s = c->streams; s != NULL; s = s->next) {
            if (s->number == number) {
                stream_end(c, s);
            }
        }
    }
}
