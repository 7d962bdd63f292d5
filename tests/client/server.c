/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each connection has a thread of its own, so that whatever goes wrong with it ends only that
 * thread; the acceptor waits for it before it takes the next. */

#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void server_text(char *into, lev_span span) {
    snprintf(into, SERVER_TEXT, "%.*s", (int)span.len, (const char *)span.ptr);
}

static void server_send(server *s, uint16_t channel, lev_method_id id, const void *fields) {
    peer_send_method(&s->peer, channel, id, fields);
}

void server_ack(server *s, uint16_t channel, uint64_t tag, bool multiple) {
    for (unsigned i = s->count; i > 0 && s->publishes[i - 1].connection == s->connections; i--) {
        server_publish *p = &s->publishes[i - 1];
        if (p->channel == channel && (p->tag == tag || (multiple && p->tag < tag))) {
            p->confirmed = true;
        }
    }
    lev_basic_ack ack = {.delivery_tag = tag, .multiple = multiple};
    server_send(s, channel, LEV_BASIC_ACK, &ack);
}

void server_nack(server *s, uint16_t channel, uint64_t tag, bool multiple) {
    lev_basic_nack nack = {.delivery_tag = tag, .multiple = multiple};
    server_send(s, channel, LEV_BASIC_NACK, &nack);
}

/* With the one property that any test sets. */
void server_return(server *s, const server_publish *p) {
    uint8_t bytes[8192];
    uint8_t body[4096];
    lev_basic_return fields = {.reply_code = LEV_NO_ROUTE,
                               .reply_text = lev_span_of("NO_ROUTE"),
                               .exchange = lev_span_of(s->contents[p->channel].exchange),
                               .routing_key = lev_span_of(p->key)};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = p->len};
    header.properties.present = p->id[0] != '\0' ? LEV_HAS_MESSAGE_ID : 0;
    header.properties.message_id = lev_span_of(p->id);
    memset(body, p->first, sizeof body);
    server_send(s, p->channel, LEV_BASIC_RETURN, &fields);
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    size_t place = lev_frame_begin(&w, LEV_FRAME_HEADER, p->channel);
    lev_header_encode(&w, &header);
    lev_frame_end(&w, place);
    if (p->len > 0) {
        lev_frame_encode(&w, &(lev_frame){LEV_FRAME_BODY, p->channel, {body, p->len}});
    }
    peer_need(w.status == LEV_OK, "a return cannot be encoded");
    peer_send(&s->peer, bytes, w.len);
}

void server_close_channel(server *s, uint16_t channel) {
    lev_channel_close fields = {.reply_code = LEV_NOT_FOUND,
                                .reply_text = lev_span_of("gone"),
                                .class_id = LEV_CLASS_BASIC,
                                .method_id = 40};
    server_send(s, channel, LEV_CHANNEL_CLOSE, &fields);
    s->closing[channel] = true;
}

void server_confirm(server *s, server_publish *p) {
    if (p->mandatory && strcmp(p->key, "none") == 0) {
        server_return(s, p);
    }
    server_ack(s, p->channel, p->tag, false);
}

_Noreturn void server_cut(server *s) {
    close(s->peer.fd);
    s->peer.fd = -1;
    pthread_exit(NULL);
}

_Noreturn void server_reset(server *s) {
    peer_reset(&s->peer);
    pthread_exit(NULL);
}

unsigned server_times(const server *s, const char *key) {
    unsigned times = 0;
    for (unsigned i = 0; i < s->count; i++) {
        times += strcmp(s->publishes[i].key, key) == 0;
    }
    return times;
}

/* ---- content --------------------------------------------------------------------------------- */

static void server_begin(server *s, uint16_t channel, const lev_basic_publish *fields) {
    server_content *c = &s->contents[channel];
    *c = (server_content){.begun = true};
    c->publish = (server_publish){.connection = s->connections,
                                  .channel = channel,
                                  .tag = ++s->tags[channel],
                                  .mandatory = fields->mandatory};
    server_text(c->publish.key, fields->routing_key);
    server_text(c->exchange, fields->exchange);
}

static void server_complete(server *s, server_content *c) {
    peer_need(s->count < SERVER_PUBLISHES, "more publishes than are remembered");
    c->begun = false;
    s->publishes[s->count] = c->publish;
    s->count++;
    s->plan(s, &s->publishes[s->count - 1]);
}

static void server_header(server *s, const lev_frame *frame) {
    server_content *c = &s->contents[frame->channel];
    lev_header header;
    lev_status status = lev_header_decode(frame->payload, &header);
    peer_need(c->begun && status == LEV_OK, "a header of no publish");
    c->left = header.body_size;
    c->publish.len = (size_t)header.body_size;
    if ((header.properties.present & LEV_HAS_MESSAGE_ID) != 0) {
        server_text(c->publish.id, header.properties.message_id);
    }
    bool doubt = (header.properties.present & LEV_HAS_HEADERS) != 0;
    c->publish.doubt =
        doubt &&
        lev_table_get_bool(header.properties.headers, "x-leveret-in-doubt", &c->publish.doubt) &&
        c->publish.doubt;
    if (c->left == 0) {
        server_complete(s, c);
    }
}

static void server_body(server *s, const lev_frame *frame) {
    server_content *c = &s->contents[frame->channel];
    lev_span piece = frame->payload;
    peer_need(c->begun && piece.len > 0 && piece.len <= c->left, "a body of no publish");
    c->publish.first = c->left == c->publish.len ? piece.ptr[0] : c->publish.first;
    c->publish.last = piece.ptr[piece.len - 1];
    c->left -= piece.len;
    if (c->left == 0) {
        server_complete(s, c);
    }
}

