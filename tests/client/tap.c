/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each direction of a connection is a stream of frames that arrives in any pieces. Only method
 * frames are collected, all others are counted past. A connection's methods are written when it is
 * closed, each once; the cases of a test program run in processes of their own, so every line is
 * appended with one write. */

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <leveret/leveret.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAP_CONNECTIONS = 256, TAP_METHOD = 8192, TAP_PRODUCT = 32 };

typedef struct tap_stream {
    uint8_t head[LEV_FRAME_HEAD];
    uint8_t method[TAP_METHOD];
    size_t skip; /* bytes of no interest ahead */
    size_t have; /* of head and payload, where it is a method */
    bool seen[LEV_METHOD_COUNT];
} tap_stream;

typedef struct tap {
    const lev_net *net;
    char product[TAP_PRODUCT];
    tap_stream sent;
    tap_stream received;
} tap;

static tap *taps[TAP_CONNECTIONS];
static char tap_product[TAP_PRODUCT]; /* of the connection that was greeted last */
_Atomic unsigned long tap_writes;
_Atomic size_t tap_read_max;
_Atomic bool tap_off;
static pthread_mutex_t tap_lock = PTHREAD_MUTEX_INITIALIZER;

static void tap_line(const char *product, const char *verb, const char *what, const char *more) {
    const char *folder = getenv("LEVERET_EXCHANGED");
    char path[4096];
    char line[512];
    if (folder == NULL || *folder == '\0' || *product == '\0') {
        return;
    }
    snprintf(path, sizeof path, "%s/%s.txt", folder, program_invocation_short_name);
    int len = snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", product, verb, what, more);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)len) != len) {
        perror(path);
        exit(1);
    }
    close(fd);
}

static void tap_name(char *name, size_t size, const lev_method_desc *desc) {
    snprintf(name, size, "%s.%s", desc->class_name, desc->method_name);
}

/* Remembers what the broker calls itself. */
static void tap_greeted(tap *t, const lev_connection_start *start) {
    lev_value product;
    if (lev_table_find(start->server_properties, "product", &product) && product.type == 'S') {
        snprintf(t->product, sizeof t->product, "%.*s", (int)product.as.bytes.len,
                 (const char *)product.as.bytes.ptr);
        memcpy(tap_product, t->product, sizeof tap_product);
    }
}

/* The broker closed the connection, or a channel, and says because of which method. */
static void tap_refused(const tap *t, uint16_t class_id, uint16_t method_id, uint16_t reply_code) {
    char name[64];
    char code[8];
    lev_method_id id = lev_method_lookup(class_id, method_id);
    if (id != LEV_NO_METHOD) {
        tap_name(name, sizeof name, lev_method_describe(id));
        snprintf(code, sizeof code, "%u", reply_code);
        tap_line(t->product, "refused", name, code);
    }
}

static void tap_method(tap *t, tap_stream *s, lev_span payload) {
    lev_method m;
    if (lev_method_decode(payload, &m) != LEV_OK) {
        return;
    }
    s->seen[m.id] = true;
    if (s == &t->received && m.id == LEV_CONNECTION_START) {
        tap_greeted(t, &m.as.connection_start);
    } else if (s == &t->received && m.id == LEV_CONNECTION_CLOSE) {
        const lev_connection_close *close = &m.as.connection_close;
        tap_refused(t, close->class_id, close->method_id, close->reply_code);
    } else if (s == &t->received && m.id == LEV_CHANNEL_CLOSE) {
        const lev_channel_close *close = &m.as.channel_close;
        tap_refused(t, close->class_id, close->method_id, close->reply_code);
    }
}

/* The size of the payload of the frame at hand. */
static size_t tap_size(const tap_stream *s) {
    lev_reader r = lev_reader_init((lev_span){s->head + 3, 4});
    return lev_reader_u32(&r);
}

/* Takes one byte of a frame's head or of a method's payload. */
static void tap_byte(tap *t, tap_stream *s, uint8_t byte) {
    if (s->have < LEV_FRAME_HEAD) {
        s->head[s->have++] = byte;
    } else {
        s->method[s->have++ - LEV_FRAME_HEAD] = byte;
    }
    if (s->have < LEV_FRAME_HEAD) {
        return;
    }
    size_t size = tap_size(s);
    if (s->head[0] != LEV_FRAME_METHOD || size > TAP_METHOD) {
        s->skip = size + 1;
        s->have = 0;
    } else if (s->have == LEV_FRAME_HEAD + size) {
        tap_method(t, s, (lev_span){s->method, size});
        s->skip = 1;
        s->have = 0;
    }
}

