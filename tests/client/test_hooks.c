/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The hooks of a client: an allocator of its own, through a life with a publish, a consumer and a
 * recovery, and each allocation of that failed in turn; lines for the logger; frames for the
 * tracer; and the counters over two connections. */

#include "../unit.h"
#include "server.h"

enum { HEAP_HEAD = 16, HEARD = 1 << 16 };

/* ---- an allocator ---------------------------------------------------------------------------- */

typedef struct heap {
    size_t blocks; /* that are in use */
    unsigned long calls;
    unsigned long fail_at; /* the n-th allocation fails; 0: none */
    bool fail_on;          /* and all behind it */
    bool fired;
} heap;

/* A block of somebody else's would not have the mark. */
static void *heap_resize(void *context, void *ptr, size_t size) {
    static const uint64_t mark = UINT64_C(0x6C65766572657400);
    heap *h = context;
    uint8_t *head = ptr != NULL ? (uint8_t *)ptr - HEAP_HEAD : NULL;
    if (head != NULL && memcmp(head, &mark, sizeof mark) != 0) {
        abort();
    }
    if (size == 0) {
        h->blocks--;
        memset(head, 0, sizeof mark);
        free(head);
        return NULL;
    }
    h->calls++;
    if (h->fail_at != 0 && (h->calls == h->fail_at || (h->fail_on && h->calls > h->fail_at))) {
        h->fired = true;
        return NULL;
    }
    h->blocks += head == NULL ? 1 : 0;
    head = realloc(head, HEAP_HEAD + size);
    memcpy(head, &mark, sizeof mark);
    return head + HEAP_HEAD;
}

/* ---- what is heard --------------------------------------------------------------------------- */

typedef struct heard {
    char lines[HEARD];
    size_t len;
    unsigned calls;
} heard;

static void heard_line(heard *h, const char *before, const char *text, size_t len) {
    int n = snprintf(h->lines + h->len, HEARD - h->len, "%s%.*s\n", before, (int)len, text);
    h->len += (size_t)n < HEARD - h->len ? (size_t)n : 0;
    h->calls++;
}

static void hear_log(void *context, lev_log_level level, const char *message) {
    char before[16];
    snprintf(before, sizeof before, "%s ", lev_log_level_name(level));
    heard_line(context, before, message, strlen(message));
}

static void hear_trace(void *context, const lev_trace *t) {
    uint8_t text[4096];
    lev_writer w = lev_writer_init(text, sizeof text);
    lev_trace_print(&w, t);
    heard_line(context, "", (const char *)text, w.len);
}

/* ---- a life ---------------------------------------------------------------------------------- */

static void cut_at_the_second(server *s, server_publish *p) {
    if (s->connections == 1 && s->count == 2) {
        server_cut(s);
    }
    server_confirm(s, p);
}

static lev_client_options life_options(void) {
    return (lev_client_options){
        .user = "me",
        .password = "hunter2",
        .recovery = {.on = true, .retransmit = true, .wait_first_ms = 1, .wait_max_ms = 1},
        .call_ms = 2000,
        .progress_ms = 2000};
}

/* Declares and consumes; stops at the first thing that fails. */
static lev_status life_set_up(lev_client *c) {
    lev_queue_declare queue = {.queue = lev_span_of("q")};
    lev_basic_consume consume = {.queue = lev_span_of("q"), .consumer_tag = lev_span_of("c")};
    lev_status status = lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL);
    if (status == LEV_OK) {
        status = lev_client_queue_declare(c, 1, &queue, NULL);
    }
    if (status == LEV_OK) {
        status = lev_client_confirm_select(c, 1, &(lev_confirm_select){0}, NULL);
    }
    return status == LEV_OK ? lev_client_basic_consume(c, 1, &consume, NULL) : status;
}

static lev_status life_publish(lev_client *c) {
    lev_properties properties = {.present = LEV_HAS_MESSAGE_ID, .message_id = lev_span_of("m")};
    lev_publication p = {
        .routing_key = lev_span_of("k"), .properties = &properties, .body = lev_span_of("body")};
    lev_status status = LEV_OK;
    for (int i = 0; i < 3 && status == LEV_OK; i++) {
        status = lev_client_publish(c, 1, &p, NULL);
    }
    return status == LEV_OK ? lev_client_wait_confirms(c, 1, NULL) : status;
}

