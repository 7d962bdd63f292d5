/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Acts of one frame: each method in each state, cut, too long, with lengths that lie; frames that
 * are none; and whatever else can stand at a port. */

#include "hostile.h"

#include <string.h>

enum { METHODS = LEV_METHOD_COUNT - 1, CUTS = 64, FIELDS = 10 };

static const uint16_t channels[] = {0, 1, 10, 65535}; /* the last two are open nowhere */

bool hostile_lists(const char *list, lev_method_id id) {
    const lev_method_desc *desc = lev_method_describe(id);
    size_t class_len = strlen(desc->class_name);
    for (const char *word = list; *word != '\0'; word += strspn(word, " ")) {
        size_t len = strcspn(word, " ");
        if (len == class_len + 1 + strlen(desc->method_name) &&
            memcmp(word, desc->class_name, class_len) == 0 && word[class_len] == '.' &&
            memcmp(word + class_len + 1, desc->method_name, len - class_len - 1) == 0) {
            return true;
        }
        word += len;
    }
    return false;
}

static int judge_connection(const hostile_state *state, lev_method_id id) {
    if (!hostile_lists(state->legal[0], id)) {
        return 503;
    }
    if (id == LEV_CONNECTION_CLOSE && !hostile_leaving(state)) {
        bool login = !hostile_opened(state) && !hostile_before_start(state);
        return login ? LEV_ERR_REFUSED : LEV_ERR_CLOSED;
    }
    return id == LEV_CONNECTION_CLOSE_OK ? LEV_ERR_CLOSED : HOSTILE_HEALTHY;
}

int hostile_judge(const hostile_state *state, uint16_t channel, lev_method_id id) {
    bool on_connection = lev_method_describe(id)->class_id == LEV_CLASS_CONNECTION;
    if (channel == 1 && hostile_in_content(state)) {
        return 505;
    }
    if (!hostile_from_server(id) || on_connection != (channel == 0)) {
        return 503;
    }
    if (on_connection) {
        return judge_connection(state, id);
    }
    if (channel != 1) {
        return hostile_opened(state) ? 504 : 503;
    }
    if (!hostile_lists(state->legal[1], id)) {
        return state->illegal;
    }
    bool told = id == LEV_CHANNEL_CLOSE && !hostile_closing(state);
    told = told || (id == LEV_CHANNEL_CLOSE_OK && strcmp(state->name, "refusing") == 0);
    return told ? HOSTILE_CHANNEL_CLOSED : HOSTILE_HEALTHY;
}

void hostile_fields(lev_method *m, lev_method_id id) {
    static const lev_span tag = {(const uint8_t *)"c", 1};
    *m = (lev_method){.id = id};
    switch ((int)id) {
    case LEV_CONNECTION_START:
        m->as.connection_start = (lev_connection_start){.version_minor = 9,
                                                        .mechanisms = lev_span_of("PLAIN"),
                                                        .locales = lev_span_of("en_US")};
        break;
    case LEV_CONNECTION_TUNE:
        m->as.connection_tune = (lev_connection_tune){2047, 131072, 60};
        break;
    case LEV_CONNECTION_CLOSE:
        m->as.connection_close.reply_code = LEV_CONNECTION_FORCED;
        break;
    case LEV_BASIC_CONSUME_OK:
        m->as.basic_consume_ok.consumer_tag = tag;
        break;
    case LEV_BASIC_CANCEL:
        m->as.basic_cancel.consumer_tag = tag;
        break;
    case LEV_BASIC_CANCEL_OK:
        m->as.basic_cancel_ok.consumer_tag = tag;
        break;
    case LEV_BASIC_DELIVER:
        m->as.basic_deliver = (lev_basic_deliver){.consumer_tag = tag, .delivery_tag = 1};
        break;
    case LEV_BASIC_GET_OK:
        m->as.basic_get_ok.delivery_tag = 1;
        break;
    case LEV_BASIC_ACK:
        m->as.basic_ack.delivery_tag = 1;
        break;
    case LEV_BASIC_NACK:
        m->as.basic_nack.delivery_tag = 1;
        break;
    case LEV_BASIC_RECOVER:
        m->as.basic_recover.requeue = true;
        break;
    default:
        break;
    }
}

void hostile_say(lev_writer *w, uint16_t channel, lev_method_id id) {
    lev_method m;
    hostile_fields(&m, id);
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_method_encode(w, id, &m.as);
    lev_frame_end(w, place);
}

static int say_method(const hostile_state *state, unsigned turn, lev_writer *w) {
    lev_method_id id = (lev_method_id)(1 + turn % METHODS);
    hostile_say(w, channels[turn / METHODS], id);
    return hostile_judge(state, channels[turn / METHODS], id);
}

