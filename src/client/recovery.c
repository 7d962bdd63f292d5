/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A recovery never repairs: where a step fails, the connection is dropped and the next one starts
 * from the beginning. So there is one state to think of, the record, and no half-made channel.
 *
 *     lost -> wait -> connect -> log in -> entities -> channels -> consumers -> recovered
 *              ^---------- any failure that may pass -----------'
 *
 * Steps go out one at a time, each after the answer to the one before: the order of the record is
 * the order at the broker, and a failure names its step. Entities are made on a channel of their
 * own, for the one they were declared on may be closed by now. Consumers come last, so that nothing
 * is delivered before all of it is back.
 *
 * Rejected: a record kept by the engine. It would have to know what a connection is for. */

#include "log.h"
#include "secret.h"

#include <string.h>

static uint32_t recovery_or(uint32_t given, uint32_t otherwise) {
    return given != 0 ? given : otherwise;
}

/* xorshift64: enough to keep many clients from coming back at once. */
static uint64_t recovery_random(lev_recovery *r) {
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return r->random;
}

static lev_recovery_verdict recovery_tell(const lev_client *c, lev_recovery_news news) {
    const lev_recovery_options *o = &c->given.recovery;
    news.attempt = c->recovery.attempt;
    lev_log_recovery(c, &news);
    return o->hook != NULL ? o->hook(o->context, &news) : LEV_RECOVERY_DEFAULT;
}

/* Returns whether another attempt may end better. A connection that ends amid the login looks like
 * refused credentials, where the broker does not say so; but these were accepted before. */
static bool recovery_passing(const lev_recovery *r, const lev_error *why) {
    switch ((int)why->status) {
    case LEV_ERR_LOST:
    case LEV_ERR_HEARTBEAT:
    case LEV_ERR_TIMEOUT:
    case LEV_ERR_CONNECT:
    case LEV_ERR_RESOLVE:
        return true;
    case LEV_ERR_REFUSED:
        return r->opened && why->reply_code == 0;
    case LEV_ERR_CLOSED:
        return why->layer == LEV_LAYER_BROKER &&
               (why->reply_code == LEV_CONNECTION_FORCED || why->reply_code == LEV_INTERNAL_ERROR ||
                why->reply_code == LEV_RESOURCE_ERROR);
    default:
        return false;
    }
}

/* The next round over all brokers: waits 0 to the back-off. */
static void recovery_wait(lev_client *c, const lev_error *why, uint64_t now) {
    lev_recovery *r = &c->recovery;
    uint64_t most = recovery_or(c->given.recovery.wait_first_ms, LEV_BACKOFF_FIRST_MS);
    uint64_t limit = recovery_or(c->given.recovery.wait_max_ms, LEV_BACKOFF_MAX_MS);
    for (uint32_t i = 0; i < r->attempt && most < limit; i++) {
        most *= 2;
    }
    uint64_t wait = recovery_random(r) % ((most < limit ? most : limit) + 1);
    r->attempt++;
    r->tried = 0;
    r->due = now + wait;
    recovery_tell(c, (lev_recovery_news){
                         .stage = LEV_RECOVERY_WAITING, .wait_ms = (uint32_t)wait, .error = why});
}

static char **recovery_take(lev_recovery *r, const char *uri) {
    r->uris[r->uri_count] = lev_secret_copy(r->memory, uri);
    return r->uris[r->uri_count] != NULL ? &r->uris[r->uri_count++] : NULL;
}

bool lev_recovery_uris(lev_client *c, const char *uri) {
    lev_recovery *r = &c->recovery;
    size_t count = c->given.uri_count;
    lev_recovery_forget(c);
    r->random = (lev_net_now() << 20 ^ (uint64_t)(uintptr_t)c) | 1;
    r->memory = &c->given.allocator;
    r->uris = lev_memory_zeroed(r->memory, (count + 1) * sizeof *r->uris);
    bool kept = r->uris != NULL && recovery_take(r, uri) != NULL;
    for (size_t i = 0; kept && i < count; i++) {
        kept = recovery_take(r, c->given.uris[i]) != NULL;
    }
    for (size_t i = r->uri_count; kept && c->given.shuffle && i > 1; i--) {
        size_t other = (size_t)(recovery_random(r) % i);
        char *held = r->uris[i - 1];
        r->uris[i - 1] = r->uris[other];
        r->uris[other] = held;
    }
    return kept;
}