/* Takes and acks what was delivered, until all is back and nothing more is there. */
static lev_status life_take(lev_client *c) {
    lev_event event;
    lev_status status;
    int patience = 2000;
    do {
        status = lev_client_next(c, &event, patience);
        if (status == LEV_OK && event.type == LEV_EVENT_DELIVER) {
            (void)lev_client_ack(c, event.message->delivery, false); /* it may be stale */
        }
        patience = event.type == LEV_EVENT_RECOVERED ? 0 : patience;
    } while (status == LEV_OK);
    return status == LEV_ERR_TIMEOUT ? LEV_OK : status;
}

/* Connects, publishes, consumes, is cut off, recovers, and closes. Returns what failed first. */
static lev_status life(const server *s, const lev_client_options *o, lev_counters *counted) {
    lev_client *c = lev_client_new(o);
    if (c == NULL) {
        return LEV_ERR_MEMORY;
    }
    lev_status status = lev_client_open(c, s->uri);
    if (status == LEV_OK) {
        status = life_set_up(c);
    }
    if (status == LEV_OK) {
        status = life_publish(c);
    }
    if (status == LEV_OK) {
        status = life_take(c);
    }
    if (counted != NULL) {
        *counted = lev_client_counters(c);
    }
    (void)lev_client_close(c);
    lev_client_free(c);
    return status;
}

static lev_status play(const lev_client_options *o, lev_counters *counted) {
    server *s = server_start(cut_at_the_second);
    s->deliveries = 2;
    lev_status status = life(s, o, counted);
    server_end(s);
    free(s);
    return status;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void all_memory_is_the_allocators_and_is_given_back(void) {
    heap h = {.blocks = 0};
    lev_client_options o = life_options();
    o.allocator = (lev_allocator){heap_resize, &h};
    EXPECT_EQ(play(&o, NULL), LEV_OK);
    EXPECT(h.calls > 40);
    EXPECT_EQ(h.blocks, 0);
}

static void fail_each(bool from_then_on) {
    for (unsigned long n = 1;; n++) {
        heap h = {.fail_at = n, .fail_on = from_then_on};
        lev_client_options o = life_options();
        o.allocator = (lev_allocator){heap_resize, &h};
        lev_status status = play(&o, NULL);
        EXPECT_EQ(h.blocks, 0);
        if (!h.fired) {
            EXPECT_EQ(status, LEV_OK);
            EXPECT(n > 40);
            return;
        }
        if (status != LEV_OK && status != LEV_ERR_MEMORY) {
            unit_fail(__FILE__, __LINE__, "allocation %lu failed, and the call with %s", n,
                      lev_status_name(status));
        }
    }
}

static void each_failure_is_told_as_such(void) { fail_each(false); }

static void no_memory_from_some_point_on_is_told_as_such(void) { fail_each(true); }

/* One event was handed out, others are kept. */
static void a_client_freed_amid_it_all_gives_all_back(void) {
    heap h = {.blocks = 0};
    server *s = server_start(NULL);
    s->deliveries = 3;
    lev_client_options o = life_options();
    lev_event event;
    o.allocator = (lev_allocator){heap_resize, &h};
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, s->uri), LEV_OK);
    EXPECT_EQ(life_set_up(c), LEV_OK);
    EXPECT_EQ(life_publish(c), LEV_OK);
    EXPECT(lev_client_counters(c).kept > 0);
    EXPECT_EQ(lev_client_next(c, &event, 2000), LEV_OK);
    lev_client_free(c);
    EXPECT_EQ(h.blocks, 0);
    server_end(s);
    free(s);
}

static void a_block_goes_back_to_where_it_came_from(void) {
    heap a = {.blocks = 0};
    const lev_allocator from = {heap_resize, &a};
    char *text = lev_memory_string(&from, "text");
    uint8_t *none = lev_memory_zeroed(NULL, 3);
    EXPECT_EQ(a.blocks, 1);
    text = lev_memory_resize(NULL, text, 10000); /* stays there */
    EXPECT_STR(text, "text");
    EXPECT_EQ(a.calls, 2);
    EXPECT_BYTES(none, 3, "\0\0\0", 3);
    a.fail_at = 3;
    EXPECT(lev_memory_resize(NULL, text, 20000) == NULL);
    EXPECT_STR(text, "text");
    EXPECT(lev_memory_new(&from, SIZE_MAX - 3) == NULL);
    EXPECT_EQ(a.calls, 3);
    lev_memory_free(text);
    lev_memory_free(none);
    lev_memory_free(NULL);
    EXPECT_EQ(a.blocks, 0);
}

