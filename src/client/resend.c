/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The publisher's ledger at work: messages go in as they are published, come out with their
 * outcome, and what a lost connection left open is sent again over the next one, in the same order
 * and ahead of anything new.
 *
 * The engine knows nothing of it. Its last words on a connection, what was not sent and what is in
 * doubt, stay inside here when that connection is going to be made again, as marks on the messages;
 * all other outcomes are told with the messages' own numbers. One range of the engine's may then be
 * several: the rest waits in `rest` for the next turn.
 *
 * Sending again never waits for room: lev_resend_pump goes as far as it can, whenever the loop
 * turns, and publishing waits until nothing is left of it. */

#include "state.h"

#include <stdlib.h>
#include <string.h>

static const char resend_mark[] = "x-leveret-in-doubt";

bool lev_resend_ready(const lev_client *c) {
    return lev_ledger_room(&c->ledger) && (c->recovery.active || c->ledger.unsent == 0);
}

lev_status lev_resend_publish(lev_client *c, const lev_sent *s, uint64_t *number) {
    bool buffers = c->recovery.active; /* else the engine takes it at once */
    uint64_t sent = 0;
    lev_resend_pump(c);
    if (!lev_resend_ready(c)) {
        return LEV_AGAIN;
    }
    if (buffers && (s->pieces || !lev_topology_confirms(&c->recovery.topology, s->channel))) {
        return LEV_AGAIN;
    }
    lev_owed *m = lev_owed_new(s->publication, s->pieces);
    if (m == NULL) {
        return LEV_ERR_MEMORY;
    }
    lev_status status =
        buffers ? LEV_OK
        : s->pieces
            ? lev_engine_publish_begin(c->engine, s->channel, s->publication, s->size, &sent)
            : lev_engine_publish(c->engine, s->channel, s->publication, &sent);
    uint64_t own = 0;
    if (status == LEV_OK && (buffers || sent != 0)) {
        own = lev_ledger_add(&c->ledger, s->channel, m, sent);
    }
    if (own == 0) {
        free(m);
        status = status == LEV_OK && buffers ? LEV_ERR_MEMORY : status;
    }
    if (number != NULL) {
        *number = own;
    }
    return status;
}

/* Returns the properties with the mark among the headers, in `*marked`; `*memory` is to be freed.
 * Without memory, or with the mark already, they stay as they are. */
static const lev_properties *resend_marked(const lev_owed *m, lev_properties *marked,
                                           uint8_t **memory) {
    lev_value there;
    bool headers = (m->properties.present & LEV_HAS_HEADERS) != 0;
    lev_span table = headers ? m->properties.headers : (lev_span){NULL, 0};
    *memory = NULL;
    *marked = m->properties;
    if (headers && lev_table_find(table, resend_mark, &there)) {
        return m->publication.properties;
    }
    *memory = malloc(table.len + sizeof resend_mark + 2);
    if (*memory == NULL) {
        return m->publication.properties;
    }
    lev_writer w = lev_writer_init(*memory, table.len + sizeof resend_mark + 2);
    lev_writer_bytes(&w, table);
    lev_table_put_bool(&w, resend_mark, true);
    marked->headers = lev_writer_span(&w);
    marked->present |= LEV_HAS_HEADERS;
    return marked;
}

static lev_status resend_one(lev_client *c, uint16_t channel, lev_owed *m) {
    lev_publication publication = m->publication;
    lev_properties marked;
    uint8_t *memory = NULL;
    uint64_t sent = 0;
    if (m->in_doubt && c->given.recovery.mark_doubt) {
        publication.properties = resend_marked(m, &marked, &memory);
    }
    lev_status status = lev_engine_publish(c->engine, channel, &publication, &sent);
    free(memory);
    if (status == LEV_OK) {
        m->sent = sent;
        c->ledger.unsent--;
    }
    return status;
}

void lev_resend_pump(lev_client *c) {
    bool able = c->phase == CLIENT_RUNNING && c->ledger.unsent > 0 &&
                (!c->recovery.active || c->recovery.work > RECOVERY_CHANNELS);
    lev_status status = LEV_OK;
    for (lev_account *a = able ? c->ledger.accounts : NULL; a != NULL; a = a->next) {
        lev_owed *m = lev_account_unsent(a);
        for (status = LEV_OK; m != NULL && status == LEV_OK; m = m->next) {
            status = resend_one(c, a->channel, m);
        }
        if (status < LEV_OK && lev_engine_error(c->engine)->status == LEV_OK) {
            lev_loop_hang_up(c, LEV_ERR_LOST, "a message could not be sent again");
        }
    }
}

/* An outcome of the engine's becomes one of the program's. Returns whether there is one to tell. */
static bool resend_outcome(lev_client *c) {
    lev_owed_run run = {.channel = c->event.channel, .outcome = c->event.outcome};
    const lev_error *error = lev_engine_error(c->engine);
    bool open = run.outcome == LEV_IN_DOUBT || run.outcome == LEV_NOT_SENT;
    bool again = open && error->status != LEV_OK && lev_recovery_would(c, error);
    uint64_t first = c->event.first;
    bool told = false;
    while (!told && first <= c->event.last) {
        told = lev_ledger_settle(&c->ledger, &run, &first, c->event.last, again);
    }
    c->rest = c->event;
    c->rest.first = first;
    c->rest.type = first <= c->event.last ? LEV_EVENT_OUTCOME : LEV_EVENT_NONE;
    c->event.first = run.first;
    c->event.last = run.last;
    return told;
}

bool lev_resend_translate(lev_client *c) {
    if (!c->given.recovery.retransmit) {
        return true;
    }
    if (c->event.type == LEV_EVENT_RETURN && c->event.first != 0) {
        c->event.first = lev_ledger_number(&c->ledger, c->event.channel, c->event.first);
    }
    return c->event.type != LEV_EVENT_OUTCOME || resend_outcome(c);
}

bool lev_resend_rest(lev_client *c) {
    lev_owed_run run;
    if (c->rest.type == LEV_EVENT_OUTCOME) {
        c->event = c->rest;
        return resend_outcome(c);
    }
    if (c->phase != CLIENT_ENDED || !lev_ledger_give_up(&c->ledger, &run)) {
        return false;
    }
    c->event = (lev_event){.type = LEV_EVENT_OUTCOME,
                           .channel = run.channel,
                           .outcome = run.outcome,
                           .first = run.first,
                           .last = run.last};
    return true;
}

uint64_t lev_client_unsettled(const lev_client *c, uint16_t channel) {
    if (c->given.recovery.retransmit) {
        return lev_ledger_owed(&c->ledger, channel);
    }
    return c->engine != NULL ? lev_engine_unsettled(c->engine, channel) : 0;
}
