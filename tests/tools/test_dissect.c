/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Streams taken apart, printed in each form, and put together again from the JSON: whatever the
 * bytes are, they come back. */

#include "../../tools/dissect.h"
#include "../../tools/json_frame.h"
#include "../../tools/layout.h"
#include "../codec/support.h"
#include "../unit.h"
#include "streams.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

/* What became of a stream. */
typedef struct outcome {
    buffer again; /* its bytes, from the JSON */
    buffer text;  /* a line an item */
    size_t items;
    size_t malformed;
    size_t raw;
    size_t largest; /* how much the dissector held */
} outcome;

/* Do the rows of a hexdump have each byte of the item once, in order? */
static bool rows_are_whole(const item *i) {
    static buffer rows;
    size_t count = 0;
    bool well = true;
    rows.len = 0;
    layout_print(&rows, i, false);
    buffer_byte(&rows, '\0');
    for (char *line = strtok((char *)rows.ptr, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *at = line + 9;
        if (line[0] == ' ') {
            continue;
        }
        well = well && strtoull(line, NULL, 16) == i->offset + count;
        for (int n = 0; n < 16 && well && at[0] == ' ' && at[1] > ' '; n++, at += 3) {
            well = count < i->bytes.len && strtoul(at, NULL, 16) == i->bytes.ptr[count++];
        }
    }
    return well && count == i->bytes.len;
}

static void check_item(outcome *o, json *j, const item *i) {
    static buffer line;
    printer plain = {.form = PRINT_TEXT};
    origin from = {.from = SIDE_CLIENT, .line = 7};
    origin back;
    line.len = 0;
    json_put_item(&line, i, &from, false);
    o->raw += memmem(line.ptr, line.len, "\"raw\":", 6) != NULL ? 1 : 0;
    bool read = json_get_item(j, buffer_span(&line), &o->again, &back);
    EXPECT_STR(j->fault, "");
    EXPECT(read && back.from == SIDE_CLIENT && back.line == 7 && !back.streamed);
    print_item(&o->text, &plain, i, &(origin){.line = 0});
    EXPECT(rows_are_whole(i));
    o->items++;
    o->malformed += i->kind == ITEM_MALFORMED ? 1 : 0;
}

/* Takes a stream apart that comes in pieces of `step` bytes, and expects it back. */
static outcome check_stream(lev_span bytes, size_t step) {
    outcome o = {.items = 0};
    dissector d = {0};
    json j = {0};
    item i = {.kind = ITEM_BODY};
    for (size_t at = 0; at < bytes.len; at += step) {
        size_t n = bytes.len - at < step ? bytes.len - at : step;
        EXPECT(dissector_put(&d, (lev_span){bytes.ptr + at, n}));
        while (dissector_next(&d, &i)) {
            check_item(&o, &j, &i);
        }
        o.largest = d.bytes.cap > o.largest ? d.bytes.cap : o.largest;
    }
    dissector_end(&d);
    while (dissector_next(&d, &i)) {
        check_item(&o, &j, &i);
    }
    EXPECT_BYTES(o.again.ptr, o.again.len, bytes.ptr, bytes.len);
    dissector_deinit(&d);
    json_deinit(&j);
    buffer_byte(&o.text, '\0');
    return o;
}

static void outcome_deinit(outcome *o) {
    buffer_deinit(&o->again);
    buffer_deinit(&o->text);
}

/* Expects these lines, however the stream is cut. */
static void expect_lines(lev_span bytes, const char *lines) {
    for (size_t step = 1; step <= bytes.len; step++) {
        outcome o = check_stream(bytes, step);
        EXPECT_STR((const char *)o.text.ptr, lines);
        outcome_deinit(&o);
    }
}

#define HEARTBEAT "\x08\0\0\0\0\0\0\xCE"
#define CHANNEL_OPEN "\x01\0\1\0\0\0\5\0\x14\0\x0A\0\xCE"

static void reads_frames(void) {
    expect_lines(RAW("AMQP\0\0\x09\1" CHANNEL_OPEN HEARTBEAT "\x03\0\1\0\0\0\2hi\xCE"),
                 "AMQP 0-9-1\n1 channel.open\n0 heartbeat\n1 body 2 bytes \"hi\"\n");
}

static void goes_on_behind_what_is_malformed(void) {
    expect_lines(RAW(HEARTBEAT "\7\7" CHANNEL_OPEN),
                 "0 heartbeat\nmalformed at 8: an unknown frame type, 7: 0707\n1 channel.open\n");
    expect_lines(RAW("\x01\0\1\0\0\0\5\0\x14\0\x0A\0\xCF" HEARTBEAT),
                 "malformed at 0: a frame without its end octet: 0100010000000500140"
                 "00a00cf\n0 heartbeat\n");
    expect_lines(RAW("\x01\0\1\0\0\0\4\0\x14\0\xFF\xCE" HEARTBEAT),
                 "malformed at 0: a method that nobody knows at offset 7: 010001000000040"
                 "01400ffce\n0 heartbeat\n");
    expect_lines(RAW("\x01\0\1\0\0\0\6\0\x14\0\x0A\5a\xCE" HEARTBEAT),
                 "malformed at 0: channel.open, out_of_band: a string longer than what is left at "
                 "offset 11: 010001000000060014000a0561ce\n0 heartbeat\n");
    expect_lines(RAW("\7\x01\0\1\0\0\0\4\0\x14\0\xFF\xCE" HEARTBEAT),
                 "malformed at 0: an unknown frame type, 7: 07010001000000040"
                 "01400ffce\n0 heartbeat\n");
    expect_lines(RAW("\x01\0\1\x7F\0\0\5\0\x14\0\x0A\0\xCE" CHANNEL_OPEN),
                 "malformed at 0: a frame of 2130706437 bytes; above 16777216 none is believed: "
                 "0100017f0000050014000a00ce\n1 channel.open\n");
}

static void tells_of_a_cut_end(void) {
    expect_lines(RAW(HEARTBEAT "\x01\0\1\0\0\0\5\0\x14"),
                 "0 heartbeat\nmalformed at 8: the stream ends after 9 of 13 bytes: "
                 "010001000000050014\n");
    expect_lines(RAW("AMQ"), "malformed at 0: the stream ends after 3 of 8 bytes: 414d51\n");
}

static void what_the_object_does_not_say_is_raw(void) {
    static const lev_span streams[] = {
        {(const uint8_t *)"AMQP\1\1\0\x09", 8},
        /* a bit that confirm.select does not have */
        {(const uint8_t *)"\x01\0\1\0\0\0\5\0\x55\0\x0A\2\xCE", 13},
        /* a weight, and an empty second flag word */
        {(const uint8_t *)"\x02\0\1\0\0\0\x0E\0\x3C\0\1\0\0\0\0\0\0\0\0\0\0\xCE", 22},
        {(const uint8_t *)"\x02\0\1\0\0\0\x10\0\x3C\0\0\0\0\0\0\0\0\0\0\0\1\0\0\xCE", 24},
        /* a boolean of 2, in a table in an array in a table */
        {(const uint8_t *)"\x02\0\1\0\0\0\x25\0\x3C\0\0\0\0\0\0\0\0\0\0\x20\0\0\0\0\x13"
                          "\1aA\0\0\0\x0C"
                          "F\0\0\0\7"
                          "\1bt\2\1cV\xCE",
         45},
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        outcome o = check_stream(streams[i], 100);
        EXPECT_EQ(o.items, 1);
        EXPECT_EQ(o.raw, 1);
        EXPECT_EQ(o.malformed, 0);
        outcome_deinit(&o);
    }
}

static void random_frames_come_back(void) {
    uint64_t state = 88172645463325252;
    for (unsigned n = 0; n < 2000; n++) {
        outcome o = check_stream(random_stream(&state, 50), 1 + random_below(&state, 5000));
        EXPECT_EQ(o.items, 50);
        EXPECT_EQ(o.malformed, 0);
        EXPECT_EQ(o.raw, 0);
        outcome_deinit(&o);
    }
}

static void flipped_bits_do_no_harm(void) {
    uint64_t state = 123456789;
    size_t malformed = 0;
    for (unsigned n = 0; n < 1000; n++) {
        lev_span bytes = random_stream(&state, 20);
        for (uint64_t flips = 1 + random_below(&state, 20); flips > 0; flips--) {
            uint8_t *byte = (uint8_t *)bytes.ptr + random_below(&state, bytes.len);
            *byte = (uint8_t)(*byte ^ 1 << random_below(&state, 8));
        }
        outcome o = check_stream(bytes, 4096);
        malformed += o.malformed;
        outcome_deinit(&o);
    }
    EXPECT(malformed > 20);
}

/* Random bytes, of which many begin a frame. */
static void nonsense_does_no_harm(void) {
    size_t size = case_count(1, 10) * (size_t)1024 * 1024;
    uint8_t *bytes = malloc(size);
    uint64_t state = 42;
    for (size_t i = 0; i < size; i++) {
        uint64_t v = random_below(&state, 1 << 20);
        bytes[i] = (uint8_t)(v % 16 == 0 ? 1 + v / 16 % 3 : v % 16 < 5 ? 0 : v / 16);
    }
    outcome o = check_stream((lev_span){bytes, size}, 64 * 1024);
    EXPECT(o.malformed > 10);
    EXPECT(o.largest <= 2 * DISSECT_FRAME_MAX);
    outcome_deinit(&o);
    free(bytes);
}

static void a_gap_is_told_and_left_behind(void) {
    dissector d = {0};
    item i = {.kind = ITEM_BODY};
    EXPECT(dissector_put(&d, RAW(HEARTBEAT "\x01\0\1")));
    EXPECT(dissector_next(&d, &i) && i.kind == ITEM_HEARTBEAT && !dissector_next(&d, &i));
    dissector_end(&d);
    EXPECT(dissector_next(&d, &i) && i.kind == ITEM_MALFORMED && i.bytes.len == 3);
    EXPECT(!dissector_next(&d, &i));
    dissector_gap(&d, 1000, &i);
    EXPECT_STR(i.reason, "1000 bytes are missing here");
    EXPECT(i.kind == ITEM_MALFORMED && i.bytes.len == 0 && i.offset == 11);
    EXPECT(dissector_put(&d, RAW("rest" CHANNEL_OPEN)));
    EXPECT(dissector_next(&d, &i) && i.kind == ITEM_MALFORMED && i.bytes.len == 4);
    EXPECT(dissector_next(&d, &i) && i.kind == ITEM_METHOD && i.offset == 1015);
    dissector_deinit(&d);
}

static void secrets_are_left_out(void) {
    static const printer forms[] = {{PRINT_TEXT, true}, {PRINT_HEXDUMP, true}, {PRINT_JSONL, true}};
    static const struct {
        lev_method method;
    } said[] = {
        {{.id = LEV_CONNECTION_START_OK,
          .as.connection_start_ok = {.response = {(const uint8_t *)"s3cret", 6}}}},
        {{.id = LEV_CONNECTION_SECURE_OK,
          .as.connection_secure_ok = {.response = {(const uint8_t *)"s3cret", 6}}}},
        {{.id = LEV_CONNECTION_UPDATE_SECRET,
          .as.connection_update_secret = {.new_secret = {(const uint8_t *)"s3cret", 6}}}},
    };
    for (size_t n = 0; n < 18; n++) {
        uint8_t bytes[200];
        lev_writer w = lev_writer_init(bytes, sizeof bytes);
        size_t place = lev_frame_begin(&w, LEV_FRAME_METHOD, 0);
        lev_method_encode(&w, said[n % 3].method.id, &said[n % 3].method.as);
        lev_frame_end(&w, place);
        bytes[w.len - 1] = n < 9 ? 0xCE : 0; /* malformed ones, too */
        dissector d = {0};
        item i = {.kind = ITEM_BODY};
        buffer out = {0};
        dissector_put(&d, lev_writer_span(&w));
        dissector_end(&d);
        while (dissector_next(&d, &i)) {
            print_item(&out, &forms[n / 3 % 3], &i, &(origin){.line = 0});
        }
        EXPECT(out.len > 20);
        EXPECT(memmem(out.ptr, out.len, "s3cret", 6) == NULL);
        EXPECT(memmem(out.ptr, out.len, "733363726574", 12) == NULL);
        EXPECT(memmem(out.ptr, out.len, "73 33 63", 8) == NULL);
        buffer_deinit(&out);
        dissector_deinit(&d);
    }
}

static void bad_objects_are_refused(void) {
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"[]", "no object"},
        {"{}", "\"type\" is none"},
        {"{\"type\":\"frame\"}", "\"type\" is none"},
        {"{\"type\":\"heartbeat\",\"chanel\":0}", "no \"chanel\""},
        {"{\"type\":\"heartbeat\",\"channel\":65536}", "channel is no integer"},
        {"{\"type\":\"method\",\"class\":\"queue\",\"method\":\"declair\"}", "no method"},
        {"{\"type\":\"method\",\"class\":\"queue\",\"method\":\"declare\",\"fields\":{\"name\":"
         "\"\"}}",
         "queue.declare has no field \"name\""},
        {"{\"type\":\"method\",\"class\":\"queue\",\"method\":\"declare\",\"fields\":[]}",
         "no object"},
        {"{\"type\":\"method\",\"class\":\"basic\",\"method\":\"qos\",\"fields\":{\"prefetch_"
         "count\":"
         "65536}}",
         "from 0 to 65535"},
        {"{\"type\":\"header\",\"class\":\"queue\"}", "basic"},
        {"{\"type\":\"body\",\"body_base64\":\"a\"}", "base64"},
        {"{\"type\":\"protocol-header\",\"major\":256}", "major"},
        {"{\"raw\":\"0\"}", "hex"},
        {"{\"raw\":\"0 1\"}", "hex"},
        {"{\"raw\":5}", "no string"},
        {"{\"type\":\"heartbeat\",\"from\":\"broker\"}", "neither"},
    };
    json j = {0};
    buffer bytes = {0};
    origin o;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        EXPECT(!json_get_item(&j, lev_span_of(bad[i].line), &bytes, &o));
        if (strstr(j.fault, bad[i].why) == NULL) {
            unit_fail(__FILE__, __LINE__, "of %s: \"%s\"", bad[i].line, j.fault);
        }
        EXPECT_EQ(bytes.len, 0);
    }
    EXPECT(json_get_item(&j, sp("{\"raw\":\"00fF\",\"anything\":1}"), &bytes, &o));
    EXPECT_BYTES(bytes.ptr, bytes.len, "\0\xFF", 2);
    buffer_deinit(&bytes);
    json_deinit(&j);
}

UNIT_MAIN("dissect", CASE(reads_frames), CASE(goes_on_behind_what_is_malformed),
          CASE(tells_of_a_cut_end), CASE(what_the_object_does_not_say_is_raw),
          CASE(random_frames_come_back), CASE(flipped_bits_do_no_harm), CASE(nonsense_does_no_harm),
          CASE(a_gap_is_told_and_left_behind), CASE(secrets_are_left_out),
          CASE(bad_objects_are_refused))