void lev_recovery_forget(lev_client *c) {
    lev_recovery *r = &c->recovery;
    for (size_t i = 0; i < r->uri_count; i++) {
        lev_secret_free(r->uris[i]);
    }
    lev_memory_free(r->uris);
    r->uris = NULL;
    r->uri_count = 0;
}

bool lev_recovery_would(const lev_client *c, const lev_error *why) {
    const lev_recovery *r = &c->recovery;
    const lev_recovery_options *o = &c->given.recovery;
    bool more = o->attempts == 0 || !r->active || r->attempt < o->attempts;
    return !r->leaving && recovery_passing(r, why) && o->on && r->opened && more;
}

bool lev_recovery_pending(const lev_client *c) {
    if (c->recovery.active || c->phase != CLIENT_RUNNING) {
        return c->recovery.active;
    }
    const lev_error *error = lev_engine_error(c->engine);
    return error->status != LEV_OK && lev_recovery_would(c, error);
}

bool lev_recovery_goes_on(lev_client *c, const lev_error *why) {
    lev_recovery *r = &c->recovery;
    uint64_t now = lev_net_now();
    if (r->leaving || !recovery_passing(r, why)) {
        return false;
    }
    bool next = !(r->opened && !r->active) && r->tried + 1 < r->uri_count;
    if (!next && !lev_recovery_would(c, why)) {
        return false;
    }
    if (r->opened && !r->active) {
        r->active = true;
        r->lost = *why;
        r->attempt = 0;
        recovery_tell(c, (lev_recovery_news){.stage = LEV_RECOVERY_LOST, .error = why});
    }
    if (next) {
        r->tried++;
        r->due = now;
        recovery_tell(c, (lev_recovery_news){.stage = LEV_RECOVERY_WAITING, .error = why});
    } else {
        recovery_wait(c, why, now);
    }
    r->turn = (r->turn + 1) % r->uri_count;
    r->call = 0;
    r->work = RECOVERY_BEGIN;
    r->step = NULL;
    lev_ledger_lost(&c->ledger);
    c->phase = CLIENT_WAITING;
    lev_loop_drop(c);
    return true;
}

bool lev_recovery_lost(lev_client *c) {
    bool told = c->recovery.active;
    lev_error why;
    lev_report_engine(c, c->event.error, &why);
    if (!lev_recovery_goes_on(c, &why)) {
        return false;
    }
    c->error = why;
    c->epoch += told ? 0 : 1;
    c->waiting = !told;
    c->event = (lev_event){.type = LEV_EVENT_RECOVERING, .error = &c->recovery.lost};
    return true;
}

static bool recovery_has(const lev_topology *t, lev_turn turn) {
    const lev_entry *e = t->first;
    while (e != NULL && lev_entry_turn(e) != turn) {
        e = e->next;
    }
    return e != NULL;
}

/* Returns the highest channel that the program does not use. */
static uint16_t recovery_spare(const lev_client *c) {
    uint16_t channel = lev_engine_tuned(c->engine).channel_max;
    channel = channel != 0 ? channel : UINT16_MAX;
    while (channel > 1 && lev_topology_has_channel(&c->recovery.topology, channel)) {
        channel--;
    }
    return channel;
}

/* Asks for something; its answer, or the channel's end, is the next step's beginning. */
static void recovery_ask(lev_client *c, uint16_t channel, const lev_entry *e) {
    lev_recovery *r = &c->recovery;
    r->channel = channel;
    r->due = lev_net_now() + c->set.call_ms;
    lev_status status =
        e->streams
            ? lev_engine_consume_stream(c->engine, channel, &e->method.as.basic_consume, &r->call)
            : lev_engine_call(c->engine, channel, e->method.id, &e->method.as, &r->call);
    if (status != LEV_OK) {
        lev_loop_hang_up(c, LEV_ERR_LOST, "a step of the recovery could not be sent");
    }
}

/* Finds the next entry of a turn and asks for it. Returns false where there is none left. */
static bool recovery_entry(lev_client *c, lev_turn turn) {
    lev_recovery *r = &c->recovery;
    lev_entry *e = r->step != NULL ? r->step->next : r->topology.first;
    while (e != NULL && lev_entry_turn(e) != turn) {
        e = e->next;
    }
    r->step = e;
    if (e != NULL) {
        recovery_ask(c, turn == LEV_TURN_ENTITY ? r->spare : e->channel, e);
    }
    return e != NULL;
}

