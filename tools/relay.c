/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Frames are shown as they come in, and bits are turned behind that: a frame whose head was changed
 * would be taken for another one, and might show its secret.
 *
 * A direction is read only while it holds little, so whoever reads slowly slows the writer down,
 * and memory stays flat. The dissector looks at the bytes beside the path; only where heartbeats
 * are left out do the bytes go through it, since then it is items that pass and not bytes.
 *
 * An end that is half closed is closed on the other side once all that came before has passed. */

#include "relay.h"

#include "loop.h"
#include "say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RELAY_PIECE = 64 * 1024, RELAY_HELD = 256 * 1024 };

static flow flow_between(wire *from, wire *to, enum side side) {
    return (flow){.from = from, .to = to, .side = side};
}

void relay_init(relay *r, relay_view *v, uint64_t number) {
    r->number = number;
    r->up = flow_between(&r->client, &r->target, SIDE_CLIENT);
    r->down = flow_between(&r->target, &r->client, SIDE_SERVER);
    r->up.flips = fault_flips_init(&v->faults, number * 2);
    r->down.flips = fault_flips_init(&v->faults, number * 2 + 1);
    if (v->captures) {
        pcap_put_open(&v->capture, &r->packets, number);
    }
}

static void flow_deinit(flow *f) {
    buffer_deinit(&f->held);
    dissector_deinit(&f->stream);
}

void relay_deinit(relay *r) {
    flow_deinit(&r->up);
    flow_deinit(&r->down);
    wire_close(&r->client, r->cut);
    wire_close(&r->target, r->cut);
}

static void flow_hold(flow *f, relay *r, relay_view *v, lev_span bytes) {
    size_t before = f->held.len;
    buffer_put(&f->held, bytes);
    lev_span passed = {f->held.ptr + before, f->held.len - before};
    fault_flip(&f->flips, f->held.ptr + before, passed.len);
    f->read += passed.len;
    if (v->captures) {
        pcap_put_bytes(&v->capture, &r->packets, f->side, passed);
    }
}

/* Shows what is whole, and passes it on where that depends on what it is. */
static void flow_show(flow *f, relay *r, relay_view *v) {
    origin o = {.streamed = true, .stream = r->number, .from = f->side};
    item i;
    while (dissector_next(&f->stream, &i)) {
        print_item(&v->shown, &v->printer, &i, &o);
        if (v->faults.drop_heartbeats && i.kind != ITEM_HEARTBEAT) {
            flow_hold(f, r, v, i.bytes);
        }
    }
}

static void flow_mark(flow *f, uint64_t due) {
    size_t last = (f->mark + f->mark_count) % RELAY_MARKS;
    f->marks[last].end = f->read;
    f->marks[last].due = due;
    f->mark_count++;
}

static bool flow_reads(const flow *f) {
    return !f->over && !f->to->finished && f->held.len < RELAY_HELD && f->mark_count < RELAY_MARKS;
}

/* Returns how many bytes may still be read before the connection is cut. */
static size_t relay_room(const relay *r, const relay_view *v) {
    uint64_t left = v->faults.cut_after - r->bytes;
    return v->faults.cut_after == 0 || left > RELAY_PIECE ? RELAY_PIECE : (size_t)left;
}

static void flow_take(flow *f, relay *r, relay_view *v) {
    uint8_t piece[RELAY_PIECE];
    size_t n = 1;
    while (n > 0 && !r->cut && flow_reads(f)) {
        n = wire_read(f->from, piece, relay_room(r, v));
        r->bytes += n;
        r->cut = v->faults.cut_after > 0 && r->bytes >= v->faults.cut_after;
        if (n > 0) {
            dissector_put(&f->stream, (lev_span){piece, n});
            if (!v->faults.drop_heartbeats) {
                flow_hold(f, r, v, (lev_span){piece, n});
            }
            flow_show(f, r, v);
            flow_mark(f, lev_net_now() + v->faults.delay_ms);
        }
    }
    if (!f->over && (f->from->ended || r->cut)) {
        f->over = true;
        dissector_end(&f->stream);
        flow_show(f, r, v);
        flow_mark(f, lev_net_now());
        if (v->captures) {
            pcap_put_end(&v->capture, &r->packets, f->side);
        }
    }
}

/* Returns how many of the bytes held are due. */
static size_t flow_due(flow *f) {
    uint64_t end = f->passed;
    uint64_t now = lev_net_now();
    for (size_t i = 0; i < f->mark_count; i++) {
        size_t at = (f->mark + i) % RELAY_MARKS;
        if (f->marks[at].due > now) {
            break;
        }
        end = f->marks[at].end;
    }
    return (size_t)(end - f->passed);
}

static void flow_pass(flow *f, uint64_t split) {
    size_t due = flow_due(f);
    size_t done = 0;
    size_t n = 1;
    while (done < due && n > 0) {
        size_t most = split > 0 && split < due - done ? (size_t)split : due - done;
        n = wire_write(f->to, (lev_span){f->held.ptr + done, most});
        done += n;
    }
    buffer_drop(&f->held, done);
    f->passed += done;
    while (f->mark_count > 0 && f->marks[f->mark].end <= f->passed) {
        f->mark = (f->mark + 1) % RELAY_MARKS;
        f->mark_count--;
    }
    if (f->over && f->held.len == 0) {
        wire_finish(f->to);
    }
}

/* Nothing more can pass. */
static bool flow_done(const flow *f) { return f->to->finished; }

static void relay_tell(const relay *r, const wire *w, const char *who, bool always) {
    if (always && w->fault[0] != '\0') {
        say("#%" PRIu64 " %s: %s", r->number, who, w->fault);
    }
}

bool relay_work(relay *r, relay_view *v) {
    bool joined = wire_step(&r->client) && wire_step(&r->target);
    if (joined) {
        flow_take(&r->up, r, v);
        flow_take(&r->down, r, v);
        flow_pass(&r->up, v->faults.split);
        flow_pass(&r->down, v->faults.split);
    }
    if (joined && !r->cut && !(flow_done(&r->up) && flow_done(&r->down))) {
        return true;
    }
    relay_tell(r, &r->client, "client", v->tells_ends || !r->client.open);
    relay_tell(r, &r->target, "target", v->tells_ends || !r->target.open);
    if (r->cut && v->tells_ends) {
        say("#%" PRIu64 " cut after %" PRIu64 " bytes", r->number, r->bytes);
    }
    return false;
}

static int flow_wait(const flow *f) {
    uint64_t now = lev_net_now();
    if (f->mark_count == 0 || f->to->finished) {
        return -1;
    }
    uint64_t due = f->marks[f->mark].due;
    return due <= now ? -1 : due - now < 1000 ? (int)(due - now) : 1000;
}

static bool flow_writes(const flow *f) {
    return f->mark_count > 0 && f->held.len > 0 && f->marks[f->mark].due <= lev_net_now();
}

int relay_poll(const relay *r, struct pollfd fds[2]) {
    bool joined = r->client.open && r->target.open;
    bool up = joined && flow_reads(&r->up);
    bool down = joined && flow_reads(&r->down);
    fds[0] = wire_poll(&r->client, up, flow_writes(&r->down));
    fds[1] = wire_poll(&r->target, down, flow_writes(&r->up));
    int due = loop_sooner(wire_due(&r->client, up), wire_due(&r->target, down));
    return loop_sooner(due, loop_sooner(flow_wait(&r->up), flow_wait(&r->down)));
}
