/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Methods: their bytes, their names, their rows. */

#include "../unit.h"
#include "support.h"

static void has_the_bytes_of_the_specification(void) {
    uint8_t bytes[128];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_queue_declare declare = {
        .queue = {(const uint8_t *)"q", 1}, .durable = true, .nowait = true};
    lev_method_encode(&w, LEV_QUEUE_DECLARE, &declare);
    EXPECT_BYTES(bytes, w.len, "\0\x32\0\x0a\0\0\1q\x12\0\0\0\0", 13);
}

static void has_the_bytes_of_every_wire_type(void) {
    uint8_t bytes[128];
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_connection_start start = {.version_major = 0,
                                  .version_minor = 9,
                                  .server_properties = RAW("\1kt\1"),
                                  .mechanisms = RAW("PLAIN"),
                                  .locales = RAW("C")};
    lev_method_encode(&w, LEV_CONNECTION_START, &start);
    EXPECT_BYTES(bytes, w.len, "\0\x0a\0\x0a\0\11\0\0\0\4\1kt\1\0\0\0\5PLAIN\0\0\0\1C", 28);
    w = lev_writer_init(bytes, sizeof bytes);
    lev_connection_tune tune = {
        .channel_max = 0x0102, .frame_max = 0x03040506, .heartbeat = 0x0708};
    lev_method_encode(&w, LEV_CONNECTION_TUNE, &tune);
    EXPECT_BYTES(bytes, w.len, "\0\x0a\0\x1e\1\2\3\4\5\6\7\10", 12);
    w = lev_writer_init(bytes, sizeof bytes);
    lev_basic_ack ack = {.delivery_tag = UINT64_C(0x0102030405060708), .multiple = true};
    lev_method_encode(&w, LEV_BASIC_ACK, &ack);
    EXPECT_BYTES(bytes, w.len, "\0\x3c\0\x50\1\2\3\4\5\6\7\10\1", 13);
}

static void tells_unknown_methods_from_malformed_ones(void) {
    lev_method m;
    EXPECT_EQ(lev_method_decode(RAW("\0\x0a\0\x2a\0\0"), &m), LEV_ERR_UNSUPPORTED);
    EXPECT_EQ(m.id, LEV_NO_METHOD);
    EXPECT_EQ(lev_method_decode(RAW("\0\0\0\0"), &m), LEV_ERR_UNSUPPORTED);
    EXPECT_EQ(lev_method_decode(RAW("\0\x0a\0"), &m), LEV_ERR_SYNTAX);
    EXPECT_EQ(lev_method_decode(RAW("\0\x0a\0\x33x"), &m), LEV_ERR_SYNTAX);
    EXPECT_EQ(m.id, LEV_NO_METHOD);
}

static void packs_bits_from_the_lowest_and_ignores_unused_ones(void) {
    lev_method m;
    EXPECT_EQ(lev_method_decode(RAW("\0\x32\0\x0a\0\0\1q\xf5\0\0\0\0"), &m), LEV_OK);
    EXPECT(m.as.queue_declare.passive && !m.as.queue_declare.durable &&
           m.as.queue_declare.exclusive && !m.as.queue_declare.auto_delete &&
           m.as.queue_declare.nowait);
}

static void finds_methods_by_ids_and_by_names(void) {
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        EXPECT_EQ(lev_method_lookup(desc->class_id, desc->method_id), id);
        EXPECT_EQ(lev_method_named(sp(desc->class_name), sp(desc->method_name)), id);
    }
    EXPECT_EQ(lev_method_lookup(60, 999), LEV_NO_METHOD);
    EXPECT_EQ(lev_method_named(sp("queue"), sp("publish")), LEV_NO_METHOD);
    EXPECT(lev_method_describe(LEV_NO_METHOD) == NULL);
    EXPECT(lev_method_describe(LEV_METHOD_COUNT) == NULL);
    EXPECT_EQ(lev_method_lookup(40, 51), LEV_EXCHANGE_UNBIND_OK);
}

