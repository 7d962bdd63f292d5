/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Building field tables into a writer. Nothing is truncated: a value that does not fit its letter,
 * or a key over 255 bytes, fails the writer, and a nested table's length is written when it is
 * closed.
 *
 * lev_value_encode is the only place that writes a letter's value; the rest is put together from
 * it. A tree to be filled and encoded afterwards was rejected: it allocates, and the caller's
 * writer is already the buffer that the table will be sent from. What is nested is not checked here
 * but once, as a whole, when the table goes into a method or a header. */

#include <leveret/table.h>

#include <string.h>

static void build_signed(lev_writer *w, int64_t v, unsigned width) {
    int64_t most = width == 64 ? INT64_MAX : (INT64_C(1) << (width - 1)) - 1;
    if (v > most || v < -most - 1) {
        lev_writer_fail(w, LEV_ERR_LIMIT);
    }
    for (unsigned shift = width; shift > 0; shift -= 8) {
        lev_writer_u8(w, (uint8_t)((uint64_t)v >> (shift - 8)));
    }
}

static void build_unsigned(lev_writer *w, uint64_t v, unsigned width) {
    if (width < 64 && v >> width != 0) {
        lev_writer_fail(w, LEV_ERR_LIMIT);
    }
    for (unsigned shift = width; shift > 0; shift -= 8) {
        lev_writer_u8(w, (uint8_t)(v >> (shift - 8)));
    }
}

/* flat switch: one case a letter */
void lev_value_encode(lev_writer *w, const lev_value *value) {
    switch (value->type) {
    case 't':
        lev_writer_u8(w, value->as.boolean ? 1 : 0);
        break;
    case 'b':
        build_signed(w, value->as.i, 8);
        break;
    case 's':
    case 'U':
        build_signed(w, value->as.i, 16);
        break;
    case 'I':
        build_signed(w, value->as.i, 32);
        break;
    case 'l':
    case 'L':
        build_signed(w, value->as.i, 64);
        break;
    case 'B':
        build_unsigned(w, value->as.u, 8);
        break;
    case 'u':
        build_unsigned(w, value->as.u, 16);
        break;
    case 'i':
    case 'f':
        build_unsigned(w, value->as.u, 32);
        break;
    case 'd':
    case 'T':
        build_unsigned(w, value->as.u, 64);
        break;
    case 'D':
        lev_writer_u8(w, value->as.decimal.scale);
        lev_writer_u32(w, value->as.decimal.value);
        break;
    case 'S':
    case 'x':
    case 'A':
    case 'F':
        lev_writer_longstr(w, value->as.bytes);
        break;
    case 'V':
        break;
    default:
        lev_writer_fail(w, LEV_ERR_LIMIT);
        break;
    }
}

void lev_array_put(lev_writer *w, const lev_value *value) {
    lev_writer_u8(w, (uint8_t)value->type);
    lev_value_encode(w, value);
}

void lev_table_put_span(lev_writer *w, lev_span key, const lev_value *value) {
    lev_writer_shortstr(w, key);
    lev_array_put(w, value);
}

void lev_table_put(lev_writer *w, const char *key, const lev_value *value) {
    lev_table_put_span(w, lev_span_of(key), value);
}

void lev_table_put_bool(lev_writer *w, const char *key, bool v) {
    lev_table_put(w, key, &(lev_value){.type = 't', .as.boolean = v});
}

void lev_table_put_int(lev_writer *w, const char *key, int64_t v) {
    lev_table_put(w, key, &(lev_value){.type = 'l', .as.i = v});
}

void lev_table_put_double(lev_writer *w, const char *key, double v) {
    lev_value value = {.type = 'd'};
    memcpy(&value.as.u, &v, sizeof v);
    lev_table_put(w, key, &value);
}

void lev_table_put_string(lev_writer *w, const char *key, const char *v) {
    lev_table_put(w, key, &(lev_value){.type = 'S', .as.bytes = lev_span_of(v)});
}

void lev_table_put_bytes(lev_writer *w, const char *key, lev_span v) {
    lev_table_put(w, key, &(lev_value){.type = 'x', .as.bytes = v});
}

void lev_table_put_time(lev_writer *w, const char *key, uint64_t seconds) {
    lev_table_put(w, key, &(lev_value){.type = 'T', .as.u = seconds});
}

void lev_table_put_void(lev_writer *w, const char *key) {
    lev_table_put(w, key, &(lev_value){.type = 'V'});
}

static size_t build_begin(lev_writer *w, const char *key, char type) {
    if (key != NULL) {
        lev_writer_shortstr(w, lev_span_of(key));
    }
    lev_writer_u8(w, (uint8_t)type);
    return lev_writer_begin_u32(w);
}

size_t lev_table_begin(lev_writer *w, const char *key) { return build_begin(w, key, 'F'); }

size_t lev_array_begin(lev_writer *w, const char *key) { return build_begin(w, key, 'A'); }

void lev_table_end(lev_writer *w, size_t place) { lev_writer_end_u32(w, place); }
