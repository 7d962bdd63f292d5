/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Frames are made and taken apart by the codec, over blocking sockets. Every read gives up after
 * ten seconds, so a client that does nothing fails its test. */

#include "peer.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static _Thread_local bool peer_leaves; /* rather than ending the program */
static _Thread_local int peer_leaves_fd;

void peer_forgive(const peer *p) {
    peer_leaves = true;
    peer_leaves_fd = p->fd;
}

void peer_need(bool condition, const char *what) {
    if (!condition && peer_leaves) {
        shutdown(peer_leaves_fd, SHUT_RDWR);
        pthread_exit(NULL);
    }
    if (!condition) {
        fprintf(stderr, "peer: %s\n", what);
        exit(1);
    }
}

static void *peer_thread(void *arg) {
    peer *p = arg;
    p->fd = accept(p->listener, NULL, NULL);
    int on = 1;
    if (p->fd < 0) {
        return NULL; /* nobody came */
    }
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    p->script(p);
    if (p->fd >= 0) {
        close(p->fd);
        p->fd = -1;
    }
    return NULL;
}

peer *peer_start_at(const char *address, void (*script)(peer *p)) {
    peer *p = calloc(1, sizeof *p);
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    peer_need(p != NULL && inet_pton(AF_INET, address, &at.sin_addr) == 1, "address");
    p->script = script;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer_need(bind(p->listener, (struct sockaddr *)&at, sizeof at) == 0, "bind");
    peer_need(listen(p->listener, 4) == 0, "listen");
    peer_need(getsockname(p->listener, (struct sockaddr *)&at, &len) == 0, "getsockname");
    p->port = ntohs(at.sin_port);
    snprintf(p->uri, sizeof p->uri, "amqp://%s:%u", address, p->port);
    peer_need(pthread_create(&p->thread, NULL, peer_thread, p) == 0, "thread");
    return p;
}

peer *peer_start(void (*script)(peer *p)) { return peer_start_at("127.0.0.1", script); }

void peer_end(peer *p) {
    pthread_join(p->thread, NULL);
    if (p->fd >= 0) {
        close(p->fd);
    }
    close(p->listener);
    free(p);
}

void peer_send(const peer *p, const void *bytes, size_t len) {
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = p->layer != NULL ? p->layer_send(p->layer, at, len)
                                     : send(p->fd, at, len, MSG_NOSIGNAL);
        peer_need(n > 0, "the client is gone");
        at += n;
        len -= (size_t)n;
    }
}

void peer_send_method(const peer *p, uint16_t channel, lev_method_id id, const void *fields) {
    uint8_t bytes[4096];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    size_t place = lev_frame_begin(&w, LEV_FRAME_METHOD, channel);
    lev_method_encode(&w, id, fields);
    lev_frame_end(&w, place);
    peer_need(w.status == LEV_OK, "a method cannot be encoded");
    peer_send(p, bytes, w.len);
}

void peer_send_content(const peer *p, uint16_t channel, lev_method_id id, const void *fields,
                       lev_span body) {
    uint8_t bytes[4096];
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = body.len};
    header.properties.present = LEV_HAS_MESSAGE_ID;
    header.properties.message_id = lev_span_of("id");
    peer_send_method(p, channel, id, fields);
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    size_t place = lev_frame_begin(&w, LEV_FRAME_HEADER, channel);
    lev_header_encode(&w, &header);
    lev_frame_end(&w, place);
    if (body.len > 0) {
        lev_frame_encode(&w, &(lev_frame){LEV_FRAME_BODY, channel, body});
    }
    peer_need(w.status == LEV_OK, "content cannot be encoded");
    peer_send(p, bytes, w.len);
}

void peer_send_heartbeat(const peer *p) { peer_send(p, "\x08\0\0\0\0\0\0\xce", 8); }

void peer_deliver(const peer *p, uint64_t tag, const char *body) {
    lev_basic_deliver deliver = {.consumer_tag = lev_span_of("c"),
                                 .delivery_tag = tag,
                                 .exchange = lev_span_of("e"),
                                 .routing_key = lev_span_of("k")};
    peer_send_content(p, 1, LEV_BASIC_DELIVER, &deliver, lev_span_of(body));
}

static bool peer_read(peer *p) {
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    peer_need(p->layer != NULL || poll(&ready, 1, 10000) > 0, "the client says nothing for 10 s");
    ssize_t n = p->layer != NULL
                    ? p->layer_receive(p->layer, p->in + p->in_len, sizeof p->in - p->in_len)
                    : recv(p->fd, p->in + p->in_len, sizeof p->in - p->in_len, 0);
    if (n > 0) {
        p->in_len += (size_t)n;
    }
    return n > 0;
}

static void peer_drop_used(peer *p) {
    memmove(p->in, p->in + p->in_used, p->in_len - p->in_used);
    p->in_len -= p->in_used;
    p->in_used = 0;
}

