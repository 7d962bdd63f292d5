/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Lines are collected in a stdio buffer and written with one system call each time that they must
 * be safe. A kill in the middle of that call leaves a line without its end: such a line announces
 * something that did not happen yet. */

#include "notes.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NOTES_BUFFER = 1 << 16, BODY_HEAD = 32 };

static void notes_fail(const char *what) {
    perror(what);
    exit(70);
}

FILE *notes_open(const char *path) {
    FILE *notes = fopen(path, "a+");
    long end = 0;
    int byte;
    if (!notes || setvbuf(notes, NULL, _IOFBF, NOTES_BUFFER) != 0) {
        notes_fail(path);
    }
    rewind(notes);
    for (long at = 1; (byte = getc(notes)) != EOF; at++) {
        end = byte == '\n' ? at : end;
    }
    if (ferror(notes) || ftruncate(fileno(notes), end) != 0) {
        notes_fail(path);
    }
    rewind(notes);
    return notes;
}

void notes_write(FILE *notes) {
    if (fflush(notes) != 0) {
        notes_fail("ledger");
    }
}

void notes_connection(FILE *notes, lev_event_type type) {
    static const char *const words[LEV_EVENT_RECOVERED + 1] = {[LEV_EVENT_RECOVERING] = "lost",
                                                               [LEV_EVENT_RECOVERED] = "recovered",
                                                               [LEV_EVENT_BLOCKED] = "blocked",
                                                               [LEV_EVENT_UNBLOCKED] = "unblocked"};
    struct timespec now;
    if (words[type]) {
        clock_gettime(CLOCK_REALTIME, &now);
        fprintf(notes, "%s %lld\n", words[type],
                (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    }
}

bool hosts_take(lev_client_options *options, char *urls) {
    static const char *others[HOSTS_MAX];
    size_t count = 0;
    for (char *comma = strchr(urls, ','); comma && count < HOSTS_MAX; comma = strchr(comma, ',')) {
        *comma++ = 0;
        others[count++] = comma;
    }
    options->uris = others;
    options->uri_count = count;
    return *urls != 0;
}

/* Most are small; one in sixteen takes a few kilobytes, one in 2,048 more than a frame. */
static size_t body_size(uint32_t id) {
    uint32_t mixed = id * 2654435761u >> 8;
    if (id % 2048 == 1000) {
        return 140000 + mixed % 50000;
    }
    return id % 16 == 7 ? 1000 + mixed % 8000 : BODY_HEAD + mixed % 200;
}

lev_span body_make(uint8_t *body, unsigned channel, uint32_t id) {
    size_t size = body_size(id);
    memset(body, ' ', BODY_HEAD);
    snprintf((char *)body, BODY_HEAD, "%u %u", channel, id);
    for (size_t i = BODY_HEAD; i < size; i++) {
        body[i] = (uint8_t)(id + channel + i * 7);
    }
    return (lev_span){body, size};
}

bool body_read(lev_span body, unsigned *channel, uint32_t *id) {
    static uint8_t expected[BODY_MAX];
    char head[BODY_HEAD] = {0};
    if (body.len < BODY_HEAD) {
        return false;
    }
    memcpy(head, body.ptr, BODY_HEAD - 1);
    return sscanf(head, "%u %u", channel, id) == 2 &&
           lev_span_equal(body, body_make(expected, *channel, *id));
}

static lev_status queue_declare(lev_client *c, uint16_t channel, const char *name) {
    uint8_t bytes[64];
    lev_writer arguments = lev_writer_init(bytes, sizeof bytes);
    bool quorum = strncmp(name, "quorum", 6) == 0;
    lev_table_put_string(&arguments, "x-queue-type", quorum ? "quorum" : "classic");
    return lev_client_queue_declare(c, channel,
                                    &(lev_queue_declare){.queue = lev_span_of(name),
                                                         .durable = true,
                                                         .arguments = lev_writer_span(&arguments)},
                                    NULL);
}

lev_status queues_declare(lev_client *c, int count, char **names) {
    lev_status status = LEV_OK;
    for (int i = 0; i < count && status == LEV_OK; i++) {
        uint16_t channel = (uint16_t)(i + 1);
        status = lev_client_channel_open(c, channel, &(lev_channel_open){0}, NULL);
        if (status == LEV_OK) {
            status = queue_declare(c, channel, names[i]);
        }
    }
    return status;
}
