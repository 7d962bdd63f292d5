/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Objects as bytes. An object names its type; what is not of that type is refused, so that a
 * misspelt field can't go unnoticed. The frame is the codec's encoding of the fields. */

#include "hex.h"
#include "json_fields.h"
#include "json_frame.h"
#include "json_table.h"

static void encode_method(lev_writer *w, const void *method) {
    const lev_method *m = method;
    lev_method_encode(w, m->id, &m->as);
}

static void encode_header(lev_writer *w, const void *header) { lev_header_encode(w, header); }

/* The members of an object that are not of one kind only. */
static bool is_common(lev_span name) {
    return lev_span_equal(name, lev_span_of("type")) ||
           lev_span_equal(name, lev_span_of("stream")) ||
           lev_span_equal(name, lev_span_of("from")) || lev_span_equal(name, lev_span_of("line"));
}

/* Refuses members that are not among `names`, which ends with NULL. */
static void only(json *j, const char *const *names) {
    json_walk walk = json_walk_of(j->root);
    const json_node *value;
    lev_span name;
    while (json_next(j, &walk, &name, &value)) {
        bool known = is_common(name);
        for (size_t i = 0; names[i] != NULL && !known; i++) {
            known = lev_span_equal(name, lev_span_of(names[i]));
        }
        if (!known) {
            json_fail(j, "there is no \"%.*s\" in an object of its type",
                      (int)(name.len < 40 ? name.len : 40), (const char *)name.ptr);
        }
    }
}

/* Returns a member that is a number, 0 where it is absent. */
static uint64_t number(json *j, const char *name, uint64_t most) {
    const json_node *node;
    return json_member(j->root, name, &node) ? json_unsigned(j, node, most, name) : 0;
}

/* Returns a member that is a string, empty where it is absent. */
static lev_span string(json *j, const char *name) {
    const json_node *node;
    return json_member(j->root, name, &node) ? json_string(j, node, name) : (lev_span){NULL, 0};
}

static void get_hex(json *j, const char *name, buffer *bytes) {
    if (!hex_decode(string(j, name), bytes)) {
        json_fail(j, "\"%s\" has no pairs of hex digits", name);
    }
}

static void get_protocol_header(json *j, buffer *bytes) {
    static const char *const names[] = {"major", "minor", "revision", NULL};
    only(j, names);
    buffer_put(bytes, (lev_span){(const uint8_t *)"AMQP", 5});
    for (size_t i = 0; i < 3; i++) {
        buffer_byte(bytes, (uint8_t)number(j, names[i], UINT8_MAX));
    }
}

/* Writes a frame around a payload that is in `payload`. */
static void get_frame(json *j, uint8_t type, const buffer *payload, buffer *bytes) {
    uint8_t head[LEV_FRAME_HEAD];
    lev_writer w = lev_writer_init(head, sizeof head);
    lev_writer_u8(&w, type);
    lev_writer_u16(&w, (uint16_t)number(j, "channel", UINT16_MAX));
    lev_writer_u32(&w, (uint32_t)payload->len);
    buffer_put(bytes, lev_writer_span(&w));
    buffer_put(bytes, buffer_span(payload));
    buffer_byte(bytes, LEV_FRAME_END);
}

static void get_fields(json *j, lev_method *method) {
    const lev_method_desc *m = lev_method_describe(method->id);
    const json_node *fields = NULL;
    const json_node *value;
    lev_span name;
    if (json_member(j->root, "fields", &fields) && json_kind_of(fields) != JSON_OBJECT) {
        json_fail(j, "\"fields\" is no object");
    }
    json_walk walk = json_walk_of(fields);
    while (json_next(j, &walk, &name, &value)) {
        size_t k = 0;
        while (k < m->field_count && !lev_span_equal(name, lev_span_of(m->fields[k].name))) {
            k++;
        }
        if (k == m->field_count) {
            json_fail(j, "%s.%s has no field \"%.*s\"", m->class_name, m->method_name,
                      (int)(name.len < 40 ? name.len : 40), (const char *)name.ptr);
            return;
        }
        json_get_field(j, value, &m->fields[k], &method->as);
    }
}

