/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Link, IP and TCP heads (RFC 791, 8200, 9293) are read with the library's cursor: what is cut
 * short fails it. Fragments of IP are not put together. */

#include "segment.h"

#include <string.h>

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
    ETHER_VLAN = 0x8100,
    ETHER_QINQ = 0x88A8,
    IP_TCP = 6
};

/* Takes the link's head off. */
static void skip_link(lev_reader *r, uint32_t link) {
    uint16_t type;
    switch (link) {
    case LINK_ETHERNET:
        lev_reader_bytes(r, 12);
        do {
            type = lev_reader_u16(r);
            lev_reader_bytes(r, type == ETHER_VLAN || type == ETHER_QINQ ? 2 : 0);
        } while (type == ETHER_VLAN || type == ETHER_QINQ);
        break;
    case LINK_NULL:
    case LINK_LOOP:
        lev_reader_bytes(r, 4);
        break;
    case LINK_SLL:
        lev_reader_bytes(r, 16);
        break;
    case LINK_SLL2:
        lev_reader_bytes(r, 20);
        break;
    case 12: /* as LINK_RAW, on some systems */
    case 14:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
        break;
    default:
        lev_reader_fail(r, LEV_ERR_UNSUPPORTED);
        break;
    }
}

static void take_address(lev_reader *r, size_t size, endpoint *e) {
    lev_span bytes = lev_reader_bytes(r, size);
    memset(e, 0, sizeof *e);
    if (bytes.len > 0) {
        memcpy(e->address, bytes.ptr, bytes.len);
    }
}

/* Takes the head of IPv4; `*size` is what follows, as its length has it, 0 where it does not tell.
 */
static bool take_ipv4(lev_reader *r, segment *s, size_t *size) {
    size_t head = (size_t)(lev_reader_u8(r) & 15) * 4;
    lev_reader_u8(r);
    size_t total = lev_reader_u16(r);
    lev_reader_u16(r);
    bool fragment = (lev_reader_u16(r) & 0x3FFF) != 0;
    lev_reader_u8(r);
    bool tcp = lev_reader_u8(r) == IP_TCP;
    lev_reader_u16(r);
    take_address(r, 4, &s->from);
    take_address(r, 4, &s->to);
    lev_reader_bytes(r, head > 20 ? head - 20 : 0);
    *size = total > head ? total - head : 0; /* 0 where the card cut the segment */
    return tcp && !fragment;
}

static bool take_ipv6(lev_reader *r, segment *s, size_t *size) {
    lev_reader_u32(r);
    *size = lev_reader_u16(r);
    uint8_t next = lev_reader_u8(r);
    lev_reader_u8(r);
    take_address(r, 16, &s->from);
    take_address(r, 16, &s->to);
    while ((next == 0 || next == 43 || next == 60) && r->status == LEV_OK) {
        next = lev_reader_u8(r);
        size_t more = (size_t)lev_reader_u8(r) * 8 + 8;
        lev_reader_bytes(r, more - 2);
        *size = *size > more ? *size - more : 0;
    }
    return next == IP_TCP;
}

bool segment_find(const packet *p, segment *s) {
    lev_reader r = lev_reader_init(p->bytes);
    size_t size = 0;
    skip_link(&r, p->link);
    unsigned version = r.left > 0 ? r.ptr[0] >> 4 : 0;
    if (!(version == 4   ? take_ipv4(&r, s, &size)
          : version == 6 ? take_ipv6(&r, s, &size)
                         : false)) {
        return false;
    }
    size = size == 0 ? r.left : size;
    s->from.port = lev_reader_u16(&r);
    s->to.port = lev_reader_u16(&r);
    s->sequence = lev_reader_u32(&r);
    lev_reader_u32(&r);
    size_t head = (size_t)(lev_reader_u8(&r) >> 4) * 4;
    uint8_t flags = lev_reader_u8(&r);
    lev_reader_bytes(&r, head > 14 ? head - 14 : 6);
    s->fin = (flags & 1) != 0;
    s->syn = (flags & 2) != 0;
    s->ack = (flags & 16) != 0;
    s->size = size > head ? size - head : 0;
    s->data = (lev_span){r.ptr, r.left < s->size ? r.left : s->size};
    return r.status == LEV_OK && head >= 20;
}
