/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Values of a table by name and kind. Clients disagree on which width they give an integer, so a
 * number counts whatever its letter is, as long as it fits; nothing else is converted. */

#include <leveret/table.h>
#include <string.h>

lev_span lev_value_bytes(const lev_value *value, char type) {
    return value->type == type ? value->as.bytes : (lev_span){NULL, 0};
}

bool lev_value_int(const lev_value *value, int64_t *v) {
    switch (value->type) {
    case 'b':
    case 's':
    case 'U':
    case 'I':
    case 'l':
    case 'L':
        *v = value->as.i;
        return true;
    case 'B':
    case 'u':
    case 'i':
        *v = (int64_t)value->as.u;
        return true;
    default:
        return false;
    }
}

bool lev_value_double(const lev_value *value, double *v) {
    if (value->type == 'd') {
        memcpy(v, &value->as.u, sizeof *v);
        return true;
    }
    if (value->type != 'f') {
        return false;
    }
    uint32_t bits = (uint32_t)value->as.u;
    float single;
    memcpy(&single, &bits, sizeof single);
    *v = (double)single;
    return true;
}

bool lev_table_get_int(lev_span table, const char *key, int64_t *v) {
    lev_value value;
    return lev_table_find(table, key, &value) && lev_value_int(&value, v);
}

bool lev_table_get_double(lev_span table, const char *key, double *v) {
    lev_value value;
    return lev_table_find(table, key, &value) && lev_value_double(&value, v);
}

bool lev_table_get_bool(lev_span table, const char *key, bool *v) {
    lev_value value;
    bool found = lev_table_find(table, key, &value) && value.type == 't';
    if (found) {
        *v = value.as.boolean;
    }
    return found;
}

bool lev_table_get_time(lev_span table, const char *key, uint64_t *seconds) {
    lev_value value;
    bool found = lev_table_find(table, key, &value) && value.type == 'T';
    if (found) {
        *seconds = value.as.u;
    }
    return found;
}

static bool get_bytes(lev_span table, const char *key, char type, lev_span *v) {
    lev_value value;
    bool found = lev_table_find(table, key, &value) && value.type == type;
    if (found) {
        *v = value.as.bytes;
    }
    return found;
}

bool lev_table_get_string(lev_span table, const char *key, lev_span *v) {
    return get_bytes(table, key, 'S', v);
}

bool lev_table_get_bytes(lev_span table, const char *key, lev_span *v) {
    return get_bytes(table, key, 'x', v);
}

bool lev_table_get_table(lev_span table, const char *key, lev_span *v) {
    return get_bytes(table, key, 'F', v);
}

bool lev_table_get_array(lev_span table, const char *key, lev_span *v) {
    return get_bytes(table, key, 'A', v);
}