static void knows_what_answers_what_and_when_it_may_come(void) {
    const lev_method_desc *get = lev_method_describe(LEV_BASIC_GET);
    const lev_method_desc *deliver = lev_method_describe(LEV_BASIC_DELIVER);
    EXPECT(get->sync && get->replies[0] == LEV_BASIC_GET_OK &&
           get->replies[1] == LEV_BASIC_GET_EMPTY);
    EXPECT(deliver->content && !deliver->sync && deliver->send == 0);
    EXPECT_EQ(deliver->recv, 1 << LEV_STATE_CHANNEL_OPEN | 1 << LEV_STATE_AWAIT_CHANNEL_CLOSE_OK);
    EXPECT(lev_method_describe(LEV_CONFIRM_SELECT)->rabbit);
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        EXPECT_EQ((desc->from & LEV_FROM_CLIENT) != 0, desc->send != 0);
        EXPECT_EQ((desc->from & LEV_FROM_SERVER) != 0, desc->recv != 0);
    }
}

static void I_writes_nothing_that_it_could_not_read_back(void) {
    static uint8_t bytes[70000];
    static char name[257];
    memset(name, 'n', 256);
    lev_queue_declare declare = {.queue = lev_span_of(name)};
    lev_writer w = lev_writer_init(bytes, sizeof bytes);
    lev_method_encode(&w, LEV_QUEUE_DECLARE, &declare);
    EXPECT_EQ(w.status, LEV_ERR_LIMIT);
    declare = (lev_queue_declare){.arguments = sp("nonsense")};
    w = lev_writer_init(bytes, sizeof bytes);
    lev_method_encode(&w, LEV_QUEUE_DECLARE, &declare);
    EXPECT_EQ(w.status, LEV_ERR_SYNTAX);
    w = lev_writer_init(bytes, sizeof bytes);
    lev_method_encode(&w, LEV_NO_METHOD, &declare);
    EXPECT_EQ(w.status, LEV_ERR_MISUSE);
}

static void prints_reserved_fields_only_where_they_are_used(void) {
    uint8_t room[300];
    lev_method m = {.id = LEV_BASIC_GET, .as.basic_get = {.queue = {(const uint8_t *)"q\n", 2}}};
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_method_print(&w, &m);
    EXPECT_STR(text_of(&w), "basic.get queue=\"q\\n\" no_ack=false");
    m.as.basic_get.ticket = 5;
    w = lev_writer_init(room, sizeof room);
    lev_method_print(&w, &m);
    EXPECT_STR(text_of(&w), "basic.get ticket=5 queue=\"q\\n\" no_ack=false");
    m.id = LEV_NO_METHOD;
    w = lev_writer_init(room, sizeof room);
    lev_method_print(&w, &m);
    EXPECT_STR(text_of(&w), "<unknown method>");
}

/* Each field that travels as a secret, and no other. */
static void prints_secrets_only_where_asked(void) {
    static const lev_method_id with[] = {LEV_CONNECTION_START_OK, LEV_CONNECTION_SECURE_OK,
                                         LEV_CONNECTION_UPDATE_SECRET};
    uint8_t room[300];
    lev_method m = {.id = LEV_CONNECTION_UPDATE_SECRET};
    m.as.connection_update_secret = (lev_connection_update_secret){RAW("hunter2"), RAW("expired")};
    lev_method before = m;
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_method_print(&w, &m);
    EXPECT_STR(text_of(&w), "connection.update-secret new_secret=\"***\" reason=\"expired\"");
    EXPECT(lev_method_equal(&m, &before));
    w = lev_writer_init(room, sizeof room);
    lev_method_print_secrets(&w, &m);
    EXPECT_STR(text_of(&w), "connection.update-secret new_secret=\"hunter2\" reason=\"expired\"");
    size_t secrets = 0;
    for (int id = 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        for (size_t i = 0; i < desc->field_count; i++) {
            secrets += desc->fields[i].secret ? 1 : 0;
        }
    }
    EXPECT_EQ(secrets, 3u);
    for (size_t i = 0; i < 3u; i++) {
        lev_method empty = {.id = with[i]};
        w = lev_writer_init(room, sizeof room);
        lev_method_print(&w, &empty); /* nor whether there is one */
        EXPECT(strstr(text_of(&w), "=\"***\"") != NULL);
    }
}