static void get_method(json *j, buffer *payload) {
    static const char *const names[] = {"channel", "class", "method", "fields", NULL};
    lev_method method = {.id = lev_method_named(string(j, "class"), string(j, "method"))};
    only(j, names);
    if (method.id == LEV_NO_METHOD) {
        json_fail(j, "there is no method of that class and name");
        return;
    }
    get_fields(j, &method);
    if (j->fault[0] == '\0' && buffer_print(payload, encode_method, &method) != LEV_OK) {
        json_fail(j, "a field does not fit its type");
    }
}

static void get_header(json *j, buffer *payload) {
    static const char *const names[] = {"channel", "class", "body_size", "properties", NULL};
    lev_header header = {.class_id = LEV_CLASS_BASIC};
    const json_node *node;
    only(j, names);
    if (json_member(j->root, "class", &node) &&
        !lev_span_equal(json_string(j, node, "class"), lev_span_of("basic"))) {
        json_fail(j, "only class basic has content");
    }
    header.body_size = number(j, "body_size", UINT64_MAX);
    if (json_member(j->root, "properties", &node)) {
        json_get_properties(j, node, &header.properties);
    }
    if (j->fault[0] == '\0' && buffer_print(payload, encode_header, &header) != LEV_OK) {
        json_fail(j, "a property does not fit its type");
    }
}

static void get_body(json *j, buffer *payload) {
    static const char *const names[] = {"channel", "body", "body_base64", NULL};
    const json_node *node;
    only(j, names);
    if (json_member(j->root, "body_base64", &node)) {
        buffer_put(payload, json_get_base64(j, node, "body_base64"));
    } else {
        buffer_put(payload, string(j, "body"));
    }
    if (payload->len > UINT32_MAX) {
        json_fail(j, "a body frame has at most 4 GiB");
    }
}

static void get_typed(json *j, lev_span type, buffer *bytes) {
    static const char *const heartbeat[] = {"channel", NULL};
    static const char *const malformed[] = {"offset", "reason", "hex", NULL};
    buffer payload = {0};
    uint8_t frame = 0;
    if (lev_span_equal(type, lev_span_of("method"))) {
        frame = LEV_FRAME_METHOD;
        get_method(j, &payload);
    } else if (lev_span_equal(type, lev_span_of("header"))) {
        frame = LEV_FRAME_HEADER;
        get_header(j, &payload);
    } else if (lev_span_equal(type, lev_span_of("body"))) {
        frame = LEV_FRAME_BODY;
        get_body(j, &payload);
    } else if (lev_span_equal(type, lev_span_of("heartbeat"))) {
        frame = LEV_FRAME_HEARTBEAT;
        only(j, heartbeat);
    } else if (lev_span_equal(type, lev_span_of("protocol-header"))) {
        get_protocol_header(j, bytes);
    } else if (lev_span_equal(type, lev_span_of("malformed"))) {
        only(j, malformed);
        get_hex(j, "hex", bytes);
    } else {
        json_fail(j, "\"type\" is none of protocol-header, method, header, body, heartbeat and "
                     "malformed");
    }
    if (frame != 0) {
        get_frame(j, frame, &payload, bytes);
        bytes->failed = bytes->failed || payload.failed;
    }
    buffer_deinit(&payload);
}

static void get_origin(json *j, origin *o) {
    const json_node *node;
    *o = (origin){.streamed = json_member(j->root, "stream", &node)};
    lev_span from = string(j, "from");
    o->stream = number(j, "stream", UINT64_MAX);
    o->line = number(j, "line", UINT64_MAX);
    if (lev_span_equal(from, lev_span_of("client"))) {
        o->from = SIDE_CLIENT;
    } else if (lev_span_equal(from, lev_span_of("server"))) {
        o->from = SIDE_SERVER;
    } else if (from.len > 0) {
        json_fail(j, "\"from\" is neither client nor server");
    }
}

bool json_get_item(json *j, lev_span line, buffer *bytes, origin *o) {
    const json_node *raw;
    size_t before = bytes->len;
    if (!json_parse(j, line)) {
        return false;
    }
    if (json_kind_of(j->root) != JSON_OBJECT) {
        json_fail(j, "a frame is no object");
        return false;
    }
    get_origin(j, o);
    if (json_member(j->root, "raw", &raw)) {
        get_hex(j, "raw", bytes);
    } else {
        get_typed(j, string(j, "type"), bytes);
    }
    if (bytes->failed) {
        json_fail(j, "out of memory");
    }
    bytes->len = j->fault[0] == '\0' ? bytes->len : before;
    return j->fault[0] == '\0';
}
