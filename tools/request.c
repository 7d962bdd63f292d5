/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret request: one call over direct reply-to (RabbitMQ, Direct Reply-to). The broker makes up a
 * reply address that lives as long as our channel, so that nothing is declared and nothing stays
 * behind. A reply is told from others by its correlation-id. */

#include "command.h"
#include "exits.h"
#include "format.h"
#include "loop.h"
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIRECT_REPLY "amq.rabbitmq.reply-to"

typedef struct request_settings {
    settings common;
    lev_properties properties;
    const char *exchange;
    const char *routing_key;
    const char *queue;
    format_settings format;
} request_settings;

/* clang-format off */
#define AT(member) offsetof(request_settings, member)
static const option request_rows[] = {
    {'e', "exchange", "NAME", option_text, AT(exchange), 0, 0,
     "send the request to this exchange"},
    {'r', "routing-key", "KEY", option_text, AT(routing_key), 0, 0,
     "with this routing key"},
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "send it straight to this queue"},
};
/* clang-format on */

static const option_table request_options = OPTION_TABLE("Options", request_rows);

static const request_settings request_default = {.common = SETTINGS_DEFAULTS};

static int misuse(const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help request", text);
}

static int request_check(const request_settings *s) {
    const char *password_file = s->common.password_file;
    if (s->queue != NULL && (s->exchange != NULL || s->routing_key != NULL)) {
        return misuse("-q is the queue itself and goes without -e and -r");
    }
    if (s->exchange == NULL && s->routing_key == NULL && s->queue == NULL) {
        return misuse("where to? give -e EXCHANGE, -r KEY or -q QUEUE");
    }
    if (s->common.arg_count > 1) {
        return misuse("a request has one BODY");
    }
    if (s->format.directory != NULL) {
        return misuse("the reply goes to stdout; --output-dir is for consume");
    }
    if ((s->properties.present & LEV_HAS_REPLY_TO) != 0) {
        return misuse("the reply comes here; --reply-to is for publish");
    }
    if (s->common.arg_count == 0 && password_file != NULL && strcmp(password_file, "-") == 0) {
        return misuse("stdin is the body; put the password into a file");
    }
    return EXIT_DONE;
}

/* Reads the body, before there is a connection that could starve meanwhile. */
static int request_body(const request_settings *s, buffer *body) {
    ssize_t n = 1;
    if (s->common.arg_count > 0) {
        buffer_text(body, s->common.args[0]);
    }
    while (s->common.arg_count == 0 && n != 0 && buffer_reserve(body, 65536)) {
        n = read(STDIN_FILENO, body->ptr + body->len, 65536);
        if (n < 0 && errno != EINTR) {
            return say_and(EXIT_INPUT, "cannot read stdin: %s; nothing was sent", strerror(errno));
        }
        body->len += n > 0 ? (size_t)n : 0u;
    }
    return body->failed ? say_and(EXIT_INTERNAL, "out of memory for the body") : EXIT_DONE;
}

static int request_send(const session *conn, request_settings *s, lev_span body) {
    static const lev_basic_consume replies = {
        .queue = {(const uint8_t *)DIRECT_REPLY, sizeof DIRECT_REPLY - 1}, .no_ack = true};
    static char own_id[64];
    lev_properties *p = &s->properties;
    lev_publication message = {
        .exchange = lev_span_of(s->exchange),
        .routing_key = lev_span_of(s->queue != NULL ? s->queue : s->routing_key),
        .properties = p,
        .body = body,
        .mandatory = true,
    };
    if ((p->present & LEV_HAS_CORRELATION_ID) == 0) {
        snprintf(own_id, sizeof own_id, "%ld-%" PRIu64, (long)getpid(), loop_now());
        p->correlation_id = lev_span_of(own_id);
    }
    p->reply_to = lev_span_of(DIRECT_REPLY);
    p->present = (uint16_t)(p->present | LEV_HAS_CORRELATION_ID | LEV_HAS_REPLY_TO);
    if (lev_client_basic_consume(conn->client, CHANNEL, &replies, NULL) != LEV_OK) {
        return session_fail(conn, "ask for replies");
    }
    if (lev_client_publish(conn->client, CHANNEL, &message, NULL) != LEV_OK) {
        return session_fail(conn, "send the request");
    }
    return EXIT_DONE;
}

