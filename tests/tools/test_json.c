/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* JSON as the command reads and writes it: every value of the wire has one form, and comes back. */

#include "../../tools/json_fields.h"
#include "../../tools/json_put.h"
#include "../../tools/json_record.h"
#include "../../tools/json_table.h"
#include "../codec/support.h"
#include "../unit.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

static uint8_t room[1 << 20];

static char *text_of_buffer(buffer *b) {
    buffer_byte(b, '\0');
    b->len--;
    return (char *)b->ptr;
}

/* Expects that the table is written as `text`, and that `text` is read as the table. */
static void both_ways(lev_span table, const char *text) {
    buffer b = {0};
    json j = {0};
    json_put_table(&b, table);
    EXPECT_STR(text_of_buffer(&b), text);
    EXPECT(json_parse(&j, lev_span_of(text)));
    lev_span back = json_get_table(&j, j.root);
    EXPECT_STR(j.fault, "");
    EXPECT_BYTES(back.ptr, back.len, table.ptr, table.len);
    json_deinit(&j);
    buffer_deinit(&b);
}

/* Expects that the text is refused, for a reason with these words. */
static void refused(const char *text, const char *why) {
    json j = {0};
    if (json_parse(&j, lev_span_of(text))) {
        json_get_table(&j, j.root);
    }
    if (strstr(j.fault, why) == NULL || *why == '\0') {
        unit_fail(__FILE__, __LINE__, "expected of %s: \"%s\", have \"%s\"", text, why, j.fault);
    }
    json_deinit(&j);
}

static void put_one(lev_value v, const char *text) {
    lev_writer w = lev_writer_init(room, sizeof room);
    lev_table_put(&w, "k", &v);
    both_ways(lev_writer_span(&w), text);
}

static void put_double(double v, const char *text) {
    lev_value value = {.type = 'd'};
    memcpy(&value.as.u, &v, sizeof v);
    put_one(value, text);
}

static void put_float(float v, const char *text) {
    lev_value value = {.type = 'f'};
    uint32_t bits;
    memcpy(&bits, &v, sizeof v);
    value.as.u = bits;
    put_one(value, text);
}

static void natural_types_are_plain_json(void) {
    put_one((lev_value){.type = 't', .as.boolean = true}, "{\"k\":true}");
    put_one((lev_value){.type = 't'}, "{\"k\":false}");
    put_one((lev_value){.type = 'l', .as.i = -5}, "{\"k\":-5}");
    put_one((lev_value){.type = 'l', .as.i = INT64_MAX}, "{\"k\":9223372036854775807}");
    put_one((lev_value){.type = 'l', .as.i = INT64_MIN}, "{\"k\":-9223372036854775808}");
    put_one((lev_value){.type = 'S', .as.bytes = sp("h\xC3\xA9")}, "{\"k\":\"h\xC3\xA9\"}");
    put_one((lev_value){.type = 'V'}, "{\"k\":null}");
    put_one((lev_value){.type = 'F'}, "{\"k\":{}}");
    put_one((lev_value){.type = 'A', .as.bytes = RAW("Vt\1")}, "{\"k\":[null,true]}");
}

static void other_types_carry_their_letter(void) {
    put_one((lev_value){.type = 'I', .as.i = 5000}, "{\"k\":{\"@\":\"I\",\"v\":5000}}");
    put_one((lev_value){.type = 'b', .as.i = -128}, "{\"k\":{\"@\":\"b\",\"v\":-128}}");
    put_one((lev_value){.type = 'B', .as.u = 255}, "{\"k\":{\"@\":\"B\",\"v\":255}}");
    put_one((lev_value){.type = 'U', .as.i = -1}, "{\"k\":{\"@\":\"U\",\"v\":-1}}");
    put_one((lev_value){.type = 'L', .as.i = 1}, "{\"k\":{\"@\":\"L\",\"v\":1}}");
    put_one((lev_value){.type = 'T', .as.u = UINT64_MAX},
            "{\"k\":{\"@\":\"T\",\"v\":18446744073709551615}}");
    put_one((lev_value){.type = 'x', .as.bytes = sp("hi")}, "{\"k\":{\"@\":\"x\",\"v\":\"aGk=\"}}");
    put_one((lev_value){.type = 'S', .as.bytes = RAW("\xFF")},
            "{\"k\":{\"@\":\"S\",\"base64\":\"/w==\"}}");
    put_one((lev_value){.type = 'D', .as.decimal = {2, 314}},
            "{\"k\":{\"@\":\"D\",\"v\":{\"scale\":2,\"value\":314}}}");
    put_one((lev_value){.type = 'D', .as.decimal = {0, UINT32_MAX}},
            "{\"k\":{\"@\":\"D\",\"v\":{\"scale\":0,\"value\":-1}}}");
}

