/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* getaddrinfo has sorted the addresses by RFC 6724 and often puts all of one family first. If that
 * family is cut off, each of its addresses costs a delay, so the families are dealt out in turn:
 * the list's first family gets the even places as long as both last.
 *
 * The copy is one block and knows nothing of addrinfo, which belongs to the lookup that made it. No
 * flag AI_ADDRCONFIG is used anywhere: it hides ::1 from machines without an IPv6 network, and an
 * address that cannot be reached fails at once anyway. */

#include "address.h"

#include <netinet/in.h>
#include <string.h>

static bool address_fits(const struct addrinfo *ai, int family, bool same) {
    return (ai->ai_family == family) == same && ai->ai_addrlen <= sizeof(struct sockaddr_storage);
}

/* Copies the addresses of the first family, or those of the others, to each second place from `at`.
 */
static void address_deal(lev_addresses *a, const struct addrinfo *found, bool same, size_t at,
                         size_t pairs) {
    size_t n = 0;
    for (const struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
        if (!address_fits(ai, found->ai_family, same)) {
            continue;
        }
        size_t place = n < pairs ? 2 * n + at : n + pairs;
        memcpy(&a->list[place].at, ai->ai_addr, ai->ai_addrlen);
        a->list[place].len = ai->ai_addrlen;
        n++;
    }
}

bool lev_addresses_init(lev_addresses *a, const struct addrinfo *found,
                        const lev_allocator *memory) {
    size_t firsts = 0;
    size_t others = 0;
    for (const struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
        firsts += address_fits(ai, found->ai_family, true);
        others += address_fits(ai, found->ai_family, false);
    }
    *a = (lev_addresses){NULL, 0};
    if (firsts + others == 0) {
        return true;
    }
    a->list = lev_memory_zeroed(memory, (firsts + others) * sizeof *a->list);
    if (a->list == NULL) {
        return false;
    }
    a->count = firsts + others;
    size_t pairs = firsts < others ? firsts : others;
    address_deal(a, found, true, 0, pairs);
    address_deal(a, found, false, 1, pairs);
    return true;
}

void lev_addresses_deinit(lev_addresses *a) {
    lev_memory_free(a->list);
    *a = (lev_addresses){NULL, 0};
}

bool lev_address_is_local(const lev_address *a) {
    if (a->at.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a->at;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (a->at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->at;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127;
        return mapped || IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return a->at.ss_family == AF_UNIX;
}
