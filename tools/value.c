/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* The codec and the JSON functions do all of it; a table's length is put on and taken off here. */

#include "value.h"

#include "json_fields.h"
#include "json_table.h"

#include <stdio.h>
#include <string.h>

static void print_table(lev_writer *w, const void *table) {
    lev_table_print(w, *(const lev_span *)table);
}

static void print_properties(lev_writer *w, const void *p) { lev_properties_print(w, p); }

static lev_status put_table(buffer *b, lev_span bytes, bool jsonl) {
    lev_reader r = lev_reader_init(bytes);
    lev_span table = lev_reader_longstr(&r);
    lev_status status = lev_reader_finish(&r);
    status = status == LEV_OK ? lev_table_check(table) : status;
    if (status == LEV_OK && jsonl) {
        json_put_table(b, table);
    } else if (status == LEV_OK) {
        buffer_print(b, print_table, &table);
    }
    return status;
}

static lev_status put_properties(buffer *b, lev_span bytes, bool jsonl) {
    lev_properties p;
    lev_status status = lev_properties_decode(bytes, &p);
    if (status == LEV_OK && jsonl) {
        json_put_properties(b, &p);
    } else if (status == LEV_OK) {
        buffer_print(b, print_properties, &p);
    }
    return status;
}

bool value_put(buffer *b, enum value_kind kind, lev_span bytes, const printer *p, const origin *o) {
    bool jsonl = p->form == PRINT_JSONL;
    lev_status status =
        kind == VALUE_TABLE ? put_table(b, bytes, jsonl) : put_properties(b, bytes, jsonl);
    if (status == LEV_OK) {
        buffer_byte(b, '\n');
        return true;
    }
    item wrong = {.kind = ITEM_MALFORMED, .bytes = bytes};
    snprintf(wrong.reason, sizeof wrong.reason, "%s: %s",
             kind == VALUE_TABLE ? "a table" : "properties", lev_status_text(status));
    print_item(b, p, &wrong, o);
    return false;
}

static void encode_properties(lev_writer *w, const void *p) { lev_properties_encode(w, p); }

static void encode_table(lev_writer *w, const void *table) {
    lev_writer_longstr(w, *(const lev_span *)table);
}

bool value_get(json *j, enum value_kind kind, lev_span line, buffer *bytes) {
    lev_properties p;
    if (!json_parse(j, line)) {
        return false;
    }
    if (kind == VALUE_TABLE) {
        lev_span table = json_get_table(j, j->root);
        if (j->fault[0] == '\0') {
            buffer_print(bytes, encode_table, &table);
        }
    } else {
        json_get_properties(j, j->root, &p);
        if (j->fault[0] == '\0' && buffer_print(bytes, encode_properties, &p) != LEV_OK) {
            json_fail(j, "a property does not fit its type");
        }
    }
    return j->fault[0] == '\0';
}
