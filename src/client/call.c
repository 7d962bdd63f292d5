/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Calls with an answer, and acks, which have none. The answer's event ends the wait and is handed
 * on as it is: its spans point into the engine, which is left alone until the client's next call.
 *
 * What the caller passes may itself point into the last event. That is fine as long as nothing is
 * read, so only a call that has to wait for room first makes a copy of its fields. */

#include "pack.h"
#include "secret.h"
#include "state.h"

#include <string.h>

/* "queue.declare" */
static void call_name(lev_writer *w, lev_method_id id) {
    const lev_method_desc *desc = lev_method_describe(id);
    lev_report_put(w, desc != NULL ? desc->class_name : "");
    lev_report_put(w, ".");
    lev_report_put(w, desc != NULL ? desc->method_name : "");
}

static lev_verdict call_judge_room(const lev_wait *w, const lev_event *event) {
    bool room =
        event->type == LEV_EVENT_WRITABLE && (event->channel == 0 || event->channel == w->channel);
    bool closed = event->type == LEV_EVENT_CHANNEL_CLOSED && event->channel == w->channel;
    return room || closed ? LEV_DONE : LEV_KEEP;
}

/* Is there nothing but the engine's own limits in the way? */
static bool call_unhindered(const lev_client *c) {
    return !c->blocked && !lev_recovery_pending(c) &&
           (!c->given.recovery.on || lev_resend_ready(c));
}

static bool call_met_unhindered(const lev_wait *w, const lev_client *c) {
    (void)w;
    return call_unhindered(c);
}

/* There is room in any connection that is new: the engine that owed the news is gone. */
static bool call_met_another(const lev_wait *w, const lev_client *c) {
    return c->epoch != w->epoch && call_unhindered(c);
}

lev_status lev_call_no_room(lev_client *c, const char *what, bool blocked) {
    lev_writer w = lev_report_begin(c, LEV_ERR_TIMEOUT);
    lev_report_put(&w, what);
    if (c->recovery.active) {
        lev_report_number(&w, ": the connection is not back yet, after ", c->set.progress_ms,
                          " ms");
    } else if (blocked) {
        lev_report_put(&w, ": the broker blocks publishers (");
        lev_report_put(&w, c->blocked_why);
        lev_report_number(&w, "), for ", c->set.progress_ms, " ms so far");
    } else {
        lev_report_number(&w, ": the broker takes nothing, no progress within ", c->set.progress_ms,
                          " ms");
    }
    return LEV_ERR_TIMEOUT;
}

lev_status lev_call_wait_room(lev_client *c, uint16_t channel, const char *what) {
    bool blocked = c->blocked;
    bool hindered = !call_unhindered(c);
    lev_wait w = {.judge = hindered ? NULL : call_judge_room,
                  .met = hindered ? call_met_unhindered : call_met_another,
                  .epoch = c->epoch,
                  .ms = (int)c->set.progress_ms,
                  .by_progress = true,
                  .channel = channel};
    lev_status status = lev_loop_until(c, &w);
    if (status == LEV_OK && w.event.type == LEV_EVENT_CHANNEL_CLOSED) {
        return lev_report_closed(c, w.event.error);
    }
    return status == LEV_ERR_TIMEOUT && c->phase != CLIENT_ENDED
               ? lev_call_no_room(c, what, blocked)
               : status;
}

/* A method that points to nothing else than its own bytes. */
typedef struct call_copy {
    size_t size;
    lev_method method;
    uint8_t bytes[];
} call_copy;

/* Returns NULL without memory. */
static call_copy *call_copy_new(const lev_allocator *a, lev_method_id id, const void *fields) {
    lev_method method = {.id = id};
    lev_packer count = {NULL, 0};
    memcpy(&method.as, fields, lev_method_describe(id)->size);
    lev_method counted = method;
    lev_pack_method(&count, &counted);
    call_copy *copy = lev_memory_new(a, sizeof *copy + count.len);
    if (copy != NULL) {
        lev_packer pack = {copy->bytes, 0};
        copy->size = sizeof *copy + count.len;
        copy->method = method;
        lev_pack_method(&pack, &copy->method);
    }
    return copy;
}

