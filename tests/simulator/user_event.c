/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Events, and the answers to calls: each answer belongs to the oldest call that it can answer, and
 * those of consumers to the one with their tag. */

#include "user.h"

#include <string.h>

static void trace_event(const lev_event *event) {
    static const char *const names[] = {[LEV_EVENT_START] = "start",
                                        [LEV_EVENT_CHALLENGE] = "challenge",
                                        [LEV_EVENT_OPEN] = "open",
                                        [LEV_EVENT_REPLY] = "reply",
                                        [LEV_EVENT_DELIVER] = "deliver",
                                        [LEV_EVENT_BODY] = "body",
                                        [LEV_EVENT_RETURN] = "return",
                                        [LEV_EVENT_OUTCOME] = "outcome",
                                        [LEV_EVENT_CANCELLED] = "cancelled",
                                        [LEV_EVENT_FLOW] = "flow",
                                        [LEV_EVENT_BLOCKED] = "blocked",
                                        [LEV_EVENT_UNBLOCKED] = "unblocked",
                                        [LEV_EVENT_CHANNEL_CLOSED] = "channel-closed",
                                        [LEV_EVENT_WRITABLE] = "writable",
                                        [LEV_EVENT_RELEASED] = "released",
                                        [LEV_EVENT_CLOSED] = "closed",
                                        [LEV_EVENT_FAILED] = "failed"};
    static const char *const outcomes[] = {"confirmed", "returned", "nacked", "not sent",
                                           "in doubt"};
    const lev_method_desc *desc =
        event->method == NULL ? NULL : lev_method_describe(event->method->id);
    if (event->type == LEV_EVENT_OUTCOME) {
        trace_line("event", "outcome on %u: %llu to %llu %s", event->channel,
                   (unsigned long long)event->first, (unsigned long long)event->last,
                   outcomes[event->outcome]);
    } else if (event->message != NULL) {
        trace_line("event", "%s on %u: tag %llu, %zu of %llu bytes", names[event->type],
                   event->channel, (unsigned long long)event->message->delivery.tag,
                   event->body.len, (unsigned long long)event->message->body_size);
    } else {
        trace_line("event", "%s on %u%s%s%s%s, call %u", names[event->type], event->channel,
                   desc == NULL ? "" : ": ", desc == NULL ? "" : desc->class_name,
                   desc == NULL ? "" : ".", desc == NULL ? "" : desc->method_name, event->call);
    }
    if (event->error != NULL) {
        trace_line("event", "  because %s", event->error->text);
    }
}

/* ---- answers ---- */

static bool by_tag(lev_method_id id) { return id == LEV_BASIC_CONSUME || id == LEV_BASIC_CANCEL; }

/* Takes the call that is answered. */
static user_call take_call(opening *o, const lev_event *event) {
    size_t i = 0;
    while (i < o->calls_len && o->calls[i].number != event->call) {
        i++;
    }
    INVARIANT(i < o->calls_len, "an answer belongs to a call that waits for it");
    user_call call = o->calls[i];
    for (size_t k = 0; k < i; k++) {
        INVARIANT(by_tag(call.id) || o->calls[k].id != call.id,
                  "calls of one kind are answered in their order");
    }
    o->calls_len--;
    memmove(o->calls + i, o->calls + i + 1, (o->calls_len - i) * sizeof call);
    const lev_method_desc *desc = lev_method_describe(call.id);
    INVARIANT(desc->replies[0] == event->method->id || desc->replies[1] == event->method->id,
              "an answer is of the kind that the call asks for");
    return call;
}

static void end_opening(opening *o) {
    for (uint64_t i = o->before_confirm + 1; o->confirm && i <= o->published; i++) {
        INVARIANT(o->records[i].ended, "a channel's farewell comes after all its outcomes");
    }
    o->state = OPENING_ENDED;
    o->calls_len = 0;
    o->again = false;
}

static void judge_consume_ok(opening *o, lev_span tag, const user_call *call) {
    INVARIANT(call->name[0] == '\0' || lev_span_equal(lev_span_of(call->name), tag),
              "consume-ok and cancel-ok belong to the consumer with their tag");
    if (user_consumer_find(o, tag) == NULL && o->consumers_len < USER_TAGS) {
        user_consumer *c = &o->consumers[o->consumers_len++];
        model_text(c->tag, tag);
    }
}

static void judge_recovered(opening *o) {
    o->recovering--;
    for (uint64_t i = 1; i <= o->last_tag; i++) {
        o->taken[i].state = TAKEN_SETTLED;
    }
}

static void judge_answer(user *u, opening *o, const lev_event *event, const user_call *call) {
    const lev_method *m = event->method;
    if (m->id == LEV_CHANNEL_OPEN_OK) {
        o->state = OPENING_OPEN;
    } else if (m->id == LEV_CHANNEL_CLOSE_OK) {
        end_opening(o);
    } else if (m->id == LEV_QUEUE_DECLARE_OK) {
        INVARIANT(call->name[0] == '\0' ||
                      lev_span_equal(m->as.queue_declare_ok.queue, lev_span_of(call->name)),
                  "declare-ok names the queue that was declared");
    } else if (m->id == LEV_BASIC_CONSUME_OK) {
        judge_consume_ok(o, m->as.basic_consume_ok.consumer_tag, call);
    } else if (m->id == LEV_BASIC_CANCEL_OK) {
        judge_consume_ok(o, m->as.basic_cancel_ok.consumer_tag, call);
    } else if (m->id == LEV_BASIC_GET_OK) {
        user_judge_delivery(u, o, event->message);
        const handed *h = &user_session(u, o)->handed[o->last_tag];
        INVARIANT(strcmp(h->queue, call->name) == 0 && h->left == event->message->message_count,
                  "a message that was got comes from the queue that was asked");
        u->counts->got++;
    } else if (m->id == LEV_TX_COMMIT_OK) {
        o->committing = false;
    } else if (m->id == LEV_BASIC_RECOVER_OK) {
        judge_recovered(o);
    }
}

