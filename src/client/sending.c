/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Bodies in pieces. A piece waits until little is queued, not until the high-water mark: whoever
 * sends in pieces wants to hold little, and 256 KiB keep a socket busy. So memory is bounded by
 * that, and the engine never has to say LEV_AGAIN.
 *
 * A descriptor is read only when what is read can be queued at once, so no byte of it is ever lost
 * to an error and a call can go on where the last one ended. It is asked with poll first: a read
 * that blocks would stop heartbeats, and the same poll wakes up for the socket. */

#include "state.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { SENDING_QUEUED = 262144, SENDING_PIECE = 65536 };

static bool sending_room(const lev_client *c) {
    size_t most = c->set.high_water != 0 && c->set.high_water < SENDING_QUEUED ? c->set.high_water
                                                                               : SENDING_QUEUED;
    return !c->blocked && lev_engine_queued(c->engine) < most;
}

/* Both waits are over, too, when the message is no longer half sent: its channel was closed. */
static bool sending_met_room(const lev_wait *w, const lev_client *c) {
    return sending_room(c) || lev_engine_publish_left(c->engine, w->channel) == 0;
}

static bool sending_readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd < 0 || poll(&p, 1, 0) > 0; /* poll would ignore such a one; read tells */
}

static bool sending_met_input(const lev_wait *w, const lev_client *c) {
    return sending_readable(w->fd) || lev_engine_publish_left(c->engine, w->channel) == 0;
}

static lev_status sending_wait_room(lev_client *c, uint16_t channel) {
    bool blocked = c->blocked;
    lev_wait w = {.met = sending_met_room,
                  .ms = (int)c->set.progress_ms,
                  .by_progress = true,
                  .channel = channel};
    lev_status status = sending_room(c) ? LEV_OK : lev_loop_until(c, &w);
    return status == LEV_ERR_TIMEOUT && c->phase == CLIENT_RUNNING
               ? lev_call_no_room(c, "the body of a message", blocked)
               : status;
}

static lev_status sending_put(lev_client *c, uint16_t channel, lev_span piece) {
    lev_status status = lev_engine_publish_body(c->engine, channel, piece, false, NULL);
    if (status == LEV_OK) {
        lev_publish_push(c);
        return LEV_OK;
    }
    return lev_report_call(c, channel, "the body of a message", status);
}

/* Returns LEV_OK where a message is half sent. */
static lev_status sending_begun(lev_client *c, uint16_t channel) {
    if (c->phase == CLIENT_RUNNING && lev_engine_publish_left(c->engine, channel) > 0) {
        return LEV_OK;
    }
    const lev_error *failed = c->engine != NULL ? lev_engine_error(c->engine) : NULL;
    lev_status status =
        failed != NULL && failed->status != LEV_OK ? failed->status : LEV_ERR_MISUSE;
    return lev_report_call(c, channel, "the body of a message", status);
}

lev_status lev_client_publish_body(lev_client *c, uint16_t channel, lev_span piece) {
    uint8_t *copy = NULL;
    lev_status status = sending_begun(c, channel);
    if (status != LEV_OK) {
        return status;
    }
    if (!sending_room(c) && c->lent && piece.len > 0) { /* it may lie in the last event */
        copy = lev_memory_new(&c->given.allocator, piece.len);
        if (copy == NULL) {
            return lev_report(c, LEV_ERR_MEMORY, lev_status_text(LEV_ERR_MEMORY));
        }
        memcpy(copy, piece.ptr, piece.len);
        piece.ptr = copy;
    }
    status = sending_wait_room(c, channel);
    if (status == LEV_OK) {
        status = sending_put(c, channel, piece);
    }
    lev_memory_free(copy);
    return status;
}

static lev_status sending_short(lev_client *c, uint64_t left) {
    lev_writer w = lev_report_begin(c, LEV_ERR_INPUT);
    lev_report_number(&w, "the input ended ", left, " bytes before the announced size of the body");
    return LEV_ERR_INPUT;
}

static lev_status sending_unreadable(lev_client *c, int error) {
    lev_writer w = lev_report_begin(c, LEV_ERR_INPUT);
    char text[128];
    lev_report_put(&w, "cannot read the body of a message: ");
    lev_report_put(&w, lev_errno_text(error, text, sizeof text));
    return LEV_ERR_INPUT;
}

/* Reads a piece and queues it. Takes its bytes off what is `left`. */
static lev_status sending_move(lev_client *c, const lev_wait *from, uint8_t *buffer,
                               uint64_t *left) {
    ssize_t n = read(from->fd, buffer, *left < SENDING_PIECE ? (size_t)*left : SENDING_PIECE);
    if (n > 0) {
        *left -= (uint64_t)n;
        return sending_put(c, from->channel, (lev_span){buffer, (size_t)n});
    }
    if (n == 0) {
        return sending_short(c, *left);
    }
    return errno == EINTR || errno == EAGAIN ? LEV_OK : sending_unreadable(c, errno);
}

lev_status lev_client_publish_fd(lev_client *c, uint16_t channel, int fd) {
    const lev_wait from = {
        .met = sending_met_input, .ms = LEV_FOREVER, .channel = channel, .watches = true, .fd = fd};
    lev_status status = sending_begun(c, channel);
    if (status != LEV_OK) {
        return status;
    }
    uint8_t *buffer = lev_memory_new(&c->given.allocator, SENDING_PIECE);
    if (buffer == NULL) {
        return lev_report(c, LEV_ERR_MEMORY, lev_status_text(LEV_ERR_MEMORY));
    }
    uint64_t left = lev_engine_publish_left(c->engine, channel);
    while (status == LEV_OK && left > 0) {
        lev_wait input = from;
        status = sending_wait_room(c, channel);
        if (status == LEV_OK && !sending_readable(fd)) {
            status = lev_loop_until(c, &input);
        }
        if (status == LEV_OK) { /* the channel may have been closed meanwhile */
            status = sending_begun(c, channel);
        }
        if (status == LEV_OK) {
            status = sending_move(c, &from, buffer, &left);
        }
    }
    lev_memory_free(buffer);
    return status;
}