static void parsers_and_windows_take_an_allocator_too(void) {
    heap h = {.blocks = 0};
    const lev_allocator from = {heap_resize, &h};
    lev_uri uri;
    EXPECT_EQ(lev_uri_init_with(&from, &uri, "amqps://me:hunter2@host/v?cacertfile=ca"), LEV_OK);
    EXPECT_EQ(h.blocks, 5);
    lev_uri_deinit(&uri);
    EXPECT_EQ(h.blocks, 0);
    h.fail_at = h.calls + 2;
    EXPECT_EQ(lev_uri_init_with(&from, &uri, "amqp://me:hunter2@host/v"), LEV_ERR_MEMORY);
    lev_uri_deinit(&uri);
    EXPECT_EQ(h.blocks, 0);
    lev_seen *seen = lev_seen_new_with(&from, 10);
    EXPECT_EQ(lev_seen_add(seen, lev_span_of("id")), LEV_OK);
    EXPECT_EQ(h.blocks, 3);
    lev_seen_free(seen);
    EXPECT_EQ(h.blocks, 0);
}

/* Takes what stands between `from` and `to` out of a text. */
static void cut_out(char *text, const char *from, const char *to) {
    char *at;
    while ((at = strstr(text, from)) != NULL) {
        char *end = strstr(at, to);
        end = end != NULL ? end : at + strlen(at);
        memmove(at, end, strlen(end) + 1);
    }
}

static void the_logger_hears_what_happens_and_no_secret(void) {
    heard *h = calloc(1, sizeof *h);
    lev_client_options o = life_options();
    o.logger = (lev_logger){hear_log, h};
    EXPECT_EQ(play(&o, NULL), LEV_OK);
    EXPECT(strstr(h->lines, "hunter2") == NULL);
    cut_out(h->lines, "127.0.0.1", ": ");
    cut_out(h->lines, " in ", " ms");
    EXPECT_STR(h->lines, "debug : connecting\n"
                         "debug : connected, without TLS\n"
                         "debug : the peer is RabbitMQ 3.10.8\n"
                         "info : open; channels 10, frames 131072 bytes, heartbeat 30 s\n"
                         "warning lost, reconnecting: : the peer closed the connection\n"
                         "debug : attempt 1 follows ms: : the peer closed the connection\n"
                         "debug : connecting\n"
                         "debug : connected, without TLS\n"
                         "debug : the peer is RabbitMQ 3.10.8\n"
                         "info : open again, recovering; channels 10, frames 131072 bytes, "
                         "heartbeat 30 s\n"
                         "debug : channel 10: queue.declare again: done\n"
                         "debug : channel 1: channel.open again: done\n"
                         "debug : channel 1: confirm.select again: done\n"
                         "debug : channel 1: basic.consume again: done\n"
                         "info : recovered\n"
                         "info : closed\n");
    free(h);
}

static void refuse(peer *p) {
    (void)peer_greet(p, "PLAIN", "1");
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE,
                     &(lev_connection_close){.reply_code = LEV_ACCESS_REFUSED,
                                             .reply_text = lev_span_of("no\x1b[31m")});
}

static void the_logger_hears_the_end(void) {
    heard *h = calloc(1, sizeof *h);
    peer *p = peer_start(refuse);
    lev_client_options o = life_options();
    o.logger = (lev_logger){hear_log, h};
    lev_client *c = lev_client_new(&o);
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_ERR_REFUSED);
    EXPECT(strstr(h->lines, "\nerror 127.0.0.1:") != NULL);
    EXPECT(strstr(h->lines, "no\\x1b[31m") != NULL);
    lev_client_free(c);
    peer_end(p);
    free(h);
}

static void end_a_channel(peer *p) {
    peer_login(p, 0);
    peer_open_channel(p);
    peer_send_method(p, 0, LEV_CONNECTION_BLOCKED,
                     &(lev_connection_blocked){.reason = lev_span_of("memory\n")});
    peer_send_method(p, 0, LEV_CONNECTION_UNBLOCKED, &(lev_connection_unblocked){0});
    peer_send_method(
        p, 1, LEV_CHANNEL_CLOSE,
        &(lev_channel_close){.reply_code = LEV_NOT_FOUND, .reply_text = lev_span_of("gone")});
    (void)peer_expect(p, LEV_CHANNEL_CLOSE_OK);
    peer_close(p);
}