static void tap_bytes(tap *t, tap_stream *s, lev_span bytes) {
    for (size_t i = 0; i < bytes.len;) {
        size_t left = bytes.len - i;
        size_t past = s->skip < left ? s->skip : left;
        s->skip -= past;
        i += past;
        if (i < bytes.len) {
            tap_byte(t, s, bytes.ptr[i++]);
        }
    }
}

/* Returns the connection's tap, made where there is none yet; NULL where there are too many. */
static tap *tap_of(const lev_net *net) {
    tap **place = NULL;
    for (int i = 0; i < TAP_CONNECTIONS; i++) {
        if (taps[i] != NULL && taps[i]->net == net) {
            return taps[i];
        }
        place = taps[i] == NULL && place == NULL ? &taps[i] : place;
    }
    if (place != NULL && (*place = calloc(1, sizeof **place)) != NULL) {
        (*place)->net = net;
        (*place)->sent.skip = LEV_PROTOCOL_HEADER_SIZE;
        return *place;
    }
    return NULL;
}

static void tap_report(const tap *t, const tap_stream *s, const char *verb) {
    char name[64];
    for (int id = 1; id < LEV_METHOD_COUNT; id++) {
        if (s->seen[id]) {
            tap_name(name, sizeof name, lev_method_describe((lev_method_id)id));
            tap_line(t->product, verb, name, "");
        }
    }
}

void tap_observed(const char *extension, const char *what) {
    tap_line(tap_product, "observed", extension, what);
}

/* ---- in front of the net ---- */

lev_status __real_lev_net_read(lev_net *n, uint8_t *into, size_t room, size_t *got);
lev_status __real_lev_net_write(lev_net *n, const lev_span *spans, size_t count, size_t *put);
void __real_lev_net_close(lev_net *n);
lev_status __wrap_lev_net_read(lev_net *n, uint8_t *into, size_t room, size_t *got);
lev_status __wrap_lev_net_write(lev_net *n, const lev_span *spans, size_t count, size_t *put);
void __wrap_lev_net_close(lev_net *n);

lev_status __wrap_lev_net_read(lev_net *n, uint8_t *into, size_t room, size_t *got) {
    size_t max = tap_read_max;
    lev_status status = __real_lev_net_read(n, into, max != 0 && max < room ? max : room, got);
    if (status == LEV_OK) {
        pthread_mutex_lock(&tap_lock);
        tap *t = tap_of(n);
        if (t != NULL) {
            tap_bytes(t, &t->received, (lev_span){into, *got});
        }
        pthread_mutex_unlock(&tap_lock);
    }
    return status;
}

lev_status __wrap_lev_net_write(lev_net *n, const lev_span *spans, size_t count, size_t *put) {
    lev_status status = __real_lev_net_write(n, spans, count, put);
    tap_writes++;
    pthread_mutex_lock(&tap_lock);
    tap *t = status == LEV_OK && !tap_off ? tap_of(n) : NULL;
    for (size_t i = 0, left = status == LEV_OK ? *put : 0; t != NULL && left > 0; i++) {
        size_t part = spans[i].len < left ? spans[i].len : left;
        tap_bytes(t, &t->sent, (lev_span){spans[i].ptr, part});
        left -= part;
    }
    pthread_mutex_unlock(&tap_lock);
    return status;
}

void __wrap_lev_net_close(lev_net *n) {
    pthread_mutex_lock(&tap_lock);
    for (int i = 0; n != NULL && i < TAP_CONNECTIONS; i++) {
        if (taps[i] != NULL && taps[i]->net == n) {
            tap_report(taps[i], &taps[i]->sent, "sent");
            tap_report(taps[i], &taps[i]->received, "received");
            explicit_bzero(taps[i], sizeof *taps[i]); /* it has seen the login */
            free(taps[i]);
            taps[i] = NULL;
        }
    }
    pthread_mutex_unlock(&tap_lock);
    __real_lev_net_close(n);
}
