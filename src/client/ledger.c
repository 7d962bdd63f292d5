/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A list for each channel, in publish order, which is also the order of the engine's numbers: what
 * was sent stands before what was not. Outcomes come roughly in that order, so a search begins
 * where the last one ended, and a broker that confirms one of many late costs no time.
 *
 * Rejected: frames as they were sent. The next connection may have a smaller frame-max, and what is
 * sent again may carry a mark. */

#include "ledger.h"

#include "pack.h"

#include <stdlib.h>

static void owed_pack(lev_packer *p, lev_owed *m) {
    lev_pack_span(p, &m->publication.exchange);
    lev_pack_span(p, &m->publication.routing_key);
    if (m->publication.properties != NULL) {
        lev_pack_properties(p, &m->properties);
    }
    if (m->whole) {
        lev_pack_span(p, &m->publication.body);
    }
}

static void owed_fill(lev_owed *m, const lev_publication *from, bool pieces) {
    m->whole = !pieces;
    m->publication = *from;
    m->publication.lend = false;
    m->publication.token = NULL;
    if (from->properties != NULL) {
        m->properties = *from->properties;
    }
}

lev_owed *lev_owed_new(const lev_publication *from, bool pieces) {
    lev_owed counted = {.next = NULL};
    lev_packer count = {NULL, 0};
    owed_fill(&counted, from, pieces);
    owed_pack(&count, &counted);
    lev_owed *m = malloc(sizeof *m + count.len);
    if (m != NULL) {
        *m = (lev_owed){.size = sizeof *m + count.len};
        owed_fill(m, from, pieces);
        owed_pack(&(lev_packer){m->bytes, 0}, m);
        m->publication.properties = from->properties != NULL ? &m->properties : NULL;
    }
    return m;
}

bool lev_ledger_room(const lev_ledger *l) {
    return l->count < l->count_max && l->size < l->size_max;
}

static lev_account *ledger_find(const lev_ledger *l, uint16_t channel) {
    lev_account *a = l->accounts;
    while (a != NULL && a->channel != channel) {
        a = a->next;
    }
    return a;
}

static lev_account *ledger_account(lev_ledger *l, uint16_t channel) {
    lev_account *a = ledger_find(l, channel);
    if (a == NULL) {
        a = calloc(1, sizeof *a);
        if (a != NULL) {
            a->channel = channel;
            a->next = l->accounts;
            l->accounts = a;
        }
    }
    return a;
}

uint64_t lev_ledger_add(lev_ledger *l, uint16_t channel, lev_owed *m, uint64_t sent) {
    lev_account *a = ledger_account(l, channel);
    if (a == NULL) {
        return 0;
    }
    m->number = ++a->numbers;
    m->sent = sent;
    if (a->last != NULL) {
        a->last->next = m;
    } else {
        a->first = m;
    }
    a->last = m;
    a->count++;
    l->count++;
    l->size += m->size;
    l->unsent += sent == 0 ? 1 : 0;
    return m->number;
}

/* Takes out the message behind `before` (NULL: the first). */
static void account_drop(lev_ledger *l, lev_account *a, lev_owed *before) {
    lev_owed *m = before != NULL ? before->next : a->first;
    if (before != NULL) {
        before->next = m->next;
    } else {
        a->first = m->next;
    }
    if (a->last == m) {
        a->last = before;
    }
    if (a->before == m) {
        a->before = before;
    }
    a->count--;
    l->count--;
    l->size -= m->size;
    l->unsent -= m->sent == 0 ? 1 : 0;
    free(m);
}

/* Returns the message before the one that the engine calls `sent`, in `*found`. */
static lev_owed *account_before(const lev_account *a, uint64_t sent, lev_owed **found) {
    bool near = a->before != NULL && a->before->sent != 0 && a->before->sent < sent;
    lev_owed *before = near ? a->before : NULL;
    lev_owed *m = near ? a->before->next : a->first;
    while (m != NULL && m->sent != 0 && m->sent < sent) {
        before = m;
        m = m->next;
    }
    *found = m != NULL && m->sent == sent ? m : NULL;
    return before;
}

bool lev_ledger_settle(lev_ledger *l, lev_owed_run *run, uint64_t *first, uint64_t last,
                       bool again) {
    lev_account *a = ledger_find(l, run->channel);
    lev_owed *m = NULL;
    lev_owed *before = a != NULL ? account_before(a, *first, &m) : NULL;
    run->first = run->last = m != NULL ? m->number : *first;
    bool stays = m != NULL && again && m->whole;
    if (m == NULL) { /* not ours: told as it is */
        run->last = last;
        *first = last + 1;
        return true;
    }
    a->before = before;
    while (m != NULL && m->sent == *first && *first <= last && (again && m->whole) == stays &&
           m->number <= run->last + 1) {
        run->last = m->number;
        ++*first;
        if (stays) {
            m->in_doubt = m->in_doubt || run->outcome == LEV_IN_DOUBT;
            before = m;
        } else {
            account_drop(l, a, before);
        }
        m = before != NULL ? before->next : a->first;
    }
    return !stays;
}

uint64_t lev_ledger_number(const lev_ledger *l, uint16_t channel, uint64_t sent) {
    const lev_account *a = ledger_find(l, channel);
    lev_owed *m = NULL;
    if (a != NULL) {
        account_before(a, sent, &m);
    }
    return m != NULL ? m->number : sent;
}

void lev_ledger_lost(lev_ledger *l) {
    for (lev_account *a = l->accounts; a != NULL; a = a->next) {
        a->before = NULL;
        for (lev_owed *m = a->first; m != NULL; m = m->next) {
            m->sent = 0;
        }
    }
    l->unsent = l->count;
}

lev_owed *lev_account_unsent(const lev_account *a) {
    lev_owed *m = a->first;
    while (m != NULL && m->sent != 0) {
        m = m->next;
    }
    return m;
}

bool lev_ledger_give_up(lev_ledger *l, lev_owed_run *run) {
    lev_account *a = l->accounts;
    while (a != NULL && a->first == NULL) {
        a = a->next;
    }
    if (a == NULL) {
        return false;
    }
    bool doubt = a->first->in_doubt || a->first->sent != 0;
    *run = (lev_owed_run){a->channel, doubt ? LEV_IN_DOUBT : LEV_NOT_SENT, a->first->number,
                          a->first->number};
    while (a->first != NULL && (a->first->in_doubt || a->first->sent != 0) == doubt &&
           a->first->number <= run->last + 1) {
        run->last = a->first->number;
        account_drop(l, a, NULL);
    }
    return true;
}

size_t lev_ledger_owed(const lev_ledger *l, uint16_t channel) {
    const lev_account *a = ledger_find(l, channel);
    return a != NULL ? a->count : 0;
}

void lev_ledger_deinit(lev_ledger *l) {
    while (l->accounts != NULL) {
        lev_account *a = l->accounts;
        l->accounts = a->next;
        while (a->first != NULL) {
            account_drop(l, a, NULL);
        }
        free(a);
    }
}
