/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Methods. The rows of amqp091.def become a flat array of field descriptors and an array of methods
 * that point into it; an enum that counts along with the rows gives each method its place. Encode,
 * decode, print and equal are loops over those descriptors; nothing is generated.
 *
 * Consecutive bits share an octet, the first in its lowest bit; any other field ends the octet
 * (AMQP 0-9-1, 4.2.5.2). Unused bits are sent as zero and ignored. */

#include "field.h"

/* clang-format off */

/* FIRST_x is the index of a method's first field, BEHIND_x of the one behind its last. */
enum method_field_index {
#define LEV_METHOD(NAME, id, class_name, method_name, class_id, method_id, from, flags, send, recv, replies) \
    FIRST_##NAME, REWIND_##NAME = FIRST_##NAME - 1,
#define LEV_FIELD(NAME, id, wire, field, domain, flags) INDEX_##id##_##field,
#define LEV_METHOD_END(NAME, id) BEHIND_##NAME, AGAIN_##NAME = BEHIND_##NAME - 1,
#include "amqp091.def"
    METHOD_FIELDS
};

enum method_field_flag { PLAIN, RESERVED, NOWAIT, SECRET };

static const lev_field_desc method_fields[] = {
#define LEV_FIELD(NAME, id, wire_, field, domain_, flags)                                          \
    {.name = #field, .domain = #domain_, .wire = LEV_WIRE_##wire_,                                 \
     .offset = offsetof(lev_##id, field), .reserved = (flags) == RESERVED, .nowait = (flags) == NOWAIT, \
     .secret = (flags) == SECRET},
#include "amqp091.def"
};

enum { SYNC = 1, CONTENT = 2, RABBIT = 4 };
enum { CLIENT = LEV_FROM_CLIENT, SERVER = LEV_FROM_SERVER, BOTH = LEV_FROM_BOTH };
#define IN(STATE) (1 << LEV_STATE_##STATE)
enum {
    NEVER = 0,
    ANY_STATE = (1 << LEV_CONNECTION_STATE_COUNT) - 1,
    ANY_BUT_CLOSED = ANY_STATE & ~IN(CLOSED),
    OPEN_OR_CLOSING = IN(OPEN) | IN(AWAIT_CLOSE_OK),
    ON_CHANNEL = IN(AWAIT_CHANNEL_OPEN_OK) | IN(CHANNEL_OPEN),
    FROM_CHANNEL = IN(CHANNEL_OPEN) | IN(AWAIT_CHANNEL_CLOSE_OK),
    BEFORE_CLOSED = ON_CHANNEL | FROM_CHANNEL
};
#define NO_REPLY {LEV_NO_METHOD, LEV_NO_METHOD}
#define ONE(A) {LEV_##A, LEV_NO_METHOD}
#define EITHER(A, B) {LEV_##A, LEV_##B}

static const lev_method_desc method_descs[LEV_METHOD_COUNT] = {
#define LEV_METHOD(NAME, id, class_name_, method_name_, class_id_, method_id_, from_, flags, send_, recv_, replies_) \
    [LEV_##NAME] = {.class_name = class_name_, .method_name = method_name_,                        \
                    .class_id = class_id_, .method_id = method_id_, .size = sizeof(lev_##id),      \
                    .field_count = BEHIND_##NAME - FIRST_##NAME,                                   \
                    .fields = method_fields + FIRST_##NAME, .from = (enum lev_sender)from_,        \
                    .sync = ((flags) & SYNC) != 0, .content = ((flags) & CONTENT) != 0,            \
                    .rabbit = ((flags) & RABBIT) != 0, .send = send_, .recv = recv_,               \
                    .replies = replies_},
#include "amqp091.def"
};

#undef IN
#undef NO_REPLY
#undef ONE
#undef EITHER
/* clang-format on */

const lev_method_desc *lev_method_describe(lev_method_id id) {
    bool known = id > LEV_NO_METHOD && id < LEV_METHOD_COUNT;
    return known ? &method_descs[id] : NULL;
}

lev_method_id lev_method_lookup(uint16_t class_id, uint16_t method_id) {
    switch ((uint32_t)class_id << 16 | method_id) {
#define LEV_METHOD(NAME, id, class_name, method_name, class_id_, method_id_, from, flags, send,    \
                   recv, replies)                                                                  \
    case (uint32_t)(class_id_) << 16 | (method_id_):                                               \
        return LEV_##NAME;
#include "amqp091.def"
    default:
        return LEV_NO_METHOD;
    }
}

lev_method_id lev_method_named(lev_span class_name, lev_span method_name) {
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = &method_descs[id];
        if (lev_span_equal(class_name, lev_span_of(desc->class_name)) &&
            lev_span_equal(method_name, lev_span_of(desc->method_name))) {
            return (lev_method_id)id;
        }
    }
    return LEV_NO_METHOD;
}

