/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Calls and their answers. Calls may be pipelined; RabbitMQ's answers overtake each other, since
 * some come from the queue's process and some from the channel's, so an answer belongs to the
 * oldest call of its type, and for consume-ok and cancel-ok to the consumer with its tag. That is
 * why tags are always made here.
 *
 * What a broker is known to answer with the loss of the whole connection is refused before it is
 * sent (spec/README.md lists it). A call that fails has queued nothing and changed nothing. */

#include "state.h"

#include <string.h>

static bool call_known(lev_method_id id) {
    static const bool known[LEV_METHOD_COUNT] = {
#define CALL_KNOWN(NAME, name) [LEV_##NAME] = true,
        LEV_CALLS(CALL_KNOWN)
#undef CALL_KNOWN
    };
    return id > LEV_NO_METHOD && id < LEV_METHOD_COUNT && known[id];
}

static bool call_nowait(const lev_method_desc *desc, const void *fields) {
    for (size_t i = 0; i < desc->field_count; i++) {
        if (desc->fields[i].nowait) {
            return *(const bool *)((const uint8_t *)fields + desc->fields[i].offset);
        }
    }
    return false;
}

/* NaN and infinities in an argument table cost the connection, too. */
static lev_status call_check_tables(const lev_method_desc *desc, const void *fields) {
    for (size_t i = 0; i < desc->field_count; i++) {
        if (desc->fields[i].wire != LEV_WIRE_TABLE) {
            continue;
        }
        lev_span table;
        memcpy(&table, (const uint8_t *)fields + desc->fields[i].offset, sizeof table);
        lev_status status = lev_table_check_finite(table);
        if (status != LEV_OK) {
            return status;
        }
    }
    return LEV_OK;
}

static lev_status call_check_fatal(lev_method_id id, const void *fields) {
    lev_value offset;
    bool fatal = false;
    if (id == LEV_BASIC_QOS) {
        fatal = ((const lev_basic_qos *)fields)->prefetch_size != 0;
    } else if (id == LEV_BASIC_RECOVER) {
        fatal = !((const lev_basic_recover *)fields)->requeue;
    } else if (id == LEV_BASIC_RECOVER_ASYNC) {
        fatal = !((const lev_basic_recover_async *)fields)->requeue;
    } else if (id == LEV_CHANNEL_FLOW) {
        fatal = !((const lev_channel_flow *)fields)->active;
    } else if (id == LEV_BASIC_CONSUME) {
        const lev_basic_consume *consume = fields;
        fatal = consume->no_ack && lev_table_find(consume->arguments, "x-stream-offset", &offset);
    }
    return fatal ? LEV_ERR_UNSUPPORTED : LEV_OK;
}

static lev_status call_check(lev_engine *e, uint16_t channel, lev_method_id id,
                             const void *fields) {
    lev_status status = lev_engine_ready(e);
    if (status != LEV_OK) {
        return status;
    }
    const lev_method_desc *desc = lev_method_describe(id);
    if (!call_known(id) || (desc->class_id == LEV_CLASS_CONNECTION) != (channel == 0)) {
        return LEV_ERR_MISUSE;
    }
    if (channel > e->tuned.channel_max) {
        return LEV_ERR_LIMIT;
    }
    status = call_check_tables(desc, fields);
    if (status == LEV_OK) {
        status = call_check_fatal(id, fields);
    }
    if (status == LEV_OK && e->tx.buf.queued >= e->set.high_water) {
        e->tx.writable_owed = true;
        status = LEV_AGAIN;
    }
    return status;
}

/* Makes room to note one more call; what answers have left vacant in front is used first. */
static bool call_room(lev_engine *e, lev_channel *ch) {
    if (ch->calls_first > ch->calls_len) {
        memmove(ch->calls, ch->calls + ch->calls_first, ch->calls_len * sizeof *ch->calls);
        ch->calls_first = 0;
    }
    size_t len = ch->calls_first + ch->calls_len + 1;
    lev_call *calls = lev_reserve(&e->alloc, ch->calls, &ch->calls_cap, len, sizeof *calls);
    ch->calls = calls != NULL ? calls : ch->calls;
    return calls != NULL;
}

