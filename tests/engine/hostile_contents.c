/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Acts with what methods and headers hold: properties and tables that lie, bodies that do not fit,
 * tags that name nothing, closes, and a handshake of odd values. */

#include "hostile.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RAW(literal)                                                                               \
    { (const uint8_t *)(literal), sizeof(literal) - 1 }

/* Tables, by their entries, and what a malformed one leads to. */
typedef struct hostile_table {
    lev_span entries;
    bool sound;
} hostile_table;

static const hostile_table tables[] = {
    {RAW(""), true},
    {RAW("\0V"), true},                                  /* an empty key */
    {RAW("\1kV\1kV\1kt\7"), true},                       /* a key twice */
    {RAW("\3\0\xff\xfeV"), true},                        /* a key that is no text */
    {RAW("\1kd\x7f\xf8\0\0\0\0\0\0"), true},             /* NaN */
    {RAW("\1kf\xff\x80\0\0"), true},                     /* -Inf */
    {RAW("\1kT\xff\xff\xff\xff\xff\xff\xff\xff"), true}, /* a time before all time */
    {RAW("\1kD\xff\xff\xff\xff\xff"), true},             /* 255 decimals */
    {RAW("\1kA\0\0\0\0"), true},
    {RAW("\x0c"
         "capabilitiest\1"),
     true}, /* no table */
    {RAW("\x0c"
         "capabilitiesF\0\0\0\x08\5x.y.zV"),
     false}, /* one byte short */
    {RAW("\x0c"
         "capabilitiesF\0\0\0\x09\7blockedV"),
     true},                            /* no bool */
    {RAW("\7productI\0\0\0\1"), true}, /* no string */
    {RAW("\1"), false},                /* a key beyond the end */
    {RAW("\xffk"), false},
    {RAW("\1k"), false},  /* no letter */
    {RAW("\1kt"), false}, /* no value */
    {RAW("\1kI\0\0\0"), false},
    {RAW("\1kl\0\0\0\0\0\0\0"), false},
    {RAW("\1kD\0\0\0\0"), false},
    {RAW("\1kS\0\0\0\1"), false}, /* a string beyond the end */
    {RAW("\1kS\x7f\xff\xff\xff"), false},
    {RAW("\1kS\xff\xff\xff\xff"), false},
    {RAW("\1kx\x80\0\0\0"), false},
    {RAW("\1kF\xff\xff\xff\xff"), false},
    {RAW("\1kA\xff\xff\xff\xff"), false},
    {RAW("\1kF\0\0\0\1\1"), false}, /* a nested table cut */
    {RAW("\1kF\0\0\0\3\1kV\1"), false},
    {RAW("\1kA\0\0\0\1I"), false},
    {RAW("\1kA\0\0\0\5S\0\0\0\1"), false},     /* an item beyond its array */
    {RAW("\1kF\0\0\0\7\1kS\0\0\0\1x"), false}, /* a value beyond its table */
    {RAW("\1k\0"), false},                     /* unknown letters */
    {RAW("\1kz"), false},
    {RAW("\1k\xff"), false},
    {RAW("\1kc\0\0\0\0"), false},
};

enum { DEPTHS = 4, CROWDS = 2 };

/* Tables one in the other, or tables and arrays by turns. */
static void put_nested(lev_writer *w, unsigned depth, bool arrays) {
    size_t places[512];
    unsigned open = depth - 1 < COUNT(places) ? depth - 1 : COUNT(places);
    const char *key = "k";
    for (unsigned i = 0; i < open; i++) {
        bool array = arrays && i % 2 == 0;
        places[i] = array ? lev_array_begin(w, key) : lev_table_begin(w, key);
        key = array ? NULL : "k";
    }
    while (open > 0) {
        lev_table_end(w, places[--open]);
    }
}