/* Writes the octet of the `count` bits before a field, if there are any. */
static void method_put_bits(lev_writer *w, unsigned octet, unsigned count) {
    if (count > 0) {
        wire_write_u8(w, (uint8_t)octet);
    }
}

static void method_encode_fields(lev_writer *w, const lev_method_desc *desc, const void *base) {
    unsigned octet = 0;
    unsigned count = 0;
    for (size_t i = 0; i < desc->field_count; i++) {
        const lev_field_desc *field = &desc->fields[i];
        bool bit = field->wire == LEV_WIRE_BIT;
        if (!bit || count == 8) {
            method_put_bits(w, octet, count);
            octet = count = 0;
        }
        if (bit) {
            octet |= (((const uint8_t *)base)[field->offset] != 0 ? 1U : 0U) << count++;
        } else {
            field_encode(w, field, base);
        }
    }
    method_put_bits(w, octet, count);
}

void lev_method_encode(lev_writer *w, lev_method_id id, const void *fields) {
    const lev_method_desc *desc = lev_method_describe(id);
    if (desc == NULL) {
        lev_writer_fail(w, LEV_ERR_MISUSE);
        return;
    }
    lev_writer local = *w; /* in registers, where stores into the bytes cannot reach it */
    wire_write_u16(&local, desc->class_id);
    wire_write_u16(&local, desc->method_id);
    method_encode_fields(&local, desc, fields);
    *w = local;
}

static void method_decode_fields(lev_reader *r, const lev_method_desc *desc, void *base) {
    unsigned octet = 0;
    unsigned count = 0;
    for (size_t i = 0; i < desc->field_count; i++) {
        const lev_field_desc *field = &desc->fields[i];
        if (field->wire != LEV_WIRE_BIT) {
            count = 0;
            field_decode(r, field, base);
            continue;
        }
        if (count == 0) {
            octet = wire_read_u8(r);
        }
        bool bit = (octet >> count & 1) != 0;
        memcpy((uint8_t *)base + field->offset, &bit, sizeof bit);
        count = (count + 1) % 8;
    }
}

lev_status lev_method_decode(lev_span payload, lev_method *method) {
    lev_reader r = lev_reader_init(payload);
    uint16_t class_id = wire_read_u16(&r);
    uint16_t method_id = wire_read_u16(&r);
    method->id = LEV_NO_METHOD;
    if (r.status != LEV_OK) {
        return r.status;
    }
    lev_method_id id = lev_method_lookup(class_id, method_id);
    if (id == LEV_NO_METHOD) {
        return LEV_ERR_UNSUPPORTED;
    }
    method_decode_fields(&r, &method_descs[id], &method->as);
    if (wire_finish(&r) == LEV_OK) {
        method->id = id;
    }
    return r.status;
}

bool lev_method_equal(const lev_method *a, const lev_method *b) {
    const lev_method_desc *desc = lev_method_describe(a->id);
    if (a->id != b->id || desc == NULL) {
        return a->id == b->id;
    }
    for (size_t i = 0; i < desc->field_count; i++) {
        if (!lev_field_equal(&desc->fields[i], &a->as, &b->as)) {
            return false;
        }
    }
    return true;
}

void lev_method_redact(lev_method *method) {
    const lev_method_desc *desc = lev_method_describe(method->id);
    for (size_t i = 0; desc != NULL && i < desc->field_count; i++) {
        if (desc->fields[i].secret) { /* all of these are strings */
            lev_span stars = lev_span_of("***");
            memcpy((char *)&method->as + desc->fields[i].offset, &stars, sizeof stars);
        }
    }
}

void lev_method_print(lev_writer *w, const lev_method *method) {
    lev_method shown = *method;
    lev_method_redact(&shown);
    lev_method_print_secrets(w, &shown);
}

void lev_method_print_secrets(lev_writer *w, const lev_method *method) {
    const lev_method_desc *desc = lev_method_describe(method->id);
    if (desc == NULL) {
        lev_writer_text(w, "<unknown method>");
        return;
    }
    lev_writer_text(w, desc->class_name);
    lev_writer_u8(w, '.');
    lev_writer_text(w, desc->method_name);
    for (size_t i = 0; i < desc->field_count; i++) {
        const lev_field_desc *field = &desc->fields[i];
        if (!field->reserved || !lev_field_empty(field, &method->as)) {
            lev_writer_u8(w, ' ');
            lev_field_print(w, field, &method->as);
        }
    }
}

/* flat switch: one case a constant */
const char *lev_reply_code_name(uint16_t code) {
    switch (code) {
#define FRAME_TYPE 0
#define FRAME_SIZE 0
#define FRAME_OCTET 0
#define REPLY_CODE 1
#define LEV_CONSTANT(NAME, name, value, what, closes)                                              \
    case (value):                                                                                  \
        return (what) != 0 ? name : NULL;
#include "amqp091.def"
#undef FRAME_TYPE
#undef FRAME_SIZE
#undef FRAME_OCTET
#undef REPLY_CODE
    default:
        return NULL;
    }
}