static void compares_by_id_and_fields(void) {
    lev_method a = {.id = LEV_BASIC_ACK, .as.basic_ack = {.delivery_tag = 1}};
    lev_method b = a;
    EXPECT(lev_method_equal(&a, &b));
    b.as.basic_ack.multiple = true;
    EXPECT(!lev_method_equal(&a, &b));
    b = a;
    b.as.basic_ack.delivery_tag += UINT64_C(1) << 40;
    EXPECT(!lev_method_equal(&a, &b));
    b = (lev_method){.id = LEV_BASIC_REJECT, .as.basic_reject = {.delivery_tag = 1}};
    EXPECT(!lev_method_equal(&a, &b));
}

static void compares_every_byte_of_every_number(void) {
    static const size_t widths[] = {
        [LEV_WIRE_OCTET] = 1,    [LEV_WIRE_SHORT] = 2,     [LEV_WIRE_LONG] = 4,
        [LEV_WIRE_LONGLONG] = 8, [LEV_WIRE_TIMESTAMP] = 8, [LEV_WIRE_TABLE] = 0};
    for (int id = LEV_NO_METHOD + 1; id < LEV_METHOD_COUNT; id++) {
        const lev_method_desc *desc = lev_method_describe((lev_method_id)id);
        for (size_t i = 0; i < desc->field_count; i++) {
            for (size_t byte = 0; byte < widths[desc->fields[i].wire]; byte++) {
                lev_method a;
                memset(&a, 0, sizeof a);
                a.id = (lev_method_id)id;
                lev_method b = a;
                ((uint8_t *)&b.as)[desc->fields[i].offset + byte] = 1;
                EXPECT(!lev_method_equal(&a, &b));
            }
        }
    }
}

enum {
    START = 1 << LEV_STATE_AWAIT_START,
    TUNE = 1 << LEV_STATE_AWAIT_TUNE,
    RESPONSE = 1 << LEV_STATE_AWAIT_RESPONSE,
    OPEN_OK = 1 << LEV_STATE_AWAIT_OPEN_OK,
    OPEN = 1 << LEV_STATE_OPEN,
    CLOSE_OK = 1 << LEV_STATE_AWAIT_CLOSE_OK,
    CLOSED = 1 << LEV_STATE_CLOSED,
    CHANNEL_CLOSED = 1 << LEV_STATE_CHANNEL_CLOSED,
    CHANNEL_OPEN_OK = 1 << LEV_STATE_AWAIT_CHANNEL_OPEN_OK,
    CHANNEL_OPEN = 1 << LEV_STATE_CHANNEL_OPEN,
    CHANNEL_CLOSE_OK = 1 << LEV_STATE_AWAIT_CHANNEL_CLOSE_OK
};