/* Opens or closes the channel for the entities. */
static bool recovery_channel(lev_client *c, lev_method_id id) {
    lev_recovery *r = &c->recovery;
    lev_entry e = {.method = {.id = id}};
    if (!recovery_has(&r->topology, LEV_TURN_ENTITY) || r->step != NULL) {
        return false;
    }
    recovery_ask(c, r->spare, &e);
    return true;
}

/* Asks for one thing more of the present work. Returns false where it is done. */
static bool recovery_more(lev_client *c) {
    switch (c->recovery.work) {
    case RECOVERY_OPEN:
        return recovery_channel(c, LEV_CHANNEL_OPEN);
    case RECOVERY_ENTITIES:
        return recovery_entry(c, LEV_TURN_ENTITY);
    case RECOVERY_CLOSE:
        return recovery_channel(c, LEV_CHANNEL_CLOSE);
    case RECOVERY_CHANNELS:
        return recovery_entry(c, LEV_TURN_CHANNEL);
    case RECOVERY_CONSUMERS:
        return recovery_entry(c, LEV_TURN_CONSUMER);
    case RECOVERY_BEGIN:
    case RECOVERY_END:
        break;
    }
    return false;
}

/* Goes to the next step. Returns false where all is back. */
static bool recovery_advance(lev_client *c) {
    lev_recovery *r = &c->recovery;
    bool single =
        r->work == RECOVERY_BEGIN || r->work == RECOVERY_OPEN || r->work == RECOVERY_CLOSE;
    while (single || !recovery_more(c)) {
        if (r->work == RECOVERY_CONSUMERS) {
            return false;
        }
        r->work++;
        r->step = NULL;
        single = false;
        lev_resend_pump(c); /* once the channels are there */
    }
    return true;
}

/* All is back: the event tells so. */
static bool recovery_done(lev_client *c) {
    c->recovery.work = RECOVERY_END;
    recovery_tell(c, (lev_recovery_news){.stage = LEV_RECOVERY_DONE});
    c->recovery.active = false;
    c->recovery.attempt = 0;
    c->counted.reconnects++;
    c->progress++;
    c->event = (lev_event){.type = LEV_EVENT_RECOVERED};
    return false;
}

static bool recovery_step_passing(const lev_entry *e, const lev_error *why) {
    bool exclusive = e != NULL && e->method.id == LEV_QUEUE_DECLARE;
    return (why->reply_code == LEV_RESOURCE_LOCKED && exclusive) ||
           why->reply_code == LEV_INTERNAL_ERROR || why->reply_code == LEV_RESOURCE_ERROR ||
           (why->reply_code == LEV_NOT_FOUND && strstr(why->text, "is down") != NULL);
}

/* The broker refused a step, and closed its channel for it. */
static void recovery_refused(lev_client *c, const lev_error *from) {
    lev_recovery *r = &c->recovery;
    lev_error why;
    lev_report_engine(c, from, &why);
    lev_recovery_news news = {.stage = LEV_RECOVERY_STEP, .channel = r->channel, .error = &why};
    news.method = r->step != NULL ? &r->step->method : NULL;
    lev_recovery_verdict verdict = recovery_tell(c, news);
    if (verdict == LEV_RECOVERY_DEFAULT) {
        verdict = r->step == NULL || recovery_step_passing(r->step, &why) ? LEV_RECOVERY_RETRY
                                                                          : LEV_RECOVERY_STOP;
    }
    if (verdict == LEV_RECOVERY_STOP) {
        r->leaving = true;
        lev_loop_hang_up(c, LEV_ERR_CHANNEL, from->text);
        return;
    }
    if (verdict == LEV_RECOVERY_SKIP && r->step != NULL) {
        lev_topology_drop(&r->topology, r->step);
        r->step = NULL;
    }
    r->tried = r->uri_count;
    lev_loop_hang_up(c, LEV_ERR_LOST, from->text);
}

/* The answer to a step has come. Returns whether there is more to do. */
static bool recovery_answered(lev_client *c) {
    lev_recovery *r = &c->recovery;
    const lev_method *reply = c->event.method;
    r->call = 0;
    if (r->step != NULL && r->step->server_named && reply->id == LEV_QUEUE_DECLARE_OK) {
        lev_topology_renamed(&r->topology, r->step, reply->as.queue_declare_ok.queue);
    }
    if (r->step != NULL) {
        recovery_tell(c, (lev_recovery_news){.stage = LEV_RECOVERY_STEP,
                                             .channel = r->channel,
                                             .method = &r->step->method});
    }
    return recovery_advance(c) || recovery_done(c);
}

