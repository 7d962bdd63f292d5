/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Methods: a struct for each, made from the rows of amqp091.def, and four loops over descriptors.
 *
 * Field names are those of the protocol with '_' for '-', so a queue.declare reads
 *     lev_queue_declare d = {.queue = lev_span_of("q"), .durable = true};
 * Strings and tables are spans; reserved fields may be left zero. */

#ifndef LEVERET_METHOD_H
#define LEVERET_METHOD_H

#include <leveret/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Constants (AMQP 0-9-1, 1.2): LEV_FRAME_METHOD, LEV_NOT_FOUND, and so on. */
enum lev_constant {
#define LEV_CONSTANT(NAME, name, value, what, closes) LEV_##NAME = (value),
#include "amqp091.def"
};

/* Class ids: LEV_CLASS_CONNECTION, and so on. */
enum lev_class_id {
#define LEV_CLASS(NAME, name, id) LEV_CLASS_##NAME = (id),
#include "amqp091.def"
};

/* Every method, counted from 1 in the order of the specification: LEV_QUEUE_DECLARE, and so on. */
enum lev_method_id {
    LEV_NO_METHOD,
#define LEV_METHOD(NAME, id, class_name, method_name, class_id, method_id, from, flags, send,      \
                   recv, replies)                                                                  \
    LEV_##NAME,
#include "amqp091.def"
    LEV_METHOD_COUNT
};
typedef enum lev_method_id lev_method_id;

/* How each wire type (AMQP 0-9-1, 4.2.5) looks in C. A table is a span over its entries. */
typedef bool lev_wire_bit;
typedef uint8_t lev_wire_octet;
typedef uint16_t lev_wire_short;
typedef uint32_t lev_wire_long;
typedef uint64_t lev_wire_longlong;
typedef uint64_t lev_wire_timestamp;
typedef lev_span lev_wire_shortstr;
typedef lev_span lev_wire_longstr;
typedef lev_span lev_wire_table;

/* lev_connection_start, lev_queue_declare, lev_basic_deliver, and so on. */
#define LEV_METHOD(NAME, id, class_name, method_name, class_id, method_id, from, flags, send,      \
                   recv, replies)                                                                  \
    typedef struct lev_##id {
#define LEV_FIELD(NAME, id, wire, field, domain, flags) lev_wire_##wire field;
#define LEV_NO_FIELDS(NAME, id) uint8_t no_fields_;
#define LEV_METHOD_END(NAME, id)                                                                   \
    }                                                                                              \
    lev_##id;
#include "amqp091.def"

/* Any method: `id` says which member of `as` holds its fields. */
typedef struct lev_method {
    lev_method_id id;
    union {
#define LEV_METHOD(NAME, id, class_name, method_name, class_id, method_id, from, flags, send,      \
                   recv, replies)                                                                  \
    lev_##id id;
#include "amqp091.def"
    } as;
} lev_method;

enum lev_wire_type {
    LEV_WIRE_BIT,
    LEV_WIRE_OCTET,
    LEV_WIRE_SHORT,
    LEV_WIRE_LONG,
    LEV_WIRE_LONGLONG,
    LEV_WIRE_TIMESTAMP,
    LEV_WIRE_SHORTSTR,
    LEV_WIRE_LONGSTR,
    LEV_WIRE_TABLE
};

/* A field of a method or a property: where it lies in its struct and how it goes over the wire. */
typedef struct lev_field_desc {
    const char *name;
    const char *domain;
    enum lev_wire_type wire;
    uint16_t offset;
    bool reserved; /* sent as zero or empty, ignored when received */
    bool nowait;   /* set: no answer is wanted */
    bool secret;   /* a longstr: a login's response, or a new secret */
} lev_field_desc;

enum lev_sender { LEV_FROM_CLIENT = 1, LEV_FROM_SERVER = 2, LEV_FROM_BOTH = 3 };

/* States of a connection and of a channel, named by what is awaited. */
enum lev_connection_state {
#define LEV_CONNECTION_STATE(NAME, text) LEV_STATE_##NAME,
#include "amqp091.def"
    LEV_CONNECTION_STATE_COUNT
};
enum lev_channel_state {
#define LEV_CHANNEL_STATE(NAME, text) LEV_STATE_##NAME,
#include "amqp091.def"
    LEV_CHANNEL_STATE_COUNT
};

/* A method's row. `send` and `recv` are sets of states, a bit each: of the connection's states
 * where the class is connection, of the channel's otherwise. */
typedef struct lev_method_desc {
    const char *class_name;
    const char *method_name;
    uint16_t class_id;
    uint16_t method_id;
    uint16_t size; /* of its struct, bytes */
    uint16_t field_count;
    const lev_field_desc *fields;
    enum lev_sender from;
    bool sync;                /* has an answer or is one */
    bool content;             /* a header and body frames follow */
    bool rabbit;              /* RabbitMQ's extension of AMQP 0-9-1 */
    uint8_t send;             /* states in which a client may send it */
    uint8_t recv;             /* states in which a client may receive it */
    lev_method_id replies[2]; /* what answers it, LEV_NO_METHOD where nothing does */
} lev_method_desc;

/* Returns a method's row: static storage, NULL for a number that is no method. */
LEV_API const lev_method_desc *lev_method_describe(lev_method_id id);

/* Finds a method by its ids on the wire, or by its names ("queue", "declare-ok"). Returns
 * LEV_NO_METHOD where there is none. */
LEV_API lev_method_id lev_method_lookup(uint16_t class_id, uint16_t method_id);
LEV_API lev_method_id lev_method_named(lev_span class_name, lev_span method_name);

/* Writes class id, method id and arguments: the payload of a method frame. A string over its field
 * fails the writer with LEV_ERR_LIMIT, a malformed table with the status of lev_table_check; what
 * is written always decodes to an equal method. `fields` points to the struct that belongs to `id`.
 */
LEV_API void lev_method_encode(lev_writer *w, lev_method_id id, const void *fields);

/* Decodes the payload of a method frame; spans point into it. Returns LEV_OK; LEV_ERR_UNSUPPORTED
 * for an unknown class or method; LEV_ERR_SYNTAX or LEV_ERR_LIMIT for short, trailing or malformed
 * arguments. On failure `method->id` is LEV_NO_METHOD. */
LEV_API lev_status lev_method_decode(lev_span payload, lev_method *method);

/* Returns whether two methods have the same id and equal fields, reserved ones included. */
LEV_API bool lev_method_equal(const lev_method *a, const lev_method *b);

/* Puts *** (static storage) in place of a method's secrets: the response of connection.start-ok and
 * of secure-ok, and the new secret of update-secret. */
LEV_API void lev_method_redact(lev_method *method);

/* Write a method as text: queue.declare queue="q" durable=true arguments={}. Reserved fields appear
 * only where they are not zero or empty, and secrets as "***", but for lev_method_print_secrets. */
LEV_API void lev_method_print(lev_writer *w, const lev_method *method);
LEV_API void lev_method_print_secrets(lev_writer *w, const lev_method *method);

/* Returns the name of a reply code ("not-found"), static storage, or NULL for an unknown one. */
LEV_API const char *lev_reply_code_name(uint16_t code);

#ifdef __cplusplus
}
#endif

#endif