/* ---- other events ---- */

static void judge_cancelled(user *u, opening *o, lev_span tag) {
    const session *s = user_session(u, o);
    for (size_t i = 0; i < MODEL_CONSUMERS; i++) {
        const model_consumer *c = &s->consumers[i];
        INVARIANT(c->state == CONSUMING_NOT || !lev_span_equal(lev_span_of(c->tag), tag),
                  "a consumer is cancelled when the broker cancelled it");
    }
    user_consumer *c = user_consumer_find(o, tag);
    if (c != NULL) {
        c->cancelled = true;
    }
    u->counts->cancelled++;
}

static void judge_channel_closed(user *u, opening *o, const lev_error *error) {
    const session *s = user_session(u, o);
    if (error->status == LEV_ERR_LIMIT) {
        INVARIANT(u->message_max > 0, "only a message that is too large makes the engine close");
        u->counts->refused++;
    } else {
        INVARIANT(s != NULL && s->close_code != 0 && error->reply_code == s->close_code,
                  "a channel is closed when the broker closed it, with its code");
        u->counts->closed_by_broker++;
    }
    end_opening(o);
}

static void judge_writable(user *u, uint16_t channel) {
    for (uint16_t i = 0; i <= MODEL_CHANNELS; i++) {
        if (u->openings[i] != NULL && (channel == 0 || channel == i)) {
            u->openings[i]->again = false;
        }
    }
}

static void judge_end(user *u, const lev_event *event) {
    lev_status status = event->error->status;
    bool explained = (event->type == LEV_EVENT_CLOSED && u->closes) ||
                     (status == LEV_ERR_MEMORY && u->memory_fails) ||
                     ((status == LEV_ERR_LOST || status == LEV_ERR_REFUSED) && u->lost) ||
                     ((status == LEV_ERR_HEARTBEAT || status == LEV_ERR_TIMEOUT) && u->silenced);
    if (event->type == LEV_EVENT_FAILED && event->error->layer == LEV_LAYER_BROKER) {
        explained = u->m->close_code != 0 && event->error->reply_code == u->m->close_code;
    }
    INVARIANT(explained, "a connection ends only for a reason, and says which");
    *(event->type == LEV_EVENT_CLOSED ? &u->counts->closed : &u->counts->failed) += 1;
    u->over = true;
}

static void judge_on_channel(user *u, opening *o, const lev_event *event) {
    bool leaving = o->state == OPENING_LEAVING;
    if (event->type == LEV_EVENT_REPLY) {
        user_call call = take_call(o, event);
        judge_answer(u, o, event, &call);
    } else if (event->type == LEV_EVENT_OUTCOME) {
        user_judge_outcome(u, o, event);
    } else if (event->type == LEV_EVENT_RETURN) {
        user_judge_return(u, o, event);
    } else if (event->type == LEV_EVENT_CHANNEL_CLOSED) {
        judge_channel_closed(u, o, event->error);
    } else if (event->type != LEV_EVENT_WRITABLE) {
        INVARIANT(!leaving, "of a channel that is being closed only outcomes are told");
    }
    if (event->type == LEV_EVENT_DELIVER) {
        user_judge_delivery(u, o, event->message);
    } else if (event->type == LEV_EVENT_BODY) {
        user_judge_piece(u, o, event);
    } else if (event->type == LEV_EVENT_CANCELLED) {
        judge_cancelled(u, o, event->method->as.basic_cancel.consumer_tag);
    }
}

/* An answer that found no memory left the challenge waiting; one that was sent is sent once. */
static void judge_challenge(user *u) {
    lev_status status;
    INVARIANT(u->answers, "only the program's own mechanism has something to answer");
    do {
        status = lev_engine_respond(u->e, lev_span_of("answer"));
    } while (status == LEV_ERR_MEMORY && u->memory_fails);
    INVARIANT(status == LEV_OK || lev_engine_error(u->e)->status == status,
              "a challenge can be answered");
    INVARIANT(lev_engine_respond(u->e, lev_span_of("answer")) != LEV_OK,
              "a challenge is answered once");
}

static void judge(user *u, const lev_event *event) {
    opening *o = u->openings[event->channel];
    INVARIANT(!u->over, "nothing follows the end");
    if (event->type == LEV_EVENT_WRITABLE) {
        judge_writable(u, event->channel);
    } else if (event->type == LEV_EVENT_CHALLENGE) {
        judge_challenge(u);
    } else if (event->type == LEV_EVENT_OPEN) {
        u->opened = true;
    } else if (event->type == LEV_EVENT_RELEASED) {
        user_judge_released(u, event->token);
    } else if (event->type == LEV_EVENT_CLOSED || event->type == LEV_EVENT_FAILED) {
        judge_end(u, event);
    } else if (event->channel > 0 || event->type == LEV_EVENT_REPLY) {
        INVARIANT(o != NULL && o->state != OPENING_ENDED, "events are of channels in use");
        judge_on_channel(u, o, event);
    }
}

void user_take_events(user *u, bool all) {
    lev_event event;
    while (!u->over && (all || !chance_one_in(&u->dice, 3)) && lev_engine_next(u->e, &event)) {
        trace_event(&event);
        judge(u, &event);
    }
}