/* ---- methods --------------------------------------------------------------------------------- */

static void server_consume(server *s, uint16_t channel, const lev_basic_consume *fields) {
    lev_basic_consume_ok ok = {.consumer_tag = fields->consumer_tag};
    char tag[SERVER_TEXT];
    server_text(tag, fields->consumer_tag);
    server_send(s, channel, LEV_BASIC_CONSUME_OK, &ok);
    for (unsigned i = 1; i <= s->deliveries; i++) {
        lev_basic_deliver deliver = {.consumer_tag = lev_span_of(tag), .delivery_tag = i};
        peer_send_content(&s->peer, channel, LEV_BASIC_DELIVER, &deliver, lev_span_of("body"));
    }
}

/* Answers that need nothing but their name. */
static bool server_plain(server *s, uint16_t channel, lev_method_id id) {
    static const struct {
        lev_method_id asked, answer;
    } plain[] = {{LEV_CHANNEL_OPEN, LEV_CHANNEL_OPEN_OK},
                 {LEV_CHANNEL_CLOSE, LEV_CHANNEL_CLOSE_OK},
                 {LEV_EXCHANGE_DECLARE, LEV_EXCHANGE_DECLARE_OK},
                 {LEV_QUEUE_BIND, LEV_QUEUE_BIND_OK},
                 {LEV_BASIC_QOS, LEV_BASIC_QOS_OK},
                 {LEV_CONFIRM_SELECT, LEV_CONFIRM_SELECT_OK}};
    lev_method none = {.id = LEV_NO_METHOD};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (plain[i].asked == id) {
            server_send(s, channel, plain[i].answer, &none.as);
            return true;
        }
    }
    return false;
}

static void server_method(server *s, uint16_t channel, const lev_method *m) {
    if (m->id == LEV_CHANNEL_OPEN) {
        s->tags[channel] = 0;
        s->contents[channel].begun = false;
    }
    if (server_plain(s, channel, m->id)) {
        return;
    }
    if (m->id == LEV_BASIC_PUBLISH) {
        server_begin(s, channel, &m->as.basic_publish);
    } else if (m->id == LEV_BASIC_CONSUME) {
        server_consume(s, channel, &m->as.basic_consume);
    } else if (m->id == LEV_QUEUE_DECLARE) {
        lev_queue_declare_ok ok = {.queue = m->as.queue_declare.queue};
        server_send(s, channel, LEV_QUEUE_DECLARE_OK, &ok);
    } else if (m->id == LEV_CONNECTION_CLOSE) {
        server_send(s, 0, LEV_CONNECTION_CLOSE_OK, &(lev_connection_close_ok){0});
        server_cut(s);
    }
    s->acks += m->id == LEV_BASIC_ACK;
}

static void server_closing(server *s, const lev_frame *frame) {
    lev_method method;
    s->closing[frame->channel] = frame->type != LEV_FRAME_METHOD ||
                                 lev_method_decode(frame->payload, &method) != LEV_OK ||
                                 method.id != LEV_CHANNEL_CLOSE_OK;
}

static void *server_connection(void *arg) {
    server *s = arg;
    lev_frame frame;
    lev_method method;
    peer_forgive(&s->peer);
    peer_login(&s->peer, 0);
    while (peer_take(&s->peer, &frame)) {
        peer_need(frame.channel < SERVER_CHANNELS, "a channel above the limit");
        if (s->closing[frame.channel]) {
            server_closing(s, &frame);
        } else if (frame.type == LEV_FRAME_HEADER) {
            server_header(s, &frame);
        } else if (frame.type == LEV_FRAME_BODY) {
            server_body(s, &frame);
        } else if (lev_method_decode(frame.payload, &method) == LEV_OK) {
            server_method(s, frame.channel, &method);
        }
    }
    return NULL;
}

static void *server_accept(void *arg) {
    server *s = arg;
    for (;;) {
        int on = 1;
        pthread_t thread;
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        s->connections++;
        s->peer.fd = fd;
        s->peer.in_len = s->peer.in_used = 0;
        memset(s->tags, 0, sizeof s->tags);
        memset(s->closing, 0, sizeof s->closing);
        memset(s->contents, 0, sizeof s->contents);
        if ((s->opens == NULL || s->opens(s)) &&
            pthread_create(&thread, NULL, server_connection, s) == 0) {
            pthread_join(thread, NULL);
        }
        if (s->peer.fd >= 0) {
            close(s->peer.fd);
        }
    }
}

server *server_start(void (*plan)(server *s, server_publish *p)) {
    server *s = calloc(1, sizeof *s);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    peer_need(s != NULL, "memory");
    s->plan = plan != NULL ? plan : server_confirm;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer_need(bind(s->listener, (struct sockaddr *)&at, sizeof at) == 0, "bind");
    peer_need(listen(s->listener, 4) == 0, "listen");
    peer_need(getsockname(s->listener, (struct sockaddr *)&at, &len) == 0, "getsockname");
    snprintf(s->uri, sizeof s->uri, "amqp://127.0.0.1:%u", ntohs(at.sin_port));
    peer_need(pthread_create(&s->thread, NULL, server_accept, s) == 0, "thread");
    return s;
}

void server_end(server *s) {
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    s->listener = -1;
}