/* The table attack with that number. Returns whether it is sound. */
static bool put_table(lev_writer *w, unsigned turn) {
    static const unsigned depths[DEPTHS] = {31, 32, 33, 500};
    if (turn < COUNT(tables)) {
        lev_writer_bytes(w, tables[turn].entries);
        return tables[turn].sound;
    }
    turn -= (unsigned)COUNT(tables);
    if (turn < 2 * DEPTHS) {
        put_nested(w, depths[turn / 2], turn % 2 != 0);
        return depths[turn / 2] <= LEV_TABLE_DEPTH_MAX;
    }
    for (unsigned i = 0; i < 3500; i++) {
        lev_writer_bytes(w, (lev_span)RAW("\0V"));
    }
    if (turn > 2 * DEPTHS) {
        lev_writer_u8(w, 0);
    }
    return turn == 2 * DEPTHS;
}
enum { TABLES = COUNT(tables) + 2 * DEPTHS + CROWDS };

static int say_server_properties(const hostile_state *state, unsigned turn, lev_writer *w) {
    uint8_t bytes[8192];
    lev_method m;
    (void)state;
    hostile_fields(&m, LEV_CONNECTION_START);
    size_t frame = lev_frame_begin(w, LEV_FRAME_METHOD, 0);
    lev_writer_bytes(w, (lev_span)RAW("\0\x0a\0\x0a\0\x09"));
    lev_writer table = lev_writer_init(bytes, sizeof bytes);
    bool sound = put_table(&table, turn);
    lev_writer_longstr(w, lev_writer_span(&table));
    lev_writer_longstr(w, m.as.connection_start.mechanisms);
    lev_writer_longstr(w, m.as.connection_start.locales);
    lev_frame_end(w, frame);
    return sound ? HOSTILE_HEALTHY : 501;
}

static size_t begin_header(lev_writer *w, uint64_t body_size, uint16_t flags) {
    size_t frame = lev_frame_begin(w, LEV_FRAME_HEADER, 1);
    lev_writer_u16(w, LEV_CLASS_BASIC);
    lev_writer_u16(w, 0);
    lev_writer_u64(w, body_size);
    lev_writer_u16(w, flags);
    return frame;
}

static int say_header_table(const hostile_state *state, unsigned turn, lev_writer *w) {
    size_t frame = begin_header(w, 0, LEV_HAS_HEADERS);
    size_t table = lev_writer_begin_u32(w);
    bool sound = put_table(w, turn);
    lev_writer_end_u32(w, table);
    lev_frame_end(w, frame);
    return state->header != HOSTILE_HEALTHY || sound ? state->header : 501;
}

typedef struct hostile_header {
    uint16_t class_id;
    uint16_t weight;
    uint64_t body_size;
    lev_span properties;
    int verdict;
} hostile_header;

static const hostile_header headers[] = {
    {60, 0, 0, RAW("\0\0"), 0},
    {60, 0, 5, RAW("\0\0"), 0},
    {60, 0, HOSTILE_MESSAGE_MAX, RAW("\0\0"), 0},
    {60, 0, HOSTILE_MESSAGE_MAX + 1, RAW("\0\0"), 0}, /* costs the channel */
    {60, 0, 0x7FFFFFFF, RAW("\0\0"), 0},
    {60, 0, 0xFFFFFFFF, RAW("\0\0"), 0},
    {60, 0, UINT64_C(1) << 32, RAW("\0\0"), 0},
    {60, 0, UINT64_C(1) << 63, RAW("\0\0"), 0},
    {60, 0, UINT64_MAX - 7, RAW("\0\0"), 0},
    {60, 0, UINT64_MAX, RAW("\0\0"), 0},
    {0, 0, 0, RAW("\0\0"), 505},
    {50, 0, 0, RAW("\0\0"), 505},
    {65535, 0, 0, RAW("\0\0"), 505},
    {60, 1, 0, RAW("\0\0"), 505},
    {60, 65535, 0, RAW("\0\0"), 505},
    {60, 0, 0, RAW("\0\1\0\0"), 0}, /* a second word of flags, empty */
    {60, 0, 0, RAW("\0\1"), 501},   /* announced and missing */
    {60, 0, 0, RAW("\0\1\0\1\0\1\0\1"), 501},
    {60, 0, 0, RAW("\0\1\x80\0\0"), 501}, /* with flags that nobody knows */
    {60, 0, 0, RAW("\0\2"), 501},
    {60, 0, 0, RAW("\0\0\0"), 501}, /* bytes behind the last property */
    {60, 0, 0, RAW("\x10\0\2xyz"), 501},
    {60, 0, 0, RAW("\x80\0"), 501}, /* properties that are flagged and missing */
    {60, 0, 0, RAW("\xff\xfc"), 501},
    {60, 0, 0, RAW("\x80\0\xff"), 501}, /* a string beyond the end */
    {60, 0, 0, RAW("\x80\0\2x"), 501},
    {60, 0, 0, RAW("\x20\0\xff\xff\xff\xff"), 501},
    {60, 0, 0, RAW("\0\x40\1\2\3\4\5\6\7"), 501},
    {60, 0, 0, RAW("\x80\0\3\0\xff\xfe"), 0}, /* strings that are no text */
    {60, 0, 0, RAW("\x18\0\xff\xff"), 0},     /* octets out of range */
    {60, 0, 0, RAW("\0\x40\xff\xff\xff\xff\xff\xff\xff\xff"), 0},
};

