/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The consumer of the ledger run: notes each message before it acks it.
 *
 *     consumer URL LEDGER QUEUE...      until SIGTERM
 *
 * Deliveries are noted and acked in batches: what is there is noted; when nothing more is there, or
 * 100 were noted, the lines are written and then the last delivery of each channel acked, with all
 * before it. What a lost connection brought and was not acked comes again. */

#include "notes.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PREFETCH = 300, BATCH = 100, TICK_MS = 100 };

static volatile sig_atomic_t told_to_end;

typedef struct consumer {
    lev_client *client;
    FILE *notes;
    unsigned noted;
    lev_delivery last[NOTES_CHANNELS + 1]; /* tag 0: nothing to ack */
} consumer;

static void on_signal(int number) {
    (void)number;
    told_to_end = 1;
}

/* An ack that came too late for its connection is no failure: the message comes again. */
static lev_status settle(consumer *self) {
    lev_status status = LEV_OK;
    notes_write(self->notes);
    for (size_t i = 0; i < sizeof self->last / sizeof *self->last && status == LEV_OK; i++) {
        if (self->last[i].tag != 0) {
            status = lev_client_ack(self->client, self->last[i], true);
            status = status == LEV_ERR_STALE ? LEV_OK : status;
        }
    }
    memset(self->last, 0, sizeof self->last);
    self->noted = 0;
    return status;
}

static void note_message(consumer *self, const lev_message *m) {
    unsigned channel;
    uint32_t id;
    bool doubt = false;
    if (!body_read(m->body, &channel, &id) || channel != m->delivery.channel) {
        fprintf(self->notes, "bad %u a body of %zu bytes\n", m->delivery.channel, m->body.len);
    } else {
        if (m->properties.present & LEV_HAS_HEADERS) {
            lev_table_get_bool(m->properties.headers, "x-leveret-in-doubt", &doubt);
        }
        fprintf(self->notes, "got %u %u %s%s\n", channel, id,
                m->redelivered ? "r"
                : doubt        ? ""
                               : "-",
                doubt ? "d" : "");
    }
    self->last[m->delivery.channel] = m->delivery;
    self->noted++;
}

static lev_status handle(consumer *self, const lev_event *event) {
    if (event->type == LEV_EVENT_DELIVER) {
        note_message(self, event->message);
        return self->noted < BATCH ? LEV_OK : settle(self);
    }
    notes_connection(self->notes, event->type);
    return LEV_OK;
}

static lev_status run(consumer *self) {
    lev_status status = LEV_OK;
    lev_event event;
    while (status == LEV_OK && !told_to_end) {
        status = lev_client_next(self->client, &event, self->noted > 0 ? 0 : TICK_MS);
        if (status == LEV_OK) {
            status = handle(self, &event);
        } else if (status == LEV_ERR_TIMEOUT) {
            status = settle(self);
        }
    }
    return status == LEV_OK ? settle(self) : status;
}

static lev_status begin(consumer *self, const char *url, int count, char **queues) {
    lev_status status = lev_client_open(self->client, url);
    if (status == LEV_OK) {
        status = queues_declare(self->client, count, queues);
    }
    for (int i = 0; i < count && status == LEV_OK; i++) {
        uint16_t channel = (uint16_t)(i + 1);
        lev_basic_consume fields = {.queue = lev_span_of(queues[i])};
        status = lev_client_basic_qos(self->client, channel,
                                      &(lev_basic_qos){.prefetch_count = PREFETCH}, NULL);
        if (status == LEV_OK) {
            status = lev_client_basic_consume(self->client, channel, &fields, NULL);
        }
    }
    return status;
}

int main(int argc, char **argv) {
    lev_client_options options = {.recovery = {.on = true, .wait_max_ms = 1000}, .heartbeat = 2};
    consumer self = {0};
    int code = 0;
    if (argc < 4 || argc - 3 > NOTES_CHANNELS || !hosts_take(&options, argv[1]) ||
        !(self.client = lev_client_new(&options))) {
        fputs("usage: consumer URL LEDGER QUEUE...\n", stderr);
        return 64;
    }
    signal(SIGTERM, on_signal);
    self.notes = notes_open(argv[2]);
    fseek(self.notes, 0, SEEK_END);
    fputs("begin\n", self.notes);
    if (begin(&self, argv[1], argc - 3, argv + 3) != LEV_OK) {
        code = NEVER_OPEN;
    } else if (run(&self) != LEV_OK || lev_client_close(self.client) != LEV_OK) {
        code = LOST;
    }
    notes_write(self.notes);
    if (code != 0) {
        fprintf(stderr, "consumer: %s\n", lev_client_error(self.client)->text);
    }
    lev_client_free(self.client);
    return code;
}
