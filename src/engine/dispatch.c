/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* From a frame to its handler. The order of the checks is the invariant: channel number, place
 * within content, arguments, legality; a handler only ever sees a method that may come now. The
 * table has one short handler for each method that does more than answer a call. */

#include "state.h"

typedef bool dispatch_handler(lev_engine *e, lev_channel *ch, lev_event *event);

static bool dispatch_tell(lev_engine *e, lev_channel *ch, lev_event *event, lev_event_type type) {
    event->type = type;
    event->channel = ch == NULL ? 0 : ch->number;
    event->method = &e->method;
    return true;
}

static bool dispatch_start(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)ch;
    return lev_login_start(e, event);
}

static bool dispatch_secure(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)ch;
    return lev_login_secure(e, event);
}

static bool dispatch_tune(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)ch;
    return lev_login_tune(e, event);
}

static bool dispatch_open_ok(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)ch;
    return lev_login_open_ok(e, event);
}

/* Returns what the broker refuses by closing the connection, NULL where nothing. RabbitMQ names
 * connection.update-secret as the cause, others just close while it waits for an answer. */
static const char *dispatch_refused(const lev_engine *e, const lev_connection_close *close) {
    if (e->state > LEV_STATE_AWAIT_START && e->state < LEV_STATE_OPEN) {
        return "the broker refused the login";
    }
    lev_method_id cause = lev_method_lookup(close->class_id, close->method_id);
    bool access = close->reply_code == LEV_NOT_ALLOWED || close->reply_code == LEV_ACCESS_REFUSED;
    const lev_channel *ch = lev_channel_find(e, 0);
    bool waits = ch != NULL && ch->calls_len > 0; /* only update-secret is a call there */
    bool refused =
        cause == LEV_CONNECTION_UPDATE_SECRET || (cause == LEV_NO_METHOD && access && waits);
    return refused ? "the broker refused the new secret" : NULL;
}

static bool dispatch_close(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)ch;
    (void)event;
    const lev_connection_close *close = &e->method.as.connection_close;
    const char *refused = dispatch_refused(e, close);
    lev_connection_close_ok ok = {0};
    lev_send_reply(e, 0, LEV_CONNECTION_CLOSE_OK, &ok);
    if (e->state == LEV_STATE_AWAIT_CLOSE_OK) {
        return false; /* both close: each answers, ours is still to be answered */
    }
    lev_engine_fail(
        e, &(lev_fault){.status = refused != NULL ? LEV_ERR_REFUSED : LEV_ERR_CLOSED,
                        .layer = LEV_LAYER_BROKER,
                        .reply_code = close->reply_code,
                        .class_id = close->class_id,
                        .method_id = close->method_id,
                        .what = refused != NULL ? refused : "the broker closed the connection",
                        .words = close->reply_text});
    return false;
}

static bool dispatch_close_ok(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)ch;
    (void)event;
    lev_engine_closed(e);
    return false;
}

static bool dispatch_blocked(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_counters_block(e);
    return dispatch_tell(e, ch, event, LEV_EVENT_BLOCKED);
}

static bool dispatch_unblocked(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_counters_unblock(e);
    return dispatch_tell(e, ch, event, LEV_EVENT_UNBLOCKED);
}

static bool dispatch_channel_open_ok(lev_engine *e, lev_channel *ch, lev_event *event) {
    ch->state = LEV_STATE_CHANNEL_OPEN;
    return lev_call_answered(e, ch, event);
}

