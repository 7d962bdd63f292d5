/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* See ledger.h. */

#include "ledger.h"

#include <stdlib.h>
#include <string.h>

void ledger_opened(ledger *l, uint16_t channel) {
    CHECK(l->open[channel] == 0);
    l->last[channel] = 0;
}

void ledger_completed(ledger *l, uint16_t channel, uint64_t end) {
    for (size_t i = l->len; i-- > 0;) {
        ledger_entry *entry = &l->entries[i];
        if (entry->channel == channel && entry->number == l->last[channel]) {
            entry->end = entry->told ? entry->end : end;
            return;
        }
    }
}

void ledger_published(ledger *l, uint16_t channel, const ledger_entry *entry) {
    CHECK(entry->number == l->last[channel] + 1);
    CHECK(l->len < LEDGER_PUBLISHES);
    l->last[channel] = entry->number;
    l->open[channel]++;
    l->entries[l->len++] = *entry;
}

static void settle_entry(ledger *l, ledger_entry *entry, lev_outcome outcome, uint64_t written) {
    CHECK(!entry->told);
    CHECK(outcome != LEV_RETURNED || entry->mandatory);
    CHECK(outcome != LEV_NOT_SENT || entry->end > written);
    entry->told = true;
    CHECK(l->open[entry->channel] > 0);
    l->open[entry->channel]--;
}

void ledger_settle(ledger *l, const lev_event *event, uint64_t written) {
    uint64_t wanted = event->last - event->first + 1;
    CHECK(event->first >= 1 && event->first <= event->last);
    CHECK(event->channel < LEDGER_CHANNELS && event->last <= l->last[event->channel]);
    CHECK(event->outcome <= LEV_IN_DOUBT);
    for (size_t i = l->len; i-- > 0 && wanted > 0;) {
        ledger_entry *entry = &l->entries[i];
        if (entry->channel == event->channel && entry->number >= event->first &&
            entry->number <= event->last) {
            settle_entry(l, entry, event->outcome, written);
            wanted--;
        }
    }
    CHECK(wanted == 0);
}

ledger_loan *ledger_lend(ledger *l, lev_span body) {
    ledger_loan *loan = malloc(sizeof *loan);
    *loan = (ledger_loan){.next = l->loans, .bytes = malloc(body.len + 1)};
    if (body.len > 0) {
        memcpy(loan->bytes, body.ptr, body.len);
    }
    l->loans = loan;
    return loan;
}

void ledger_give_back(ledger *l, void *token) {
    ledger_loan **at = &l->loans;
    while (*at != NULL && *at != token) {
        at = &(*at)->next;
    }
    CHECK(*at != NULL);
    ledger_loan *loan = *at;
    *at = loan->next;
    free(loan->bytes);
    free(loan);
}

void ledger_asked(ledger *l, uint32_t call) {
    CHECK(call < LEDGER_CALLS);
    if (call != 0) {
        CHECK(!l->asked[call]);
        l->asked[call] = true;
    }
}

void ledger_answered(ledger *l, uint32_t call) {
    CHECK(call != 0 && call < LEDGER_CALLS);
    CHECK(l->asked[call]);
    l->asked[call] = false;
}

void ledger_check_empty(const ledger *l) {
    CHECK(l->loans == NULL);
    for (size_t i = 0; i < LEDGER_CHANNELS; i++) {
        CHECK(l->open[i] == 0);
    }
}
