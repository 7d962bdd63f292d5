/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The model broker; see model.h. Keys of publishes choose their fate: "r..." is unroutable
 * (returned where mandatory), "n..." is refused with a nack, anything else is taken. */

#include "model.h"

#include <stdlib.h>
#include <string.h>

static const lev_frame_limits model_limits = {131072, 262144};

uint64_t model_random(model *m, uint64_t n) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random % n;
}

void model_init(model *m, uint64_t seed) {
    memset(m, 0, sizeof *m);
    m->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    m->in = malloc(MODEL_WIRE);
    m->out = lev_writer_init(malloc(MODEL_WIRE), MODEL_WIRE);
}

void model_deinit(model *m) {
    free(m->in);
    free(m->out.ptr);
}

static void say(model *m, uint16_t channel, lev_method_id id, const void *fields) {
    size_t place = lev_frame_begin(&m->out, LEV_FRAME_METHOD, channel);
    lev_method_encode(&m->out, id, fields);
    lev_frame_end(&m->out, place);
}

static void say_content(model *m, uint16_t channel, const lev_header *header, lev_span body) {
    size_t place = lev_frame_begin(&m->out, LEV_FRAME_HEADER, channel);
    lev_header_encode(&m->out, header);
    lev_frame_end(&m->out, place);
    while (body.len > 0) {
        size_t most = 1 + (size_t)model_random(m, body.len);
        lev_frame_encode(&m->out, &(lev_frame){LEV_FRAME_BODY, channel, {body.ptr, most}});
        body.ptr += most;
        body.len -= most;
    }
}

static void complain(model *m, const char *what) {
    if (m->complaint == NULL) {
        m->complaint = what;
    }
}

static void say_outcome(model *m, uint16_t number, uint64_t tag, bool multiple) {
    model_channel *ch = &m->channels[number];
    lev_basic_ack ack = {.delivery_tag = tag, .multiple = multiple};
    lev_basic_nack nack = {.delivery_tag = tag, .requeue = true};
    if (!multiple && ch->fates[tag].outcome == LEV_NACKED) {
        say(m, number, LEV_BASIC_NACK, &nack);
    } else {
        say(m, number, LEV_BASIC_ACK, &ack);
    }
}

/* Settles one publish out of order, or all up to one that no nack stands before. */
static void settle_some(model *m, uint16_t number) {
    model_channel *ch = &m->channels[number];
    if (!ch->open || ch->closing || ch->settled == ch->received) {
        return;
    }
    uint64_t tag = ch->settled + 1 + model_random(m, ch->received - ch->settled);
    bool multiple = model_random(m, 2) == 0;
    for (uint64_t i = ch->settled + 1; multiple && i <= tag; i++) {
        multiple = ch->fates[i].outcome != LEV_NACKED || ch->fates[i].told;
    }
    if (multiple || !ch->fates[tag].told) {
        say_outcome(m, number, tag, multiple);
    }
    for (uint64_t i = multiple ? ch->settled + 1 : tag; i <= tag; i++) {
        ch->fates[i].told = true;
    }
    while (ch->settled < ch->received && ch->fates[ch->settled + 1].told) {
        ch->settled++;
    }
}

static void published(model *m, uint16_t number) {
    model_channel *ch = &m->channels[number];
    bool returned = ch->key[0] == 'r' && ch->publish.mandatory;
    ch->in_content = false;
    if (ch->closing) {
        return;
    }
    lev_span key = lev_span_of(ch->key);
    if (returned) {
        lev_basic_return ret = {.reply_code = LEV_NO_ROUTE, .routing_key = key};
        say(m, number, LEV_BASIC_RETURN, &ret);
        say_content(m, number, &ch->header, (lev_span){ch->body, ch->body_len});
    }
    if (ch->confirm) {
        ch->received++;
        lev_outcome taken = ch->key[0] == 'n' ? LEV_NACKED : LEV_CONFIRMED;
        ch->fates[ch->received] = (fate){.outcome = returned ? LEV_RETURNED : taken};
    }
}

