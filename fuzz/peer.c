/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* See peer.h. Before tune-ok a frame may have 8192 bytes at most; afterwards as many as tune-ok
 * says, which may not be below the specification's 4096. Content comes as method, header and bodies
 * that add up, with nothing in between on its channel. */

#include "peer.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 7, OVERHEAD = 8, BEFORE_TUNE = 8192, FLOOR = 4096, WATCHED_MOST = 262144 };

static uint32_t frame_size(const uint8_t *head) {
    return (uint32_t)head[3] << 24 | (uint32_t)head[4] << 16 | (uint32_t)head[5] << 8 | head[6];
}

static void read_method(peer_reader *p, uint16_t channel, lev_span payload) {
    lev_method m;
    CHECK(channel < 256 && !p->header_next && p->body_left[channel] == 0);
    CHECK(lev_method_decode(payload, &m) == LEV_OK);
    const lev_method_desc *desc = lev_method_describe(m.id);
    CHECK((desc->from & LEV_FROM_CLIENT) != 0 && desc->send != 0);
    CHECK((desc->class_id == LEV_CLASS_CONNECTION) == (channel == 0));
    if (m.id == LEV_CONNECTION_TUNE_OK) {
        CHECK(!p->tuned && m.as.connection_tune_ok.frame_max >= FLOOR);
        p->tuned = true;
        p->tune_ok = m.as.connection_tune_ok;
    } else if (m.id == LEV_BASIC_PUBLISH) {
        p->header_next = true;
        p->publishing = channel;
    }
}

static void read_header(peer_reader *p, uint16_t channel, lev_span payload) {
    lev_header header;
    CHECK(p->header_next && channel == p->publishing);
    CHECK(lev_header_decode(payload, &header) == LEV_OK);
    CHECK(header.class_id == LEV_CLASS_BASIC && header.weight == 0);
    p->header_next = false;
    p->body_left[channel] = header.body_size;
}

static void read_body(peer_reader *p, uint16_t channel, lev_span payload) {
    CHECK(channel < 256 && !p->header_next);
    CHECK(payload.len > 0 && payload.len <= p->body_left[channel]);
    p->body_left[channel] -= payload.len;
}

static void read_frame(peer_reader *p, const uint8_t *at, lev_span payload) {
    uint16_t channel = (uint16_t)(at[1] << 8 | at[2]);
    uint32_t most = p->tuned ? p->tune_ok.frame_max : BEFORE_TUNE;
    CHECK(payload.len <= most - OVERHEAD);
    CHECK(payload.ptr[payload.len] == 0xCE);
    p->frames++;
    switch (at[0]) {
    case 1:
        read_method(p, channel, payload);
        break;
    case 2:
        read_header(p, channel, payload);
        break;
    case 3:
        read_body(p, channel, payload);
        break;
    default:
        CHECK(at[0] == 8 && channel == 0 && payload.len == 0);
        break;
    }
}

void peer_read(peer_reader *p, lev_span bytes) {
    CHECK(!p->over || bytes.len == 0);
    if (p->cap - p->len < bytes.len) {
        p->cap = (p->len + bytes.len) * 2;
        p->bytes = realloc(p->bytes, p->cap);
        CHECK(p->bytes != NULL);
    }
    memcpy(p->bytes + p->len, bytes.ptr, bytes.len);
    p->len += bytes.len;
    size_t at = 0;
    if (!p->greeted && p->len >= 8) {
        CHECK(memcmp(p->bytes, "AMQP\0\0\t\1", 8) == 0);
        p->greeted = true;
        at = 8;
    }
    while (p->greeted && p->len - at >= HEAD) {
        size_t size = frame_size(p->bytes + at);
        CHECK(size <= UINT32_MAX - OVERHEAD);
        if (p->len - at < size + OVERHEAD) {
            break;
        }
        read_frame(p, p->bytes + at, (lev_span){p->bytes + at + HEAD, size});
        at += size + OVERHEAD;
    }
    if (at > 0) {
        memmove(p->bytes, p->bytes + at, p->len - at);
        p->len -= at;
    }
}

void peer_reader_deinit(peer_reader *p) { free(p->bytes); }

static bool watch_opened(const peer_watcher *p) {
    size_t channel = (size_t)p->head[1] << 8 | p->head[2];
    return channel == 0 || (channel < PEER_CHANNELS && p->opened[channel]);
}

/* The head and one byte more are there. */
static void watch_head(peer_watcher *p) {
    uint8_t type = p->head[0];
    uint64_t size = frame_size(p->head);
    static const uint8_t least[] = {0, 4, 14, 0, 0, 0, 0, 0, 0};
    bool known = type == 1 || type == 2 || type == 3 || type == 8;
    if (!known || size + OVERHEAD > WATCHED_MOST || size < least[type]) {
        p->lost = p->wrong = true;
        return;
    }
    p->left = size;
}

void peer_watch(peer_watcher *p, lev_span bytes) {
    while (bytes.len > 0 && !p->lost) {
        if (p->have < sizeof p->head) {
            p->head[p->have++] = *bytes.ptr++;
            bytes.len--;
            if (p->have == sizeof p->head) {
                watch_head(p);
            }
        } else {
            uint64_t n = bytes.len < p->left ? bytes.len : p->left;
            bytes.ptr += n;
            bytes.len -= (size_t)n;
            p->left -= n;
        }
        if (p->have == sizeof p->head && p->left == 0) {
            p->wrong = p->wrong || !watch_opened(p);
            p->have = 0;
        }
    }
}