/* The payload of a method where it belongs, and what malformed arguments lead to there. */
static int malformed(const hostile_state *state, lev_method_id id, lev_writer *w,
                     uint16_t *channel) {
    lev_method m;
    hostile_fields(&m, id);
    lev_method_encode(w, id, &m.as);
    *channel = lev_method_describe(id)->class_id == LEV_CLASS_CONNECTION ? 0 : 1;
    return *channel == 1 && hostile_in_content(state) ? 505 : 501;
}

static int say_cut(const hostile_state *state, unsigned turn, lev_writer *w) {
    uint8_t bytes[256];
    uint16_t channel;
    lev_writer payload = lev_writer_init(bytes, sizeof bytes);
    int verdict = malformed(state, (lev_method_id)(1 + turn / CUTS), &payload, &channel);
    size_t len = turn % CUTS;
    if (len >= payload.len) {
        return HOSTILE_NO_SCRIPT;
    }
    lev_frame_encode(w, &(lev_frame){LEV_FRAME_METHOD, channel, {bytes, len}});
    return len < 4 ? 501 : verdict;
}

static int say_too_long(const hostile_state *state, unsigned turn, lev_writer *w) {
    uint8_t bytes[256];
    uint16_t channel;
    lev_writer payload = lev_writer_init(bytes, sizeof bytes);
    int verdict = malformed(state, (lev_method_id)(1 + turn), &payload, &channel);
    lev_writer_u8(&payload, 0);
    lev_frame_encode(w, &(lev_frame){LEV_FRAME_METHOD, channel, lev_writer_span(&payload)});
    return verdict;
}

/* Returns where the n-th field of an empty method lies; its width in octets goes to `*width`, 0
 * where it has no length. */
static size_t find_length(const lev_method_desc *desc, size_t n, size_t *width) {
    static const size_t widths[] = {0, 1, 2, 4, 8, 8, 1, 4, 4};
    size_t place = 4;
    bool bits = false;
    for (size_t i = 0; i < n; i++) {
        enum lev_wire_type type = desc->fields[i].wire;
        place += type == LEV_WIRE_BIT && !bits ? 1 : widths[type];
        bits = type == LEV_WIRE_BIT;
    }
    *width = desc->fields[n].wire >= LEV_WIRE_SHORTSTR ? widths[desc->fields[n].wire] : 0;
    return place;
}