static void the_logger_hears_what_the_broker_says_unasked(void) {
    heard *h = calloc(1, sizeof *h);
    peer *p = peer_start(end_a_channel);
    lev_client_options o = {.logger = {hear_log, h}};
    lev_client *c = lev_client_new(&o);
    lev_event event;
    EXPECT_EQ(lev_client_open(c, p->uri), LEV_OK);
    EXPECT_EQ(lev_client_channel_open(c, 1, &(lev_channel_open){0}, NULL), LEV_OK);
    while (lev_client_next(c, &event, 2000) == LEV_OK) {
    }
    EXPECT_EQ(event.type, LEV_EVENT_CHANNEL_CLOSED);
    EXPECT(strstr(h->lines, ": the broker blocks publishers: memory\\n\n") != NULL);
    EXPECT(strstr(h->lines, ": the broker blocks publishers no more\n") != NULL);
    EXPECT(strstr(h->lines, ": channel 1: the broker closed the channel") != NULL);
    EXPECT_EQ(lev_client_close(c), LEV_OK);
    lev_client_free(c);
    peer_end(p);
    free(h);
}

static void the_tracer_sees_both_connections_and_no_secret(void) {
    heard *h = calloc(1, sizeof *h);
    lev_client_options o = life_options();
    o.tracer = (lev_tracer){hear_trace, h, false};
    EXPECT_EQ(play(&o, NULL), LEV_OK);
    EXPECT(strstr(h->lines, "hunter2") == NULL);
    const char *first = strstr(h->lines, "-> AMQP 0-9-1\n");
    EXPECT(first == h->lines);
    const char *second = strstr(first + 1, "-> AMQP 0-9-1\n");
    EXPECT(second != NULL);
    EXPECT(strstr(second, " response=\"***\" ") != NULL);
    EXPECT(strstr(second, "-> 1 basic.publish ") != NULL);
    EXPECT(strstr(second, "-> 1 body 4 bytes\n") != NULL);
    EXPECT(strstr(second, "<- 1 basic.ack delivery_tag=1 ") != NULL);
    EXPECT(strstr(second, "<- 1 basic.deliver ") != NULL);
    EXPECT(strstr(second, "<- 0 connection.close-ok\n") != NULL);
    free(h);
}

static void what_is_not_set_is_not_called(void) {
    heard *h = calloc(1, sizeof *h);
    lev_client_options o = life_options();
    o.logger.context = h;
    o.tracer.context = h;
    o.allocator.context = h;
    EXPECT_EQ(play(&o, NULL), LEV_OK);
    EXPECT_EQ(h->calls, 0);
    free(h);
}

static void counters_go_on_over_a_reconnect(void) {
    lev_client_options o = life_options();
    lev_counters c;
    EXPECT_EQ(play(&o, &c), LEV_OK);
    EXPECT_EQ(c.reconnects, 1);
    /* How much had come when the connection was cut is chance, but the second publish had, and it
     * came again. */
    EXPECT(c.published >= 4 && c.published <= 6);
    EXPECT(c.delivered >= 2 && c.delivered <= 4);
    EXPECT_EQ(c.unconfirmed, 0);
    EXPECT_EQ(c.unsettled, 0);
    EXPECT(c.bytes_sent > 1000 && c.bytes_received > 400);
}

static void counters_are_there_before_and_after(void) {
    lev_client *c = lev_client_new(NULL);
    lev_counters none = lev_client_counters(c);
    EXPECT_EQ(none.bytes_sent + none.published + none.queued + none.unconfirmed, 0);
    lev_client_free(c);
}

UNIT_MAIN("hooks", CASE(all_memory_is_the_allocators_and_is_given_back),
          CASE(each_failure_is_told_as_such), CASE(no_memory_from_some_point_on_is_told_as_such),
          CASE(a_client_freed_amid_it_all_gives_all_back),
          CASE(a_block_goes_back_to_where_it_came_from),
          CASE(parsers_and_windows_take_an_allocator_too),
          CASE(the_logger_hears_what_happens_and_no_secret), CASE(the_logger_hears_the_end),
          CASE(the_logger_hears_what_the_broker_says_unasked),
          CASE(the_tracer_sees_both_connections_and_no_secret), CASE(what_is_not_set_is_not_called),
          CASE(counters_go_on_over_a_reconnect), CASE(counters_are_there_before_and_after))
