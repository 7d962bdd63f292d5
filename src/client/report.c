/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* One line for a person: where, what happened, what to do. The advice goes by status, for it is the
 * same whoever noticed the failure; a status that calls for none has none.
 *
 * Texts that come from the engine and from net are escaped already and free of secrets; the client
 * only adds numbers and words of its own. What is too long is cut at the end, so that the
 * beginning, where the meaning is, stays. */

#include "state.h"

#include <string.h>

static const char *report_advice(const lev_client *c, const lev_error *e) {
    if (e->status == LEV_ERR_RESOLVE) {
        return *c->where == '/' ? "; a unix socket needs a shorter path" : "; check the host name";
    }
    if (e->status == LEV_ERR_CONNECT) {
        return "; is the broker running there?";
    }
    if (e->status == LEV_ERR_TIMEOUT && e->layer == LEV_LAYER_NET) {
        return "; check the address, or a firewall drops the packets";
    }
    if (e->status == LEV_ERR_TIMEOUT && e->layer == LEV_LAYER_ENGINE) {
        return "; is this the broker's AMQP port, and is the broker in good health?";
    }
    if (e->status == LEV_ERR_NOT_AMQP) {
        return "; check the port";
    }
    if (e->status == LEV_ERR_REFUSED &&
        lev_method_lookup(e->class_id, e->method_id) == LEV_CONNECTION_UPDATE_SECRET) {
        return "";
    }
    if (e->status == LEV_ERR_REFUSED) {
        return "; check user, password and virtual host";
    }
    return "";
}

void lev_report_put(lev_writer *w, const char *text) {
    size_t len = strlen(text);
    size_t left = w->cap - w->len;
    lev_writer_bytes(w, (lev_span){(const uint8_t *)text, len < left ? len : left});
}

void lev_report_number(lev_writer *w, const char *before, uint64_t number, const char *behind) {
    lev_report_put(w, before);
    lev_writer_decimal(w, number);
    lev_report_put(w, behind);
}

void lev_report_cancelled(lev_writer *w, const lev_event *event) {
    lev_report_put(w, "the broker cancelled consumer ");
    lev_writer_quoted(w, event->method->as.basic_cancel.consumer_tag);
    lev_report_number(w, " on channel ", event->channel, "; was its queue deleted?");
}

static lev_writer report_text(const lev_client *c, lev_error *into) {
    memset(into->text, 0, sizeof into->text);
    lev_writer w = lev_writer_init((uint8_t *)into->text, sizeof into->text - 1);
    bool known = into->layer == LEV_LAYER_NET && c->phase == CLIENT_CONNECTING; /* net says it */
    if (c->where[0] != '\0' && !known) {
        lev_report_put(&w, c->where);
        lev_report_put(&w, ": ");
    }
    return w;
}

lev_writer lev_report_begin(lev_client *c, lev_status status) {
    c->error = (lev_error){.status = status, .layer = LEV_LAYER_CLIENT};
    return report_text(c, &c->error);
}

lev_status lev_report(lev_client *c, lev_status status, const char *text) {
    lev_writer w = lev_report_begin(c, status);
    lev_report_put(&w, text);
    return status;
}

void lev_report_engine(const lev_client *c, const lev_error *from, lev_error *into) {
    lev_error copy = *from;
    *into = copy;
    lev_writer w = report_text(c, into);
    lev_report_put(&w, copy.text);
    lev_report_put(&w, report_advice(c, &copy));
}

lev_status lev_report_closed(lev_client *c, const lev_error *closed) {
    lev_report_engine(c, closed, &c->error);
    c->error.status = LEV_ERR_CHANNEL;
    return LEV_ERR_CHANNEL;
}

/* What the bare status of a refused call means to whoever made it. */
static const char *report_why(const lev_client *c, uint16_t channel, lev_status status) {
    if (status != LEV_ERR_MISUSE || c->engine == NULL) {
        return lev_status_text(status);
    }
    if (lev_engine_state(c->engine) != LEV_STATE_OPEN) {
        return "the connection is not open";
    }
    if (channel != 0 && lev_engine_channel_state(c->engine, channel) != LEV_STATE_CHANNEL_OPEN) {
        return "the channel is not open";
    }
    if (lev_engine_publish_left(c->engine, channel) > 0) {
        return "a message is half sent there; lev_client_publish_body finishes it";
    }
    return lev_status_text(status);
}

lev_status lev_report_call(lev_client *c, uint16_t channel, const char *what, lev_status status) {
    if (c->phase == CLIENT_NEW) {
        return lev_report(c, LEV_ERR_MISUSE, "not connected: lev_client_open comes first");
    }
    if (c->phase == CLIENT_ENDED) {
        c->error = c->end;
        return c->end.status;
    }
    const lev_error *engine = c->engine != NULL ? lev_engine_error(c->engine) : NULL;
    if (engine != NULL && engine->status != LEV_OK && status == engine->status) {
        lev_report_engine(c, engine, &c->error);
        return status;
    }
    lev_error closed;
    if (status == LEV_ERR_MISUSE && lev_backlog_take_closed(&c->backlog, channel, &closed)) {
        return lev_report_closed(c, &closed);
    }
    lev_writer w = lev_report_begin(c, status);
    lev_report_put(&w, what);
    lev_report_number(&w, " on channel ", channel, ": ");
    lev_report_put(&w, report_why(c, channel, status));
    return status;
}