static void a_double_is_the_shortest_that_reads_back(void) {
    put_double(0.1, "{\"k\":0.1}");
    put_double(1, "{\"k\":1.0}");
    put_double(-0.0, "{\"k\":-0.0}");
    put_double(1e23, "{\"k\":1e+23}");
    put_double(0.1 + 0.2, "{\"k\":0.30000000000000004}");
    put_double(5e-324, "{\"k\":5e-324}");
    put_double(1.7976931348623157e308, "{\"k\":1.7976931348623157e+308}");
    put_float(0.1F, "{\"k\":{\"@\":\"f\",\"v\":0.1}}");
    put_float(16777216, "{\"k\":{\"@\":\"f\",\"v\":16777216.0}}");
    put_float(1e-45F, "{\"k\":{\"@\":\"f\",\"v\":1e-45}}");
}

static void what_is_no_number_is_its_bits(void) {
    put_one((lev_value){.type = 'd', .as.u = 0x7FF8000000000001},
            "{\"k\":{\"@\":\"d\",\"bits\":\"7ff8000000000001\"}}");
    put_one((lev_value){.type = 'd', .as.u = 0xFFF0000000000000},
            "{\"k\":{\"@\":\"d\",\"bits\":\"fff0000000000000\"}}");
    put_one((lev_value){.type = 'f', .as.u = 0x7F800001},
            "{\"k\":{\"@\":\"f\",\"bits\":\"7f800001\"}}");
}

static void a_table_that_is_no_object_is_wrapped(void) {
    both_ways(RAW(""), "{}");
    both_ways(RAW("\1@V"), "{\"@\":\"F\",\"v\":{\"@\":null}}");
    both_ways(RAW("\1@V\1bV"), "{\"@\":\"F\",\"v\":{\"@\":null,\"b\":null}}");
    both_ways(RAW("\1bV\1aV\1bV"),
              "{\"@\":\"F\",\"entries\":[[\"b\",null],[\"a\",null],[\"b\",null]]}");
    both_ways(RAW("\1\xFFV"), "{\"@\":\"F\",\"entries\":[[{\"base64\":\"/w==\"},null]]}");
    both_ways(RAW("\0V"), "{\"\":null}");
    both_ways(RAW("\3a\0bV\1aV"), "{\"a\\u0000b\":null,\"a\":null}");
}

static void order_is_kept(void) {
    both_ways(RAW("\1zV\1aV\1mV\1ZV\1bV"),
              "{\"z\":null,\"a\":null,\"m\":null,\"Z\":null,\"b\":null}");
}

static void controls_are_escaped_in_strings(void) {
    put_one((lev_value){.type = 'S', .as.bytes = RAW("\0\x1B[\n\"\\/\x7F\xC2\x9F\xC2\xA0")},
            "{\"k\":\"\\u0000\\u001b[\\n\\\"\\\\/\\u007f\\u009f\xC2\xA0\"}");
}

static void other_ways_to_write_a_value_are_read_too(void) {
    json j = {0};
    static const char *const same[] = {
        "{\"k\":\"\\u0041\\/\"}",
        " { \"k\" : { \"v\" : \"A/\", \"@\" : \"S\" } } ",
        "{\"@\":\"F\",\"entries\":[[\"k\",\"A/\"]]}",
        "{\"k\":{\"@\":\"S\",\"base64\":\"QS8=\"}}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        EXPECT(json_parse(&j, lev_span_of(same[i])));
        lev_span table = json_get_table(&j, j.root);
        EXPECT_BYTES(table.ptr, table.len, "\1kS\0\0\0\2A/", 9);
    }
    json_deinit(&j);
}

/* As a double this is 1 + 2^-24, which as a float would be rounded to 1. */
static void a_float_is_rounded_once(void) {
    json j = {0};
    EXPECT(json_parse(&j, sp("{\"k\":{\"@\":\"f\",\"v\":1.00000005960464477539062501}}")));
    lev_span table = json_get_table(&j, j.root);
    EXPECT_BYTES(table.ptr, table.len, "\1kf\x3F\x80\0\1", 7);
    json_deinit(&j);
}

