/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The input is read only when poll says that something is there, so that a person who types slowly
 * does not starve the connection. A JSON record is published with exactly its own properties; what
 * the library refuses to send of it is the record's fault, since nothing was sent then. */

#include "input.h"

#include "exits.h"
#include "json_record.h"
#include "say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INPUT_OVER = -1 };

input input_init(int fd, const char *name, const input_settings *o) {
    return (input){.settings = o, .name = name, .in = records_init(fd, &o->records)};
}

void input_deinit(input *i) {
    json_deinit(&i->reader);
    records_deinit(&i->in);
}

static int input_refuse(const input *i, uint64_t number, const char *fault) {
    return say_and(EXIT_RECORD, "%s, %s %" PRIu64 ": %s; what came before was published", i->name,
                   i->settings->records.jsonl ? "line" : "record", number, fault);
}

/* Publishes one line of JSON. Returns EXIT_DONE where it was sent, INPUT_OVER where there is
 * nothing more to do, or EXIT_RECORD. */
static int input_send_json(input *i, publisher *p, lev_span line) {
    const input_settings *o = i->settings;
    publication what;
    if (line.len == 0) {
        return EXIT_DONE;
    }
    if (!json_get_publication(&i->reader, line, &what)) {
        return input_refuse(i, i->in.number, i->reader.fault);
    }
    p->message.exchange = o->exchange != NULL ? lev_span_of(o->exchange) : what.exchange;
    p->message.routing_key =
        o->routing_key != NULL ? lev_span_of(o->routing_key) : what.routing_key;
    p->message.properties = &what.properties;
    bool sent = publisher_send(p, what.body, false);
    p->message.properties = NULL;
    if (!sent && p->failed && p->fault.status == LEV_ERR_LIMIT) {
        p->failed = false;
        return input_refuse(i, i->in.number, p->fault.text);
    }
    return sent ? EXIT_DONE : INPUT_OVER;
}

/* Publishes the records that are there. */
static int input_send(input *i, publisher *p) {
    int rc = EXIT_DONE;
    lev_span bytes;
    while (rc == EXIT_DONE && records_next(&i->in, &bytes)) {
        if (i->settings->records.jsonl) {
            rc = input_send_json(i, p, bytes);
        } else {
            rc = publisher_send(p, bytes, i->in.whole && i->lent) ? EXIT_DONE : INPUT_OVER;
        }
    }
    return rc;
}

/* Waits for more, and reads it. */
static int input_read(input *i, publisher *p) {
    if (i->settings->prompt != NULL) {
        fprintf(stderr, "%s", i->settings->prompt);
    }
    if (!publisher_await(p, i->in.fd)) {
        return INPUT_OVER;
    }
    if (!records_fill(&i->in)) {
        return say_and(EXIT_INPUT, "cannot read %s: %s; messages before that were published",
                       i->name, strerror(i->in.fault));
    }
    return EXIT_DONE;
}

int input_publish(input *i, publisher *p) {
    int rc = input_send(i, p);
    while (rc == EXIT_DONE && !i->in.ended) {
        rc = input_read(i, p);
        rc = rc == EXIT_DONE ? input_send(i, p) : rc;
    }
    if (rc == EXIT_DONE && i->in.cut) {
        rc = input_refuse(i, i->in.number + 1, "the input ends within it");
    }
    return rc == INPUT_OVER ? EXIT_DONE : rc;
}
