/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Records. The members have one order in what is written, any in what is read. */

#include "json_record.h"

#include "json_fields.h"
#include "json_put.h"
#include "json_scan.h"
#include "json_table.h"

static void put_span(buffer *b, const char *name, lev_span value) {
    json_put_name(b, name);
    json_put_string(b, value);
}

void json_put_record(buffer *b, const record *r) {
    const lev_message *m = r->message;
    buffer_byte(b, '{');
    put_span(b, "exchange", m->exchange);
    put_span(b, "routing_key", m->routing_key);
    put_span(b, "queue", r->queue);
    if (m->consumer_tag.len > 0) {
        put_span(b, "consumer_tag", m->consumer_tag);
    }
    if (r->tag != 0) {
        json_put_name(b, "tag");
        buffer_decimal(b, r->tag);
    }
    json_put_name(b, "delivery_tag");
    buffer_decimal(b, m->delivery.tag);
    json_put_name(b, "redelivered");
    json_put_boolean(b, m->redelivered);
    json_put_name(b, "properties");
    json_put_properties(b, &m->properties);
    if (r->body_left) {
        buffer_byte(b, '}');
        return;
    }
    if (json_is_utf8(m->body)) {
        put_span(b, "body", m->body);
    } else {
        json_put_name(b, "body_base64");
        json_put_base64(b, m->body);
    }
    buffer_byte(b, '}');
}

static void get_member(json *j, lev_span name, const json_node *value, publication *p) {
    static const char *const receivers[] = {"queue",        "consumer_tag", "tag",
                                            "delivery_tag", "redelivered",  "message_count"};
    if (lev_span_equal(name, lev_span_of("exchange"))) {
        p->exchange = json_get_bytes(j, value, "exchange");
    } else if (lev_span_equal(name, lev_span_of("routing_key"))) {
        p->routing_key = json_get_bytes(j, value, "routing_key");
    } else if (lev_span_equal(name, lev_span_of("properties"))) {
        json_get_properties(j, value, &p->properties);
    } else if (lev_span_equal(name, lev_span_of("body"))) {
        p->body = json_string(j, value, "body");
    } else if (lev_span_equal(name, lev_span_of("body_base64"))) {
        p->body = json_get_base64(j, value, "body_base64");
    } else {
        size_t i = 0;
        while (i < sizeof receivers / sizeof *receivers &&
               !lev_span_equal(name, lev_span_of(receivers[i]))) {
            i++;
        }
        if (i == sizeof receivers / sizeof *receivers) {
            json_fail(j, "a record has no \"%.*s\"", (int)(name.len < 40 ? name.len : 40),
                      (const char *)name.ptr);
        }
    }
}

bool json_get_publication(json *j, lev_span line, publication *p) {
    const json_node *value;
    lev_span name;
    *p = (publication){.body = {NULL, 0}};
    if (!json_parse(j, line)) {
        return false;
    }
    json_walk walk = json_walk_of(j->root);
    if (json_kind_of(j->root) != JSON_OBJECT) {
        json_fail(j, "a record is no object");
    }
    while (json_next(j, &walk, &name, &value)) {
        get_member(j, name, value, p);
    }
    if (json_member(j->root, "body", &value) && json_member(j->root, "body_base64", &value)) {
        json_fail(j, "a record has both body and body_base64");
    }
    if (p->exchange.len > UINT8_MAX || p->routing_key.len > UINT8_MAX) {
        json_fail(j, "an exchange and a routing key have at most 255 bytes");
    }
    return j->fault[0] == '\0';
}
