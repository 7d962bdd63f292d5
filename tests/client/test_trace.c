/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* What the trace hook hears of a connection: each frame once, whole and in order, however the
 * socket has cut it. */

#include "../unit.h"
#include "peer.h"
#include "tap.h"

#include <unistd.h>

/* What was heard: '>' or '<', and the method's name, or what else it is. */
typedef struct heard {
    char text[2000];
    size_t len;
    size_t bytes; /* of all that was told */
} heard;

static void hear(void *context, const lev_traced *traced) {
    static const char *const names[] = {[0] = "header",
                                        [LEV_FRAME_HEADER] = "properties",
                                        [LEV_FRAME_BODY] = "body",
                                        [LEV_FRAME_HEARTBEAT] = "beat"};
    heard *h = context;
    const lev_frame *f = &traced->frame;
    const char *name = names[f->type];
    lev_method m;
    h->bytes += traced->bytes.len;
    if (f->type == LEV_FRAME_METHOD) {
        EXPECT_EQ(lev_method_decode(f->payload, &m), LEV_OK);
        name = lev_method_describe(m.id)->method_name;
    }
    if (f->type != 0) {
        EXPECT_EQ(traced->bytes.len, f->payload.len + LEV_FRAME_OVERHEAD);
    } else if (traced->bytes.ptr[0] != 'A') {
        name = "nonsense";
    }
    h->len += (size_t)snprintf(h->text + h->len, sizeof h->text - h->len, "%s%u%s",
                               traced->sent ? ">" : "<", f->channel, name);
}

static lev_client *open_client(heard *h, const char *uri, bool recovers) {
    lev_client_options o = {.trace = hear, .trace_context = h, .recovery.on = recovers};
    o.recovery.wait_first_ms = 1;
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, uri), LEV_OK);
    return c;
}

#define LOGIN "<0start>0start-ok<0tune>0tune-ok>0open<0open-ok"

static void take_one(peer *p) {
    char key[256];
    peer_login(p, 0);
    peer_open_channel(p);
    peer_expect_publish(p, key);
    peer_close(p);
}

static void publish_one(size_t read_max) {
    heard h = {.len = 0};
    peer *p = peer_start(take_one);
    tap_read_max = read_max;
    lev_client *c = open_client(&h, p->uri, false);
    lev_publication one = {.routing_key = lev_span_of("q"), .body = lev_span_of("body")};
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    EXPECT_EQ(lev_client_publish(c, 1, &one, NULL), LEV_OK);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    tap_read_max = 0;
    EXPECT_STR(h.text, ">0header" LOGIN ">1open<1open-ok>1publish>1properties>1body>0close"
                       "<0close-ok");
    lev_client_free(c);
    peer_end(p);
}

static void tells_of_each_frame(void) { publish_one(0); }

static void puts_pieces_together(void) {
    publish_one(1);
    publish_one(7);
}

static void talk_nonsense(peer *p) {
    peer_login(p, 0);
    peer_send(p, "nonsense", 8);
    peer_forgive(p);
    peer_expect(p, LEV_CONNECTION_CLOSE);
}

static void shows_what_is_no_frame_and_ends(void) {
    heard h = {.len = 0};
    lev_event e;
    peer *p = peer_start(talk_nonsense);
    lev_client *c = open_client(&h, p->uri, false);
    while (lev_client_next(c, &e, 3000) == LEV_OK) {
    }
    EXPECT(strstr(h.text, "<0nonsense") != NULL);
    lev_client_free(c);
    peer_end(p);
}

/* Half a frame is lost with its connection. */
static void lose_amid_a_frame(peer *p) {
    peer_login(p, 0);
    peer_send(p, "\1\0\0\0\0\0\4\0", 8);
    usleep(50000);
    peer_reset(p);
}

static void greet_again(peer *p) {
    peer_login(p, 0);
    peer_close(p);
}

static void begins_anew_with_a_connection(void) {
    heard h = {.len = 0};
    lev_event e;
    peer *first = peer_start(lose_amid_a_frame);
    peer *second = peer_start(greet_again);
    const char *uris[] = {second->uri};
    lev_client_options o = {.trace = hear,
                            .trace_context = &h,
                            .uris = uris,
                            .uri_count = 1,
                            .recovery = {.on = true, .wait_first_ms = 1}};
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, first->uri), LEV_OK);
    while (lev_client_next(c, &e, 3000) == LEV_OK && e.type != LEV_EVENT_RECOVERED) {
    }
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    EXPECT_STR(h.text, ">0header" LOGIN ">0header" LOGIN ">0close<0close-ok");
    lev_client_free(c);
    peer_end(first);
    peer_end(second);
}

UNIT_MAIN("trace", CASE(tells_of_each_frame), CASE(puts_pieces_together),
          CASE(shows_what_is_no_frame_and_ends), CASE(begins_anew_with_a_connection))
