/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* pcap is a head of 24 bytes and then packets behind 16 bytes each; pcapng is blocks that tell
 * their type and length (draft-ietf-opsawg-pcap and -pcapng). Of blocks only those count that name
 * an interface or hold a packet. Times are not looked at. */

#include "pcap.h"

#include <string.h>

enum {
    PCAP_HEAD = 24,
    PCAP_RECORD = 16,
    BLOCK_MIN = 12,
    BLOCK_SECTION = 0x0A0D0D0A,
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE = 3,
    BLOCK_PACKET = 6,
    PCAP_MOST = 64 * 1024 * 1024 /* no packet or block is larger */
};

void pcap_deinit(pcap *p) {
    buffer_deinit(&p->bytes);
    *p = (pcap){.from = 0};
}

void pcap_put(pcap *p, lev_span piece) {
    buffer_drop(&p->bytes, p->from);
    p->from = 0;
    buffer_put(&p->bytes, piece);
    p->fault = p->bytes.failed ? "out of memory" : p->fault;
}

static uint32_t number(const pcap *p, const uint8_t *at) {
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        v = v << 8 | at[p->swapped ? 3 - i : i];
    }
    return v;
}

static lev_span rest_of(const pcap *p) {
    return (lev_span){p->bytes.ptr + p->from, p->bytes.len - p->from};
}

static bool pcap_fail(pcap *p, const char *fault) {
    p->fault = fault;
    return false;
}

/* Reads the magic number. Returns false where there is not enough, or none. */
static bool pcap_begin(pcap *p) {
    static const uint8_t swapped[2][4] = {{0xD4, 0xC3, 0xB2, 0xA1}, {0x4D, 0x3C, 0xB2, 0xA1}};
    static const uint8_t straight[2][4] = {{0xA1, 0xB2, 0xC3, 0xD4}, {0xA1, 0xB2, 0x3C, 0x4D}};
    lev_span rest = rest_of(p);
    if (rest.len < PCAP_HEAD) {
        return false;
    }
    if (number(p, rest.ptr) == BLOCK_SECTION) {
        p->blocks = true;
        p->begun = true;
        return true;
    }
    p->swapped = memcmp(rest.ptr, swapped[0], 4) == 0 || memcmp(rest.ptr, swapped[1], 4) == 0;
    if (!p->swapped && memcmp(rest.ptr, straight[0], 4) != 0 &&
        memcmp(rest.ptr, straight[1], 4) != 0) {
        return pcap_fail(p, "neither pcap nor pcapng");
    }
    p->links[0] = number(p, rest.ptr + 20) & 0xFFFF;
    p->from += PCAP_HEAD;
    p->begun = true;
    return true;
}

static bool pcap_record(pcap *p, packet *next) {
    lev_span rest = rest_of(p);
    if (rest.len < PCAP_RECORD) {
        return false;
    }
    uint32_t size = number(p, rest.ptr + 8);
    if (size > PCAP_MOST) {
        return pcap_fail(p, "a packet larger than any");
    }
    if (rest.len - PCAP_RECORD < size) {
        return false;
    }
    *next = (packet){p->links[0], {rest.ptr + PCAP_RECORD, size}};
    p->from += PCAP_RECORD + size;
    return true;
}

/* A section may be of another byte order than the one before. */
static bool pcap_section(pcap *p, const uint8_t *block) {
    static const uint8_t swapped[] = {0x4D, 0x3C, 0x2B, 0x1A};
    p->swapped = memcmp(block + 8, swapped, sizeof swapped) == 0;
    p->interfaces = 0;
    return number(p, block + 8) == 0x1A2B3C4D;
}

/* Finds the packet in a block of `size` bytes. Returns false where it has none. */
static bool block_packet(pcap *p, const uint8_t *block, uint32_t size, packet *next) {
    uint32_t type = number(p, block);
    uint32_t head = type == BLOCK_SIMPLE ? 12 : 28;
    uint32_t interface = 0;
    if (type == BLOCK_INTERFACE && p->interfaces < PCAP_INTERFACES) {
        uint32_t v = number(p, block + 8);
        p->links[p->interfaces++] = p->swapped ? v & 0xFFFF : v >> 16;
    }
    if ((type != BLOCK_PACKET && type != BLOCK_SIMPLE && type != BLOCK_OLD_PACKET) ||
        size < head + 4) {
        return false;
    }
    uint32_t length = number(p, block + (type == BLOCK_SIMPLE ? 8 : 20));
    if (type != BLOCK_SIMPLE) {
        interface = number(p, block + 8);
        interface = type == BLOCK_PACKET ? interface
                    : p->swapped         ? interface & 0xFFFF
                                         : interface >> 16;
    }
    if (interface >= p->interfaces) {
        return false;
    }
    uint32_t most = size - head - 4;
    *next = (packet){p->links[interface], {block + head, length < most ? length : most}};
    return true;
}

static bool pcap_block(pcap *p, packet *next) {
    for (;;) {
        lev_span rest = rest_of(p);
        if (rest.len < BLOCK_MIN) {
            return false;
        }
        if (number(p, rest.ptr) == BLOCK_SECTION && !pcap_section(p, rest.ptr)) {
            return pcap_fail(p, "a section of an unknown byte order");
        }
        uint32_t size = number(p, rest.ptr + 4);
        if (size < BLOCK_MIN || size > PCAP_MOST || size % 4 != 0) {
            return pcap_fail(p, "a block of an impossible size");
        }
        if (rest.len < size) {
            return false;
        }
        p->from += size;
        if (block_packet(p, rest.ptr, size, next)) {
            return true;
        }
    }
}

bool pcap_next(pcap *p, packet *next) {
    if (p->fault != NULL || (!p->begun && !pcap_begin(p))) {
        return false;
    }
    return p->blocks ? pcap_block(p, next) : pcap_record(p, next);
}
