/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The scripted peer of the benchmarks, `peer [CERTIFICATE KEY]`: one thread, loopback, any number
 * of connections, with TLS where it has a certificate. It prints its port and then serves until its
 * standard input ends.
 *
 * As a sink it reads frames by their length only and counts publishes; in confirm mode each read is
 * answered with one basic.ack of all that it completed. As a source it answers basic.consume of the
 * queue `bench-SIZE-COUNT` with COUNT deliveries of SIZE bytes as fast as the socket takes them,
 * within the prefetch; and on the queue `echo` it answers each publish with a delivery of that
 * size. What it sends is encoded beforehand; only delivery tags are written anew.
 *
 * It is no broker: who it talks to is trusted, and its only task is to cost less than its client.
 */

#include "link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <leveret/leveret.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { READ_SIZE = 262144, CARRY_MAX = 65536, BLOCK_SIZE = 262144, FRAME_MAX = 131072 };

/* Deliveries of one size, encoded behind each other; the tag is at `tag_at` in each. */
typedef struct block {
    uint8_t *bytes;
    size_t each;
    size_t count;
    size_t tag_at;
} block;

typedef struct peer {
    int fd;
    SSL *tls; /* NULL: plain */
    bool confirm;
    bool echo;
    char consumer[256];
    uint64_t published; /* whole ones */
    uint64_t confirmed;
    uint64_t body_left;
    size_t skip; /* bytes of the current body frame that are still to come */
    uint8_t *carry;
    size_t carry_len;
    uint64_t prefetch;
    uint64_t acked;
    uint64_t to_send; /* deliveries that are still to go */
    uint64_t tag;     /* of the last delivery that was begun */
    size_t in_block;  /* bytes of the block that wait, at `at` */
    size_t at;
    block block;
} peer;

static uint8_t input[CARRY_MAX + READ_SIZE];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void send_all(const peer *p, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        ssize_t n = link_send(p->fd, p->tls, bytes, len);
        if (n < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){p->fd, POLLOUT, 0}, 1, -1);
        } else if (n <= 0) {
            return; /* the read that follows sees the end */
        } else {
            bytes += n;
            len -= (size_t)n;
        }
    }
}

static void answer(const peer *p, uint16_t channel, lev_method_id id, const void *fields) {
    uint8_t bytes[1024];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    size_t place = lev_frame_begin(&w, LEV_FRAME_METHOD, channel);
    lev_method_encode(&w, id, fields);
    lev_frame_end(&w, place);
    send_all(p, bytes, w.len);
}

static size_t encode_delivery(lev_writer *w, uint16_t channel, lev_span consumer, size_t size) {
    static const uint8_t zeros[FRAME_MAX];
    lev_basic_deliver deliver = {.consumer_tag = consumer,
                                 .routing_key = lev_span_of("leveret-bench")};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = size};
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    size_t tag_at = w->len + 4 + 1 + deliver.consumer_tag.len;
    lev_method_encode(w, LEV_BASIC_DELIVER, &deliver);
    lev_frame_end(w, place);
    place = lev_frame_begin(w, LEV_FRAME_HEADER, channel);
    lev_header_encode(w, &header);
    lev_frame_end(w, place);
    for (size_t left = size; left > 0;) {
        size_t n = left < FRAME_MAX - 8 ? left : FRAME_MAX - 8;
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, channel, {zeros, n}});
        left -= n;
    }
    return tag_at;
}

static void make_block(peer *p, uint16_t channel, size_t size) {
    size_t cap = BLOCK_SIZE + size + size / 1024 + 1024;
    free(p->block.bytes);
    p->block = (block){.bytes = malloc(cap)};
    if (p->block.bytes == NULL) {
        die("malloc");
    }
    lev_writer w = lev_writer_init(p->block.bytes, cap);
    do {
        size_t tag_at = encode_delivery(&w, channel, lev_span_of(p->consumer), size);
        if (p->block.count++ == 0) {
            p->block.each = w.len;
            p->block.tag_at = tag_at;
        }
    } while (w.len < BLOCK_SIZE);
}

/* Writes the tags of as many deliveries as may go now. */
static void fill_block(peer *p) {
    uint64_t most = p->prefetch == 0 ? p->to_send : p->prefetch - (p->tag - p->acked);
    size_t count = p->block.count < most ? p->block.count : (size_t)most;
    count = count < p->to_send ? count : (size_t)p->to_send;
    uint8_t *at = p->block.bytes + p->block.tag_at;
    for (size_t i = 0; i < count; i++, at += p->block.each) {
        uint64_t tag = __builtin_bswap64(++p->tag);
        memcpy(at, &tag, sizeof tag);
    }
    p->to_send -= count;
    p->at = 0;
    p->in_block = count * p->block.each;
}

