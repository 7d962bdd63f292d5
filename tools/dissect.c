/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* At each place begins a protocol header, a frame, or nothing that is known. In the last case bytes
 * are skipped up to the next place where a whole frame stands, with its end octet and known ids,
 * and shown as one malformed item; at most SKIP_MOST of them at once, so that no memory collects
 * however long the nonsense is. A frame whose envelope is whole but whose payload is not is
 * malformed by itself, and the next one is where it says.
 *
 * Each byte is looked at a bounded number of times: a place that was refused is not asked again,
 * and a candidate that waits for its end is at most RESYNC_MAX long. */

#include "dissect.h"

#include "layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SKIP_MOST = 64 * 1024, RESYNC_MAX = 1024 * 1024 };

static const lev_frame_limits whole_limits = {DISSECT_FRAME_MAX + LEV_FRAME_OVERHEAD,
                                              DISSECT_FRAME_MAX + LEV_FRAME_OVERHEAD};
static const lev_frame_limits resync_limits = {RESYNC_MAX, RESYNC_MAX};

void dissector_deinit(dissector *d) {
    buffer_deinit(&d->bytes);
    *d = (dissector){0};
}

bool dissector_put(dissector *d, lev_span bytes) {
    buffer_drop(&d->bytes, d->from);
    d->from = 0;
    buffer_put(&d->bytes, bytes);
    return !d->bytes.failed;
}

void dissector_end(dissector *d) { d->ended = true; }

static lev_span dissect_rest(const dissector *d) {
    return (lev_span){d->bytes.ptr + d->from, d->bytes.len - d->from};
}

/* Takes the next `size` bytes as an item. */
static bool dissect_take(dissector *d, item *i, enum item_kind kind, size_t size) {
    i->kind = kind;
    i->offset = d->offset;
    i->bytes = (lev_span){d->bytes.ptr + d->from, size};
    d->from += size;
    d->offset += size;
    return true;
}

static bool dissect_malformed(dissector *d, item *i, size_t size) {
    memcpy(i->reason, d->reason, sizeof i->reason);
    i->frame = (lev_frame){0};
    return dissect_take(d, i, ITEM_MALFORMED, size);
}

/* From here on bytes are skipped, for a reason. */
static void dissect_refuse(dissector *d, const char *reason) {
    snprintf(d->reason, sizeof d->reason, "%s", reason);
    d->skipping = true;
    d->skip = 0;
}

static void dissect_refuse_cut(dissector *d, size_t have, size_t need) {
    char text[DISSECT_REASON];
    snprintf(text, sizeof text, "the stream ends after %zu of %zu bytes", have, need);
    dissect_refuse(d, text);
}

static void dissect_refuse_frame(dissector *d, lev_span rest) {
    lev_reader r = lev_reader_init(rest);
    char text[DISSECT_REASON];
    uint8_t type = lev_reader_u8(&r);
    lev_reader_u16(&r);
    uint32_t size = lev_reader_u32(&r);
    snprintf(text, sizeof text, "%s", lev_frame_fault(rest, &whole_limits));
    if (size > DISSECT_FRAME_MAX) {
        snprintf(text, sizeof text, "a frame of %" PRIu32 " bytes; above %d none is believed", size,
                 (int)DISSECT_FRAME_MAX);
    }
    if (type != LEV_FRAME_METHOD && type != LEV_FRAME_HEADER && type != LEV_FRAME_BODY &&
        type != LEV_FRAME_HEARTBEAT) {
        snprintf(text, sizeof text, "an unknown frame type, %u", type);
    }
    dissect_refuse(d, text);
}

static bool starts_amqp(lev_span rest) {
    size_t n = rest.len < 4 ? rest.len : 4;
    return n > 0 && memcmp(rest.ptr, "AMQP", n) == 0;
}