/* It may have been connection.update-secret. */
static void call_copy_free(call_copy *copy) {
    lev_secret_wipe(copy, copy != NULL ? copy->size : 0);
    lev_memory_free(copy);
}

/* What to call; a basic.consume may be one that streams. */
typedef struct call_request {
    lev_method_id id;
    const void *fields;
    bool streams;
} call_request;

static lev_status call_once(lev_client *c, lev_wait *w, const call_request *r) {
    return r->streams ? lev_engine_consume_stream(c->engine, w->channel, r->fields, &w->call)
                      : lev_engine_call(c->engine, w->channel, r->id, r->fields, &w->call);
}

/* Queues the call, waiting for room where that is needed. */
static lev_status call_queue(lev_client *c, lev_wait *w, call_request r) {
    call_copy *copy = NULL;
    lev_status status = LEV_AGAIN;
    while (status == LEV_AGAIN) {
        bool pending = lev_recovery_pending(c);
        if (c->phase != CLIENT_RUNNING && !pending) {
            status = LEV_ERR_MISUSE;
            break;
        }
        status = pending ? LEV_AGAIN : call_once(c, w, &r);
        if (status == LEV_AGAIN && c->lent && copy == NULL) {
            copy = call_copy_new(&c->given.allocator, r.id, r.fields);
            r.fields = copy != NULL ? &copy->method.as : NULL;
            status = copy == NULL ? LEV_ERR_MEMORY : status;
        }
        if (status == LEV_AGAIN) {
            lev_status waited = lev_call_wait_room(c, w->channel, "a call");
            if (waited != LEV_OK) {
                call_copy_free(copy);
                return waited;
            }
        }
    }
    call_copy_free(copy);
    if (status == LEV_OK) {
        return LEV_OK;
    }
    char text[64] = "";
    lev_writer name = lev_writer_init((uint8_t *)text, sizeof text - 1);
    call_name(&name, r.id);
    return lev_report_call(c, w->channel, text, status);
}

static lev_verdict call_judge_reply(const lev_wait *w, const lev_event *event) {
    bool reply = event->type == LEV_EVENT_REPLY && event->call == w->call;
    bool closed = event->type == LEV_EVENT_CHANNEL_CLOSED && event->channel == w->channel;
    return reply || closed ? LEV_DONE : LEV_KEEP;
}

/* Makes a call and waits for its answer, which is then in `w->event`; LEV_EVENT_NONE where none is
 * due. */
static lev_status call_make(lev_client *c, lev_wait *w, call_request r) {
    lev_status status = call_queue(c, w, r);
    w->tied = true;
    if (status != LEV_OK || w->call == 0) {
        return status;
    }
    status = lev_loop_until(c, w);
    c->lent = status == LEV_OK;
    if (status == LEV_OK && w->event.type == LEV_EVENT_CHANNEL_CLOSED) {
        return lev_report_closed(c, w->event.error);
    }
    if (status == LEV_ERR_TIMEOUT && c->phase == CLIENT_RUNNING) {
        lev_writer text = lev_report_begin(c, status);
        call_name(&text, r.id);
        lev_report_number(&text, " on channel ", w->channel, ": no answer");
        lev_report_number(&text, " within ", c->set.call_ms, " ms");
        lev_report_put(&text, c->blocked ? "; the broker blocks this connection" : "");
    }
    return status;
}