static bool wants_to_send(const peer *p) {
    bool credit = p->prefetch == 0 || p->tag - p->acked < p->prefetch;
    return p->in_block > 0 || (p->to_send > 0 && credit);
}

/* Sends until the socket takes no more. */
static void push(peer *p) {
    while (wants_to_send(p)) {
        if (p->in_block == 0) {
            fill_block(p);
        }
        ssize_t n = link_send(p->fd, p->tls, p->block.bytes + p->at, p->in_block);
        if (n <= 0) {
            return;
        }
        p->at += (size_t)n;
        p->in_block -= (size_t)n;
    }
}

static void start_source(peer *p, uint16_t channel, const lev_basic_consume *m) {
    char name[256] = "";
    size_t size = 0;
    unsigned long count = 0;
    memcpy(name, m->queue.ptr, m->queue.len);
    memcpy(p->consumer, m->consumer_tag.ptr, m->consumer_tag.len);
    p->echo = strcmp(name, "echo") == 0;
    if (sscanf(name, "bench-%zu-%lu", &size, &count) == 2) {
        make_block(p, channel, size);
        p->to_send = count;
    }
}

static void echo(peer *p, uint16_t channel, uint64_t size) {
    if (p->block.count == 0) {
        make_block(p, channel, (size_t)size);
    }
    p->to_send++;
    p->prefetch = 0;
    push(p);
}

/* flat switch: what each method is answered with */
static void act(peer *p, uint16_t channel, const lev_method *m) {
    lev_basic_consume_ok consume_ok = {.consumer_tag = lev_span_of("bench")};
    lev_basic_cancel_ok cancel_ok;
    lev_queue_declare_ok declare_ok = {.queue = lev_span_of("bench")};
    switch ((int)m->id) {
    case LEV_CONNECTION_START_OK:
        answer(p, 0, LEV_CONNECTION_TUNE,
               &(lev_connection_tune){.channel_max = 2047, .frame_max = FRAME_MAX});
        break;
    case LEV_CONNECTION_OPEN:
        answer(p, 0, LEV_CONNECTION_OPEN_OK, &(lev_connection_open_ok){0});
        break;
    case LEV_CONNECTION_CLOSE:
        answer(p, 0, LEV_CONNECTION_CLOSE_OK, &(lev_connection_close_ok){0});
        break;
    case LEV_CHANNEL_OPEN:
        answer(p, channel, LEV_CHANNEL_OPEN_OK, &(lev_channel_open_ok){0});
        break;
    case LEV_CHANNEL_CLOSE:
        answer(p, channel, LEV_CHANNEL_CLOSE_OK, &(lev_channel_close_ok){0});
        break;
    case LEV_QUEUE_DECLARE:
        answer(p, channel, LEV_QUEUE_DECLARE_OK, &declare_ok);
        break;
    case LEV_CONFIRM_SELECT:
        p->confirm = true;
        answer(p, channel, LEV_CONFIRM_SELECT_OK, &(lev_confirm_select_ok){0});
        break;
    case LEV_BASIC_QOS:
        p->prefetch = m->as.basic_qos.prefetch_count;
        answer(p, channel, LEV_BASIC_QOS_OK, &(lev_basic_qos_ok){0});
        break;
    case LEV_BASIC_CONSUME:
        consume_ok.consumer_tag = m->as.basic_consume.consumer_tag;
        answer(p, channel, LEV_BASIC_CONSUME_OK, &consume_ok);
        start_source(p, channel, &m->as.basic_consume);
        break;
    case LEV_BASIC_CANCEL:
        cancel_ok.consumer_tag = m->as.basic_cancel.consumer_tag;
        answer(p, channel, LEV_BASIC_CANCEL_OK, &cancel_ok);
        break;
    case LEV_BASIC_ACK:
        p->acked = m->as.basic_ack.delivery_tag;
        break;
    default:
        break;
    }
}

static uint32_t load_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static void complete(peer *p, const uint8_t *head, uint64_t size) {
    p->published++;
    if (p->echo) {
        echo(p, (uint16_t)(head[1] << 8 | head[2]), size);
    }
}

