/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The socket addresses of a host, in the order in which they are to be tried. */

#ifndef LEVERET_NET_ADDRESS_H
#define LEVERET_NET_ADDRESS_H

#include <leveret/memory.h>
#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef struct lev_address {
    struct sockaddr_storage at;
    socklen_t len;
} lev_address;

typedef struct lev_addresses {
    lev_address *list;
    size_t count;
} lev_addresses;

/* Copies what getaddrinfo found. Families alternate, the first one's first; within a family the
 * order stays (RFC 8305, section 4). Returns false without memory. */
bool lev_addresses_init(lev_addresses *a, const struct addrinfo *found,
                        const lev_allocator *memory);
void lev_addresses_deinit(lev_addresses *a);

/* Returns whether the address belongs to this machine alone: 127.0.0.0/8, also mapped into IPv6,
 * ::1, or a unix socket. */
bool lev_address_is_local(const lev_address *a);

#endif
