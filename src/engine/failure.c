/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Failures: the first one is latched and stays. Its text is made once, into fixed memory, from our
 * words and the peer's, which are escaped. A peer that broke a rule is told so with
 * connection.close; the bytes stay pending for the caller to write, but no answer is awaited. */

#include "state.h"

void lev_fault_describe(const lev_fault *fault, lev_error *error) {
    *error = (lev_error){.status = fault->status,
                         .layer = fault->layer,
                         .reply_code = fault->reply_code,
                         .class_id = fault->class_id,
                         .method_id = fault->method_id};
    lev_span words = fault->words;
    if (words.len > 255) {
        words.len = 255;
    }
    lev_writer w = lev_writer_init((uint8_t *)error->text, sizeof error->text - 1);
    lev_writer_text(&w, fault->what);
    if (fault->reply_code != 0 && fault->layer == LEV_LAYER_BROKER) {
        lev_writer_text(&w, ": ");
        lev_writer_decimal(&w, fault->reply_code);
        lev_writer_text(&w, " ");
    } else if (words.len > 0) {
        lev_writer_text(&w, ": ");
    }
    lev_writer_escaped(&w, words);
}

void lev_engine_fail(lev_engine *e, const lev_fault *fault) {
    if (e->error.status != LEV_OK) {
        return;
    }
    lev_fault_describe(fault, &e->error);
    e->state = LEV_STATE_CLOSED;
    lev_counters_unblock(e);
    bool flushes = e->tx.flushing || fault->layer == LEV_LAYER_BROKER;
    e->phase_end = flushes ? e->now + e->set.close_ms : UINT64_MAX;
    lev_login_wipe(e);
    if (!flushes) {
        lev_outbuf_discard(&e->tx.buf);
    }
    for (size_t i = 0; i < e->channels_len; i++) {
        lev_channel *ch = e->channels[i];
        if (ch != NULL && ch->state != LEV_STATE_CHANNEL_CLOSED) {
            lev_channel_end(e, ch, LEV_EVENT_NONE);
        }
    }
}

void lev_engine_violation(lev_engine *e, uint16_t reply_code, const lev_frame *cause,
                          const char *what) {
    uint16_t class_id = 0;
    uint16_t method_id = 0;
    if (cause != NULL && cause->type == LEV_FRAME_METHOD) {
        lev_reader r = lev_reader_init(cause->payload);
        class_id = lev_reader_u16(&r);
        method_id = lev_reader_u16(&r);
    }
    if (e->error.status != LEV_OK) {
        return;
    }
    lev_connection_close close = {.reply_code = reply_code,
                                  .reply_text = lev_span_of(what),
                                  .class_id = class_id,
                                  .method_id = method_id};
    e->tx.flushing = lev_send(e, 0, LEV_CONNECTION_CLOSE, &close) == LEV_OK;
    lev_engine_fail(e, &(lev_fault){.status = LEV_ERR_PROTOCOL,
                                    .layer = LEV_LAYER_ENGINE,
                                    .reply_code = reply_code,
                                    .class_id = class_id,
                                    .method_id = method_id,
                                    .what = what});
}
