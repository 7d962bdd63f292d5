/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Reading field tables: a lazy walk over bytes that stay where they are. lev_value_decode is the
 * only place that knows how each letter lies on the wire.
 *
 * A check walks every level with the walk itself, so what a caller can read is exactly what was
 * checked. It recurses once for each level, at most LEV_TABLE_DEPTH_MAX times with a small frame.
 * Building a tree was rejected: two bytes of a void entry would cost an allocation each. */

#include "wire.h"

#include <leveret/table.h>

lev_table_iter lev_table_walk(lev_span content) {
    return (lev_table_iter){.in = lev_reader_init(content)};
}

static int64_t table_sign(uint64_t bits, unsigned width) {
    uint64_t sign = UINT64_C(1) << (width - 1);
    uint64_t low = bits & (sign - 1);
    return (bits & sign) == 0 ? (int64_t)low : (int64_t)low - (int64_t)(sign - 1) - 1;
}

/* flat switch: one case a letter */
bool lev_value_decode(lev_reader *r, char type, lev_value *value) {
    *value = (lev_value){.type = type};
    switch (type) {
    case 't':
        value->as.boolean = wire_read_u8(r) != 0;
        break;
    case 'b':
        value->as.i = table_sign(wire_read_u8(r), 8);
        break;
    case 's':
    case 'U':
        value->as.i = table_sign(wire_read_u16(r), 16);
        break;
    case 'I':
        value->as.i = table_sign(wire_read_u32(r), 32);
        break;
    case 'l':
    case 'L':
        value->as.i = table_sign(wire_read_u64(r), 64);
        break;
    case 'B':
        value->as.u = wire_read_u8(r);
        break;
    case 'u':
        value->as.u = wire_read_u16(r);
        break;
    case 'i':
    case 'f':
        value->as.u = wire_read_u32(r);
        break;
    case 'd':
    case 'T':
        value->as.u = wire_read_u64(r);
        break;
    case 'D':
        value->as.decimal.scale = wire_read_u8(r);
        value->as.decimal.value = wire_read_u32(r);
        break;
    case 'S':
    case 'x':
    case 'A':
    case 'F':
        value->as.bytes = wire_read_longstr(r);
        break;
    case 'V':
        break;
    default:
        wire_fail_read(r, LEV_ERR_SYNTAX);
        break;
    }
    return r->status == LEV_OK;
}

bool lev_array_next(lev_table_iter *it, lev_value *value) {
    if (it->in.left == 0) {
        return false;
    }
    char type = (char)wire_read_u8(&it->in);
    return lev_value_decode(&it->in, type, value);
}

bool lev_table_next(lev_table_iter *it, lev_span *key, lev_value *value) {
    if (it->in.left == 0) {
        return false;
    }
    *key = wire_read_shortstr(&it->in);
    char type = (char)wire_read_u8(&it->in);
    return lev_value_decode(&it->in, type, value);
}

bool lev_table_find(lev_span table, const char *key, lev_value *value) {
    lev_span wanted = lev_span_of(key);
    lev_table_iter it = lev_table_walk(table);
    lev_span found;
    while (lev_table_next(&it, &found, value)) {
        if (lev_span_equal(found, wanted)) {
            return true;
        }
    }
    return false;
}

static bool table_finite(const lev_value *v) {
    if (v->type == 'f') {
        return (v->as.u & 0x7F800000) != 0x7F800000;
    }
    return v->type != 'd' ||
           (v->as.u & UINT64_C(0x7FF0000000000000)) != UINT64_C(0x7FF0000000000000);
}

static lev_status table_check(lev_span content, char type, unsigned depth, bool finite) {
    if (depth > LEV_TABLE_DEPTH_MAX) {
        return LEV_ERR_LIMIT;
    }
    lev_table_iter it = lev_table_walk(content);
    lev_span key;
    lev_value v;
    while (type == 'A' ? lev_array_next(&it, &v) : lev_table_next(&it, &key, &v)) {
        lev_status status = LEV_OK;
        if (v.type == 'A' || v.type == 'F') {
            status = table_check(v.as.bytes, v.type, depth + 1, finite);
        } else if (finite && !table_finite(&v)) {
            status = LEV_ERR_LIMIT;
        }
        if (status != LEV_OK) {
            return status;
        }
    }
    return it.in.status;
}

lev_status lev_table_check(lev_span table) { return table_check(table, 'F', 1, false); }

lev_status lev_table_check_finite(lev_span table) { return table_check(table, 'F', 1, true); }

bool lev_table_equal(lev_span a, lev_span b) { return lev_span_equal(a, b); }
