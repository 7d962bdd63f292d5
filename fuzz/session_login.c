/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The login: the input is what a peer says to an engine that has written its protocol header. It
 * arrives whole and then, to another engine, byte by byte: both must end alike. The first byte
 * chooses an allocation that fails (0: none), for a third engine; the second the mechanisms. */

#include "drive.h"

#include <stdlib.h>

enum { OWN = 16, LONG = 32, WITH_NUL = 64 };

typedef struct ending {
    lev_status status;
    uint16_t reply_code;
    bool opened;
    uint64_t frames;
    uint64_t trace;
    uint64_t written;
} ending;

static void check_tuned(const drive *d) {
    lev_tuned tuned = lev_engine_tuned(d->e);
    if (!d->opened) {
        return;
    }
    CHECK(tuned.frame_max >= LEV_FRAME_MIN_SIZE && tuned.frame_max <= LEV_FRAME_MAX_DEFAULT);
    CHECK(tuned.channel_max >= 1 && tuned.channel_max <= LEV_CHANNEL_MAX_DEFAULT);
    CHECK(d->reader.tuned && d->reader.tune_ok.frame_max == tuned.frame_max);
    CHECK(d->reader.tune_ok.channel_max == tuned.channel_max);
    CHECK(d->reader.tune_ok.heartbeat == tuned.heartbeat);
}

/* `how`: the set of mechanisms, whether there is one of the caller's own, and of what kind the
 * password is. */
static ending play(lev_span bytes, uint8_t how, size_t step, uint64_t fail_at) {
    static const char secret[] = "a password of mine";
    lev_engine_options options = {.user = lev_span_of("user"),
                                  .password = lev_span_of(secret),
                                  .connection_name = lev_span_of("fuzz"),
                                  .heartbeat = 60};
    options.mechanisms = how & LEV_SASL_ALL;
    if ((how & OWN) != 0) {
        options.mechanism = lev_span_of("MINE");
        options.response = lev_span_of(secret);
    }
    static uint8_t password[9000] = {'p'};
    if ((how & (LONG | WITH_NUL)) != 0) {
        options.password = (lev_span){password, (how & LONG) != 0 ? sizeof password : 2};
    }
    drive *d = calloc(1, sizeof *d);
    ending end = {.status = LEV_OK};
    d->step = step;
    d->memory.fail_at = fail_at;
    drive_hand(d, options.password.len);
    drive_init(d, &options);
    if (d->e != NULL) {
        drive_receive(d, bytes);
        drive_events(d, SIZE_MAX);
        drive_write(d, SIZE_MAX);
        check_tuned(d);
        CHECK(d->last.status != LEV_ERR_MEMORY || d->memory.failed);
        end = (ending){d->last.status,   d->last.reply_code, d->opened,
                       d->reader.frames, d->trace,           d->written};
        drive_finish(d);
    }
    free(d);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    uint8_t fail_at = fuzz_u8(&in);
    uint8_t how = fuzz_u8(&in);
    lev_span bytes = {in.ptr, in.left};
    ending whole = play(bytes, how, 0, 0);
    ending split = play(bytes, how, 1, 0);
    CHECK(whole.status == split.status && whole.reply_code == split.reply_code);
    CHECK(whole.opened == split.opened && whole.frames == split.frames);
    CHECK(whole.trace == split.trace && whole.written == split.written);
    if (fail_at != 0) {
        (void)play(bytes, how, 0, fail_at);
    }
    return 0;
}
