/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The table of channels and how one ends. A channel that was opened once keeps its struct until the
 * engine is freed: numbers are reused, and its window and content block with them.
 *
 * Ending is in two steps. lev_channel_end drops calls, consumers and content at once and starts to
 * settle the window; lev_channel_next_farewell then yields one outcome a call and last the farewell
 * event. The number can be opened again when that has been told. */

#include "channel.h"
#include "state.h"

#include <string.h>

static bool channel_table_grow(lev_engine *e, size_t len) {
    lev_channel **table =
        lev_reserve(&e->alloc, e->channels, &e->channels_cap, len, sizeof(lev_channel *));
    if (table == NULL) {
        return false;
    }
    e->channels = table;
    while (e->channels_len < len) {
        table[e->channels_len++] = NULL;
    }
    return true;
}

lev_channel *lev_channel_obtain(lev_engine *e, uint16_t number) {
    if (number >= e->channels_len && !channel_table_grow(e, (size_t)number + 1)) {
        return NULL;
    }
    if (e->channels[number] == NULL) {
        lev_channel *ch = lev_resize(&e->alloc, NULL, sizeof *ch);
        if (ch == NULL) {
            return NULL;
        }
        *ch = (lev_channel){.number = number};
        lev_window_init(&ch->window);
        e->channels[number] = ch;
    }
    return e->channels[number];
}

void lev_channel_end(lev_engine *e, lev_channel *ch, lev_event_type farewell) {
    ch->state = LEV_STATE_CHANNEL_CLOSED;
    ch->incarnation = 0;
    ch->refused = NULL;
    ch->calls_len = 0;
    lev_sending_drop(e, ch);
    ch->confirm = false;
    ch->committing = false;
    ch->tx = false;
    ch->acks = (lev_acks){.floor = 0};
    lev_channel_stall(e, ch, false);
    ch->flow_stopped = false;
    lev_consumers_deinit(&ch->consumers, &e->alloc);
    if (e->rx.used != &ch->content) {
        lev_content_reset(e, &ch->content);
    }
    ch->content.state = CONTENT_NONE;
    ch->cut = e->tx.flushing ? LEV_WINDOW_HALF - 1 : e->tx.buf.sent;
    if (e->settling != ch) {
        lev_window_abandon(&ch->window, ch->cut);
    }
    ch->farewell = farewell;
    if (!ch->ending) {
        ch->ending = true;
        e->ending++;
    }
    if (ch->number < e->ending_from) {
        e->ending_from = ch->number;
    }
}

static bool channel_farewell(lev_engine *e, lev_channel *ch, lev_event *event) {
    if (lev_window_take(&ch->window, &event->first, &event->last, &event->outcome)) {
        event->type = LEV_EVENT_OUTCOME;
        event->channel = ch->number;
        return true;
    }
    ch->ending = false;
    e->ending--;
    lev_window_init(&ch->window);
    if (ch->farewell == LEV_EVENT_NONE) {
        return false;
    }
    event->type = ch->farewell;
    event->channel = ch->number;
    if (ch->farewell == LEV_EVENT_REPLY) {
        e->method = (lev_method){.id = LEV_CHANNEL_CLOSE_OK};
        event->method = &e->method;
        event->call = ch->close_call;
    } else {
        event->error = &e->channel_error;
    }
    return true;
}

bool lev_channel_next_farewell(lev_engine *e, lev_event *event) {
    for (; e->ending > 0 && e->ending_from < e->channels_len; e->ending_from++) {
        lev_channel *ch = e->channels[e->ending_from];
        if (ch != NULL && ch->ending && channel_farewell(e, ch, event)) {
            return true;
        }
    }
    return false;
}

void lev_channel_refuse(lev_engine *e, lev_channel *ch, uint16_t code, const char *why) {
    lev_channel_close close = {.reply_code = code, .reply_text = lev_span_of(why)};
    ch->refused = why;
    ch->content.discard = true;
    if (e->state != LEV_STATE_OPEN || ch->state != LEV_STATE_CHANNEL_OPEN) {
        return; /* it ends already */
    }
    lev_send_reply(e, ch->number, LEV_CHANNEL_CLOSE, &close);
    if (e->error.status == LEV_OK) {
        ch->state = LEV_STATE_AWAIT_CHANNEL_CLOSE_OK;
        ch->close_call = 0;
    }
}

void lev_channel_stall(lev_engine *e, lev_channel *ch, bool stalled) {
    if (ch->stalled != stalled) {
        ch->stalled = stalled;
        e->stalled = stalled ? e->stalled + 1 : e->stalled - 1;
    }
}

/* A quarter of the window must be free, so that one wake-up serves many publishes. */
static bool channel_has_room(const lev_engine *e, const lev_channel *ch) {
    size_t free_needed = 1 + (e->set.window - 1) / 4;
    return !ch->flow_stopped && ch->window.count + free_needed <= e->set.window;
}

lev_channel *lev_channel_take_unstalled(lev_engine *e) {
    for (size_t i = 0; e->stalled > 0 && e->unstalls && i < e->channels_len; i++) {
        lev_channel *ch = e->channels[i];
        if (ch != NULL && ch->stalled && channel_has_room(e, ch)) {
            lev_channel_stall(e, ch, false);
            return ch;
        }
    }
    e->unstalls = false;
    return NULL;
}

void lev_channel_free(lev_engine *e, lev_channel *ch) {
    lev_consumers_deinit(&ch->consumers, &e->alloc);
    lev_sending_free(e, ch);
    lev_window_deinit(&ch->window, &e->alloc);
    lev_release(&e->alloc, ch->content.data);
    lev_release(&e->alloc, ch->calls);
    lev_release(&e->alloc, ch);
}
