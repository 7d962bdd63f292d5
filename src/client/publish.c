/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Publishing costs no system call of its own: messages collect in the engine until 256 KiB
 * are queued, or for a tenth of a second, and then one write takes them all; one read takes the
 * confirms that have come. Where the socket does not take them all, the next attempt is made when
 * as much again has been queued, so that a slow broker costs no system call a message.
 *
 * Outcomes that arrive between calls lie in the backlog, merged into ranges.
 * lev_client_wait_confirms waits until the engine knows of no open publish, and only then counts
 * and drops them: a wait that ran out of time has changed nothing, so the next one still tells the
 * whole story.
 *
 * A connection that the broker has blocked is not read by it, so publishing waits here; reading and
 * heartbeats go on. */

#include "pack.h"
#include "state.h"

/* A publication that points to nothing but itself and, where it is lent, its body. */
typedef struct publish_kept {
    lev_publication publication;
    lev_properties properties;
    uint8_t bytes[];
} publish_kept;

static publish_kept *publish_keep(const lev_allocator *a, const lev_publication *from) {
    publish_kept counted = {.properties = {.present = 0}};
    lev_packer count = {NULL, 0};
    lev_pack_publication(&count, &counted.publication, &counted.properties, from);
    publish_kept *k = lev_memory_zeroed(a, sizeof *k + count.len);
    if (k != NULL) {
        lev_packer copy = {k->bytes, 0};
        lev_pack_publication(&copy, &k->publication, &k->properties, from);
    }
    return k;
}

/* What to publish, and where its number goes. */
typedef struct publish_job {
    lev_sent sent;
    uint64_t *number;
} publish_job;

static lev_status publish_try(lev_client *c, const publish_job *j) {
    const lev_sent *s = &j->sent;
    bool buffers = c->set.when_blocked == LEV_PUBLISH_BUFFER;
    bool keeps = c->given.recovery.retransmit;
    bool pending = lev_recovery_pending(c);
    if ((c->blocked && !buffers) || (pending && !(buffers && keeps && c->recovery.active))) {
        return LEV_AGAIN;
    }
    if (c->given.recovery.on) {
        return (c->phase < CLIENT_RUNNING && !c->recovery.active) || c->phase == CLIENT_ENDED
                   ? LEV_ERR_MISUSE
                   : lev_resend_publish(c, s, j->number);
    }
    if (c->phase != CLIENT_RUNNING) {
        return LEV_ERR_MISUSE;
    }
    return s->pieces
               ? lev_engine_publish_begin(c->engine, s->channel, s->publication, s->size, j->number)
               : lev_engine_publish(c->engine, s->channel, s->publication, j->number);
}

lev_status lev_publish_offer(lev_client *c, uint16_t channel, const lev_publication *publication,
                             uint64_t *number) {
    return publish_try(c, &(publish_job){{channel, publication, false, 0}, number});
}

/* Waits for room and tries again. What the caller passed may point into the last event, which the
 * wait invalidates. */
static lev_status publish_wait(lev_client *c, publish_job j) {
    publish_kept *kept = NULL;
    if (c->set.when_blocked != LEV_PUBLISH_WAIT && (c->blocked || lev_recovery_pending(c))) {
        return LEV_AGAIN;
    }
    if (c->lent) {
        kept = publish_keep(&c->given.allocator, j.sent.publication);
        if (kept == NULL) {
            return lev_report(c, LEV_ERR_MEMORY, lev_status_text(LEV_ERR_MEMORY));
        }
        j.sent.publication = &kept->publication;
    }
    lev_status status = LEV_AGAIN;
    while (status == LEV_AGAIN) {
        status = lev_call_wait_room(c, j.sent.channel, "basic.publish");
        if (status != LEV_OK) {
            break;
        }
        status = publish_try(c, &j);
        if (status != LEV_OK && status != LEV_AGAIN) {
            status = lev_report_call(c, j.sent.channel, "basic.publish", status);
        }
    }
    lev_memory_free(kept);
    return status;
}

void lev_publish_push(lev_client *c) {
    if (lev_engine_queued(c->engine) >= c->push_at) {
        lev_loop_push(c);
    } else {
        lev_loop_attend(c);
    }
}

static lev_status publish_run(lev_client *c, const publish_job *j) {
    lev_status status = publish_try(c, j);
    if (status == LEV_AGAIN) {
        status = publish_wait(c, *j);
    } else if (status != LEV_OK) {
        status = lev_report_call(c, j->sent.channel, "basic.publish", status);
    }
    if (status == LEV_OK) {
        lev_publish_push(c);
    }
    return status;
}

