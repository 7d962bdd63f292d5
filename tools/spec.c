/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* leveret spec: the protocol as the library knows it, printed from its descriptors. An example is a
 * frame made of each field's own name, shown as dump --hexdump shows it. */

#include "command.h"
#include "emit.h"
#include "exits.h"
#include "layout.h"
#include "say.h"
#include "spec_dot.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct spec_settings {
    settings common;
    bool dot;
} spec_settings;

/* clang-format off */
static const option spec_rows[] = {
    {0, "dot", NULL, option_flag, offsetof(spec_settings, dot), 0, 0,
     "print the state machines of connection and channel as a graph for Graphviz"},
};
/* clang-format on */

static const option_table spec_options = OPTION_TABLE("Options", spec_rows);

static void put(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(buffer *b, const char *format, ...) {
    char text[240];
    va_list values;
    va_start(values, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    buffer_text(b, text);
}

static const char *wire_name(enum lev_wire_type wire) {
    static const char *const names[] = {
        [LEV_WIRE_BIT] = "bit",           [LEV_WIRE_OCTET] = "octet",
        [LEV_WIRE_SHORT] = "short",       [LEV_WIRE_LONG] = "long",
        [LEV_WIRE_LONGLONG] = "longlong", [LEV_WIRE_TIMESTAMP] = "timestamp",
        [LEV_WIRE_SHORTSTR] = "shortstr", [LEV_WIRE_LONGSTR] = "longstr",
        [LEV_WIRE_TABLE] = "table",
    };
    return names[wire];
}

static const char *sender(const lev_method_desc *m) {
    return m->from == LEV_FROM_CLIENT   ? "client"
           : m->from == LEV_FROM_SERVER ? "server"
                                        : "client and server";
}

static void put_replies(buffer *b, const lev_method_desc *m) {
    const char *between = "answered by";
    for (size_t i = 0; i < 2 && m->replies[i] != LEV_NO_METHOD; i++) {
        put(b, "%s %s", between, lev_method_describe(m->replies[i])->method_name);
        between = " or";
    }
}

static void put_line(buffer *b, const lev_method_desc *m) {
    char name[60];
    snprintf(name, sizeof name, "%s.%s", m->class_name, m->method_name);
    put(b, "%-28s %2u, %-4u %-17s %s", name, m->class_id, m->method_id, sender(m),
        m->content ? "with content" : "");
    put_replies(b, m);
    while (b->ptr[b->len - 1] == ' ') {
        b->len--;
    }
    buffer_byte(b, '\n');
}

static void put_states(buffer *b, const lev_method_desc *m, const char *what, uint8_t states) {
    bool connection = m->class_id == LEV_CLASS_CONNECTION;
    const char *between = "";
    if (states == 0) {
        return;
    }
    put(b, "    %s while the %s is: ", what, connection ? "connection" : "channel");
    for (int state = 0; spec_state(connection, state) != NULL; state++) {
        if ((states >> state & 1) != 0) {
            put(b, "%s%s", between, spec_state(connection, state));
            between = "; ";
        }
    }
    buffer_byte(b, '\n');
}

static void put_field(buffer *b, const lev_field_desc *field) {
    const char *wire = wire_name(field->wire);
    const char *remark = field->reserved ? "reserved: sent as zero, ignored"
                         : field->nowait ? "set: no answer is wanted"
                                         : "";
    put(b, "        %-20s %-10s", field->name, wire);
    put(b, " %-16s %s", strcmp(field->domain, wire) != 0 ? field->domain : "", remark);
    while (b->ptr[b->len - 1] == ' ') {
        b->len--;
    }
    buffer_byte(b, '\n');
}

/* Fills a field with something to look at: its own name, 1, true. */
static void sample_field(const lev_field_desc *field, void *base) {
    uint8_t *at = (uint8_t *)base + field->offset;
    lev_span name = lev_span_of(field->name);
    bool bit = true;
    uint8_t v8 = 1;
    uint16_t v16 = 1;
    uint32_t v32 = 1;
    uint64_t v64 = 1;
    const struct {
        const void *from;
        size_t size;
    } samples[] = {
        [LEV_WIRE_BIT] = {&bit, sizeof bit},
        [LEV_WIRE_OCTET] = {&v8, 1},
        [LEV_WIRE_SHORT] = {&v16, 2},
        [LEV_WIRE_LONG] = {&v32, 4},
        [LEV_WIRE_LONGLONG] = {&v64, 8},
        [LEV_WIRE_TIMESTAMP] = {&v64, 8},
        [LEV_WIRE_SHORTSTR] = {&name, sizeof name},
        [LEV_WIRE_LONGSTR] = {&name, sizeof name},
        [LEV_WIRE_TABLE] = {NULL, 0},
    };
    if (!field->reserved && !field->nowait && samples[field->wire].size > 0) {
        memcpy(at, samples[field->wire].from, samples[field->wire].size);
    }
}

static void put_example(buffer *b, lev_method_id id, const lev_method_desc *m) {
    static uint8_t bytes[1024];
    lev_method method = {.id = id};
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    item i = {.kind = ITEM_METHOD};
    for (size_t k = 0; k < m->field_count; k++) {
        sample_field(&m->fields[k], &method.as);
    }
    i.frame.channel = m->class_id == LEV_CLASS_CONNECTION ? 0 : 1;
    size_t place = lev_frame_begin(&w, LEV_FRAME_METHOD, i.frame.channel);
    lev_method_encode(&w, id, &method.as);
    lev_frame_end(&w, place);
    i.bytes = lev_writer_span(&w);
    i.frame.type = LEV_FRAME_METHOD;
    i.frame.payload = (lev_span){bytes + LEV_FRAME_HEAD, i.bytes.len - LEV_FRAME_OVERHEAD};
    put(b, "    example\n");
    layout_print(b, &i, false);
}

static void put_method(buffer *b, lev_method_id id) {
    const lev_method_desc *m = lev_method_describe(id);
    put_line(b, m);
    put(b, "    %s%s\n", m->sync ? "synchronous" : "asynchronous",
        m->rabbit ? "; an extension of RabbitMQ" : "");
    put_states(b, m, "a client may send it", m->send);
    put_states(b, m, "a client may receive it", m->recv);
    put(b, m->field_count > 0 ? "    fields\n" : "    no fields\n");
    for (size_t i = 0; i < m->field_count; i++) {
        put_field(b, &m->fields[i]);
    }
    put_example(b, id, m);
}

static void put_properties(buffer *b) {
    put(b, "properties\n");
    for (size_t i = 0; i < LEV_PROPERTY_COUNT; i++) {
        const lev_field_desc *field = lev_property_describe(i);
        put(b, "        %-20s %-10s flag %04x\n", field->name, wire_name(field->wire),
            0x8000u >> i);
    }
}

static bool class_is(const lev_method_desc *m, lev_span name) {
    return lev_span_equal(lev_span_of(m->class_name), name);
}

/* Prints all methods, a line each, or those of one class in full. Returns whether there were any.
 */
static bool put_methods(buffer *b, const char *class_name) {
    bool any = false;
    for (int id = 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *m = lev_method_describe((lev_method_id)id);
        if (class_name == NULL) {
            put_line(b, m);
        } else if (class_is(m, lev_span_of(class_name))) {
            buffer_text(b, any ? "\n" : "");
            put_method(b, (lev_method_id)id);
            any = true;
        }
    }
    if (class_name != NULL && strcmp(class_name, "basic") == 0) {
        buffer_byte(b, '\n');
        put_properties(b);
    }
    return any || class_name == NULL;
}

static bool put_named(buffer *b, const char *name) {
    const char *dot = strchr(name, '.');
    if (dot == NULL) {
        return put_methods(b, name);
    }
    lev_span class_name = {(const uint8_t *)name, (size_t)(dot - name)};
    lev_method_id id = lev_method_named(class_name, lev_span_of(dot + 1));
    if (id != LEV_NO_METHOD) {
        put_method(b, id);
    }
    return id != LEV_NO_METHOD;
}

static int spec_run(settings *common) {
    const spec_settings *s = (const spec_settings *)common;
    buffer out = {0};
    int rc = EXIT_DONE;
    if (common->arg_count > 1 || (s->dot && common->arg_count > 0)) {
        return say_and(EXIT_USAGE, "one class or method, or --dot; see: leveret help spec");
    }
    if (s->dot) {
        spec_put_dot(&out);
    } else if (common->arg_count == 0) {
        put_methods(&out, NULL);
    } else if (!put_named(&out, common->args[0])) {
        rc = say_and(EXIT_USAGE, "\"%s\" is no class and no method; see: leveret spec",
                     common->args[0]);
    }
    rc = rc == EXIT_DONE ? emit(&out) : rc;
    buffer_deinit(&out);
    return rc;
}

static const spec_settings spec_default = {.common = SETTINGS_DEFAULTS};

const command spec_command = {
    .name = "spec",
    .usage = "[CLASS[.METHOD]]\n--dot",
    .summary = "print the protocol: methods, fields, states, example bytes",
    .about = "Without an argument, prints a line for each method of AMQP 0-9-1 and RabbitMQ's "
             "extensions: its ids, who sends it, and what answers it. With a class or a method it "
             "prints all there is to know: types and domains of the fields in the order of the "
             "wire, the states in which a client may send or receive it, and an example with the "
             "meaning of each byte.",
    .examples = "leveret spec queue.declare\n"
                "leveret spec basic\n"
                "leveret spec --dot | dot -Tsvg > states.svg",
    .exits = {{EXIT_DONE, NULL},
              {EXIT_USAGE, "no such class or method, or wrong usage"},
              {EXIT_INTERNAL, NULL},
              {EXIT_OUTPUT, NULL},
              {EXIT_PIPE, "stdout was closed"}},
    .options = {{&spec_options, 0}, {&general_options, 0}},
    .size = sizeof(spec_settings),
    .defaults = &spec_default,
    .run = spec_run,
};