/* Takes one whole method or header frame. */
static void take(peer *p, const uint8_t *frame, size_t size) {
    uint32_t ids = load_u32(frame + 7);
    lev_method method;
    if (frame[0] == LEV_FRAME_HEADER) {
        p->body_left = (uint64_t)load_u32(frame + 11) << 32 | load_u32(frame + 15);
        if (p->body_left == 0) {
            complete(p, frame, 0);
        }
    } else if (frame[0] == LEV_FRAME_METHOD && ids != (60U << 16 | 40) &&
               lev_method_decode((lev_span){frame + 7, size}, &method) == LEV_OK) {
        act(p, (uint16_t)(frame[1] << 8 | frame[2]), &method);
    }
}

/* Goes over what was read. Returns how many bytes at its end are the beginning of a frame. */
static size_t walk(peer *p, const uint8_t *at, size_t len) {
    size_t skip = p->skip < len ? p->skip : len;
    p->skip -= skip;
    at += skip;
    len -= skip;
    while (len >= 8) {
        size_t size = load_u32(at + 3);
        size_t whole = size + 8;
        if (at[0] == 'A') {
            whole = 8;
            answer(p, 0, LEV_CONNECTION_START,
                   &(lev_connection_start){.version_minor = 9,
                                           .mechanisms = lev_span_of("PLAIN"),
                                           .locales = lev_span_of("en_US")});
        } else if (at[0] == LEV_FRAME_BODY) {
            p->body_left -= size;
            if (p->body_left == 0) {
                complete(p, at, size);
            }
            if (whole > len) {
                p->skip = whole - len;
                return 0;
            }
        } else if (whole > len) {
            return len;
        } else {
            take(p, at, size);
        }
        at += whole;
        len -= whole;
    }
    return len;
}

static void confirm(peer *p) {
    if (p->confirm && p->published > p->confirmed) {
        p->confirmed = p->published;
        answer(p, 1, LEV_BASIC_ACK,
               &(lev_basic_ack){.delivery_tag = p->published, .multiple = true});
    }
}

/* Takes `n` further bytes of input. */
static void digest(peer *p, size_t n) {
    size_t len = p->carry_len + n;
    size_t rest = walk(p, input, len);
    if (rest > CARRY_MAX) {
        die("a method frame too large");
    }
    if (rest > 0 && (p->carry = realloc(p->carry, rest)) == NULL) {
        die("realloc");
    }
    memcpy(p->carry, input + len - rest, rest);
    p->carry_len = rest;
    confirm(p);
}

/* Returns false at the end of the connection. With TLS more may be there than epoll knows of. */
static bool pull(peer *p) {
    ssize_t n;
    do {
        memcpy(input, p->carry, p->carry_len);
        n = link_recv(p->fd, p->tls, input + p->carry_len, READ_SIZE);
        if (n <= 0) {
            return n < 0 && errno == EAGAIN;
        }
        digest(p, (size_t)n);
    } while (n == READ_SIZE && p->tls != NULL);
    return true;
}

static void watch(int epoll, peer *p, int op) {
    struct epoll_event event = {.events = EPOLLIN | (wants_to_send(p) ? EPOLLOUT : 0U),
                                .data.ptr = p};
    epoll_ctl(epoll, op, p->fd, &event);
}

static int listen_here(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        die("listen");
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void welcome(int epoll, int listener) {
    peer *p = calloc(1, sizeof *p);
    int one = 1;
    p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (p->fd < 0) {
        die("accept");
    }
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    p->tls = link_accept(p->fd);
    if (p->tls != NULL) {
        fcntl(p->fd, F_SETFL, O_NONBLOCK);
    }
    watch(epoll, p, EPOLL_CTL_ADD);
}

static void serve(int epoll, peer *p, uint32_t events) {
    bool sending = wants_to_send(p);
    if ((events & EPOLLOUT) != 0) {
        push(p);
    }
    if ((events & ~(uint32_t)EPOLLOUT) != 0 && !pull(p)) {
        SSL_free(p->tls);
        close(p->fd);
        free(p->carry);
        free(p->block.bytes);
        free(p);
    } else if (sending != wants_to_send(p)) {
        watch(epoll, p, EPOLL_CTL_MOD);
    }
}

int main(int argc, char **argv) {
    static peer listener;
    static peer parent;
    struct epoll_event events[64];
    struct rlimit files;
    if (argc == 3) {
        link_use(argv[1], argv[2]);
        signal(SIGPIPE, SIG_IGN);
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    listener.fd = listen_here();
    parent.fd = STDIN_FILENO;
    watch(epoll, &listener, EPOLL_CTL_ADD);
    watch(epoll, &parent, EPOLL_CTL_ADD);
    for (;;) {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            peer *p = events[i].data.ptr;
            if (p == &parent) {
                return 0;
            }
            if (p == &listener) {
                welcome(epoll, listener.fd);
            } else {
                serve(epoll, p, events[i].events);
            }
        }
    }
}