static void knows_the_states_in_which_each_kind_of_method_is_legal(void) {
    static const struct {
        lev_method_id id;
        int send, recv;
    } rows[] = {
        {LEV_CONNECTION_START, 0, START},
        {LEV_CONNECTION_START_OK, START, 0},
        {LEV_CONNECTION_SECURE, 0, TUNE},
        {LEV_CONNECTION_SECURE_OK, RESPONSE, 0},
        {LEV_CONNECTION_TUNE, 0, TUNE},
        {LEV_CONNECTION_OPEN, TUNE, 0},
        {LEV_CONNECTION_OPEN_OK, 0, OPEN_OK},
        {LEV_CONNECTION_CLOSE, START | TUNE | RESPONSE | OPEN_OK | OPEN | CLOSE_OK,
         START | TUNE | RESPONSE | OPEN_OK | OPEN | CLOSE_OK},
        {LEV_CONNECTION_CLOSE_OK, START | TUNE | RESPONSE | OPEN_OK | OPEN | CLOSE_OK | CLOSED,
         CLOSE_OK},
        {LEV_CONNECTION_BLOCKED, 0, OPEN | CLOSE_OK},
        {LEV_CONNECTION_UPDATE_SECRET, OPEN, 0},
        {LEV_CHANNEL_OPEN, CHANNEL_CLOSED, 0},
        {LEV_CHANNEL_OPEN_OK, 0, CHANNEL_OPEN_OK | CHANNEL_CLOSE_OK},
        {LEV_CHANNEL_CLOSE, CHANNEL_OPEN_OK | CHANNEL_OPEN,
         CHANNEL_OPEN_OK | CHANNEL_OPEN | CHANNEL_CLOSE_OK},
        {LEV_CHANNEL_CLOSE_OK, CHANNEL_OPEN_OK | CHANNEL_OPEN, CHANNEL_CLOSE_OK},
        {LEV_QUEUE_DECLARE, CHANNEL_OPEN_OK | CHANNEL_OPEN, 0},
        {LEV_QUEUE_DECLARE_OK, 0, CHANNEL_OPEN | CHANNEL_CLOSE_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const lev_method_desc *desc = lev_method_describe(rows[i].id);
        EXPECT_EQ(desc->send, rows[i].send);
        EXPECT_EQ(desc->recv, rows[i].recv);
    }
}

static void marks_reserved_and_nowait_fields(void) {
    const lev_method_desc *declare = lev_method_describe(LEV_QUEUE_DECLARE);
    for (size_t i = 0; i < declare->field_count; i++) {
        EXPECT_EQ(declare->fields[i].reserved, strcmp(declare->fields[i].name, "ticket") == 0);
        EXPECT_EQ(declare->fields[i].nowait, strcmp(declare->fields[i].name, "nowait") == 0);
    }
    EXPECT_EQ(declare->field_count, 8);
}

static void names_every_reply_code_and_no_other_constant(void) {
    enum { FRAME_TYPE, FRAME_SIZE, FRAME_OCTET, REPLY_CODE };
    static const struct {
        const char *name;
        uint16_t value;
        bool reply;
    } rows[] = {
#define LEV_CONSTANT(NAME, name, value, what, closes) {name, value, (what) == REPLY_CODE},
#include "amqp091.def"
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].reply) {
            EXPECT_STR(lev_reply_code_name(rows[i].value), rows[i].name);
        } else {
            EXPECT(lev_reply_code_name(rows[i].value) == NULL);
        }
    }
}

static void names_reply_codes(void) {
    EXPECT_STR(lev_reply_code_name(404), "not-found");
    EXPECT_STR(lev_reply_code_name(LEV_NO_ROUTE), "no-route");
    EXPECT(lev_reply_code_name(206) == NULL);
    EXPECT(lev_reply_code_name(999) == NULL);
}

UNIT_MAIN("method", CASE(has_the_bytes_of_the_specification),
          CASE(packs_bits_from_the_lowest_and_ignores_unused_ones),
          CASE(finds_methods_by_ids_and_by_names),
          CASE(knows_what_answers_what_and_when_it_may_come),
          CASE(I_writes_nothing_that_it_could_not_read_back),
          CASE(prints_reserved_fields_only_where_they_are_used),
          CASE(prints_secrets_only_where_asked), CASE(compares_by_id_and_fields),
          CASE(names_reply_codes), CASE(names_every_reply_code_and_no_other_constant),
          CASE(has_the_bytes_of_every_wire_type), CASE(tells_unknown_methods_from_malformed_ones),
          CASE(compares_every_byte_of_every_number),
          CASE(knows_the_states_in_which_each_kind_of_method_is_legal),
          CASE(marks_reserved_and_nowait_fields))
