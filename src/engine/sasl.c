/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* Each mechanism is a slot with its name and the response that start-ok carries, both made before
 * anything is connected. Choosing is then a walk over the slots, the strongest first, and a slot
 * that was not asked for has no name to be found by: nothing weaker than what was asked for can be
 * chosen. Responses are the only form in which user and password are kept, and only for mechanisms
 * that need them.
 *
 * EXTERNAL and ANONYMOUS send an empty response: no other identity to act as, and no trace of who
 * nobody is. */

#include "sasl.h"

enum {
    SASL_NAME_MAX = 64, /* RFC 4422 has 20 */
    SASL_AROUND = 64    /* what PLAIN and AMQPLAIN put around user and password */
};

static const struct {
    const char *name;
    unsigned bit;
} sasl_known[SASL_COUNT] = {[SASL_EXTERNAL] = {"EXTERNAL", LEV_SASL_EXTERNAL},
                            [SASL_OWN] = {"", 0},
                            [SASL_PLAIN] = {"PLAIN", LEV_SASL_PLAIN},
                            [SASL_AMQPLAIN] = {"AMQPLAIN", LEV_SASL_AMQPLAIN},
                            [SASL_ANONYMOUS] = {"ANONYMOUS", LEV_SASL_ANONYMOUS}};

static bool sasl_same_name(lev_span given, lev_span name) {
    bool same = given.len == name.len && given.len > 0;
    for (size_t i = 0; same && i < name.len; i++) {
        uint8_t c = given.ptr[i];
        same = (c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) == name.ptr[i];
    }
    return same;
}

unsigned lev_sasl_named(lev_span name) {
    unsigned bit = 0;
    for (size_t i = 0; i < SASL_COUNT; i++) {
        bit |= sasl_same_name(name, lev_span_of(sasl_known[i].name)) ? sasl_known[i].bit : 0;
    }
    return bit;
}

/* The broker's list is cut at blanks, and names end up in errors. */
static bool sasl_is_name(lev_span name) {
    bool good = name.len <= SASL_NAME_MAX;
    for (size_t i = 0; good && i < name.len; i++) {
        good = name.ptr[i] > ' ' && name.ptr[i] < 0x7f;
    }
    return good;
}

static bool sasl_has_nul(lev_span text) {
    bool found = false;
    for (size_t i = 0; i < text.len; i++) {
        found = found || text.ptr[i] == 0;
    }
    return found;
}

size_t lev_sasl_size(const lev_engine_options *o) {
    return o->mechanism.len + o->response.len + 2 * (o->user.len + o->password.len) + SASL_AROUND;
}

/* Returns what was written since the block held `from` bytes. */
static lev_span sasl_since(const lev_writer *block, size_t from) {
    return (lev_span){block->ptr + from, block->len - from};
}

static lev_span sasl_plain(lev_writer *w, lev_span user, lev_span password) {
    size_t from = w->len;
    lev_writer_u8(w, 0);
    lev_writer_bytes(w, user);
    lev_writer_u8(w, 0);
    lev_writer_bytes(w, password);
    return sasl_since(w, from);
}

/* A table's content without its length. */
static lev_span sasl_amqplain(lev_writer *w, lev_span user, lev_span password) {
    size_t from = w->len;
    lev_table_put(w, "LOGIN", &(lev_value){.type = 'S', .as.bytes = user});
    lev_table_put(w, "PASSWORD", &(lev_value){.type = 'S', .as.bytes = password});
    return sasl_since(w, from);
}

static lev_span sasl_copy(lev_writer *w, lev_span bytes) {
    size_t from = w->len;
    lev_writer_bytes(w, bytes);
    return sasl_since(w, from);
}

bool lev_sasl_init(lev_sasl *s, const lev_engine_options *o, lev_writer *block) {
    lev_span user = o->user.len > 0 ? o->user : lev_span_of("guest");
    lev_span password = o->password.len > 0 || o->user.len > 0 ? o->password : lev_span_of("guest");
    unsigned asked = o->mechanisms;
    if (asked == 0 && o->mechanism.len == 0) {
        asked = LEV_SASL_PLAIN | LEV_SASL_AMQPLAIN;
    }
    if (asked > LEV_SASL_ALL || !sasl_is_name(o->mechanism)) {
        return false;
    }
    *s = (lev_sasl){.has_nul = sasl_has_nul(user) || sasl_has_nul(password)};
    for (size_t i = 0; i < SASL_COUNT; i++) {
        if ((asked & sasl_known[i].bit) != 0) {
            s->mechanisms[i].name = lev_span_of(sasl_known[i].name);
        }
    }
    s->mechanisms[SASL_OWN].name = sasl_copy(block, o->mechanism);
    s->mechanisms[SASL_OWN].response = sasl_copy(block, o->response);
    if ((asked & LEV_SASL_PLAIN) != 0) {
        s->mechanisms[SASL_PLAIN].response = sasl_plain(block, user, password);
    }
    if ((asked & LEV_SASL_AMQPLAIN) != 0) {
        s->mechanisms[SASL_AMQPLAIN].response = sasl_amqplain(block, user, password);
    }
    return block->status == LEV_OK;
}

static bool sasl_offers(lev_span offered, lev_span name) {
    for (size_t i = 0; i + name.len <= offered.len; i++) {
        size_t end = i + name.len;
        bool starts = i == 0 || offered.ptr[i - 1] == ' ';
        bool ends = end == offered.len || offered.ptr[end] == ' ';
        if (starts && ends && lev_span_equal((lev_span){offered.ptr + i, name.len}, name)) {
            return true;
        }
    }
    return false;
}

const lev_sasl_mechanism *lev_sasl_choose(lev_sasl *s, lev_span offered) {
    for (size_t i = 0; i < SASL_COUNT; i++) {
        const lev_sasl_mechanism *m = &s->mechanisms[i];
        if (m->name.len > 0 && sasl_offers(offered, m->name)) {
            s->own = i == SASL_OWN;
            return m;
        }
    }
    return NULL;
}

void lev_sasl_print(const lev_sasl *s, lev_writer *w) {
    const char *between = "";
    for (size_t i = 0; i < SASL_COUNT; i++) {
        if (s->mechanisms[i].name.len > 0) {
            lev_writer_text(w, between);
            lev_writer_escaped(w, s->mechanisms[i].name);
            between = ", ";
        }
    }
}