static bool dispatch_channel_close(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)event;
    const lev_channel_close *close = &e->method.as.channel_close;
    lev_channel_close_ok ok = {0};
    if (ch->sending != NULL) {
        lev_outbuf_discard(&ch->sending->held); /* nobody waits for that any more */
    }
    lev_send_reply(e, ch->number, LEV_CHANNEL_CLOSE_OK, &ok);
    bool crossed = ch->state == LEV_STATE_AWAIT_CHANNEL_CLOSE_OK && ch->sending == NULL;
    if (crossed || e->error.status != LEV_OK) {
        return false; /* both close: ours, unless it is held back, is still to be answered */
    }
    lev_fault_describe(&(lev_fault){.status = LEV_ERR_CHANNEL,
                                    .layer = LEV_LAYER_BROKER,
                                    .reply_code = close->reply_code,
                                    .class_id = close->class_id,
                                    .method_id = close->method_id,
                                    .what = "the broker closed the channel",
                                    .words = close->reply_text},
                       &e->channel_error);
    lev_channel_end(e, ch, LEV_EVENT_CHANNEL_CLOSED);
    lev_sending_fill(e);
    return false;
}

static bool dispatch_channel_close_ok(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)event;
    if (ch->close_call == 0) {
        lev_fault_describe(&(lev_fault){.status = LEV_ERR_LIMIT,
                                        .layer = LEV_LAYER_ENGINE,
                                        .reply_code = LEV_CONTENT_TOO_LARGE,
                                        .what = ch->refused},
                           &e->channel_error);
        lev_channel_end(e, ch, LEV_EVENT_CHANNEL_CLOSED);
    } else {
        lev_channel_end(e, ch, LEV_EVENT_REPLY);
    }
    return false;
}

static bool dispatch_flow(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_channel_flow_ok ok = {.active = e->method.as.channel_flow.active};
    ch->flow_stopped = !ok.active;
    e->unstalls = true;
    lev_send_reply(e, ch->number, LEV_CHANNEL_FLOW_OK, &ok);
    return dispatch_tell(e, ch, event, LEV_EVENT_FLOW);
}

static bool dispatch_cancel(lev_engine *e, lev_channel *ch, lev_event *event) {
    const lev_basic_cancel *cancel = &e->method.as.basic_cancel;
    lev_consumer *consumer = lev_consumers_find(&ch->consumers, cancel->consumer_tag);
    /* If neither: unknown, told before, or we cancel it at the same time, which has an answer. */
    bool active =
        consumer != NULL && consumer->state == CONSUMER_ACTIVE && !consumer->cancel_wanted;
    bool awaited = consumer != NULL && consumer->state == CONSUMER_AWAIT_CONSUME_OK;
    bool early = awaited && !consumer->ended && !consumer->again;
    if (active) {
        lev_consumers_retire(&ch->consumers, &e->alloc, consumer);
    } else if (early) {
        consumer->ended = true; /* its calls are still to be answered */
    } else if (awaited) {
        consumer->again = false; /* that was for the one before */
    }
    if (!cancel->nowait) {
        lev_basic_cancel_ok ok = {.consumer_tag = cancel->consumer_tag};
        lev_send_reply(e, ch->number, LEV_BASIC_CANCEL_OK, &ok);
    }
    return (active || early) && dispatch_tell(e, ch, event, LEV_EVENT_CANCELLED);
}

static bool dispatch_settle(lev_engine *e, lev_channel *ch, uint64_t tag, bool multiple,
                            lev_outcome as) {
    if (!ch->confirm || !lev_window_settle(&ch->window, tag, multiple, as)) {
        lev_engine_violation(e, LEV_COMMAND_INVALID, NULL,
                             "a confirm of something that was not published");
        return false;
    }
    e->settling = ch;
    return false; /* the outcomes come next */
}

static bool dispatch_ack(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)event;
    const lev_basic_ack *ack = &e->method.as.basic_ack;
    return dispatch_settle(e, ch, ack->delivery_tag, ack->multiple, LEV_CONFIRMED);
}

static bool dispatch_nack(lev_engine *e, lev_channel *ch, lev_event *event) {
    (void)event;
    const lev_basic_nack *nack = &e->method.as.basic_nack;
    return dispatch_settle(e, ch, nack->delivery_tag, nack->multiple, LEV_NACKED);
}

