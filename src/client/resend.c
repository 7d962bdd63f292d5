/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The publisher's ledger at work: messages go in as they are published, come out with their
 * outcome, and what a lost connection left open is sent again over the next one, in the same order
 * and ahead of anything new.
 *
 * The engine knows nothing of it. What it tells of publishes and of lent bodies is handed to the
 * ledger, which tells it to the program in its own time: one range of the engine's may become
 * several, or none. An event that has to come behind these waits in `later`.
 *
 * Without retransmission only numbers are entered, so that they go on over connections.
 *
 * Sending again never waits: lev_resend_pump goes as far as there is room, whenever the loop turns;
 * new messages queue up behind what is left. One that can never be sent again (its headers and the
 * mark are larger than a frame of the new connection, say) gets its outcome instead. */

#include "state.h"

static const char resend_mark[] = "x-leveret-in-doubt";

/* ---- publishing ------------------------------------------------------------------------------ */

bool lev_resend_ready(const lev_client *c) {
    return lev_ledger_has_room(&c->ledger) && (c->recovery.active || c->ledger.unsent == 0);
}

/* Publishes on a channel without confirms: the ledger holds no more than the token of a body. */
static lev_status resend_unconfirmed(lev_client *c, const lev_sent *s) {
    lev_publication p = *s->publication;
    bool lends = p.lend && p.token != NULL && c->given.recovery.retransmit;
    lev_status status = lends ? lev_ledger_prepare(&c->ledger, s->channel, &p, true) : LEV_OK;
    if (status != LEV_OK) {
        return status;
    }
    p.token = lends ? lev_ledger_token(&c->ledger) : p.token;
    status = lev_engine_publish(c->engine, s->channel, &p, NULL);
    if (status == LEV_OK && lends) {
        lev_ledger_lend(&c->ledger);
    }
    return status;
}

static lev_status resend_now(lev_client *c, const lev_sent *s, uint64_t *sent) {
    lev_publication p = *s->publication;
    if (s->pieces) {
        return lev_engine_publish_begin(c->engine, s->channel, &p, s->size, sent);
    }
    if (p.lend && c->given.recovery.retransmit) {
        p.token = lev_ledger_token(&c->ledger);
    }
    return lev_engine_publish(c->engine, s->channel, &p, sent);
}

static lev_status resend_enter(lev_client *c, const lev_sent *s, uint64_t *number) {
    bool keeps = c->given.recovery.retransmit && !s->pieces;
    bool waits = c->recovery.active || c->ledger.unsent > 0;
    uint64_t sent = 0;
    if (waits && !keeps) {
        return LEV_AGAIN;
    }
    lev_status status = lev_ledger_prepare(&c->ledger, s->channel, s->publication, keeps);
    if (status == LEV_OK && !waits) {
        status = resend_now(c, s, &sent);
    }
    if (status == LEV_OK) {
        *number = lev_ledger_add(&c->ledger, sent);
    }
    return status;
}

lev_status lev_resend_publish(lev_client *c, const lev_sent *s, uint64_t *number) {
    uint64_t unused = 0;
    uint64_t *own = number != NULL ? number : &unused;
    bool active = c->recovery.active;
    bool confirms = active ? lev_topology_confirms(&c->recovery.topology, s->channel)
                           : lev_engine_confirms(c->engine, s->channel);
    *own = 0;
    if (confirms) {
        lev_resend_pump(c);
        return resend_enter(c, s, own);
    }
    if (active) {
        return LEV_AGAIN;
    }
    return s->pieces
               ? lev_engine_publish_begin(c->engine, s->channel, s->publication, s->size, NULL)
               : resend_unconfirmed(c, s);
}

/* ---- sending again --------------------------------------------------------------------------- */

/* Puts the mark among the headers. Returns the memory that they need, to be freed; NULL, with
 * nothing changed, without memory or where the mark is there already. */
