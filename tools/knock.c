/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each step is one method and its answer. */

#include "knock.h"

#include "exits.h"

#include <leveret/table.h>
#include <string.h>

typedef struct knock_method {
    lev_method_id id;
    const void *fields;
} knock_method;

static void put_frame(lev_writer *w, const void *thing) {
    const knock_method *m = thing;
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, 0);
    lev_method_encode(w, m->id, m->fields);
    lev_frame_end(w, place);
}

static void put_header(lev_writer *w, const void *thing) {
    (void)thing;
    lev_protocol_header_encode(w);
}

static void knock_say(buffer *out, lev_method_id id, const void *fields) {
    buffer_print(out, put_frame, &(knock_method){id, fields});
}

void knock_begin(knock *k, const char *user, const char *password, const char *vhost, buffer *out) {
    *k = (knock){.user = user, .password = password, .vhost = vhost, .next = LEV_CONNECTION_START};
    buffer_print(out, put_header, NULL);
}

bool knock_done(const knock *k) { return k->next == LEV_NO_METHOD; }

/* Asks to be told where the password is wrong: RabbitMQ says so only to who can hear it. */
static lev_span knock_properties(uint8_t memory[128]) {
    lev_writer w = lev_writer_init(memory, 128);
    size_t place = lev_table_begin(&w, "capabilities");
    lev_table_put_bool(&w, "authentication_failure_close", true);
    lev_table_end(&w, place);
    return lev_writer_span(&w);
}

static void knock_start_ok(const knock *k, buffer *out) {
    uint8_t memory[128];
    buffer response = {0};
    buffer_byte(&response, 0);
    buffer_text(&response, k->user);
    buffer_byte(&response, 0);
    buffer_text(&response, k->password);
    knock_say(out, LEV_CONNECTION_START_OK,
              &(lev_connection_start_ok){.client_properties = knock_properties(memory),
                                         .mechanism = lev_span_of("PLAIN"),
                                         .response = buffer_span(&response),
                                         .locale = lev_span_of("en_US")});
    out->failed = out->failed || response.failed;
    if (response.ptr != NULL) {
        explicit_bzero(response.ptr, response.cap);
    }
    buffer_deinit(&response);
}

static int knock_refused(const item *i) {
    if (i->kind == ITEM_METHOD && i->method.id == LEV_CONNECTION_CLOSE) {
        const lev_connection_close *close = &i->method.as.connection_close;
        uint16_t code = close->reply_code;
        return say_and(code == LEV_ACCESS_REFUSED || code == LEV_NOT_ALLOWED ? EXIT_REFUSED
                                                                             : EXIT_PROTOCOL,
                       "log in: %u %.*s", code, (int)close->reply_text.len,
                       (const char *)close->reply_text.ptr);
    }
    return say_and(EXIT_PROTOCOL, "log in: the peer does not answer as a broker of AMQP 0-9-1");
}

int knock_take(knock *k, const item *i, buffer *out) {
    if (i->kind == ITEM_HEARTBEAT) {
        return EXIT_DONE;
    }
    if (i->kind != ITEM_METHOD || i->method.id != k->next) {
        return knock_refused(i);
    }
    if (k->next == LEV_CONNECTION_START) {
        knock_start_ok(k, out);
        k->next = LEV_CONNECTION_TUNE;
    } else if (k->next == LEV_CONNECTION_TUNE) {
        const lev_connection_tune *tune = &i->method.as.connection_tune;
        lev_connection_tune_ok ok = {.channel_max = tune->channel_max,
                                     .frame_max = tune->frame_max};
        knock_say(out, LEV_CONNECTION_TUNE_OK, &ok);
        knock_say(out, LEV_CONNECTION_OPEN,
                  &(lev_connection_open){.virtual_host = lev_span_of(k->vhost)});
        k->next = LEV_CONNECTION_OPEN_OK;
    } else {
        k->next = LEV_NO_METHOD;
    }
    return EXIT_DONE;
}
