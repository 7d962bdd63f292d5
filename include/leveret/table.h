/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Field tables and arrays (AMQP 0-9-1, 4.2.5.5; type letters as RabbitMQ uses them).
 *
 * A table is a span over its entries, without the 32-bit length in front; an array likewise. To
 * read one, walk it; nothing is copied or allocated. To build one, write into a lev_writer; the
 * span of what was written is the table. */

#ifndef LEVERET_TABLE_H
#define LEVERET_TABLE_H

#include <leveret/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The outermost table is depth 1; one that nests deeper is malformed. */
enum { LEV_TABLE_DEPTH_MAX = 32 };

/* One value. `type` is its letter and says which member holds it:
 *     't' boolean                           -> boolean
 *     'b' 's' 'I' 'l' 'L' signed integers, 'U' int16 -> i
 *     'B' 'u' 'i' unsigned integers, 'T' seconds since 1970 -> u
 *     'f' 'd' IEEE 754 single and double    -> u, the bits as they stand on the wire
 *     'D' decimal                           -> decimal
 *     'S' string, 'x' byte array            -> bytes
 *     'A' array, 'F' table                  -> bytes, its content, to be walked
 *     'V' void                              -> nothing
 * Spans point into the table that the value came from. */
typedef struct lev_value {
    char type;
    union {
        bool boolean;
        int64_t i;
        uint64_t u;
        struct {
            uint8_t scale;
            uint32_t value; /* raw bits; RabbitMQ documents them as signed */
        } decimal;
        lev_span bytes;
    } as;
} lev_value;

/* A lazy walk over a table or an array. */
typedef struct lev_table_iter {
    lev_reader in;
} lev_table_iter;

/* Returns a walk over a table's or an array's content. */
LEV_API lev_table_iter lev_table_walk(lev_span content);

/* Take the next entry of a table, or the next item of an array. Return false at the end and at
 * malformed bytes; afterwards `it->in.status` tells which. */
LEV_API bool lev_table_next(lev_table_iter *it, lev_span *key, lev_value *value);
LEV_API bool lev_array_next(lev_table_iter *it, lev_value *value);

/* Finds the first entry with the given key. Returns false where there is none. */
LEV_API bool lev_table_find(lev_span table, const char *key, lev_value *value);

/* Look up the first entry with the given key, and return whether it is there and of the kind asked
 * for; `*v` stays as it is where not. An integer may have any letter (b B s u U I i l L), a double
 * is 'd' or 'f', a string 'S', bytes 'x'. Spans point into the table; those of tables and arrays
 * are their contents, to be walked or looked into. */
LEV_API bool lev_table_get_bool(lev_span table, const char *key, bool *v);
LEV_API bool lev_table_get_int(lev_span table, const char *key, int64_t *v);
LEV_API bool lev_table_get_double(lev_span table, const char *key, double *v);
LEV_API bool lev_table_get_time(lev_span table, const char *key, uint64_t *seconds);
LEV_API bool lev_table_get_string(lev_span table, const char *key, lev_span *v);
LEV_API bool lev_table_get_bytes(lev_span table, const char *key, lev_span *v);
LEV_API bool lev_table_get_table(lev_span table, const char *key, lev_span *v);
LEV_API bool lev_table_get_array(lev_span table, const char *key, lev_span *v);

/* The same for one value, such as an item of an array. lev_value_bytes returns an empty span where
 * the letter ('S', 'x', 'F' or 'A') is not the value's. */
LEV_API lev_span lev_value_bytes(const lev_value *value, char type);
LEV_API bool lev_value_int(const lev_value *value, int64_t *v);
LEV_API bool lev_value_double(const lev_value *value, double *v);

/* Checks a whole table, nested ones included. Returns LEV_OK, LEV_ERR_SYNTAX (a length that lies,
 * an unknown letter) or LEV_ERR_LIMIT (deeper than LEV_TABLE_DEPTH_MAX). */
LEV_API lev_status lev_table_check(lev_span table);

/* As lev_table_check, and refuses NaN and infinities with LEV_ERR_LIMIT: RabbitMQ drops the
 * connection of whoever sends one. */
LEV_API lev_status lev_table_check_finite(lev_span table);

/* Returns whether two tables have the same entries in the same order with the same types. */
LEV_API bool lev_table_equal(lev_span a, lev_span b);

/* Writes the table as JSON-like text, each value after its type letter: {"n":l 5,"a":A [S "x"]}.
 * Floats are printed as their bits. Malformed bytes end the text with "<malformed>". */
LEV_API void lev_table_print(lev_writer *w, lev_span table);

/* Write an entry: the key (at most 255 bytes), the type letter and the value. A value that does not
 * fit its letter, or an unknown letter, fails the writer with LEV_ERR_LIMIT. In an array there are
 * no keys: use lev_array_put. To copy entries of another table, walk it and put what comes; to copy
 * all of it, write its span (lev_writer_bytes). */
LEV_API void lev_table_put(lev_writer *w, const char *key, const lev_value *value);
LEV_API void lev_table_put_span(lev_writer *w, lev_span key, const lev_value *value);
LEV_API void lev_array_put(lev_writer *w, const lev_value *value);

/* Write an entry of the natural type: 't', 'l', 'd', 'S', 'x', 'T' or 'V'. */
LEV_API void lev_table_put_bool(lev_writer *w, const char *key, bool v);
LEV_API void lev_table_put_int(lev_writer *w, const char *key, int64_t v);
LEV_API void lev_table_put_double(lev_writer *w, const char *key, double v);
LEV_API void lev_table_put_string(lev_writer *w, const char *key, const char *v);
LEV_API void lev_table_put_bytes(lev_writer *w, const char *key, lev_span v);
LEV_API void lev_table_put_time(lev_writer *w, const char *key, uint64_t seconds);
LEV_API void lev_table_put_void(lev_writer *w, const char *key);

/* Open a nested table ('F') or array ('A') as an entry of a table; inside an array `key` is NULL.
 * Return its place for lev_table_end, which closes it. */
LEV_API size_t lev_table_begin(lev_writer *w, const char *key);
LEV_API size_t lev_array_begin(lev_writer *w, const char *key);
LEV_API void lev_table_end(lev_writer *w, size_t place);

/* Write one value without key or letter, and read one of the given letter: the two primitives
 * below the functions above. */
LEV_API void lev_value_encode(lev_writer *w, const lev_value *value);
LEV_API bool lev_value_decode(lev_reader *r, char type, lev_value *value);

/* Writes a value as text, in the form of lev_table_print. */
LEV_API void lev_value_print(lev_writer *w, const lev_value *value);

#ifdef __cplusplus
}
#endif

#endif
