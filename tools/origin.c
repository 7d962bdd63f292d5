/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* -e EXCHANGE with each of its keys, and each --bind, is a binding of one private queue. Keys may
 * contain anything; a colon parts exchange and key of --bind, the first one. */

#include "origin.h"

#include "exits.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define AT(member) offsetof(origin_settings, member)
static const option origin_rows[] = {
    {'q', "queue", "NAME", option_text, AT(queue), 0, 0,
     "consume from this queue"},
    {'e', "exchange", "NAME", option_text, AT(exchange), 0, 0,
     "or from a private queue bound to this exchange"},
    {'r', "routing-key", "KEY", option_texts, AT(keys), 0, 0,
     "by this key (none: the empty one); repeatable"},
    {0, "bind", "EXCHANGE[:KEY]", option_texts, AT(bindings), 0, 0,
     "bind the private queue there, too, or only there; repeatable"},
    {'d', "declare", NULL, option_flag, AT(declare), 0, 0,
     "first declare the queue, or the exchanges, durable"},
    {0, "type", "TYPE", option_text, AT(type), 0, 0,
     "type of the exchanges to declare (direct)"},
    {'x', "exclusive", NULL, option_flag, AT(exclusive), 0, 0,
     "be the only consumer; with --declare, the queue is this connection's and gone with it"},
};
/* clang-format on */

const option_table origin_options = OPTION_TABLE("Options", origin_rows);

static int misuse(const char *command, const char *text) {
    return say_and(EXIT_USAGE, "%s; see: leveret help %s", text, command);
}

int origin_check(const origin_settings *o, const char *command) {
    bool private = o->exchange != NULL || o->bindings.count > 0;
    if ((o->queue != NULL) == private) {
        return misuse(command, "where from? give -q QUEUE, or -e EXCHANGE for a private queue");
    }
    if (o->keys.count > 0 && o->exchange == NULL) {
        return misuse(command, "-r goes with -e");
    }
    if (o->type != NULL && (!o->declare || !private)) {
        return misuse(command, "--type goes with --declare and -e");
    }
    if (o->queue != NULL && strlen(o->queue) >= NAME_MAX_BYTES) {
        return misuse(command, "a queue's name has at most 255 bytes");
    }
    return EXIT_DONE;
}

/* Does something for each exchange and key, until that fails. */
typedef int origin_each(const session *s, const origin_settings *o, lev_queue_bind *binding);

static int origin_walk(const session *s, const origin_settings *o, const char *queue,
                       origin_each *each) {
    lev_queue_bind binding = {.queue = lev_span_of(queue), .exchange = lev_span_of(o->exchange)};
    size_t keys = o->exchange == NULL ? 0 : o->keys.count > 0 ? o->keys.count : 1;
    int rc = EXIT_DONE;
    for (size_t i = 0; i < keys && rc == EXIT_DONE; i++) {
        binding.routing_key = lev_span_of(o->keys.count > 0 ? o->keys.items[i] : "");
        rc = each(s, o, &binding);
    }
    for (size_t i = 0; i < o->bindings.count && rc == EXIT_DONE; i++) {
        const char *text = o->bindings.items[i];
        size_t length = strcspn(text, ":");
        binding.exchange = (lev_span){(const uint8_t *)text, length};
        binding.routing_key = lev_span_of(text[length] == ':' ? text + length + 1 : "");
        rc = each(s, o, &binding);
    }
    return rc;
}

static int declare_one(const session *s, const origin_settings *o, lev_queue_bind *binding) {
    lev_exchange_declare fields = {
        .exchange = binding->exchange,
        .type = lev_span_of(o->type != NULL ? o->type : "direct"),
        .durable = true,
    };
    return lev_client_exchange_declare(s->client, CHANNEL, &fields, NULL) == LEV_OK
               ? EXIT_DONE
               : session_fail(s, "declare the exchange");
}

static int bind_one(const session *s, const origin_settings *o, lev_queue_bind *binding) {
    (void)o;
    return lev_client_queue_bind(s->client, CHANNEL, binding, NULL) == LEV_OK
               ? EXIT_DONE
               : session_fail(s, "bind a private queue");
}

/* Declares a queue, where it has no name a private one, and tells its name. */
static int declare_queue(const session *s, const origin_settings *o, char queue[NAME_MAX_BYTES]) {
    bool private = o->queue == NULL;
    char doing[NAME_MAX_BYTES + 32];
    lev_method reply;
    lev_queue_declare fields = {.queue = lev_span_of(o->queue),
                                .durable = !private,
                                .exclusive = private || o->exclusive,
                                .auto_delete = private};
    if (lev_client_queue_declare(s->client, CHANNEL, &fields, &reply) != LEV_OK) {
        snprintf(doing, sizeof doing, private ? "declare a private queue" : "declare queue \"%s\"",
                 o->queue);
        return session_fail(s, doing);
    }
    lev_span name = reply.as.queue_declare_ok.queue;
    memcpy(queue, name.ptr, name.len);
    queue[name.len] = '\0';
    return EXIT_DONE;
}

int origin_prepare(const session *s, const origin_settings *o, char queue[NAME_MAX_BYTES]) {
    int rc = o->declare ? origin_walk(s, o, "", declare_one) : EXIT_DONE;
    if (rc == EXIT_DONE && o->queue != NULL && !o->declare) {
        snprintf(queue, NAME_MAX_BYTES, "%s", o->queue);
        return rc;
    }
    if (rc == EXIT_DONE) {
        rc = declare_queue(s, o, queue);
    }
    return rc == EXIT_DONE ? origin_walk(s, o, queue, bind_one) : rc;
}