static lev_status call_for_reply(lev_client *c, uint16_t channel, call_request r,
                                 lev_method *reply) {
    lev_wait w = {.judge = call_judge_reply, .ms = (int)c->set.call_ms, .channel = channel};
    lev_entry *e = NULL;
    lev_status status = LEV_OK;
    if (c->given.recovery.on) {
        e = lev_entry_new(&c->given.allocator, channel, r.id, r.fields, &status);
    }
    if (status != LEV_OK) {
        return lev_report_call(c, channel, "recording a call", status);
    }
    status = call_make(c, &w, r);
    if (status == LEV_OK && reply != NULL) {
        *reply = w.event.method != NULL ? *w.event.method : (lev_method){.id = LEV_NO_METHOD};
    }
    if (status == LEV_OK && e != NULL) {
        e->streams = r.streams;
        lev_topology_note(&c->recovery.topology, e, w.event.method);
    } else {
        lev_memory_free(e);
    }
    return status;
}

lev_status lev_client_call(lev_client *c, uint16_t channel, lev_method_id id, const void *fields,
                           lev_method *reply) {
    if (id == LEV_BASIC_GET) {
        return lev_report(c, LEV_ERR_MISUSE,
                          "basic.get answers with a message: use lev_client_get");
    }
    return call_for_reply(c, channel, (call_request){.id = id, .fields = fields}, reply);
}

lev_status lev_client_consume_stream(lev_client *c, uint16_t channel,
                                     const lev_basic_consume *fields, lev_method *reply) {
    call_request r = {.id = LEV_BASIC_CONSUME, .fields = fields, .streams = true};
    return call_for_reply(c, channel, r, reply);
}

lev_status lev_client_get(lev_client *c, uint16_t channel, const lev_basic_get *fields,
                          const lev_message **message) {
    lev_wait w = {.judge = call_judge_reply, .ms = (int)c->set.call_ms, .channel = channel};
    *message = NULL;
    lev_status status = call_make(c, &w, (call_request){.id = LEV_BASIC_GET, .fields = fields});
    if (status != LEV_OK) {
        return status;
    }
    if (w.event.message == NULL) {
        return LEV_NEED_MORE;
    }
    c->message = *w.event.message;
    *message = &c->message;
    return LEV_OK;
}

enum call_settle { CALL_ACK, CALL_NACK, CALL_REJECT };

typedef struct call_settlement {
    enum call_settle how;
    lev_delivery delivery;
    bool multiple;
    bool requeue;
} call_settlement;

static lev_status call_settle_once(lev_client *c, const call_settlement *s) {
    if (s->how == CALL_ACK) {
        return lev_engine_ack(c->engine, s->delivery, s->multiple);
    }
    if (s->how == CALL_NACK) {
        return lev_engine_nack(c->engine, s->delivery, s->multiple, s->requeue);
    }
    return lev_engine_reject(c->engine, s->delivery, s->requeue);
}

static lev_status call_settle(lev_client *c, const call_settlement *s) {
    lev_status status = LEV_AGAIN;
    while (status == LEV_AGAIN) {
        status = c->phase == CLIENT_RUNNING ? call_settle_once(c, s) : LEV_ERR_MISUSE;
        if (status < LEV_OK && status != LEV_ERR_STALE && lev_recovery_pending(c)) {
            status = LEV_ERR_STALE;
        }
        if (status == LEV_AGAIN) {
            lev_status waited = lev_call_wait_room(c, s->delivery.channel, "an ack");
            if (waited != LEV_OK) {
                return waited;
            }
        }
    }
    if (status == LEV_OK) {
        lev_loop_attend(c);
        return status;
    }
    return lev_report_call(c, s->delivery.channel, "an ack", status);
}

lev_status lev_client_ack(lev_client *c, lev_delivery delivery, bool multiple) {
    return call_settle(c, &(call_settlement){CALL_ACK, delivery, multiple, false});
}

lev_status lev_client_nack(lev_client *c, lev_delivery delivery, bool multiple, bool requeue) {
    return call_settle(c, &(call_settlement){CALL_NACK, delivery, multiple, requeue});
}

lev_status lev_client_reject(lev_client *c, lev_delivery delivery, bool requeue) {
    return call_settle(c, &(call_settlement){CALL_REJECT, delivery, false, requeue});
}