static void what_is_not_exactly_json_is_refused(void) {
    refused("", "no JSON");
    refused("{\"k\":1", "no JSON");
    refused("{\"k\":1} x", "no JSON");
    refused("{\"k\":1,}", "no JSON");
    refused("{'k':1}", "no JSON");
    refused("{\"k\":NaN}", "no JSON");
    refused("{\"k\":/**/1}", "no JSON");
    refused("{\"k\":01}", "number");
    refused("{\"k\":-01}", "number");
    refused("{\"k\":1.}", "number");
    refused("{\"k\":-}", "number");
    refused("{\"k\":18446744073709551616}", "above 64 bits");
    refused("{\"k\":-9223372036854775809}", "above 64 bits");
    refused("{\"k\":100000000000000000000000000000}", "above 64 bits");
    refused("{\"k\":\"\\ud800\"}", "surrogate");
    refused("{\"k\":\"\\udc00\"}", "surrogate");
    refused("{\"k\":\"\\ud800\\u0041\"}", "surrogate");
    refused("{\"k\":\"\xFF\"}", "UTF-8");
    refused("{\"\xC0\x80\":1}", "UTF-8");
    refused("{\"k\":\"\x01\"}", "control");
    refused("{\"k\":1,\"k\":2}", "twice");
    refused("{\"a\\u0000\":1,\"a\\u0000\":2}", "twice");
}

static void what_does_not_fit_the_wire_is_refused(void) {
    refused("[]", "no object");
    refused("{\"@\":\"A\",\"v\":[]}", "no object");
    refused("{\"k\":9223372036854775808}", "64 bits with a sign");
    refused("{\"k\":1e999}", "too large");
    refused("{\"k\":{\"@\":\"f\",\"v\":1e39}}", "too large");
    refused("{\"k\":{\"@\":\"b\",\"v\":128}}", "does not fit");
    refused("{\"k\":{\"@\":\"u\",\"v\":65536}}", "does not fit");
    refused("{\"k\":{\"@\":\"i\",\"v\":-1}}", "no integer");
    refused("{\"k\":{\"@\":\"i\",\"v\":1.5}}", "no integer");
    refused("{\"k\":{\"@\":\"?\",\"v\":1}}", "letter");
    refused("{\"k\":{\"@\":\"II\",\"v\":1}}", "letter");
    refused("{\"k\":{\"@\":\"I\"}}", "no \"v\"");
    refused("{\"k\":{\"@\":\"F\",\"v\":[]}}", "no \"v\"");
    refused("{\"k\":{\"@\":\"x\",\"v\":\"a\"}}", "base64");
    refused("{\"k\":{\"@\":\"x\",\"v\":\"aB==\"}}", "base64");
    refused("{\"k\":{\"@\":\"d\",\"bits\":\"7ff\"}}", "hex");
    refused("{\"k\":{\"@\":\"D\",\"v\":{\"scale\":256,\"value\":1}}}", "scale");
    refused("{\"k\":{\"@\":\"D\",\"v\":{\"scale\":1,\"value\":4294967296}}}", "32 bits");
    refused("{\"@\":\"F\",\"entries\":[[\"k\"]]}", "[KEY,VALUE]");
}

static void keys_and_nesting_have_their_limits(void) {
    buffer b = {0};
    for (int length = 255; length <= 256; length++) {
        json j = {0};
        b.len = 0;
        buffer_text(&b, "{\"");
        for (int i = 0; i < length; i++) {
            buffer_byte(&b, 'k');
        }
        buffer_text(&b, "\":1}");
        EXPECT(json_parse(&j, buffer_span(&b)));
        EXPECT_EQ(json_get_table(&j, j.root).len, length == 255 ? 1 + 255 + 9 : 0);
        EXPECT_EQ(j.fault[0] == '\0', length == 255);
        json_deinit(&j);
    }
    for (unsigned depth = 32; depth <= 33; depth++) {
        json j = {0};
        b.len = 0;
        json_put_table(&b, nested_table(depth, "FA"));
        EXPECT(json_parse(&j, buffer_span(&b)));
        json_get_table(&j, j.root);
        EXPECT_STR(j.fault, depth == 32 ? "" : "a table nests deeper than 32");
        json_deinit(&j);
    }
    buffer_deinit(&b);
}

static void a_table_of_many_keys_is_written_at_once(void) {
    buffer b = {0};
    json j = {0};
    lev_writer w = lev_writer_init(room, sizeof room);
    for (int i = 0; i < 60000; i++) {
        uint8_t key[] = {(uint8_t)('a' + i % 26), (uint8_t)('a' + i / 26 % 26),
                         (uint8_t)('a' + i / 676 % 26), (uint8_t)('a' + i / 17576)};
        lev_table_put_span(&w, (lev_span){key, sizeof key}, &(lev_value){.type = 'V'});
    }
    lev_span table = lev_writer_span(&w);
    json_put_table(&b, table);
    EXPECT(memcmp(b.ptr, "{\"aaaa\":null,", 13) == 0);
    EXPECT(json_parse(&j, buffer_span(&b)));
    lev_span back = json_get_table(&j, j.root);
    EXPECT_BYTES(back.ptr, back.len, table.ptr, table.len);
    json_deinit(&j);
    buffer_deinit(&b);
}