/* Sends, and notes the call where an answer is expected. */
static lev_status call_send(lev_engine *e, lev_channel *ch, lev_call call, const void *fields) {
    const lev_method_desc *desc = lev_method_describe(call.id);
    bool answered = desc->replies[0] != LEV_NO_METHOD && call.number != 0;
    if (answered && !call_room(e, ch)) {
        return LEV_ERR_MEMORY;
    }
    bool secret = call.id == LEV_CONNECTION_UPDATE_SECRET;
    lev_status status =
        secret ? lev_send_secret(e, call.id, fields) : lev_send(e, ch->number, call.id, fields);
    if (status == LEV_OK && answered) {
        ch->calls[ch->calls_first + ch->calls_len++] = call;
    }
    return status;
}

static lev_status call_open(lev_engine *e, lev_channel *ch, lev_call call, const void *fields) {
    lev_status status = call_send(e, ch, call, fields);
    if (status == LEV_OK) {
        ch->state = LEV_STATE_AWAIT_CHANNEL_OPEN_OK;
        ch->incarnation = ++e->incarnations;
    }
    return status;
}

static lev_status call_close(lev_engine *e, lev_channel *ch, lev_call call, const void *fields) {
    lev_channel_close close = *(const lev_channel_close *)fields;
    if (close.reply_code == 0) {
        close.reply_code = LEV_REPLY_SUCCESS;
    }
    lev_status status = lev_send(e, ch->number, LEV_CHANNEL_CLOSE, &close);
    if (status == LEV_OK) {
        ch->state = LEV_STATE_AWAIT_CHANNEL_CLOSE_OK;
        ch->close_call = call.number;
        ch->calls_len = 0;
        ch->content.discard = !ch->content.returned;
    }
    return status;
}

static lev_status call_consume(lev_engine *e, lev_channel *ch, lev_call call,
                               const lev_basic_consume *fields, bool stream) {
    lev_basic_consume consume = *fields;
    uint8_t made[24];
    if (consume.consumer_tag.len == 0) {
        lev_writer w = lev_writer_init(made, sizeof made);
        lev_writer_text(&w, "leveret-");
        lev_writer_decimal(&w, e->calls);
        consume.consumer_tag = lev_writer_span(&w);
    }
    if (consume.consumer_tag.len > 255) {
        return LEV_ERR_LIMIT;
    }
    lev_consumer *before = lev_consumers_find(&ch->consumers, consume.consumer_tag);
    if (before != NULL && (before->state != CONSUMER_CANCELLED ||
                           before->no_ack != consume.no_ack || consume.nowait)) {
        return LEV_ERR_MISUSE;
    }
    lev_consumer *consumer = lev_consumers_add(&ch->consumers, &e->alloc, consume.consumer_tag);
    if (consumer == NULL) {
        return LEV_ERR_MEMORY;
    }
    consumer->consume_call = call.number;
    consumer->state = consume.nowait ? CONSUMER_ACTIVE : CONSUMER_AWAIT_CONSUME_OK;
    consumer->again = before != NULL;
    consumer->no_ack = consume.no_ack;
    consumer->stream = stream;
    lev_status status = lev_send(e, ch->number, LEV_BASIC_CONSUME, &consume);
    lev_consumers_remove(&ch->consumers, &e->alloc, status == LEV_OK ? before : consumer);
    return status;
}

static lev_status call_cancel_now(lev_engine *e, lev_channel *ch, lev_consumer *consumer,
                                  bool nowait) {
    lev_basic_cancel cancel = {.consumer_tag = lev_consumer_tag(consumer), .nowait = nowait};
    lev_status status = lev_send(e, ch->number, LEV_BASIC_CANCEL, &cancel);
    if (status == LEV_OK && nowait) {
        lev_consumers_retire(&ch->consumers, &e->alloc, consumer);
    } else if (status == LEV_OK) {
        consumer->state = CONSUMER_AWAIT_CANCEL_OK;
    }
    return status;
}

