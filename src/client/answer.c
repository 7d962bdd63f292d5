/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A mechanism of the program's own: the program is asked for what the login begins with, and then
 * for the answer to each challenge. It writes into memory of ours, which is cleansed when the
 * engine has its copy, so that it need not keep the answer alive, nor cleanse it. */

#include "answer.h"
#include "secret.h"

enum { ANSWER_MAX = LEV_FRAME_MAX_FLOOR }; /* no broker takes more before tune */

/* Asks the program. Returns LEV_OK, or why there is no answer. */
static lev_status answer_ask(lev_client *c, lev_span challenge, lev_writer *w) {
    bool answered = c->set.answer(c->set.answer_context, c->round++, challenge, w);
    return !answered ? LEV_ERR_UNSUPPORTED : w->status == LEV_OK ? LEV_OK : LEV_ERR_LIMIT;
}

static const char *answer_fault(lev_status status) {
    if (status == LEV_ERR_UNSUPPORTED) {
        return "the program refused to answer for its mechanism";
    }
    return status == LEV_ERR_LIMIT ? "the program's answer is longer than the broker takes"
                                   : lev_status_text(status);
}

void lev_answer_begin(lev_client *c, uint64_t now) {
    uint8_t bytes[ANSWER_MAX];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_status status = LEV_OK;
    if (!lev_refresh_login(c, now)) {
        return;
    }
    if (c->set.mechanism != NULL) {
        status = answer_ask(c, (lev_span){NULL, 0}, &w);
    }
    if (status == LEV_OK) {
        uint32_t incarnation = c->engine != NULL ? lev_engine_incarnation(c->engine) : 0;
        lev_counters_keep(c);
        lev_engine_free(c->engine);
        c->engine = lev_settings_engine(&c->set, lev_writer_span(&w), incarnation, now);
        status = c->engine == NULL ? LEV_ERR_MEMORY : LEV_OK;
    }
    lev_secret_wipe(bytes, sizeof bytes);
    lev_settings_forget(&c->set);
    if (status != LEV_OK) {
        lev_loop_end(c, status, LEV_LAYER_CLIENT, answer_fault(status));
    }
}

void lev_answer_challenge(lev_client *c, lev_span challenge) {
    uint8_t bytes[ANSWER_MAX];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_status status = answer_ask(c, challenge, &w);
    if (status == LEV_OK) {
        status = lev_engine_respond(c->engine, lev_writer_span(&w));
    }
    lev_secret_wipe(bytes, sizeof bytes);
    if (status != LEV_OK) {
        lev_loop_hang_up(c, status, answer_fault(status));
    }
}