static int request_print(const format *f, const lev_message *reply) {
    record r = {.message = reply, .queue = lev_span_of(DIRECT_REPLY)};
    buffer text = {0};
    format_put(f, &text, &r);
    bool written = !text.failed && fwrite(text.ptr, 1, text.len, stdout) == text.len;
    buffer_deinit(&text);
    if (written && fflush(stdout) == 0) {
        return EXIT_DONE;
    }
    return errno == EPIPE
               ? EXIT_PIPE
               : say_and(EXIT_OUTPUT, "cannot write the reply to stdout: %s", strerror(errno));
}

/* Is it the reply to our request? Who leaves the id out can mean no other. */
static bool is_answer(const request_settings *s, const lev_message *m) {
    return (m->properties.present & LEV_HAS_CORRELATION_ID) == 0 ||
           lev_span_equal(m->properties.correlation_id, s->properties.correlation_id);
}

static int request_await(const session *conn, const request_settings *s, const format *f) {
    uint64_t began = loop_now();
    uint64_t limit = s->common.timeout_ms != SETTING_UNSET ? s->common.timeout_ms : LEV_CALL_MS;
    for (;;) {
        lev_event e;
        lev_status status = lev_client_next(conn->client, &e, loop_left(began, limit));
        if (status == LEV_ERR_TIMEOUT) {
            return say_and(EXIT_NOTHING, "no reply for %" PRIu64 " ms; is somebody serving there?",
                           limit);
        }
        if (status != LEV_OK) {
            return session_fail(conn, "request");
        }
        if (e.type == LEV_EVENT_RETURN) {
            return say_and(EXIT_NOTHING, "no queue takes the request: %u %.*s; check the name",
                           (unsigned)e.message->reply_code, (int)e.message->reply_text.len,
                           (const char *)e.message->reply_text.ptr);
        }
        if (e.type == LEV_EVENT_DELIVER && is_answer(s, e.message)) {
            return request_print(f, e.message);
        }
    }
}

static int request_run(settings *common) {
    request_settings *s = (request_settings *)common;
    session conn = {0};
    buffer body = {0};
    format f = {0};
    int rc = request_check(s);
    if (rc != EXIT_DONE) {
        return rc;
    }
    common->name = common->name != NULL ? common->name : "leveret request";
    rc = format_init(&f, &s->format);
    if (rc == EXIT_DONE) {
        rc = request_body(s, &body);
    }
    if (rc == EXIT_DONE) {
        rc = session_open(&conn, common);
    }
    if (rc == EXIT_DONE) {
        rc = request_send(&conn, s, buffer_span(&body));
    }
    if (rc == EXIT_DONE) {
        rc = request_await(&conn, s, &f);
    }
    session_close(&conn);
    buffer_deinit(&body);
    format_deinit(&f);
    return rc;
}

const command request_command = {
    .name = "request",
    .usage = "[-e EXCHANGE] [-r KEY] [OPTION...] [BODY]\n"
             "-q QUEUE [OPTION...] [BODY]",
    .summary = "send a request and print the reply",
    .about = "Publishes BODY, or what stdin has, with a reply address that the broker makes up "
             "(direct reply-to), waits for the reply, at most --timeout, and writes its body and "
             "a newline to stdout. `leveret serve` is the other side; any program that publishes "
             "its reply to the request's reply-to will do.",
    .examples = "leveret request -q square 12\n"
                "leveret request -q resize --timeout 60 --raw < photo.png > small.png",
    .exits = {{EXIT_DONE, "a reply came and was written"},
              {EXIT_FAILED, NULL},
              {EXIT_NOTHING, "no reply came in time, or no queue takes the request"},
              {EXIT_USAGE, NULL},
              {EXIT_INPUT, NULL},
              {EXIT_CONNECT, NULL},
              {EXIT_INTERNAL, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_TEMPORARY, NULL},
              {EXIT_PROTOCOL, NULL},
              {EXIT_REFUSED, NULL},
              {EXIT_CONFIG, NULL},
              {EXIT_STOPPED, "stopped by SIGHUP, SIGINT or SIGTERM, at once"},
              {EXIT_PIPE, "stdout was closed; the reply is lost"}},
    .options = {{&request_options, 0},
                {&property_options, AT(properties)},
                {&format_options, AT(format)},
                {&connection_options, 0},
                {&general_options, 0}},
    .size = sizeof(request_settings),
    .defaults = &request_default,
    .run = request_run,
};