static void read_content(model *m, const lev_frame *f) {
    model_channel *ch = &m->channels[f->channel];
    if (f->channel > MODEL_CHANNELS || !ch->in_content ||
        (f->type == LEV_FRAME_HEADER) == ch->headed) {
        complain(m, "content out of place");
        return;
    }
    if (f->type == LEV_FRAME_HEADER) {
        ch->headed = true;
        ch->body_len = 0;
        if (lev_header_decode(f->payload, &ch->header) != LEV_OK) {
            complain(m, "malformed header");
        }
        ch->header.properties = (lev_properties){0};
    } else if (ch->body_len + f->payload.len > ch->header.body_size || f->payload.len == 0) {
        complain(m, "more body than announced, or an empty body frame");
        return;
    } else {
        memcpy(ch->body + ch->body_len, f->payload.ptr, f->payload.len);
        ch->body_len += f->payload.len;
    }
    if (ch->body_len == ch->header.body_size) {
        published(m, f->channel);
    }
}

static void read_channel(model *m, uint16_t number, const lev_method *method) {
    model_channel *ch = &m->channels[number];
    lev_channel_open_ok open_ok = {0};
    lev_channel_close_ok close_ok = {0};
    lev_confirm_select_ok select_ok = {0};
    if (method->id == LEV_CHANNEL_OPEN) {
        if (ch->open || ch->closing) {
            complain(m, "channel.open on an open channel");
        }
        *ch = (model_channel){.openings = ch->openings + 1, .open = true};
        say(m, number, LEV_CHANNEL_OPEN_OK, &open_ok);
    } else if (method->id == LEV_CHANNEL_CLOSE_OK) {
        ch->closing = false;
        ch->open = false;
    } else if (!ch->open) {
        complain(m, "a method on a channel that is not open");
    } else if (method->id == LEV_CHANNEL_CLOSE) {
        say(m, number, LEV_CHANNEL_CLOSE_OK, &close_ok);
        ch->open = ch->closing;
    } else if (method->id == LEV_BASIC_PUBLISH) {
        ch->in_content = true;
        ch->headed = false;
        ch->publish = method->as.basic_publish;
        memset(ch->key, 0, sizeof ch->key);
        memcpy(ch->key, ch->publish.routing_key.ptr, ch->publish.routing_key.len);
    } else if (ch->closing) {
        return;
    } else if (method->id == LEV_CONFIRM_SELECT) {
        ch->confirm = true;
        say(m, number, LEV_CONFIRM_SELECT_OK, &select_ok);
    } else if (method->id == LEV_BASIC_CONSUME) {
        lev_span tag = method->as.basic_consume.consumer_tag;
        lev_basic_consume_ok ok = {.consumer_tag = tag};
        memcpy(ch->tag, tag.ptr, tag.len);
        ch->consuming = true;
        say(m, number, LEV_BASIC_CONSUME_OK, &ok);
    } else if (method->id == LEV_BASIC_ACK) {
        uint64_t tag = method->as.basic_ack.delivery_tag;
        if (tag <= ch->acked || tag > ch->deliveries || !method->as.basic_ack.multiple) {
            complain(m, "an ack of a delivery that is none of this channel's");
        }
        ch->acked = tag;
    } else {
        complain(m, "an unexpected method");
    }
}

static void read_connection(model *m, const lev_method *method) {
    lev_connection_tune tune = {
        .channel_max = MODEL_CHANNELS, .frame_max = 131072, .heartbeat = 10};
    lev_connection_open_ok open_ok = {0};
    lev_connection_close_ok close_ok = {0};
    if (method->id == LEV_CONNECTION_START_OK) {
        say(m, 0, LEV_CONNECTION_TUNE, &tune);
    } else if (method->id == LEV_CONNECTION_OPEN) {
        m->opened = true;
        say(m, 0, LEV_CONNECTION_OPEN_OK, &open_ok);
    } else if (method->id == LEV_CONNECTION_CLOSE) {
        m->closed = true;
        if (method->as.connection_close.reply_code != LEV_REPLY_SUCCESS) {
            complain(m, "the engine accuses a broker that kept the rules");
        }
        say(m, 0, LEV_CONNECTION_CLOSE_OK, &close_ok);
    } else if (method->id != LEV_CONNECTION_TUNE_OK) {
        complain(m, "an unexpected connection method");
    }
}