void item_decode(item *i) {
    lev_status status = LEV_OK;
    i->reason[0] = '\0';
    switch (i->frame.type) {
    case LEV_FRAME_METHOD:
        i->kind = ITEM_METHOD;
        status = lev_method_decode(i->frame.payload, &i->method);
        break;
    case LEV_FRAME_HEADER:
        i->kind = ITEM_HEADER;
        i->header = (lev_header){0};
        status = lev_header_decode(i->frame.payload, &i->header);
        if (status == LEV_OK && i->header.class_id != LEV_CLASS_BASIC) {
            status = LEV_ERR_UNSUPPORTED;
        }
        break;
    case LEV_FRAME_BODY:
        i->kind = ITEM_BODY;
        break;
    default:
        i->kind = ITEM_HEARTBEAT;
        break;
    }
    if (status != LEV_OK) {
        layout_fault(i, status);
        i->kind = ITEM_MALFORMED;
    }
}

/* Takes what stands at this place. Returns false where nothing known does (then bytes are skipped),
 * or more is needed. */
static bool dissect_here(dissector *d, item *i) {
    lev_span rest = dissect_rest(d);
    size_t need = LEV_PROTOCOL_HEADER_SIZE;
    if (rest.len == 0) {
        return false;
    }
    if (starts_amqp(rest)) {
        if (rest.len >= need) {
            return dissect_take(d, i, ITEM_PROTOCOL_HEADER, need);
        }
    } else {
        lev_reader r = lev_reader_init(rest);
        lev_status status = lev_frame_decode(&r, &whole_limits, &i->frame, &need);
        if (status == LEV_OK) {
            dissect_take(d, i, ITEM_BODY, i->frame.payload.len + LEV_FRAME_OVERHEAD);
            item_decode(i);
            return true;
        }
        if (status != LEV_NEED_MORE) {
            dissect_refuse_frame(d, rest);
            d->skip = 1;
            return false;
        }
    }
    if (d->ended) {
        dissect_refuse_cut(d, rest.len, need);
        d->skip = 1;
    }
    return false;
}

enum answer { NO, YES, UNKNOWN };

/* Does a frame, or a protocol header, begin here? */
static enum answer dissect_begins(lev_span rest) {
    lev_reader r = lev_reader_init(rest);
    lev_frame frame;
    size_t need;
    if (starts_amqp(rest)) {
        return rest.len < LEV_PROTOCOL_HEADER_SIZE ? UNKNOWN : YES;
    }
    lev_status status = lev_frame_decode(&r, &resync_limits, &frame, &need);
    if (status != LEV_OK) {
        return status == LEV_NEED_MORE ? UNKNOWN : NO;
    }
    lev_reader ids = lev_reader_init(frame.payload);
    uint16_t class_id = lev_reader_u16(&ids);
    uint16_t method_id = lev_reader_u16(&ids);
    if (frame.type == LEV_FRAME_METHOD) {
        return lev_method_lookup(class_id, method_id) != LEV_NO_METHOD ? YES : NO;
    }
    return frame.type != LEV_FRAME_HEADER || class_id == LEV_CLASS_BASIC ? YES : NO;
}

static bool dissect_skip(dissector *d, item *i) {
    lev_span rest = dissect_rest(d);
    enum answer begins = NO;
    while (d->skip < rest.len && d->skip < SKIP_MOST) {
        begins = dissect_begins((lev_span){rest.ptr + d->skip, rest.len - d->skip});
        if (begins == YES || (begins == UNKNOWN && !d->ended)) {
            break;
        }
        d->skip++;
    }
    size_t size = d->skip;
    d->skipping = begins != YES;
    if (size == 0 || (d->skipping && size < SKIP_MOST && !d->ended)) {
        return false;
    }
    dissect_malformed(d, i, size);
    dissect_refuse(d, "no frame begins here");
    d->skipping = begins != YES;
    return true;
}

bool dissector_next(dissector *d, item *i) {
    if (d->skipping && dissect_skip(d, i)) {
        return true;
    }
    if (!d->skipping && dissect_here(d, i)) {
        return true;
    }
    return d->skip > 0 && dissect_skip(d, i);
}

void dissector_gap(dissector *d, uint64_t missing, item *i) {
    snprintf(d->reason, sizeof d->reason, "%" PRIu64 " bytes are missing here", missing);
    dissect_malformed(d, i, 0);
    dissect_refuse(d, "no frame begins here");
    d->offset += missing;
    d->ended = false;
}
