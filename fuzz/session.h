/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The input of the session target: a head of options, then records to the end. Every byte string is
 * a session, so that no mutation is lost; fuzz/README.md describes it for who reads an input. */

#ifndef LEVERET_FUZZ_SESSION_H
#define LEVERET_FUZZ_SESSION_H

enum { SESSION_HEAD = 8, SESSION_RECORD_HEAD = 4, SESSION_RECORDS = 200, SESSION_REPEATS = 6500 };

/* A record: an operation (modulo their count; the highest bit makes events wait), a channel, a
 * 16-bit length, and as many bytes. */
enum session_op {
    OP_PEER_METHOD, /* the peer sends a method frame with this payload */
    OP_PEER_HEADER, /* a content header frame */
    OP_PEER_BODY,   /* a body frame */
    OP_PEER_BYTES,  /* these bytes */
    OP_PEER_LARGE,  /* a body frame of 256 times the first byte, of the second */
    OP_CALL,        /* a method's payload: the API call for it */
    OP_STREAM,      /* a basic.consume's payload: lev_engine_consume_stream */
    OP_PUBLISH,     /* flags, exchange, key, properties, body; or flags and a piece of a body */
    OP_WRITE,       /* as many bytes leave; 0: all */
    OP_TIME,        /* as many milliseconds pass */
    OP_EVENTS,      /* as many events are taken; 0: all */
    OP_STEP,        /* as many bytes arrive at once; 0: all */
    OP_MEMORY,      /* how many allocations succeed before one fails, and whether all after it do */
    OP_LOST,        /* the transport ends */
    OP_REPEAT,      /* the record before, as often again, unless it is long */
    SESSION_OPS
};

enum { SESSION_LAZY = 0x80 };

/* The flags of a publish. With BEGIN its body is the size of one that follows in pieces, 16 bits;
 * with PIECE there are only flags and a piece. */
enum {
    PUBLISH_MANDATORY = 1,
    PUBLISH_LEND = 2,
    PUBLISH_LARGE = 4,
    PUBLISH_TABLE = 8,
    PUBLISH_BEGIN = 16,
    PUBLISH_PIECE = 32
};

#endif