static void random_tables_come_back_to_the_byte(void) {
    uint64_t state = 0x9E3779B97F4A7C15;
    buffer b = {0};
    json j = {0};
    for (unsigned i = 0; i < case_count(20000, 100000); i++) {
        lev_writer w = lev_writer_init(room, sizeof room);
        (i % 2 == 0 ? awkward_table : random_table)(&state, &w, 6);
        lev_span table = lev_writer_span(&w);
        b.len = 0;
        json_put_table(&b, table);
        EXPECT(json_parse(&j, buffer_span(&b)));
        lev_span back = json_get_table(&j, j.root);
        EXPECT_STR(j.fault, "");
        EXPECT_BYTES(back.ptr, back.len, table.ptr, table.len);
    }
    json_deinit(&j);
    buffer_deinit(&b);
}

static void random_properties_come_back_to_the_byte(void) {
    static uint8_t encoded[2][1 << 16];
    uint64_t state = 12345;
    buffer b = {0};
    json j = {0};
    for (unsigned i = 0; i < case_count(5000, 100000); i++) {
        lev_properties p = {.present = (uint16_t)(random_below(&state, 1 << 14) << 2)};
        lev_properties back;
        for (size_t k = 0; k < LEV_PROPERTY_COUNT; k++) {
            if ((p.present & 0x8000u >> k) != 0) {
                random_fields(&state, lev_property_describe(k), 1, &p);
            }
        }
        b.len = 0;
        json_put_properties(&b, &p);
        EXPECT(json_parse(&j, buffer_span(&b)));
        json_get_properties(&j, j.root, &back);
        EXPECT_STR(j.fault, "");
        lev_writer before = lev_writer_init(encoded[0], sizeof encoded[0]);
        lev_writer after = lev_writer_init(encoded[1], sizeof encoded[1]);
        lev_properties_encode(&before, &p);
        lev_properties_encode(&after, &back);
        EXPECT_BYTES(after.ptr, after.len, before.ptr, before.len);
    }
    json_deinit(&j);
    buffer_deinit(&b);
}

static void entries_are_added_from_json(void) {
    json j = {0};
    buffer table = {0};
    EXPECT(json_table_add(&j, &table, sp("n"), sp("5")));
    EXPECT(json_table_add(&j, &table, sp("s"), sp(" \"x\" ")));
    EXPECT(!json_table_add(&j, &table, sp("bad"), sp("nope")));
    EXPECT(!json_table_add(&j, &table, sp("bad"), sp("{\"@\":\"b\",\"v\":200}")));
    EXPECT(json_table_add(&j, &table, sp("I"), sp("{\"@\":\"I\",\"v\":7}")));
    EXPECT_BYTES(table.ptr, table.len, "\1nl\0\0\0\0\0\0\0\5\1sS\0\0\0\1x\1II\0\0\0\7", 26);
    buffer_deinit(&table);
    json_deinit(&j);
}

static void a_record_is_what_publish_takes(void) {
    lev_message m = {.exchange = sp("ex"), .routing_key = sp("k"), .redelivered = true};
    record r = {.message = &m, .queue = sp("q"), .tag = 3};
    publication p;
    buffer b = {0};
    json j = {0};
    m.delivery.tag = 9;
    m.consumer_tag = sp("c1");
    m.properties.present = LEV_HAS_DELIVERY_MODE;
    m.properties.delivery_mode = 2;
    m.body = RAW("a\0b");
    json_put_record(&b, &r);
    EXPECT_STR(text_of_buffer(&b),
               "{\"exchange\":\"ex\",\"routing_key\":\"k\",\"queue\":\"q\",\"consumer_tag\":\"c1\","
               "\"tag\":3,\"delivery_tag\":9,\"redelivered\":true,"
               "\"properties\":{\"delivery_mode\":2},\"body\":\"a\\u0000b\"}");
    EXPECT(json_get_publication(&j, buffer_span(&b), &p));
    EXPECT(lev_span_equal(p.exchange, m.exchange) && lev_span_equal(p.routing_key, m.routing_key));
    EXPECT(lev_properties_equal(&p.properties, &m.properties));
    EXPECT_BYTES(p.body.ptr, p.body.len, "a\0b", 3);
    m.body = RAW("\xFF\xFE");
    b.len = 0;
    json_put_record(&b, &r);
    EXPECT(strstr(text_of_buffer(&b), "\"body_base64\":\"//4=\"}") != NULL);
    EXPECT(json_get_publication(&j, buffer_span(&b), &p));
    EXPECT_BYTES(p.body.ptr, p.body.len, "\xFF\xFE", 2);
    json_deinit(&j);
    buffer_deinit(&b);
}