static int say_header(const hostile_state *state, unsigned turn, lev_writer *w) {
    const hostile_header *h = &headers[turn];
    size_t frame = lev_frame_begin(w, LEV_FRAME_HEADER, 1);
    lev_writer_u16(w, h->class_id);
    lev_writer_u16(w, h->weight);
    lev_writer_u64(w, h->body_size);
    lev_writer_bytes(w, h->properties);
    lev_frame_end(w, frame);
    return state->header != HOSTILE_HEALTHY ? state->header : h->verdict;
}

static int say_body(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint8_t zeros[128];
    static const size_t sizes[] = {0, 1, 5, 6, 10, 11, 128};
    size_t left = strncmp(state->name, "half", 4) == 0 ? HOSTILE_BODY - 5 : HOSTILE_BODY;
    lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, 1, {zeros, sizes[turn]}});
    return state->body != HOSTILE_HEALTHY || sizes[turn] <= left ? state->body : 501;
}

/* More after the end: a body frame behind a message of no bytes, another header. */
static int say_content_after_end(const hostile_state *state, unsigned turn, lev_writer *w) {
    lev_frame_end(w, begin_header(w, 0, 0));
    if (turn == 0) {
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, 1, {NULL, 0}});
    } else {
        lev_frame_end(w, begin_header(w, 0, 0));
    }
    return state->header != HOSTILE_HEALTHY ? state->header : 505;
}

static void say_fields(lev_writer *w, uint16_t channel, const lev_method *m) {
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_method_encode(w, m->id, &m->as);
    lev_frame_end(w, place);
}

/* Returns whether messages are only counted there. */
static bool discards(const hostile_state *state) {
    return hostile_closing(state) || hostile_leaving(state);
}

static int say_delivery_tags(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint64_t tags[][2] = {
        {0, 1}, {1, 0}, {1, 1}, {5, 3}, {UINT64_C(1) << 63, 1}, {UINT64_MAX, 1}};
    int verdict = hostile_judge(state, 1, LEV_BASIC_DELIVER);
    for (size_t i = 0; i < 2; i++) {
        lev_method m;
        hostile_fields(&m, LEV_BASIC_DELIVER);
        m.as.basic_deliver.delivery_tag = tags[turn][i];
        say_fields(w, 1, &m);
        lev_frame_end(w, begin_header(w, 0, 0));
    }
    bool zero = turn < 2 && !discards(state);
    return verdict != HOSTILE_HEALTHY || !zero ? verdict : 502;
}