static uint8_t *resend_mark_doubt(const lev_allocator *a, lev_ledger_message *m) {
    lev_properties *p = &m->properties;
    lev_value there;
    bool headers = (p->present & LEV_HAS_HEADERS) != 0;
    lev_span table = headers ? p->headers : (lev_span){NULL, 0};
    size_t size = table.len + sizeof resend_mark + 2;
    uint8_t *memory = lev_table_find(table, resend_mark, &there) ? NULL : lev_memory_new(a, size);
    if (memory != NULL) {
        lev_writer w = lev_writer_init(memory, size);
        lev_writer_bytes(&w, table);
        lev_table_put_bool(&w, resend_mark, true);
        p->headers = lev_writer_span(&w);
        p->present |= LEV_HAS_HEADERS;
        m->publication.properties = p;
    }
    return memory;
}

/* Sends what the ledger shows; where it does not fit with the mark, then without. */
static lev_status resend_one(lev_client *c, bool marks) {
    lev_ledger_message m;
    uint64_t sent;
    (void)lev_ledger_unsent(&c->ledger, &m);
    uint8_t *memory = marks && m.in_doubt ? resend_mark_doubt(&c->given.allocator, &m) : NULL;
    lev_status status = lev_engine_publish(c->engine, m.channel, &m.publication, &sent);
    if (status == LEV_OK) {
        lev_ledger_sent(&c->ledger, sent);
    }
    bool again = status == LEV_ERR_LIMIT && memory != NULL;
    lev_memory_free(memory);
    return again ? resend_one(c, false) : status;
}

void lev_resend_pump(lev_client *c) {
    bool able =
        c->phase == CLIENT_RUNNING && (!c->recovery.active || c->recovery.work > RECOVERY_CHANNELS);
    while (able && c->ledger.unsent > 0 && !lev_ledger_tells(&c->ledger)) {
        lev_status status = resend_one(c, c->given.recovery.mark_doubt);
        bool failed = lev_engine_error(c->engine)->status != LEV_OK;
        if (status == LEV_AGAIN || status == LEV_ERR_MEMORY || failed) {
            return;
        }
        if (status != LEV_OK) {
            lev_ledger_refuse(&c->ledger);
        }
    }
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* An outcome of a connection that is lost is only noted, where that connection is made again. */
static void resend_outcome(lev_client *c) {
    const lev_error *error = lev_engine_error(c->engine);
    bool keeps =
        c->given.recovery.retransmit && error->status != LEV_OK && lev_recovery_would(c, error);
    lev_ledger_settle(&c->ledger, &c->event, keeps);
}

/* What a channel still had to send never will be, now that it is closed. */
static bool resend_closed(lev_client *c) {
    bool asked = c->event.type == LEV_EVENT_REPLY && c->event.method->id == LEV_CHANNEL_CLOSE_OK;
    if (!asked && c->event.type != LEV_EVENT_CHANNEL_CLOSED) {
        return true;
    }
    if (lev_ledger_open(&c->ledger, c->event.channel) == 0) {
        return true;
    }
    lev_ledger_drop(&c->ledger, c->event.channel);
    c->later = c->event;
    return false;
}

bool lev_resend_translate(lev_client *c) {
    if (!c->given.recovery.on) {
        return true;
    }
    switch ((int)c->event.type) {
    case LEV_EVENT_OUTCOME:
        resend_outcome(c);
        return false;
    case LEV_EVENT_RETURN:
        c->event.first = lev_ledger_public(&c->ledger, c->event.channel, c->event.first);
        return true;
    case LEV_EVENT_RELEASED:
        return !c->given.recovery.retransmit || lev_ledger_written(&c->ledger, &c->event.token);
    default:
        return resend_closed(c);
    }
}

bool lev_resend_owes(const lev_client *c) {
    return lev_ledger_tells(&c->ledger) || c->later.type != LEV_EVENT_NONE;
}

bool lev_resend_rest(lev_client *c) {
    if (c->phase == CLIENT_ENDED && !lev_resend_owes(c)) {
        lev_ledger_give_up(&c->ledger);
    }
    if (lev_ledger_tell(&c->ledger, &c->event)) {
        return true;
    }
    if (c->later.type != LEV_EVENT_NONE) {
        c->event = c->later;
        c->later.type = LEV_EVENT_NONE;
        return true;
    }
    return false;
}

uint64_t lev_client_unsettled(const lev_client *c, uint16_t channel) {
    if (c->given.recovery.on) {
        return lev_ledger_open(&c->ledger, channel);
    }
    return c->engine != NULL ? lev_engine_unsettled(c->engine, channel) : 0;
}