static void read_frame(model *m, const lev_frame *f) {
    lev_method method;
    if (f->type == LEV_FRAME_HEARTBEAT) {
        return;
    }
    if (f->type != LEV_FRAME_METHOD) {
        read_content(m, f);
        return;
    }
    if (lev_method_decode(f->payload, &method) != LEV_OK || f->channel > MODEL_CHANNELS) {
        complain(m, "a method that cannot be decoded, or a channel above the maximum");
    } else if (f->channel > 0 && m->channels[f->channel].in_content) {
        complain(m, "a method in the middle of content");
    } else if (f->channel == 0) {
        read_connection(m, &method);
    } else {
        read_channel(m, f->channel, &method);
    }
}

void model_receive(model *m, lev_span bytes) {
    memcpy(m->in + m->in_len, bytes.ptr, bytes.len);
    m->in_len += bytes.len;
    lev_reader r = lev_reader_init((lev_span){m->in, m->in_len});
    if (!m->greeted && r.left >= LEV_PROTOCOL_HEADER_SIZE) {
        lev_connection_start start = {.version_minor = 9, .mechanisms = lev_span_of("PLAIN")};
        (void)lev_reader_bytes(&r, LEV_PROTOCOL_HEADER_SIZE);
        m->greeted = true;
        say(m, 0, LEV_CONNECTION_START, &start);
    }
    lev_frame frame;
    size_t need;
    lev_status status = LEV_NEED_MORE;
    while (m->greeted && (status = lev_frame_decode(&r, &model_limits, &frame, &need)) == LEV_OK) {
        read_frame(m, &frame);
    }
    if (status < 0) {
        complain(m, "a malformed frame");
    }
    memmove(m->in, m->in + m->in_len - r.left, r.left);
    m->in_len = r.left;
}

static void deliver(model *m, uint16_t number) {
    static uint8_t body[40000];
    model_channel *ch = &m->channels[number];
    if (!ch->open || ch->closing || !ch->consuming || m->closed) {
        return;
    }
    size_t len = (size_t)model_random(m, model_random(m, 10) == 0 ? sizeof body : 50);
    ch->deliveries++;
    memset(body, (int)(ch->deliveries & 0xff), len);
    lev_basic_deliver d = {.consumer_tag = lev_span_of(ch->tag), .delivery_tag = ch->deliveries};
    lev_header header = {.class_id = LEV_CLASS_BASIC, .body_size = len};
    say(m, number, LEV_BASIC_DELIVER, &d);
    say_content(m, number, &header, (lev_span){body, len});
}

static void close_channel(model *m, uint16_t number) {
    model_channel *ch = &m->channels[number];
    lev_channel_close close = {.reply_code = LEV_NOT_FOUND, .reply_text = lev_span_of("NOT_FOUND")};
    if (ch->open && !ch->closing) {
        ch->closing = true;
        say(m, number, LEV_CHANNEL_CLOSE, &close);
    }
}

void model_act(model *m) {
    uint16_t number = (uint16_t)(1 + model_random(m, MODEL_CHANNELS));
    if (!m->opened || m->closed || m->out.len > MODEL_WIRE / 2) {
        return;
    }
    uint64_t dice = model_random(m, 100);
    if (dice < 50) {
        settle_some(m, number);
    } else if (dice < 90) {
        deliver(m, number);
    } else if (dice < 98) {
        lev_frame_encode(&m->out, &(lev_frame){.type = LEV_FRAME_HEARTBEAT});
    } else if (model_random(m, 4) == 0) {
        close_channel(m, number);
    }
}

void model_settle_all(model *m) {
    for (uint16_t i = 1; i <= MODEL_CHANNELS; i++) {
        while (m->channels[i].open && !m->channels[i].closing &&
               m->channels[i].settled < m->channels[i].received) {
            settle_some(m, i);
        }
    }
}

lev_span model_take(model *m, size_t max) {
    size_t left = m->out.len - m->out_read;
    lev_span bytes = {m->out.ptr + m->out_read, left < max ? left : max};
    m->out_read += bytes.len;
    if (m->out_read == m->out.len && bytes.len == 0) {
        m->out_read = m->out.len = 0;
    }
    return bytes;
}