static int say_lie(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint32_t lies[] = {0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    lev_method_id id = (lev_method_id)(1 + turn / (4 * FIELDS));
    const lev_method_desc *desc = lev_method_describe(id);
    size_t n = turn / 4 % FIELDS;
    size_t width = 0;
    size_t place = n < desc->field_count ? find_length(desc, n, &width) : 0;
    if (width == 0 || (width == 1 && turn % 4 > 0)) {
        return HOSTILE_NO_SCRIPT;
    }
    lev_method empty = {.id = id};
    size_t frame = lev_frame_begin(w, LEV_FRAME_METHOD, desc->class_id == 10 ? 0 : 1);
    size_t payload = w->len;
    lev_method_encode(w, id, &empty.as);
    lev_writer lie = lev_writer_init(w->ptr + payload + place, width);
    if (width == 1) {
        lev_writer_u8(&lie, 0xFF);
    } else {
        lev_writer_u32(&lie, lies[turn % 4]);
    }
    lev_frame_end(w, frame);
    return desc->class_id != 10 && hostile_in_content(state) ? 505 : 501;
}

static const uint16_t unknown[][2] = {
    {0, 0},   {10, 0},  {10, 42}, {10, 999}, {10, 72},  {20, 42},   {30, 10},      {30, 11},
    {40, 41}, {50, 60}, {60, 0},  {60, 22},  {60, 102}, {60, 200},  {60, 999},     {70, 10},
    {80, 10}, {85, 12}, {90, 32}, {110, 10}, {120, 40}, {32767, 1}, {65535, 65535}};

static int say_unknown(const hostile_state *state, unsigned turn, lev_writer *w) {
    uint16_t channel = (uint16_t)(turn % 2);
    size_t place = lev_frame_begin(w, LEV_FRAME_METHOD, channel);
    lev_writer_u16(w, unknown[turn / 2][0]);
    lev_writer_u16(w, unknown[turn / 2][1]);
    lev_writer_u64(w, UINT64_MAX);
    lev_frame_end(w, place);
    return channel == 1 && hostile_in_content(state) ? 505 : 540;
}

/* Anything but a method frame is no AMQP at all before connection.start. */
static int unless_stranger(const hostile_state *state, uint8_t type, int verdict) {
    return hostile_before_start(state) && type != LEV_FRAME_METHOD ? LEV_ERR_NOT_AMQP : verdict;
}

static int say_frame_type(const hostile_state *state, unsigned turn, lev_writer *w) {
    if (turn == 1 || turn == 2 || turn == 3 || turn == 8) {
        return HOSTILE_NO_SCRIPT;
    }
    lev_frame_encode(w, &(lev_frame){(uint8_t)turn, 1, {NULL, 0}});
    return unless_stranger(state, (uint8_t)turn, 501);
}

static const uint8_t types[] = {LEV_FRAME_METHOD, LEV_FRAME_HEADER, LEV_FRAME_BODY,
                                LEV_FRAME_HEARTBEAT};

static int say_frame_end(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint8_t zeros[14];
    static const uint8_t ends[] = {0, 0xCD, 0xCF, 0xFF};
    uint8_t type = types[turn % 4];
    bool beat = type == LEV_FRAME_HEARTBEAT;
    lev_frame_encode(w, &(lev_frame){type, !beat, {zeros, beat ? 0 : sizeof zeros}});
    w->ptr[w->len - 1] = ends[turn / 4];
    return unless_stranger(state, type, 501);
}

static const uint32_t sizes[] = {
    0,          1,          3,          4,          13,         14,         4088,       4096,
    8183,       8184,       8185,       8192,       131063,     131064,     131065,     131072,
    262135,     262136,     262137,     0x7FFFFFFF, 0x80000000, 0xFFFFFFF7, 0xFFFFFFF8, 0xFFFFFFF9,
    0xFFFFFFFA, 0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* The head of a frame that never comes. */
static int say_head(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint32_t least[] = {4, 14, 0, 0};
    static const uint32_t most[] = {262136, 262136, 131064, 0};
    unsigned i = turn / SIZES;
    uint32_t size = sizes[turn % SIZES];
    lev_writer_u8(w, types[i]);
    lev_writer_u16(w, types[i] != LEV_FRAME_HEARTBEAT);
    lev_writer_u32(w, size);
    bool fits = size >= least[i] && size <= most[i] && (hostile_tuned(state) || size <= 8184);
    return unless_stranger(state, types[i], fits ? HOSTILE_HEALTHY : 501);
}

static int say_heartbeat(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint16_t on[] = {0, 1, 10, 65535, 0, 1};
    lev_span payload = {(const uint8_t *)"x", turn >= 4};
    lev_frame_encode(w, &(lev_frame){LEV_FRAME_HEARTBEAT, on[turn], payload});
    return unless_stranger(state, LEV_FRAME_HEARTBEAT, turn == 0 ? HOSTILE_HEALTHY : 501);
}

static const char *const strangers[] = {"AMQP\0\0\x09\x01",
                                        "AMQP\x03\1\0\0",
                                        "AMQP\1\1\0\x0a",
                                        "AMQPxxxxxxxxxxxxxx",
                                        "HTTP/1.1 400 Bad Request\r\n\r\n",
                                        "\x15\x03\x01\0\2\2\x28xxxxxxxxx",
                                        "\x16\x03\x01\2\0xxxxxxxxxxxxxxxxx",
                                        "220 mail ESMTP\r\n",
                                        "SSH-2.0-OpenSSH_9.2\r\n"};

static int say_stranger(const hostile_state *state, unsigned turn, lev_writer *w) {
    lev_writer_bytes(w, (lev_span){(const uint8_t *)strangers[turn], turn < 3 ? 8 : 16});
    return unless_stranger(state, 'A', 501);
}

/* Content on channels where there is none. */
static int say_unopened(const hostile_state *state, unsigned turn, lev_writer *w) {
    static const uint8_t zeros[14];
    static const uint16_t on[] = {0, 10, 65535};
    uint8_t type = types[1 + turn % 2];
    lev_frame_encode(w, &(lev_frame){type, on[turn / 2], {zeros, sizeof zeros}});
    return unless_stranger(state, type, 504);
}

/* A frame of which only the first bytes ever come. */
static int say_half(const hostile_state *state, unsigned turn, lev_writer *w) {
    (void)state;
    hostile_say(w, 0, LEV_CONNECTION_START);
    if (turn >= w->len) {
        return HOSTILE_NO_SCRIPT;
    }
    w->len = turn;
    return HOSTILE_HEALTHY;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const hostile_act hostile_frames[] = {{"method", say_method, METHODS *COUNT(channels), 0, NULL},
                                      {"cut method", say_cut, METHODS *CUTS, 0, NULL},
                                      {"method too long", say_too_long, METHODS, 0, NULL},
                                      {"lying length", say_lie, METHODS *FIELDS * 4, 0, NULL},
                                      {"unknown method", say_unknown, 2 * COUNT(unknown), 0, NULL},
                                      {"frame type", say_frame_type, 256, 0, NULL},
                                      {"frame end", say_frame_end, 16, 0, NULL},
                                      {"frame head", say_head, COUNT(types) * SIZES, 0, NULL},
                                      {"heartbeat", say_heartbeat, 6, 0, NULL},
                                      {"stranger", say_stranger, COUNT(strangers), 0, NULL},
                                      {"unopened channel", say_unopened, 6, 0, NULL},
                                      {"half a frame", say_half, 64, 0, NULL},
                                      {NULL, NULL, 0, 0, NULL}};