bool peer_take(peer *p, lev_frame *frame) {
    const lev_frame_limits limits = {131072, 131072};
    for (;;) {
        size_t need;
        lev_reader r = lev_reader_init((lev_span){p->in + p->in_used, p->in_len - p->in_used});
        lev_status status = lev_frame_decode(&r, &limits, frame, &need);
        peer_need(status == LEV_OK || status == LEV_NEED_MORE, "a malformed frame");
        if (status == LEV_NEED_MORE) {
            peer_drop_used(p);
            if (!peer_read(p)) {
                return false;
            }
            continue;
        }
        p->in_used = p->in_len - r.left;
        if (frame->type != LEV_FRAME_HEARTBEAT) {
            return true;
        }
        p->heartbeats++;
    }
}

lev_method peer_expect(peer *p, lev_method_id id) {
    lev_frame frame;
    lev_method method;
    peer_need(peer_take(p, &frame), "the client has closed");
    peer_need(frame.type == LEV_FRAME_METHOD, "no method frame");
    peer_need(lev_method_decode(frame.payload, &method) == LEV_OK, "a malformed method");
    if (method.id != id && !peer_leaves) {
        fprintf(stderr, "peer: expected %s, have %s\n", lev_method_describe(id)->method_name,
                lev_method_describe(method.id)->method_name);
        exit(1);
    }
    peer_need(method.id == id, "another method");
    return method;
}

lev_span peer_expect_publish(peer *p, char *key) {
    static uint8_t body[4096];
    lev_frame frame;
    lev_header header;
    lev_method method = peer_expect(p, LEV_BASIC_PUBLISH);
    lev_span k = method.as.basic_publish.routing_key;
    snprintf(key, 256, "%.*s", (int)k.len, (const char *)k.ptr);
    peer_need(peer_take(p, &frame) && frame.type == LEV_FRAME_HEADER, "no header");
    peer_need(lev_header_decode(frame.payload, &header) == LEV_OK, "a malformed header");
    if (header.body_size == 0) {
        return (lev_span){body, 0};
    }
    peer_need(peer_take(p, &frame) && frame.type == LEV_FRAME_BODY, "no body");
    peer_need(frame.payload.len <= sizeof body, "a long body");
    memcpy(body, frame.payload.ptr, frame.payload.len);
    return (lev_span){body, frame.payload.len};
}

lev_connection_start_ok peer_greet(peer *p, const char *mechanisms, const char *version) {
    uint8_t table[256];
    lev_writer w = lev_writer_init(table, sizeof table);
    lev_table_put_string(&w, "product", "RabbitMQ");
    lev_table_put_string(&w, "version", version);
    lev_connection_start start = {.version_minor = 9,
                                  .server_properties = lev_writer_span(&w),
                                  .mechanisms = lev_span_of(mechanisms),
                                  .locales = lev_span_of("en_US")};
    while (p->in_len < LEV_PROTOCOL_HEADER_SIZE) {
        peer_need(peer_read(p), "no protocol header");
    }
    peer_need(memcmp(p->in, "AMQP\0\0\x09\x01", LEV_PROTOCOL_HEADER_SIZE) == 0, "another protocol");
    p->in_used = LEV_PROTOCOL_HEADER_SIZE;
    peer_send_method(p, 0, LEV_CONNECTION_START, &start);
    return peer_expect(p, LEV_CONNECTION_START_OK).as.connection_start_ok;
}

void peer_tune(peer *p, uint16_t heartbeat) {
    lev_connection_tune tune = {.channel_max = 10, .frame_max = 131072, .heartbeat = heartbeat};
    peer_send_method(p, 0, LEV_CONNECTION_TUNE, &tune);
    peer_expect(p, LEV_CONNECTION_TUNE_OK);
    peer_expect(p, LEV_CONNECTION_OPEN);
    peer_send_method(p, 0, LEV_CONNECTION_OPEN_OK, &(lev_connection_open_ok){{NULL, 0}});
}

void peer_login(peer *p, uint16_t heartbeat) {
    peer_greet(p, "PLAIN", "3.10.8");
    peer_tune(p, heartbeat);
}

void peer_open_channel(peer *p) {
    peer_expect(p, LEV_CHANNEL_OPEN);
    peer_send_method(p, 1, LEV_CHANNEL_OPEN_OK, &(lev_channel_open_ok){{NULL, 0}});
}

void peer_close(peer *p) {
    peer_expect(p, LEV_CONNECTION_CLOSE);
    peer_send_method(p, 0, LEV_CONNECTION_CLOSE_OK, &(lev_connection_close_ok){0});
}

bool peer_own_address(char *text) {
    struct ifaddrs *all;
    bool found = false;
    peer_need(getifaddrs(&all) == 0, "no list of addresses");
    for (struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next) {
        if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET) {
            const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)i->ifa_addr;
            inet_ntop(AF_INET, &in->sin_addr, text, INET_ADDRSTRLEN);
            found = strncmp(text, "127.", 4) != 0;
        }
    }
    freeifaddrs(all);
    return found;
}

void peer_reset(peer *p) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(p->fd);
    p->fd = -1;
}