static lev_status call_cancel(lev_engine *e, lev_channel *ch, lev_call call,
                              const lev_basic_cancel *fields) {
    if (fields->consumer_tag.len == 0 || fields->consumer_tag.len > 255) {
        return LEV_ERR_LIMIT;
    }
    lev_consumer *consumer = lev_consumers_find(&ch->consumers, fields->consumer_tag);
    if (consumer == NULL || consumer->state == CONSUMER_AWAIT_CANCEL_OK ||
        consumer->state == CONSUMER_CANCELLED || consumer->cancel_wanted) {
        return LEV_ERR_MISUSE;
    }
    consumer->cancel_call = call.number;
    if (consumer->state == CONSUMER_AWAIT_CONSUME_OK) {
        consumer->cancel_wanted = true;
        return LEV_OK;
    }
    return call_cancel_now(e, ch, consumer, fields->nowait);
}

static lev_status call_route(lev_engine *e, lev_channel *ch, lev_call call, const void *fields) {
    if (call.id == LEV_CHANNEL_OPEN) {
        return call_open(e, ch, call, fields);
    }
    if (call.id == LEV_CHANNEL_CLOSE) {
        return call_close(e, ch, call, fields);
    }
    if (call.id == LEV_BASIC_CONSUME) {
        return call_consume(e, ch, call, fields, false);
    }
    if (call.id == LEV_BASIC_CANCEL) {
        return call_cancel(e, ch, call, fields);
    }
    if (call.id == LEV_BASIC_GET) {
        call.no_ack = ((const lev_basic_get *)fields)->no_ack;
    }
    lev_status status = call_send(e, ch, call, fields);
    if (status == LEV_OK) {
        ch->confirm = ch->confirm || call.id == LEV_CONFIRM_SELECT;
        ch->committing = ch->committing || call.id == LEV_TX_COMMIT;
        ch->tx = ch->tx || call.id == LEV_TX_SELECT;
    }
    return status;
}

/* Checks a call and finds its channel, where it may be made. */
static lev_status call_prepare(lev_engine *e, uint16_t channel, lev_call *call, const void *fields,
                               lev_channel **ch) {
    lev_status status = call_check(e, channel, call->id, fields);
    if (status != LEV_OK) {
        return status;
    }
    bool makes = call->id == LEV_CHANNEL_OPEN || channel == 0;
    *ch = makes ? lev_channel_obtain(e, channel) : lev_channel_find(e, channel);
    if (makes && *ch == NULL) {
        return LEV_ERR_MEMORY;
    }
    if (makes && (*ch)->sending != NULL && (*ch)->sending->filling) {
        e->tx.writable_owed = true;
        return LEV_AGAIN;
    }
    if (!lev_legality_outbound(e, *ch, call->id) || (*ch)->committing) {
        return LEV_ERR_MISUSE;
    }
    const lev_method_desc *desc = lev_method_describe(call->id);
    bool answered = desc->replies[0] != LEV_NO_METHOD && !call_nowait(desc, fields);
    e->calls = e->calls == UINT32_MAX ? 1 : e->calls + 1;
    call->number = answered ? e->calls : 0;
    return LEV_OK;
}

lev_status lev_engine_call(lev_engine *e, uint16_t channel, lev_method_id id, const void *fields,
                           uint32_t *number) {
    lev_channel *ch;
    lev_call call = {.id = id};
    lev_status status = call_prepare(e, channel, &call, fields, &ch);
    if (status == LEV_OK) {
        status = call_route(e, ch, call, fields);
    }
    if (number != NULL) {
        *number = status == LEV_OK ? call.number : 0;
    }
    return status;
}

lev_status lev_engine_consume_stream(lev_engine *e, uint16_t channel,
                                     const lev_basic_consume *fields, uint32_t *number) {
    lev_channel *ch;
    lev_call call = {.id = LEV_BASIC_CONSUME};
    lev_status status = call_prepare(e, channel, &call, fields, &ch);
    if (status == LEV_OK) {
        status = call_consume(e, ch, call, fields, true);
    }
    if (number != NULL) {
        *number = status == LEV_OK ? call.number : 0;
    }
    return status;
}

