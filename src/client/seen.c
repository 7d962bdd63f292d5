/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 The Leveret authors */

/* A ring of the ids, oldest first, and a hash table of chains through its places. */

#include <leveret/seen.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN_NONE = -1 };

typedef struct seen_place {
    uint8_t *id; /* NULL: free */
    size_t len;
    uint64_t hash;
    ptrdiff_t next; /* of the same chain */
} seen_place;

struct lev_seen {
    size_t size;
    size_t oldest;
    ptrdiff_t *chains; /* as many as places */
    seen_place *places;
};

/* FNV-1a, 64 bits. */
static uint64_t seen_hash(lev_span id) {
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < id.len; i++) {
        hash = (hash ^ id.ptr[i]) * 1099511628211U;
    }
    return hash;
}

lev_seen *lev_seen_new(size_t size) {
    lev_seen *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->size = size > 0 ? size : 1;
    s->places = calloc(s->size, sizeof *s->places);
    s->chains = calloc(s->size, sizeof *s->chains);
    if (s->places == NULL || s->chains == NULL) {
        lev_seen_free(s);
        return NULL;
    }
    for (size_t i = 0; i < s->size; i++) {
        s->chains[i] = SEEN_NONE;
    }
    return s;
}

void lev_seen_free(lev_seen *s) {
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; s->places != NULL && i < s->size; i++) {
        free(s->places[i].id);
    }
    free(s->places);
    free(s->chains);
    free(s);
}

/* Takes the oldest place out of its chain. */
static void seen_forget(lev_seen *s, seen_place *p) {
    ptrdiff_t *at = &s->chains[p->hash % s->size];
    while (p->id != NULL && *at != p - s->places) {
        at = &s->places[*at].next;
    }
    if (p->id != NULL) {
        *at = p->next;
    }
    free(p->id);
    p->id = NULL;
}

bool lev_seen_before(lev_seen *s, lev_span id) {
    uint64_t hash = seen_hash(id);
    ptrdiff_t *chain = &s->chains[hash % s->size];
    for (ptrdiff_t i = *chain; i != SEEN_NONE; i = s->places[i].next) {
        const seen_place *p = &s->places[i];
        if (p->hash == hash && lev_span_equal((lev_span){p->id, p->len}, id)) {
            return true;
        }
    }
    uint8_t *copy = malloc(id.len + 1);
    if (copy == NULL) {
        return false;
    }
    seen_place *p = &s->places[s->oldest];
    seen_forget(s, p);
    memcpy(copy, id.len > 0 ? id.ptr : (const uint8_t *)"", id.len);
    *p = (seen_place){copy, id.len, hash, *chain};
    *chain = p - s->places;
    s->oldest = (s->oldest + 1) % s->size;
    return false;
}
