/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Tables as JSON-like text, with the type letter before each value: what a person reads in a trace
 * or in a failed test. It takes any bytes: where a table is malformed or nests too deep, the text
 * says so and stops. Recursion is bounded by the same depth as a check.
 *
 * The letter is there because the text is for people who look for a wrong type; a float is printed
 * as its bits, since decimal floating text would cost more code than all the rest. */

#include <leveret/table.h>

static void print_content(lev_writer *w, lev_span content, char type, unsigned depth);

static void print_value(lev_writer *w, const lev_value *v, unsigned depth) {
    lev_writer_u8(w, (uint8_t)v->type);
    switch (v->type) {
    case 't':
        lev_writer_text(w, v->as.boolean ? " true" : " false");
        break;
    case 'b':
    case 's':
    case 'U':
    case 'I':
    case 'l':
    case 'L':
        lev_writer_u8(w, ' ');
        lev_writer_signed(w, v->as.i);
        break;
    case 'f':
    case 'd': {
        lev_writer_text(w, " 0x");
        for (int shift = v->type == 'f' ? 24 : 56; shift >= 0; shift -= 8) {
            uint8_t byte = (uint8_t)(v->as.u >> shift);
            lev_writer_hex(w, (lev_span){&byte, 1});
        }
        break;
    }
    case 'D':
        lev_writer_u8(w, ' ');
        lev_writer_signed(w, (int32_t)v->as.decimal.value);
        lev_writer_text(w, "e-");
        lev_writer_decimal(w, v->as.decimal.scale);
        break;
    case 'S':
        lev_writer_u8(w, ' ');
        lev_writer_quoted(w, v->as.bytes);
        break;
    case 'x':
        lev_writer_u8(w, ' ');
        lev_writer_hex(w, v->as.bytes);
        break;
    case 'A':
    case 'F':
        lev_writer_u8(w, ' ');
        print_content(w, v->as.bytes, v->type, depth + 1);
        break;
    case 'V':
        break;
    default:
        lev_writer_u8(w, ' ');
        lev_writer_decimal(w, v->as.u);
        break;
    }
}

static void print_content(lev_writer *w, lev_span content, char type, unsigned depth) {
    if (depth > LEV_TABLE_DEPTH_MAX) {
        lev_writer_text(w, "<too deep>");
        return;
    }
    lev_table_iter it = lev_table_walk(content);
    lev_span key = {NULL, 0};
    lev_value v;
    const char *between = "";
    lev_writer_u8(w, type == 'A' ? '[' : '{');
    while (type == 'A' ? lev_array_next(&it, &v) : lev_table_next(&it, &key, &v)) {
        lev_writer_text(w, between);
        if (type != 'A') {
            lev_writer_quoted(w, key);
            lev_writer_u8(w, ':');
        }
        print_value(w, &v, depth);
        between = ",";
    }
    if (it.in.status != LEV_OK) {
        lev_writer_text(w, "<malformed>");
    }
    lev_writer_u8(w, type == 'A' ? ']' : '}');
}

void lev_value_print(lev_writer *w, const lev_value *value) { print_value(w, value, 1); }

void lev_table_print(lev_writer *w, lev_span table) { print_content(w, table, 'F', 1); }