static dispatch_handler *const dispatch_handlers[LEV_METHOD_COUNT] = {
    [LEV_CONNECTION_START] = dispatch_start,
    [LEV_CONNECTION_SECURE] = dispatch_secure,
    [LEV_CONNECTION_TUNE] = dispatch_tune,
    [LEV_CONNECTION_OPEN_OK] = dispatch_open_ok,
    [LEV_CONNECTION_CLOSE] = dispatch_close,
    [LEV_CONNECTION_CLOSE_OK] = dispatch_close_ok,
    [LEV_CONNECTION_BLOCKED] = dispatch_blocked,
    [LEV_CONNECTION_UNBLOCKED] = dispatch_unblocked,
    [LEV_CHANNEL_OPEN_OK] = dispatch_channel_open_ok,
    [LEV_CHANNEL_CLOSE] = dispatch_channel_close,
    [LEV_CHANNEL_CLOSE_OK] = dispatch_channel_close_ok,
    [LEV_CHANNEL_FLOW] = dispatch_flow,
    [LEV_BASIC_CONSUME_OK] = lev_call_consume_ok,
    [LEV_BASIC_CANCEL] = dispatch_cancel,
    [LEV_BASIC_CANCEL_OK] = lev_call_cancel_ok,
    [LEV_BASIC_ACK] = dispatch_ack,
    [LEV_BASIC_NACK] = dispatch_nack,
};

/* Returns whether a method is dropped because we are closing its channel (AMQP 0-9-1, 1.5.2.5).
 * Confirms are not: each tells the truth about a publish, unless a return that was too large is
 * missing. */
static bool dispatch_drops(const lev_channel *ch, lev_method_id id) {
    if (ch == NULL) {
        return false;
    }
    if (id == LEV_BASIC_ACK || id == LEV_BASIC_NACK) {
        return ch->refused != NULL;
    }
    return ch->state == LEV_STATE_AWAIT_CHANNEL_CLOSE_OK && id != LEV_CHANNEL_CLOSE &&
           id != LEV_CHANNEL_CLOSE_OK;
}

static bool dispatch_method(lev_engine *e, lev_channel *ch, const lev_frame *frame,
                            lev_event *event) {
    if (ch != NULL && ch->content.state != CONTENT_NONE) {
        lev_engine_violation(e, LEV_UNEXPECTED_FRAME, frame, "a method in the middle of content");
        return false;
    }
    lev_status status = lev_method_decode(frame->payload, &e->method);
    if (status != LEV_OK) {
        bool unknown = status == LEV_ERR_UNSUPPORTED;
        lev_engine_violation(e, unknown ? LEV_NOT_IMPLEMENTED : LEV_FRAME_ERROR, frame,
                             unknown ? "an unknown method" : "malformed method arguments");
        return false;
    }
    const char *why;
    uint16_t verdict = lev_legality_inbound(e, ch, frame->channel, e->method.id, &why);
    if (verdict != 0) {
        lev_engine_violation(e, verdict, frame, why);
        return false;
    }
    if (lev_method_describe(e->method.id)->content) {
        return lev_content_method(e, ch, frame, event);
    }
    if (dispatch_drops(ch, e->method.id)) {
        return false;
    }
    dispatch_handler *handler = dispatch_handlers[e->method.id];
    return handler != NULL ? handler(e, ch, event) : lev_call_answered(e, ch, event);
}

bool lev_dispatch(lev_engine *e, const lev_frame *frame, lev_event *event) {
    if (frame->type == LEV_FRAME_HEARTBEAT) {
        return false; /* that bytes came is all it says */
    }
    lev_channel *ch = lev_channel_find(e, frame->channel);
    if (frame->type == LEV_FRAME_METHOD) {
        return dispatch_method(e, ch, frame, event);
    }
    if (ch == NULL || ch->state == LEV_STATE_CHANNEL_CLOSED) {
        lev_engine_violation(e, LEV_CHANNEL_ERROR, frame, "content on a channel that is not open");
        return false;
    }
    return frame->type == LEV_FRAME_HEADER ? lev_content_header(e, ch, frame, event)
                                           : lev_content_body(e, ch, frame, event);
}