bool lev_call_take(lev_channel *ch, lev_method_id id, lev_call *call) {
    for (size_t i = 0; i < ch->calls_len; i++) {
        lev_call *first = ch->calls + ch->calls_first;
        const lev_method_desc *desc = lev_method_describe(first[i].id);
        if (desc->replies[0] == id || desc->replies[1] == id) {
            *call = first[i];
            memmove(first + 1, first, i * sizeof *call);
            ch->calls_first++;
            ch->calls_len--;
            return true;
        }
    }
    return false;
}

static bool call_reply(lev_engine *e, const lev_channel *ch, uint32_t number, lev_event *event) {
    event->type = LEV_EVENT_REPLY;
    event->channel = ch->number;
    event->call = number;
    event->method = &e->method;
    return true;
}

static bool call_cancel_waits(const lev_consumer *consumer) {
    return consumer->cancel_wanted && consumer->state == CONSUMER_ACTIVE;
}

/* Sends the cancel that had to wait for its consume-ok, and waits on while a commit is under way.
 * The consumer may be gone then. */
static bool call_cancel_wanted(lev_engine *e, lev_channel *ch, lev_consumer *consumer) {
    if (!call_cancel_waits(consumer) || ch->committing || e->state != LEV_STATE_OPEN) {
        return true;
    }
    lev_status status = call_cancel_now(e, ch, consumer, consumer->cancel_call == 0);
    if (status != LEV_OK) {
        lev_engine_fail(e, &(lev_fault){.status = status,
                                        .layer = LEV_LAYER_ENGINE,
                                        .what = "basic.cancel cannot be queued"});
    }
    return status == LEV_OK;
}

/* The same for all of a channel, whose commit is over. */
static bool call_cancel_all_wanted(lev_engine *e, lev_channel *ch) {
    lev_consumer *consumer = e->state == LEV_STATE_OPEN ? ch->consumers.first : NULL;
    while (consumer != NULL) {
        bool waits = call_cancel_waits(consumer);
        if (!call_cancel_wanted(e, ch, consumer)) {
            return false;
        }
        consumer = waits ? ch->consumers.first : consumer->next;
    }
    return true;
}

bool lev_call_answered(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_call call;
    if (ch == NULL || !lev_call_take(ch, e->method.id, &call)) {
        lev_engine_violation(e, LEV_COMMAND_INVALID, NULL, "an answer to nothing that was asked");
        return false;
    }
    if (call.id == LEV_TX_COMMIT) {
        ch->committing = false;
        if (!call_cancel_all_wanted(e, ch)) {
            return false;
        }
    }
    return call_reply(e, ch, call.number, event);
}

bool lev_call_consume_ok(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_span tag = e->method.as.basic_consume_ok.consumer_tag;
    lev_consumer *consumer = lev_consumers_find(&ch->consumers, tag);
    if (consumer == NULL || consumer->state != CONSUMER_AWAIT_CONSUME_OK) {
        lev_engine_violation(e, LEV_COMMAND_INVALID, NULL, "a consume-ok to no basic.consume");
        return false;
    }
    uint32_t number = consumer->consume_call;
    consumer->state = CONSUMER_ACTIVE;
    if (consumer->ended && !consumer->cancel_wanted) {
        lev_consumers_retire(&ch->consumers, &e->alloc, consumer);
    } else if (!call_cancel_wanted(e, ch, consumer)) {
        return false;
    }
    return call_reply(e, ch, number, event);
}

bool lev_call_cancel_ok(lev_engine *e, lev_channel *ch, lev_event *event) {
    lev_span tag = e->method.as.basic_cancel_ok.consumer_tag;
    lev_consumer *consumer = lev_consumers_find(&ch->consumers, tag);
    if (consumer == NULL || consumer->state != CONSUMER_AWAIT_CANCEL_OK) {
        lev_engine_violation(e, LEV_COMMAND_INVALID, NULL, "a cancel-ok to no basic.cancel");
        return false;
    }
    uint32_t number = consumer->cancel_call;
    lev_consumers_remove(&ch->consumers, &e->alloc, consumer);
    return call_reply(e, ch, number, event);
}