/* Methods with the tag of a consumer that there is not. */
static int say_consumer_tags(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint8_t noise[255] = {0xFF, 0xFE, 0};
    static const size_t lengths[] = {0, 1, 255};
    static const lev_method_id ids[] = {LEV_BASIC_DELIVER, LEV_BASIC_CONSUME_OK,
                                        LEV_BASIC_CANCEL_OK, LEV_BASIC_CANCEL};
    lev_method m = {.id = ids[turn / 3]};
    lev_span tag = {noise, lengths[turn % 3]};
    m.as.basic_cancel.consumer_tag = tag;
    if (m.id == LEV_BASIC_DELIVER) {
        m.as.basic_deliver = (lev_basic_deliver){.consumer_tag = tag, .delivery_tag = 1};
    } else if (m.id == LEV_BASIC_CANCEL_OK) {
        m.as.basic_cancel_ok.consumer_tag = tag;
    } else if (m.id == LEV_BASIC_CONSUME_OK) {
        m.as.basic_consume_ok.consumer_tag = tag;
    }
    say_fields(w, 1, &m);
    int verdict = hostile_judge(state, 1, m.id);
    bool fine = m.id == LEV_BASIC_CANCEL || hostile_closing(state) ||
                (m.id == LEV_BASIC_DELIVER && discards(state));
    return verdict != HOSTILE_HEALTHY || fine ? verdict : 503;
}

typedef struct hostile_ack {
    uint64_t tag;
    bool multiple;
} hostile_ack;

/* With publishes 1 to HOSTILE_PUBLISHES unsettled, two acks or nacks in a row. */
static int say_acks(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const hostile_ack acks[][2] = {
        {{0, false}, {1, false}},         {{1, false}, {0, false}},
        {{4, false}, {1, false}},         {{4, true}, {1, false}},
        {{1, false}, {4, true}},          {{UINT64_MAX, false}, {1, false}},
        {{UINT64_MAX, true}, {1, false}}, {{UINT64_C(1) << 63, true}, {1, false}},
        {{1, false}, {1, false}},         {{1, false}, {3, true}},
        {{3, true}, {1, false}},          {{3, false}, {1, true}},
        {{0, true}, {0, true}},           {{2, false}, {0, true}},
        {{3, true}, {3, true}},           {{2, true}, {2, true}}};
    enum { BAD = 8 };
    unsigned pair = turn / 4;
    int verdict = hostile_judge(state, 1, LEV_BASIC_ACK);
    for (size_t i = 0; i < 2; i++) {
        lev_method m = {.id = LEV_BASIC_ACK};
        m.as.basic_ack.delivery_tag = acks[pair][i].tag;
        m.as.basic_ack.multiple = acks[pair][i].multiple;
        if ((turn >> i & 1) != 0) {
            m = (lev_method){.id = LEV_BASIC_NACK};
            m.as.basic_nack.delivery_tag = acks[pair][i].tag;
            m.as.basic_nack.multiple = acks[pair][i].multiple;
        }
        say_fields(w, 1, &m);
    }
    if (state->call == LEV_CONFIRM_SELECT && pair == 12) {
        return HOSTILE_HEALTHY; /* all of nothing */
    }
    bool dropped = strcmp(state->name, "refusing") == 0;
    return verdict != HOSTILE_HEALTHY || pair >= BAD || dropped ? verdict : 503;
}

/* More returns than there were publishes, and the acks of all. */
static int say_returns(const hostile_state *state, unsigned turn, lev_writer *w) {
    lev_method m = {.id = LEV_BASIC_RETURN};
    lev_span body = lev_span_of(turn % 2 == 0 ? "body" : "else");
    m.as.basic_return =
        (lev_basic_return){312, lev_span_of("\xff\n"), lev_span_of("e"), lev_span_of("k")};
    int verdict = hostile_judge(state, 1, m.id);
    for (int i = 0; i <= HOSTILE_PUBLISHES; i++) {
        say_fields(w, 1, &m);
        lev_frame_end(w, begin_header(w, body.len, 0));
        lev_frame_encode(w, &(lev_frame){LEV_FRAME_BODY, 1, body});
    }
    return verdict;
}