static void a_record_with_a_mistake_is_refused(void) {
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"[]", "no object"},
        {"{\"key\":1}", "has no \"key\""},
        {"{\"exchange\":1}", "exchange is no string"},
        {"{\"body\":{}}", "body is no string"},
        {"{\"body\":\"\",\"body_base64\":\"\"}", "both"},
        {"{\"properties\":[]}", "no object"},
        {"{\"properties\":{\"colour\":1}}", "no property \"colour\""},
        {"{\"properties\":{\"priority\":256}}", "priority is no integer from 0 to 255"},
        {"{\"properties\":{\"headers\":[]}}", "no object"},
    };
    json j = {0};
    publication p;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        EXPECT(!json_get_publication(&j, lev_span_of(bad[i].line), &p));
        if (strstr(j.fault, bad[i].why) == NULL) {
            unit_fail(__FILE__, __LINE__, "of %s: \"%s\"", bad[i].line, j.fault);
        }
    }
    EXPECT(json_get_publication(&j, sp("{}"), &p));
    EXPECT_EQ(p.body.len + p.exchange.len + p.properties.present, 0);
    json_deinit(&j);
}

/* A character that means something in JSON, or any byte. */
static uint8_t random_character(uint64_t *state) {
    static const char known[] = "{}[]:,\"\\u0d8@-+.eE15truefalsn ";
    uint64_t n = random_below(state, 2 * sizeof known);
    return n < sizeof known ? (uint8_t)known[n] : (uint8_t)random_below(state, 256);
}

/* Whatever a line is, it is refused, or says the same once it was written and read again. */
static void damaged_lines_do_no_harm(void) {
    uint64_t state = 4711;
    unsigned taken = 0;
    buffer b = {0};
    json j = {0};
    json again = {0};
    for (unsigned i = 0; i < case_count(20000, 200000); i++) {
        lev_writer w = lev_writer_init(room, sizeof room);
        awkward_table(&state, &w, 4);
        lev_message m = {.body = random_bytes(&state, 20)};
        publication p;
        publication q;
        m.properties.present = LEV_HAS_HEADERS;
        m.properties.headers = lev_writer_span(&w);
        b.len = 0;
        json_put_record(&b, &(record){.message = &m});
        for (uint64_t n = random_below(&state, 3); n > 0; n--) {
            b.ptr[random_below(&state, b.len)] = random_character(&state);
        }
        b.len -= random_below(&state, 8) == 0 ? random_below(&state, b.len) : 0;
        if (!json_get_publication(&j, buffer_span(&b), &p)) {
            continue;
        }
        taken++;
        m = (lev_message){.properties = p.properties, .body = p.body};
        b.len = 0;
        json_put_record(&b, &(record){.message = &m});
        bool read = json_get_publication(&again, buffer_span(&b), &q);
        EXPECT_STR(again.fault, "");
        EXPECT(read && lev_properties_equal(&p.properties, &q.properties));
        EXPECT(lev_span_equal(p.body, q.body));
    }
    EXPECT(taken > 1000);
    json_deinit(&j);
    json_deinit(&again);
    buffer_deinit(&b);
}

UNIT_MAIN("json", CASE(natural_types_are_plain_json), CASE(other_types_carry_their_letter),
          CASE(a_double_is_the_shortest_that_reads_back), CASE(what_is_no_number_is_its_bits),
          CASE(a_table_that_is_no_object_is_wrapped), CASE(order_is_kept),
          CASE(controls_are_escaped_in_strings), CASE(other_ways_to_write_a_value_are_read_too),
          CASE(a_float_is_rounded_once), CASE(what_is_not_exactly_json_is_refused),
          CASE(what_does_not_fit_the_wire_is_refused), CASE(keys_and_nesting_have_their_limits),
          CASE(a_table_of_many_keys_is_written_at_once), CASE(random_tables_come_back_to_the_byte),
          CASE(random_properties_come_back_to_the_byte), CASE(entries_are_added_from_json),
          CASE(a_record_is_what_publish_takes), CASE(a_record_with_a_mistake_is_refused),
          CASE(damaged_lines_do_no_harm))