/* Is this a consumer of the record that the broker cancelled, and that is to go on? Then that
 * counts as a lost connection: its queue is gone, or the node of it, and the record knows the way
 * back. */
static bool recovery_restarts(lev_client *c) {
    lev_recovery *r = &c->recovery;
    char text[LEV_ERROR_TEXT] = "";
    if (c->event.type != LEV_EVENT_CANCELLED || !c->given.recovery.restart_cancelled ||
        !c->given.recovery.on || r->leaving ||
        !lev_topology_has_consumer(&r->topology, c->event.channel,
                                   c->event.method->as.basic_cancel.consumer_tag)) {
        return false;
    }
    lev_writer w = lev_writer_init((uint8_t *)text, sizeof text - 1);
    lev_report_cancelled(&w, &c->event);
    lev_loop_hang_up(c, LEV_ERR_LOST, text);
    return true;
}

/* While all is well: keeps the record true. */
static void recovery_note(lev_client *c) {
    lev_topology *t = &c->recovery.topology;
    if (c->event.type == LEV_EVENT_CHANNEL_CLOSED) {
        lev_topology_channel_closed(t, c->event.channel);
    } else if (c->event.type == LEV_EVENT_CANCELLED) {
        lev_topology_cancelled(t, c->event.channel, c->event.method->as.basic_cancel.consumer_tag);
    } else if (c->event.type == LEV_EVENT_OPEN) {
        c->recovery.opened = true;
        c->recovery.tried = 0;
        if (!c->given.recovery.on) {
            lev_settings_forget(&c->given);
            lev_recovery_forget(c);
        }
    }
}

/* Was the channel closed for the step, and not for a message that was sent again? */
static bool recovery_blames_step(const lev_client *c) {
    const lev_error *why = c->event.error;
    bool publish = lev_method_lookup(why->class_id, why->method_id) == LEV_BASIC_PUBLISH;
    return c->event.channel == c->recovery.channel && !publish;
}

/* A channel that was back already is closed and forgotten, and the program told; so what it was
 * closed for is not repeated. Where a step waits on it, all begins anew without it. */
static void recovery_channel_closed(lev_client *c) {
    lev_recovery *r = &c->recovery;
    bool waits = c->event.channel == r->channel;
    recovery_note(c);
    if (waits) {
        r->step = NULL;
        r->call = 0;
        r->tried = r->uri_count;
        lev_loop_hang_up(c, LEV_ERR_LOST, "a channel was closed before all was back");
    }
}

bool lev_recovery_takes(lev_client *c) {
    lev_recovery *r = &c->recovery;
    if (recovery_restarts(c)) {
        return true;
    }
    if (!r->active) {
        recovery_note(c);
        return false;
    }
    switch ((int)c->event.type) {
    case LEV_EVENT_START:
        return true;
    case LEV_EVENT_OPEN:
        r->work = RECOVERY_BEGIN;
        r->step = NULL;
        r->spare = recovery_spare(c);
        return recovery_advance(c) || recovery_done(c);
    case LEV_EVENT_REPLY:
        return c->event.call != r->call || recovery_answered(c);
    case LEV_EVENT_CHANNEL_CLOSED:
        if (recovery_blames_step(c)) {
            recovery_refused(c, c->event.error);
            return true;
        }
        recovery_channel_closed(c);
        return false;
    case LEV_EVENT_CANCELLED:
        recovery_note(c);
        return false;
    default:
        return false;
    }
}

void lev_recovery_tick(lev_client *c, uint64_t now) {
    lev_recovery *r = &c->recovery;
    lev_resend_pump(c);
    if (r->active && r->call != 0 && now >= r->due) {
        r->call = 0;
        lev_loop_hang_up(c, LEV_ERR_TIMEOUT, "no answer to a step of the recovery in time");
    }
}

void lev_recovery_over(lev_client *c) {
    if (c->recovery.active) {
        recovery_tell(c, (lev_recovery_news){.stage = LEV_RECOVERY_OVER, .error = &c->end});
    }
    c->recovery.active = false;
}