/* Closes and a blocked with any code and any text. */
static int say_words(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint16_t codes[] = {0, 1, 200, 404, 65535};
    static const lev_method_id ids[] = {LEV_CONNECTION_CLOSE, LEV_CHANNEL_CLOSE,
                                        LEV_CONNECTION_BLOCKED};
    uint8_t text[255];
    memset(text, turn % 2 != 0 ? 0xFF : '\n', sizeof text);
    lev_span words = {text, sizeof text};
    lev_method m = {.id = ids[turn / 10]};
    uint16_t code = codes[turn / 2 % 5];
    if (m.id == LEV_CONNECTION_CLOSE) {
        m.as.connection_close = (lev_connection_close){code, words, 65535, 65535};
    } else if (m.id == LEV_CHANNEL_CLOSE) {
        m.as.channel_close = (lev_channel_close){code, words, 65535, 65535};
    } else {
        m.as.connection_blocked.reason = words;
    }
    say_fields(w, m.id == LEV_CHANNEL_CLOSE, &m);
    return hostile_judge(state, m.id == LEV_CHANNEL_CLOSE, m.id);
}

typedef struct hostile_start {
    uint8_t major;
    uint8_t minor;
    const char *mechanisms;
    int verdict;
} hostile_start;

static int say_start(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const hostile_start starts[] = {{0, 9, "PLAIN", 0},
                                           {0, 9, "AMQPLAIN PLAIN", 0},
                                           {0, 9, "  PLAIN  ", 0},
                                           {8, 0, "PLAIN", LEV_ERR_NOT_AMQP},
                                           {0, 10, "PLAIN", LEV_ERR_NOT_AMQP},
                                           {255, 255, "PLAIN", LEV_ERR_NOT_AMQP},
                                           {0, 9, "", LEV_ERR_UNSUPPORTED},
                                           {0, 9, " ", LEV_ERR_UNSUPPORTED},
                                           {0, 9, "plain", LEV_ERR_UNSUPPORTED},
                                           {0, 9, "XPLAIN PLAINX", LEV_ERR_UNSUPPORTED},
                                           {0, 9, "\tPLAIN\t", LEV_ERR_UNSUPPORTED},
                                           {0, 9, "SCRAM-\n\xff", LEV_ERR_UNSUPPORTED}};
    static char mechanisms[7000];
    lev_method m;
    (void)state;
    hostile_fields(&m, LEV_CONNECTION_START);
    lev_connection_start *start = &m.as.connection_start;
    int verdict = LEV_ERR_UNSUPPORTED;
    if (turn < COUNT(starts)) {
        verdict = starts[turn].verdict;
        start->version_major = starts[turn].major;
        start->version_minor = starts[turn].minor;
        start->mechanisms = lev_span_of(starts[turn].mechanisms);
    } else {
        memset(mechanisms, 'X', sizeof mechanisms);
        start->mechanisms = (lev_span){(const uint8_t *)mechanisms, sizeof mechanisms};
    }
    start->locales = (lev_span){NULL, 0};
    say_fields(w, 0, &m);
    return verdict;
}

static int say_tune(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint32_t frames[] = {0, 1, 7, 8, 4095, 4096, 8191, 131072, 0x80000000, 0xFFFFFFFF};
    static const uint16_t rests[] = {0, 1, 65535};
    lev_method m = {.id = LEV_CONNECTION_TUNE};
    uint32_t frame_max = frames[turn / 9];
    (void)state;
    m.as.connection_tune = (lev_connection_tune){rests[turn / 3 % 3], frame_max, rests[turn % 3]};
    say_fields(w, 0, &m);
    return frame_max != 0 && frame_max < 4096 ? 530 : HOSTILE_HEALTHY;
}

const hostile_act hostile_contents[] = {
    {"server properties", say_server_properties, TABLES, 0, "before start"},
    {"start", say_start, 13, 0, "before start"},
    {"tune", say_tune, 90, 0, "await tune"},
    {"header", say_header, COUNT(headers), 0, NULL},
    {"header table", say_header_table, TABLES, 0, NULL},
    {"body", say_body, 7, 0, NULL},
    {"content after its end", say_content_after_end, 2, 0, NULL},
    {"delivery tags", say_delivery_tags, 6, 0, NULL},
    {"consumer tags", say_consumer_tags, 12, 0, NULL},
    {"acks", say_acks, 64, 0, NULL},
    {"returns", say_returns, 2, 0, NULL},
    {"words", say_words, 30, 0, NULL},
    {NULL, NULL, 0, 0, NULL}};