lev_status lev_client_publish(lev_client *c, uint16_t channel, const lev_publication *publication,
                              uint64_t *number) {
    bool goes = c->phase == CLIENT_RUNNING && !c->blocked && !c->given.recovery.on;
    if (goes && lev_engine_publish(c->engine, channel, publication, number) == LEV_OK) {
        lev_publish_push(c);
        return LEV_OK;
    }
    return publish_run(c,
                       &(publish_job){{channel, publication, false, 0}, number}); /* or why not */
}

lev_status lev_client_publish_begin(lev_client *c, uint16_t channel,
                                    const lev_publication *publication, uint64_t body_size,
                                    uint64_t *number) {
    return publish_run(c, &(publish_job){{channel, publication, true, body_size}, number});
}

static lev_verdict publish_judge_confirms(const lev_wait *w, const lev_event *event) {
    if (event->channel != w->channel) {
        return LEV_KEEP;
    }
    if (event->type == LEV_EVENT_CHANNEL_CLOSED) {
        return LEV_DONE;
    }
    return event->type == LEV_EVENT_RETURN ? LEV_DROP : LEV_KEEP;
}

static bool publish_met_confirms(const lev_wait *w, const lev_client *c) {
    return c->engine != NULL && lev_client_unsettled(c, w->channel) == 0;
}

static lev_status publish_overdue(lev_client *c, uint16_t channel) {
    lev_writer w = lev_report_begin(c, LEV_ERR_TIMEOUT);
    lev_report_number(&w, "no confirm within ", c->set.progress_ms, " ms");
    lev_report_number(&w, ", ", lev_client_unsettled(c, channel),
                      " messages are still unconfirmed");
    if (c->blocked) {
        lev_report_put(&w, "; the broker blocks publishers (");
        lev_report_put(&w, c->blocked_why);
        lev_report_put(&w, ")");
    }
    return LEV_ERR_TIMEOUT;
}

static void publish_count(lev_writer *w, uint64_t count, const char *what) {
    if (count > 0) {
        lev_report_number(w, " ", count, what);
    }
}

static lev_status publish_unconfirmed(lev_client *c, const lev_tally *t) {
    uint64_t bad = t->returned + t->nacked + t->not_sent + t->in_doubt;
    if (bad == 0) {
        return LEV_OK;
    }
    lev_writer w = lev_report_begin(c, LEV_ERR_NOT_CONFIRMED);
    lev_report_number(&w, "", bad, " of ");
    lev_report_number(&w, "", bad + t->confirmed, " messages not confirmed:");
    publish_count(&w, t->returned, " returned (no queue is bound for the key)");
    publish_count(&w, t->nacked, " refused by the broker");
    publish_count(&w, t->not_sent, " not sent");
    publish_count(&w, t->in_doubt, " in doubt");
    return LEV_ERR_NOT_CONFIRMED;
}

lev_status lev_client_wait_confirms(lev_client *c, uint16_t channel, lev_tally *tally) {
    lev_tally unused = {0};
    lev_tally *t = tally != NULL ? tally : &unused;
    *t = (lev_tally){0};
    bool half = c->phase == CLIENT_RUNNING && lev_engine_publish_left(c->engine, channel) > 0;
    if (c->phase == CLIENT_NEW || half) {
        return lev_report_call(c, channel, "waiting for confirms", LEV_ERR_MISUSE);
    }
    lev_wait w = {.judge = publish_judge_confirms,
                  .met = publish_met_confirms,
                  .ms = (int)c->set.progress_ms,
                  .by_progress = true,
                  .channel = channel};
    if (c->phase == CLIENT_RUNNING && lev_engine_queued(c->engine) > 0) {
        lev_loop_push(c);
    }
    lev_status status = lev_loop_until(c, &w);
    *t = lev_backlog_tally(&c->backlog, channel);
    if (status == LEV_ERR_TIMEOUT && c->phase == CLIENT_RUNNING) {
        return publish_overdue(c, channel);
    }
    lev_error closed;
    if (status == LEV_OK && w.event.type == LEV_EVENT_CHANNEL_CLOSED) {
        status = lev_report_closed(c, w.event.error);
    } else if (status == LEV_OK && lev_backlog_take_closed(&c->backlog, channel, &closed)) {
        status = lev_report_closed(c, &closed);
    }
    if (status != LEV_ERR_LIMIT && status != LEV_ERR_MEMORY) {
        lev_backlog_drop_confirms(&c->backlog, channel);
    }
    if (status != LEV_OK) {
        return status;
    }
    status = publish_unconfirmed(c, t);
    if (status != LEV_OK && c->phase == CLIENT_ENDED) {
        c->error = c->end;
        return c->end.status;
    }
    return status;
}
